//! VLAN tags: 802.1Q, and the outer tag of QinQ (IEEE 802.1Q, clause 9).

use core::fmt;

use zerocopy::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::bytes::Bytes;
use crate::error::{ParseError, Protocol, truncated};
use crate::ethernet::EtherType;

/// The tag control information: VLAN, priority and drop eligibility (IEEE 802.1Q, clause 9.6).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct VlanTag(
    /// The sixteen bits, as a native integer.
    pub u16,
);

impl VlanTag {
    /// The tag of a VLAN, with priority 0. The lower 12 bits of `vid` count.
    #[inline]
    pub const fn new(vid: u16) -> Self {
        Self(vid & 0x0fff)
    }

    /// The same tag with another priority. The lower 3 bits of `priority` count.
    #[inline]
    #[must_use = "the tag is returned"]
    pub const fn with_priority(self, priority: u8) -> Self {
        Self(self.0 & 0x1fff | (priority as u16 & 7) << 13)
    }

    /// The same tag with another drop eligibility.
    #[inline]
    #[must_use = "the tag is returned"]
    pub const fn with_drop_eligible(self, drop_eligible: bool) -> Self {
        Self(self.0 & !0x1000 | (drop_eligible as u16) << 12)
    }

    /// The VLAN's number (VID), 0 to 4095; 0 means priority only (IEEE 802.1Q, clause 9.6).
    #[inline]
    pub const fn vid(self) -> u16 {
        self.0 & 0x0fff
    }

    /// The priority (PCP), 0 to 7 (IEEE 802.1Q, clause 9.6).
    #[inline]
    pub const fn priority(self) -> u8 {
        (self.0 >> 13) as u8
    }

    /// Whether the frame may be dropped first (DEI; IEEE 802.1Q, clause 9.6).
    #[inline]
    pub const fn drop_eligible(self) -> bool {
        self.0 & 0x1000 != 0
    }
}

impl fmt::Debug for VlanTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VlanTag")
            .field("vid", &self.vid())
            .field("priority", &self.priority())
            .field("drop_eligible", &self.drop_eligible())
            .finish()
    }
}

impl fmt::Display for VlanTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vlan {}, p {}", self.vid(), self.priority())?;
        if self.drop_eligible() { f.write_str(", DEI") } else { Ok(()) }
    }
}

/// What follows the EtherType of a tag on the wire (IEEE 802.1Q, clause 9.6): the tag, and the next EtherType.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct VlanHeader {
    tag: U16,
    ether_type: U16,
}

wire!(VlanHeader, 4, Vlan);

impl VlanHeader {
    /// A tag, and what follows it.
    #[inline]
    pub const fn new(tag: VlanTag, ether_type: EtherType) -> Self {
        Self { tag: U16::new(tag.0), ether_type: U16::new(ether_type.0) }
    }

    /// The tag (IEEE 802.1Q, clause 9.6).
    #[inline]
    pub const fn tag(&self) -> VlanTag {
        VlanTag(self.tag.get())
    }

    /// The VLAN's number (IEEE 802.1Q, clause 9.6).
    #[inline]
    pub const fn vid(&self) -> u16 {
        self.tag().vid()
    }

    /// What follows the tag; for QinQ, another tag (IEEE 802.1Q, clause 9.5).
    #[inline]
    pub const fn ether_type(&self) -> EtherType {
        EtherType(self.ether_type.get())
    }

    /// Sets the tag.
    #[inline]
    pub const fn set_tag(&mut self, tag: VlanTag) {
        self.tag = U16::new(tag.0);
    }

    /// Sets the VLAN's number and keeps the priority. The lower 12 bits of `vid` count.
    #[inline]
    pub const fn set_vid(&mut self, vid: u16) {
        self.tag = U16::new(self.tag.get() & 0xf000 | vid & 0x0fff);
    }

    /// Sets what follows the tag.
    #[inline]
    pub const fn set_ether_type(&mut self, ether_type: EtherType) {
        self.ether_type = U16::new(ether_type.0);
    }
}

/// A VLAN tag and what it carries; parse it where the EtherType [says so](EtherType::is_vlan).
pub struct Vlan<B: Bytes> {
    header: B::Of<VlanHeader>,
    payload: B,
}

view!(Vlan, VlanHeader);

impl<B: Bytes> Vlan<B> {
    /// Reads the tag; all bytes behind it are payload.
    ///
    /// # Errors
    ///
    /// [`ParseError::Truncated`] if there are fewer than 4 bytes.
    #[inline]
    pub fn parse(bytes: B) -> Result<Self, ParseError> {
        let have = bytes.len();
        let (header, payload) =
            bytes.split_header().ok_or_else(|| truncated(Protocol::Vlan, VlanHeader::LEN, have))?;
        Ok(Self { header, payload })
    }
}

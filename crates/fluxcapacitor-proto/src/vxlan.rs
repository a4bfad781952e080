//! Virtual Extensible LAN (RFC 7348).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::bytes::Bytes;
use crate::error::{ParseError, Protocol, truncated};

/// The VXLAN header as it is on the wire (RFC 7348, section 5).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct VxlanHeader {
    flags: u8,
    reserved: [u8; 3],
    vni: [u8; 3],
    reserved_2: u8,
}

wire!(VxlanHeader, 8, Vxlan);

impl VxlanHeader {
    /// The UDP destination port (RFC 7348, section 5).
    pub const PORT: u16 = 4789;

    const VNI_IS_VALID: u8 = 0x08;

    /// A header with a network identifier. Its lower 24 bits count.
    #[inline]
    pub const fn new(vni: u32) -> Self {
        let [_, a, b, c] = vni.to_be_bytes();
        Self { flags: Self::VNI_IS_VALID, reserved: [0; 3], vni: [a, b, c], reserved_2: 0 }
    }

    /// The flags; 0x08 says that the network identifier counts (RFC 7348, section 5, "Flags").
    #[inline]
    pub const fn flags(&self) -> u8 {
        self.flags
    }

    /// The network identifier, 24 bits (RFC 7348, section 5, "VXLAN Segment ID/VXLAN Network Identifier").
    #[inline]
    pub const fn vni(&self) -> u32 {
        let [a, b, c] = self.vni;
        u32::from_be_bytes([0, a, b, c])
    }

    /// Sets the network identifier. Its lower 24 bits count.
    #[inline]
    pub const fn set_vni(&mut self, vni: u32) {
        let [_, a, b, c] = vni.to_be_bytes();
        self.vni = [a, b, c];
    }
}

/// A VXLAN header and the Ethernet frame that it carries.
pub struct Vxlan<B: Bytes> {
    header: B::Of<VxlanHeader>,
    payload: B,
}

view!(Vxlan, VxlanHeader);

impl<B: Bytes> Vxlan<B> {
    /// Reads the header; all bytes behind it are the frame.
    ///
    /// # Errors
    ///
    /// [`ParseError::Truncated`] if there are fewer than 8 bytes, [`ParseError::Unsupported`] if the flags say that there
    /// is no network identifier, which is to be dropped (RFC 7348, section 5).
    #[inline]
    pub fn parse(bytes: B) -> Result<Self, ParseError> {
        let have = bytes.len();
        let (header, payload) = bytes
            .split_header::<VxlanHeader>()
            .ok_or_else(|| truncated(Protocol::Vxlan, VxlanHeader::LEN, have))?;
        if header.flags & VxlanHeader::VNI_IS_VALID == 0 {
            return Err(ParseError::Unsupported {
                protocol: Protocol::Vxlan,
                field: "flags",
                found: header.flags.into(),
            });
        }
        Ok(Self { header, payload })
    }
}

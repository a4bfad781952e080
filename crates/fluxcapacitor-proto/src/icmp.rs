//! Internet Control Message Protocol (RFC 792).

use core::net::Ipv4Addr;

use zerocopy::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::bytes::{Bytes, BytesMut};
use crate::checksum::{Delta, Sum};
use crate::error::{ParseError, Protocol, truncated};
use crate::ipv4::Ipv4;

/// What an ICMP message is (RFC 792; IANA, "ICMP Type Numbers").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IcmpType(
    /// The number.
    pub u8,
);

impl IcmpType {
    /// Answer to an echo request (RFC 792, page 14).
    pub const ECHO_REPLY: Self = Self(0);
    /// The packet quoted could not be delivered (RFC 792, page 4).
    pub const UNREACHABLE: Self = Self(3);
    /// A better way is known (RFC 792, page 12).
    pub const REDIRECT: Self = Self(5);
    /// Asks for an answer (RFC 792, page 14).
    pub const ECHO_REQUEST: Self = Self(8);
    /// The packet quoted ran out of hops, or of time to be put together (RFC 792, page 6).
    pub const TIME_EXCEEDED: Self = Self(11);
    /// The packet quoted has a bad header (RFC 792, page 8).
    pub const PARAMETER_PROBLEM: Self = Self(12);

    /// Whether it reports on a packet, and quotes it (RFC 1122, section 3.2.2).
    #[inline]
    pub const fn is_error(self) -> bool {
        matches!(
            self,
            Self::UNREACHABLE
                | Self::REDIRECT
                | Self::TIME_EXCEEDED
                | Self::PARAMETER_PROBLEM
                | Self(4)
        )
    }
}

/// Why a packet was [unreachable](IcmpType::UNREACHABLE) (RFC 792, page 4; RFC 1812, section 5.2.7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UnreachableCode(
    /// The number.
    pub u8,
);

impl UnreachableCode {
    /// No route to the network.
    pub const NETWORK: Self = Self(0);
    /// The host does not answer.
    pub const HOST: Self = Self(1);
    /// The host does not know the protocol.
    pub const PROTOCOL: Self = Self(2);
    /// Nobody listens on the port.
    pub const PORT: Self = Self(3);
    /// It is too long and must not be fragmented; the message says the next hop's MTU (RFC 1191, section 4).
    pub const FRAGMENTATION_NEEDED: Self = Self(4);
    /// A filter forbids it.
    pub const PROHIBITED: Self = Self(13);
}

/// The first eight bytes of every ICMP message as they are on the wire (RFC 792).
///
/// Every setter keeps the checksum right if it was (RFC 1624), in constant time. Which of the accessors of the second
/// four bytes makes sense depends on the type.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct IcmpHeader {
    kind: u8,
    code: u8,
    checksum: U16,
    upper: U16,
    lower: U16,
}

wire!(IcmpHeader, 8, Icmp);

impl IcmpHeader {
    /// A header without checksum, the second four bytes 0.
    #[inline]
    pub const fn new(kind: IcmpType, code: u8) -> Self {
        Self { kind: kind.0, code, checksum: U16::ZERO, upper: U16::ZERO, lower: U16::ZERO }
    }

    /// What it is (RFC 792, "Type").
    #[doc(alias = "type")]
    #[inline]
    pub const fn kind(&self) -> IcmpType {
        IcmpType(self.kind)
    }

    /// More precisely (RFC 792, "Code"); of an unreachable one, an [`UnreachableCode`].
    #[inline]
    pub const fn code(&self) -> u8 {
        self.code
    }

    /// The checksum (RFC 792, "Checksum").
    #[inline]
    pub const fn checksum(&self) -> u16 {
        self.checksum.get()
    }

    /// Of an echo: which program asks (RFC 792, page 14, "Identifier").
    #[inline]
    pub const fn identifier(&self) -> u16 {
        self.upper.get()
    }

    /// Of an echo: which of its requests (RFC 792, page 14, "Sequence Number").
    #[inline]
    pub const fn sequence(&self) -> u16 {
        self.lower.get()
    }

    /// Of [`UnreachableCode::FRAGMENTATION_NEEDED`]: what the next hop takes (RFC 1191, section 4).
    #[inline]
    pub const fn next_hop_mtu(&self) -> u16 {
        self.lower.get()
    }

    /// Of a redirect: the better router (RFC 792, page 12).
    #[inline]
    pub const fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits((self.upper.get() as u32) << 16 | self.lower.get() as u32)
    }

    /// Of a parameter problem: which byte of the header (RFC 792, page 8, "Pointer").
    #[inline]
    pub const fn pointer(&self) -> u8 {
        (self.upper.get() >> 8) as u8
    }

    /// Sets what it is.
    #[inline]
    pub const fn set_kind(&mut self, kind: IcmpType) {
        let delta = Delta::NONE.u16((self.kind as u16) << 8, (kind.0 as u16) << 8);
        self.kind = kind.0;
        self.changed(delta);
    }

    /// Sets the code.
    #[inline]
    pub const fn set_code(&mut self, code: u8) {
        let delta = Delta::NONE.u16(self.code as u16, code as u16);
        self.code = code;
        self.changed(delta);
    }

    /// Sets which program asks.
    #[inline]
    pub const fn set_identifier(&mut self, identifier: u16) {
        let delta = Delta::NONE.u16(self.upper.get(), identifier);
        self.upper = U16::new(identifier);
        self.changed(delta);
    }

    /// Sets which of its requests it is.
    #[inline]
    pub const fn set_sequence(&mut self, sequence: u16) {
        let delta = Delta::NONE.u16(self.lower.get(), sequence);
        self.lower = U16::new(sequence);
        self.changed(delta);
    }

    /// Sets what the next hop takes.
    #[inline]
    pub const fn set_next_hop_mtu(&mut self, mtu: u16) {
        self.set_sequence(mtu);
    }

    /// Sets the checksum field as it is.
    #[inline]
    pub const fn set_checksum(&mut self, checksum: u16) {
        self.checksum = U16::new(checksum);
    }

    /// Updates the checksum after a change.
    ///
    /// Nothing but its own bytes goes into it. If they are all zero, as an echo reply's can be, the sum is zero, where
    /// the update, which does not see the payload, takes it for all ones, and would leave a checksum of zero, which is
    /// wrong. All ones is right whatever the payload holds.
    #[inline]
    const fn changed(&mut self, delta: Delta) {
        let checksum = delta.apply(self.checksum.get());
        let is_zero = self.kind | self.code == 0 && self.upper.get() | self.lower.get() == 0;
        self.checksum = U16::new(if checksum == 0 && is_zero { 0xffff } else { checksum });
    }
}

/// An ICMP message: its first eight bytes, and all that is behind them.
pub struct Icmp<B: Bytes> {
    header: B::Of<IcmpHeader>,
    payload: B,
}

view!(Icmp, IcmpHeader);

impl<B: Bytes> Icmp<B> {
    /// Reads the header; all bytes behind it are payload. The checksum is not verified.
    ///
    /// # Errors
    ///
    /// [`ParseError::Truncated`] if there are fewer than 8 bytes.
    #[inline]
    pub fn parse(bytes: B) -> Result<Self, ParseError> {
        let have = bytes.len();
        let (header, payload) =
            bytes.split_header().ok_or_else(|| truncated(Protocol::Icmp, IcmpHeader::LEN, have))?;
        Ok(Self { header, payload })
    }

    /// The packet that an error message is about, cut short as it is (RFC 792; RFC 1812, section 4.3.2.3).
    ///
    /// `None` if it is no error message.
    ///
    /// # Errors
    ///
    /// As [`Ipv4::parse_truncated`].
    pub fn quoted(&self) -> Option<Result<Ipv4<&[u8]>, ParseError>> {
        self.quote().map(Ipv4::parse_truncated)
    }

    /// The bytes of the packet that an error message is about, without what may follow them: a length in the message
    /// says where extensions begin (RFC 4884, sections 3 and 4). `None` if it is no error message.
    pub fn quote(&self) -> Option<&[u8]> {
        if !self.header.kind().is_error() {
            return None;
        }
        let len = match self.header.kind() {
            IcmpType::UNREACHABLE | IcmpType::TIME_EXCEEDED | IcmpType::PARAMETER_PROBLEM => {
                usize::from(self.header.upper.get() & 0xff) * 4
            }
            _ => 0,
        };
        Some(without_extensions(&self.payload, len))
    }

    /// Whether the checksum, which covers no pseudo-header, is right (RFC 792, "Checksum").
    #[inline]
    pub fn checksum_is_valid(&self) -> bool {
        self.whole_sum().fold() == 0xffff
    }

    #[inline]
    fn whole_sum(&self) -> Sum {
        Sum::ZERO.bytes(self.header.as_bytes()).bytes(&self.payload)
    }
}

/// The quote of an error message whose length field says `len` bytes: not less than 128 where there are extensions, and
/// all there is where it says nothing (RFC 4884, sections 4.1 to 4.5).
pub(crate) fn without_extensions(payload: &[u8], len: usize) -> &[u8] {
    if len < 128 { payload } else { payload.get(..len).unwrap_or(payload) }
}

impl<B: BytesMut> Icmp<B> {
    /// Sums the message afresh.
    #[inline]
    pub fn fill_checksum(&mut self) {
        self.header_mut().set_checksum(0);
        let checksum = self.whole_sum().checksum();
        self.header_mut().set_checksum(checksum);
    }
}

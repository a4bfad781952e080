//! What all ICMPv6 messages begin with.

use zerocopy::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::checksum::Delta;

/// What an ICMPv6 message is (RFC 4443, section 2.1; IANA, "ICMPv6 Parameters").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Icmpv6Type(
    /// The number.
    pub u8,
);

impl Icmpv6Type {
    /// The packet quoted could not be delivered (RFC 4443, section 3.1).
    pub const UNREACHABLE: Self = Self(1);
    /// The packet quoted is longer than the next link takes (RFC 4443, section 3.2).
    pub const PACKET_TOO_BIG: Self = Self(2);
    /// The packet quoted ran out of hops, or of time to be put together (RFC 4443, section 3.3).
    pub const TIME_EXCEEDED: Self = Self(3);
    /// The packet quoted has a bad header (RFC 4443, section 3.4).
    pub const PARAMETER_PROBLEM: Self = Self(4);
    /// Asks for an answer (RFC 4443, section 4.1).
    pub const ECHO_REQUEST: Self = Self(128);
    /// Answer to an echo request (RFC 4443, section 4.2).
    pub const ECHO_REPLY: Self = Self(129);
    /// Is there a router? (RFC 4861, section 4.1)
    pub const ROUTER_SOLICITATION: Self = Self(133);
    /// Here is a router (RFC 4861, section 4.2).
    pub const ROUTER_ADVERTISEMENT: Self = Self(134);
    /// Who has this address? (RFC 4861, section 4.3)
    pub const NEIGHBOR_SOLICITATION: Self = Self(135);
    /// I have (RFC 4861, section 4.4).
    pub const NEIGHBOR_ADVERTISEMENT: Self = Self(136);
    /// A better way is known (RFC 4861, section 4.5).
    pub const REDIRECT: Self = Self(137);
    /// Which multicast groups a host listens to (RFC 3810, section 5.2).
    pub const LISTENER_REPORT_V2: Self = Self(143);

    /// Whether it reports on a packet, and quotes it (RFC 4443, section 2.1).
    #[inline]
    pub const fn is_error(self) -> bool {
        self.0 < 128
    }
}

/// Why a packet was [unreachable](Icmpv6Type::UNREACHABLE) (RFC 4443, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Icmpv6UnreachableCode(
    /// The number.
    pub u8,
);

impl Icmpv6UnreachableCode {
    /// No route to the destination.
    pub const NO_ROUTE: Self = Self(0);
    /// A filter forbids it.
    pub const PROHIBITED: Self = Self(1);
    /// The destination is beyond the scope of the source address.
    pub const BEYOND_SCOPE: Self = Self(2);
    /// The address does not answer.
    pub const ADDRESS: Self = Self(3);
    /// Nobody listens on the port.
    pub const PORT: Self = Self(4);
}

/// The first eight bytes of every ICMPv6 message as they are on the wire (RFC 4443, section 2.1).
///
/// Every setter keeps the checksum right if it was (RFC 1624), in constant time.
/// A [partial](crate::checksum::ChecksumStatus::Partial) one does not cover this header yet, and must be completed before.
///
/// Which of the accessors of the second four bytes makes sense depends on the type.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Icmpv6Header {
    kind: u8,
    code: u8,
    checksum: U16,
    upper: U16,
    lower: U16,
}

wire!(Icmpv6Header, 8, Icmpv6);

impl Icmpv6Header {
    /// A header without checksum, the second four bytes 0.
    #[inline]
    pub const fn new(kind: Icmpv6Type, code: u8) -> Self {
        Self { kind: kind.0, code, checksum: U16::ZERO, upper: U16::ZERO, lower: U16::ZERO }
    }

    /// What it is (RFC 4443, section 2.1, "Type").
    #[doc(alias = "type")]
    #[inline]
    pub const fn kind(&self) -> Icmpv6Type {
        Icmpv6Type(self.kind)
    }

    /// More precisely (RFC 4443, section 2.1, "Code").
    #[inline]
    pub const fn code(&self) -> u8 {
        self.code
    }

    /// The checksum (RFC 4443, section 2.3).
    #[inline]
    pub const fn checksum(&self) -> u16 {
        self.checksum.get()
    }

    /// Of an echo: which program asks (RFC 4443, section 4.1, "Identifier").
    #[inline]
    pub const fn identifier(&self) -> u16 {
        self.upper.get()
    }

    /// Of an echo: which of its requests (RFC 4443, section 4.1, "Sequence Number").
    #[inline]
    pub const fn sequence(&self) -> u16 {
        self.lower.get()
    }

    /// The second four bytes: the MTU of a packet too big (RFC 4443, section 3.2), the pointer of a parameter problem
    /// (section 3.4).
    #[inline]
    pub const fn word(&self) -> u32 {
        (self.upper.get() as u32) << 16 | self.lower.get() as u32
    }

    /// Sets what it is.
    #[inline]
    pub const fn set_kind(&mut self, kind: Icmpv6Type) {
        self.change(Delta::NONE.u16((self.kind as u16) << 8, (kind.0 as u16) << 8));
        self.kind = kind.0;
    }

    /// Sets the code.
    #[inline]
    pub const fn set_code(&mut self, code: u8) {
        self.change(Delta::NONE.u16(self.code as u16, code as u16));
        self.code = code;
    }

    /// Sets which program asks.
    #[inline]
    pub const fn set_identifier(&mut self, identifier: u16) {
        self.change(Delta::NONE.u16(self.upper.get(), identifier));
        self.upper = U16::new(identifier);
    }

    /// Sets which of its requests it is.
    #[inline]
    pub const fn set_sequence(&mut self, sequence: u16) {
        self.change(Delta::NONE.u16(self.lower.get(), sequence));
        self.lower = U16::new(sequence);
    }

    /// Sets the second four bytes.
    #[inline]
    pub const fn set_word(&mut self, word: u32) {
        self.set_identifier((word >> 16) as u16);
        self.set_sequence(word as u16);
    }

    /// Sets the checksum field as it is.
    #[inline]
    pub const fn set_checksum(&mut self, checksum: u16) {
        self.checksum = U16::new(checksum);
    }

    #[inline]
    const fn change(&mut self, delta: Delta) {
        self.checksum = U16::new(delta.apply(self.checksum.get()));
    }
}

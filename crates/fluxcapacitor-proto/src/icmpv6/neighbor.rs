//! Neighbour solicitation and advertisement.

use core::net::Ipv6Addr;

use zerocopy::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::bytes::Bytes;
use crate::checksum::Delta;
use crate::error::{ParseError, Protocol, truncated};

use super::{Icmpv6Type, NdpOptions};

const ROUTER: u32 = 1 << 31;
const SOLICITED: u32 = 1 << 30;
const OVERRIDE: u32 = 1 << 29;

/// A neighbour solicitation or advertisement without options, as it is on the wire (RFC 4861, sections 4.3 and 4.4).
///
/// Every setter keeps the checksum right if it was (RFC 1624), in constant time.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct NeighborHeader {
    kind: u8,
    code: u8,
    checksum: U16,
    flags: U32,
    target: [u8; 16],
}

wire!(NeighborHeader, 24, Icmpv6);

impl NeighborHeader {
    /// Asks who has `target`; without checksum.
    pub const fn solicitation(target: Ipv6Addr) -> Self {
        Self {
            kind: Icmpv6Type::NEIGHBOR_SOLICITATION.0,
            code: 0,
            checksum: U16::ZERO,
            flags: U32::ZERO,
            target: target.octets(),
        }
    }

    /// Says who has `target`, asked and to be believed; without checksum.
    pub const fn advertisement(target: Ipv6Addr) -> Self {
        Self {
            kind: Icmpv6Type::NEIGHBOR_ADVERTISEMENT.0,
            flags: U32::new(SOLICITED | OVERRIDE),
            ..Self::solicitation(target)
        }
    }

    /// Solicitation or advertisement (RFC 4861, sections 4.3 and 4.4, "Type").
    #[doc(alias = "type")]
    #[inline]
    pub const fn kind(&self) -> Icmpv6Type {
        Icmpv6Type(self.kind)
    }

    /// The checksum (RFC 4443, section 2.3).
    #[inline]
    pub const fn checksum(&self) -> u16 {
        self.checksum.get()
    }

    /// The address asked for, or answered for (RFC 4861, sections 4.3 and 4.4, "Target Address").
    #[inline]
    pub const fn target(&self) -> Ipv6Addr {
        Ipv6Addr::from_bits(u128::from_be_bytes(self.target))
    }

    /// Whether the sender is a router (RFC 4861, section 4.4, "R").
    #[inline]
    pub const fn is_router(&self) -> bool {
        self.flags.get() & ROUTER != 0
    }

    /// Whether it answers a solicitation (RFC 4861, section 4.4, "S").
    #[inline]
    pub const fn is_solicited(&self) -> bool {
        self.flags.get() & SOLICITED != 0
    }

    /// Whether it replaces what is known (RFC 4861, section 4.4, "O").
    #[inline]
    pub const fn is_override(&self) -> bool {
        self.flags.get() & OVERRIDE != 0
    }

    /// Sets the address.
    #[inline]
    pub const fn set_target(&mut self, target: Ipv6Addr) {
        self.change(Delta::NONE.bytes16(self.target, target.octets()));
        self.target = target.octets();
    }

    /// Sets the three flags: whether the sender is a router, was asked, and is to be believed.
    #[inline]
    pub const fn set_flags(&mut self, router: bool, solicited: bool, overrides: bool) {
        let others = self.flags.get() & !(ROUTER | SOLICITED | OVERRIDE);
        let set = (router as u32) << 31 | (solicited as u32) << 30 | (overrides as u32) << 29;
        self.change(Delta::NONE.u32(self.flags.get(), others | set));
        self.flags = U32::new(others | set);
    }

    #[inline]
    const fn change(&mut self, delta: Delta) {
        self.checksum = U16::new(delta.apply(self.checksum.get()));
    }
}

/// A neighbour solicitation or advertisement; its payload is options.
///
/// It views the same bytes as the [`Icmpv6`](crate::Icmpv6) message, from its first byte on; the checksum is verified
/// and filled there.
pub struct Neighbor<B: Bytes> {
    header: B::Of<NeighborHeader>,
    payload: B,
}

view!(Neighbor, NeighborHeader);

impl<B: Bytes> Neighbor<B> {
    /// Reads the message.
    ///
    /// # Errors
    ///
    /// [`ParseError::Truncated`] if there are fewer than 24 bytes, [`ParseError::Unsupported`] if it is another message.
    #[inline]
    pub fn parse(bytes: B) -> Result<Self, ParseError> {
        let have = bytes.len();
        let (header, payload) = bytes
            .split_header::<NeighborHeader>()
            .ok_or_else(|| truncated(Protocol::Icmpv6, NeighborHeader::LEN, have))?;
        match header.kind() {
            Icmpv6Type::NEIGHBOR_SOLICITATION | Icmpv6Type::NEIGHBOR_ADVERTISEMENT => {
                Ok(Self { header, payload })
            }
            Icmpv6Type(found) => Err(ParseError::Unsupported {
                protocol: Protocol::Icmpv6,
                field: "type",
                found: found.into(),
            }),
        }
    }

    /// The options, one by one (RFC 4861, section 4.6).
    pub fn options(&self) -> NdpOptions<'_> {
        NdpOptions::new(&self.payload)
    }
}

//! Router advertisement.

use zerocopy::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::bytes::Bytes;
use crate::checksum::Delta;
use crate::error::{ParseError, Protocol, truncated};

use super::{Icmpv6Type, NdpOptions};

/// A router advertisement without options, as it is on the wire (RFC 4861, section 4.2).
///
/// Every setter keeps the checksum right if it was (RFC 1624), in constant time.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct RouterAdvertisementHeader {
    kind: u8,
    code: u8,
    checksum: U16,
    hop_limit: u8,
    flags: u8,
    router_lifetime: U16,
    reachable_time: U32,
    retransmit_timer: U32,
}

wire!(RouterAdvertisementHeader, 16, Icmpv6);

impl RouterAdvertisementHeader {
    /// A router that serves for so many seconds, and leaves all else to the hosts; without checksum.
    pub const fn new(router_lifetime_s: u16) -> Self {
        Self {
            kind: Icmpv6Type::ROUTER_ADVERTISEMENT.0,
            code: 0,
            checksum: U16::ZERO,
            hop_limit: 0,
            flags: 0,
            router_lifetime: U16::new(router_lifetime_s),
            reachable_time: U32::ZERO,
            retransmit_timer: U32::ZERO,
        }
    }

    /// Always [`Icmpv6Type::ROUTER_ADVERTISEMENT`] (RFC 4861, section 4.2, "Type").
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

    /// The hop limit that hosts should use; 0 if it does not say (RFC 4861, section 4.2, "Cur Hop Limit").
    #[inline]
    pub const fn hop_limit(&self) -> u8 {
        self.hop_limit
    }

    /// Whether addresses come from DHCPv6 (RFC 4861, section 4.2, "M").
    #[inline]
    pub const fn is_managed(&self) -> bool {
        self.flags & 0x80 != 0
    }

    /// Whether other configuration comes from DHCPv6 (RFC 4861, section 4.2, "O").
    #[inline]
    pub const fn has_other_configuration(&self) -> bool {
        self.flags & 0x40 != 0
    }

    /// Whether it is a home agent, too (RFC 6275, section 7.1, "H").
    #[inline]
    pub const fn is_home_agent(&self) -> bool {
        self.flags & 0x20 != 0
    }

    /// How it ranks among default routers: 1 high, 0 medium, 3 low; 2 is reserved (RFC 4191, section 2.2, "Prf").
    #[inline]
    pub const fn preference(&self) -> u8 {
        self.flags >> 3 & 3
    }

    /// For how many seconds it serves as default router; 0 if not at all (RFC 4861, section 4.2, "Router Lifetime").
    #[inline]
    pub const fn router_lifetime_s(&self) -> u16 {
        self.router_lifetime.get()
    }

    /// For how many milliseconds a neighbour counts as reachable (RFC 4861, section 4.2, "Reachable Time").
    #[inline]
    pub const fn reachable_time_ms(&self) -> u32 {
        self.reachable_time.get()
    }

    /// Milliseconds between solicitations (RFC 4861, section 4.2, "Retrans Timer").
    #[inline]
    pub const fn retransmit_timer_ms(&self) -> u32 {
        self.retransmit_timer.get()
    }

    /// Sets the hop limit that hosts should use.
    #[inline]
    pub const fn set_hop_limit(&mut self, hop_limit: u8) {
        self.change(Delta::NONE.u16((self.hop_limit as u16) << 8, (hop_limit as u16) << 8));
        self.hop_limit = hop_limit;
    }

    /// Sets whether addresses, and whether other configuration, come from DHCPv6.
    #[inline]
    pub const fn set_dhcp(&mut self, managed: bool, other_configuration: bool) {
        let set = (managed as u8) << 7 | (other_configuration as u8) << 6;
        self.set_flags(self.flags & !0xc0 | set);
    }

    /// Sets how it ranks among default routers. The lower 2 bits of `preference` count.
    #[inline]
    pub const fn set_preference(&mut self, preference: u8) {
        self.set_flags(self.flags & !0x18 | (preference & 3) << 3);
    }

    const fn set_flags(&mut self, new: u8) {
        self.change(Delta::NONE.u16(self.flags as u16, new as u16));
        self.flags = new;
    }

    /// Sets for how many seconds it serves as default router.
    #[inline]
    pub const fn set_router_lifetime_s(&mut self, seconds: u16) {
        self.change(Delta::NONE.u16(self.router_lifetime.get(), seconds));
        self.router_lifetime = U16::new(seconds);
    }

    /// Sets for how many milliseconds a neighbour counts as reachable.
    #[inline]
    pub const fn set_reachable_time_ms(&mut self, milliseconds: u32) {
        self.change(Delta::NONE.u32(self.reachable_time.get(), milliseconds));
        self.reachable_time = U32::new(milliseconds);
    }

    /// Sets the milliseconds between solicitations.
    #[inline]
    pub const fn set_retransmit_timer_ms(&mut self, milliseconds: u32) {
        self.change(Delta::NONE.u32(self.retransmit_timer.get(), milliseconds));
        self.retransmit_timer = U32::new(milliseconds);
    }

    #[inline]
    const fn change(&mut self, delta: Delta) {
        self.checksum = U16::new(delta.apply(self.checksum.get()));
    }
}

/// A router advertisement; its payload is options.
///
/// It views the same bytes as the [`Icmpv6`](crate::Icmpv6) message, from its first byte on; the checksum is verified
/// and filled there.
pub struct RouterAdvertisement<B: Bytes> {
    header: B::Of<RouterAdvertisementHeader>,
    payload: B,
}

view!(RouterAdvertisement, RouterAdvertisementHeader);

impl<B: Bytes> RouterAdvertisement<B> {
    /// Reads the message.
    ///
    /// # Errors
    ///
    /// [`ParseError::Truncated`] if there are fewer than 16 bytes, [`ParseError::Unsupported`] if it is another message.
    #[inline]
    pub fn parse(bytes: B) -> Result<Self, ParseError> {
        let have = bytes.len();
        let (header, payload) = bytes
            .split_header::<RouterAdvertisementHeader>()
            .ok_or_else(|| truncated(Protocol::Icmpv6, RouterAdvertisementHeader::LEN, have))?;
        if header.kind() != Icmpv6Type::ROUTER_ADVERTISEMENT {
            return Err(ParseError::Unsupported {
                protocol: Protocol::Icmpv6,
                field: "type",
                found: header.kind.into(),
            });
        }
        Ok(Self { header, payload })
    }

    /// The options, one by one (RFC 4861, section 4.6).
    pub fn options(&self) -> NdpOptions<'_> {
        NdpOptions::new(&self.payload)
    }
}

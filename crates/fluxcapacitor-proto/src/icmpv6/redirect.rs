//! Redirect.

use core::net::Ipv6Addr;

use zerocopy::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::bytes::Bytes;
use crate::checksum::Delta;
use crate::error::{ParseError, Protocol, truncated};

use super::{Icmpv6Type, NdpOptions};

/// A redirect without options, as it is on the wire (RFC 4861, section 4.5).
///
/// Every setter keeps the checksum right if it was (RFC 1624), in constant time.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct RedirectHeader {
    kind: u8,
    code: u8,
    checksum: U16,
    reserved: U32,
    target: [u8; 16],
    destination: [u8; 16],
}

wire!(RedirectHeader, 40, Icmpv6);

impl RedirectHeader {
    /// Says that packets to `destination` go better by way of `target`; without checksum.
    pub const fn new(target: Ipv6Addr, destination: Ipv6Addr) -> Self {
        Self {
            kind: Icmpv6Type::REDIRECT.0,
            code: 0,
            checksum: U16::ZERO,
            reserved: U32::ZERO,
            target: target.octets(),
            destination: destination.octets(),
        }
    }

    /// Always [`Icmpv6Type::REDIRECT`] (RFC 4861, section 4.5, "Type").
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

    /// The better next hop; the destination itself if it is on the link (RFC 4861, section 4.5, "Target Address").
    #[inline]
    pub const fn target(&self) -> Ipv6Addr {
        Ipv6Addr::from_bits(u128::from_be_bytes(self.target))
    }

    /// Where the redirected packets go (RFC 4861, section 4.5, "Destination Address").
    #[inline]
    pub const fn destination(&self) -> Ipv6Addr {
        Ipv6Addr::from_bits(u128::from_be_bytes(self.destination))
    }

    /// Sets the better next hop.
    #[inline]
    pub const fn set_target(&mut self, target: Ipv6Addr) {
        self.change(Delta::NONE.bytes16(self.target, target.octets()));
        self.target = target.octets();
    }

    /// Sets where the redirected packets go.
    #[inline]
    pub const fn set_destination(&mut self, destination: Ipv6Addr) {
        self.change(Delta::NONE.bytes16(self.destination, destination.octets()));
        self.destination = destination.octets();
    }

    #[inline]
    const fn change(&mut self, delta: Delta) {
        self.checksum = U16::new(delta.apply(self.checksum.get()));
    }
}

/// A redirect; its payload is options, and among them the start of the [packet redirected](super::NdpOption::Redirected).
///
/// It views the same bytes as the [`Icmpv6`](crate::Icmpv6) message, from its first byte on; the checksum is verified
/// and filled there.
pub struct Redirect<B: Bytes> {
    header: B::Of<RedirectHeader>,
    payload: B,
}

view!(Redirect, RedirectHeader);

impl<B: Bytes> Redirect<B> {
    /// Reads the message.
    ///
    /// # Errors
    ///
    /// [`ParseError::Truncated`] if there are fewer than 40 bytes, [`ParseError::Unsupported`] if it is another message.
    #[inline]
    pub fn parse(bytes: B) -> Result<Self, ParseError> {
        let have = bytes.len();
        let (header, payload) = bytes
            .split_header::<RedirectHeader>()
            .ok_or_else(|| truncated(Protocol::Icmpv6, RedirectHeader::LEN, have))?;
        if header.kind() != Icmpv6Type::REDIRECT {
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

//! Ethernet II frames (IEEE 802.3, clause 3; RFC 894).

mod ether_type;

use zerocopy::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::bytes::Bytes;
use crate::error::{ParseError, Protocol, truncated};

pub use ether_type::EtherType;

pub use crate::mac::{MacAddr, ParseMacError};

/// The Ethernet II header as it is on the wire (IEEE 802.3, clause 3.2).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct EthHeader {
    destination: MacAddr,
    source: MacAddr,
    ether_type: U16,
}

wire!(EthHeader, 14, Ethernet);

impl EthHeader {
    /// A header from its three fields.
    #[inline]
    pub const fn new(destination: MacAddr, source: MacAddr, ether_type: EtherType) -> Self {
        Self { destination, source, ether_type: U16::new(ether_type.0) }
    }

    /// Destination address (IEEE 802.3, clause 3.2.4).
    #[inline]
    pub const fn destination(&self) -> MacAddr {
        self.destination
    }

    /// Source address (IEEE 802.3, clause 3.2.5).
    #[inline]
    pub const fn source(&self) -> MacAddr {
        self.source
    }

    /// What the payload is (IEEE 802.3, clause 3.2.6). Below 0x0600 it is a length instead.
    #[inline]
    pub const fn ether_type(&self) -> EtherType {
        EtherType(self.ether_type.get())
    }

    /// Sets the destination address.
    #[inline]
    pub const fn set_destination(&mut self, address: MacAddr) {
        self.destination = address;
    }

    /// Sets the source address.
    #[inline]
    pub const fn set_source(&mut self, address: MacAddr) {
        self.source = address;
    }

    /// Sets what the payload is.
    #[inline]
    pub const fn set_ether_type(&mut self, ether_type: EtherType) {
        self.ether_type = U16::new(ether_type.0);
    }

    /// Exchanges source and destination, as an answer does.
    #[inline(always)]
    pub const fn swap_addresses(&mut self) {
        core::mem::swap(&mut self.destination, &mut self.source);
    }
}

/// An Ethernet II frame, without its frame check sequence.
pub struct Ethernet<B: Bytes> {
    header: B::Of<EthHeader>,
    payload: B,
}

view!(Ethernet, EthHeader);

impl<B: Bytes> Ethernet<B> {
    /// Reads the header; all bytes behind it are payload.
    ///
    /// # Errors
    ///
    /// [`ParseError::Truncated`] if there are fewer than 14 bytes.
    #[inline]
    pub fn parse(bytes: B) -> Result<Self, ParseError> {
        let have = bytes.len();
        let (header, payload) = bytes
            .split_header()
            .ok_or_else(|| truncated(Protocol::Ethernet, EthHeader::LEN, have))?;
        Ok(Self { header, payload })
    }
}

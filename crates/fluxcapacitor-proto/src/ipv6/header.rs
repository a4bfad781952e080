//! The fixed header of IPv6.

use core::net::Ipv6Addr;

use zerocopy::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::ip::IpProtocol;

/// The IPv6 header as it is on the wire (RFC 8200, section 3).
///
/// It has no checksum. The setters of addresses know nothing of the transport behind, whose pseudo-header covers them:
/// those of [`Ipv6`](crate::Ipv6) do.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Ipv6Header {
    version_class_flow: U32,
    payload_len: U16,
    next_header: u8,
    hop_limit: u8,
    source: [u8; 16],
    destination: [u8; 16],
}

wire!(Ipv6Header, 40, Ipv6);

impl Ipv6Header {
    /// A header with hop limit 64. `payload_len` includes extension headers, but not these 40 bytes.
    #[inline]
    pub const fn new(
        source: Ipv6Addr,
        destination: Ipv6Addr,
        next_header: IpProtocol,
        payload_len: u16,
    ) -> Self {
        Self {
            version_class_flow: U32::new(6 << 28),
            payload_len: U16::new(payload_len),
            next_header: next_header.0,
            hop_limit: 64,
            source: source.octets(),
            destination: destination.octets(),
        }
    }

    /// The version field (RFC 8200, section 3): 6.
    #[inline]
    pub const fn version(&self) -> u8 {
        (self.version_class_flow.get() >> 28) as u8
    }

    /// Differentiated services code point (RFC 8200, section 7; RFC 2474, section 3).
    #[inline]
    pub const fn dscp(&self) -> u8 {
        (self.version_class_flow.get() >> 22 & 0x3f) as u8
    }

    /// Explicit congestion notification (RFC 8200, section 7; RFC 3168, section 5).
    #[inline]
    pub const fn ecn(&self) -> u8 {
        (self.version_class_flow.get() >> 20 & 3) as u8
    }

    /// The flow label, 20 bits (RFC 8200, section 6; RFC 6437).
    #[inline]
    pub const fn flow_label(&self) -> u32 {
        self.version_class_flow.get() & 0xf_ffff
    }

    /// Length of all behind this header, in bytes (RFC 8200, section 3, "Payload Length").
    #[inline]
    pub const fn payload_len(&self) -> u16 {
        self.payload_len.get()
    }

    /// What follows: an extension header or the payload's protocol (RFC 8200, section 3, "Next Header").
    #[inline]
    pub const fn next_header(&self) -> IpProtocol {
        IpProtocol(self.next_header)
    }

    /// How many more hops it may take (RFC 8200, section 3, "Hop Limit").
    #[inline]
    pub const fn hop_limit(&self) -> u8 {
        self.hop_limit
    }

    /// Source address (RFC 8200, section 3).
    #[inline]
    pub const fn source(&self) -> Ipv6Addr {
        Ipv6Addr::from_bits(u128::from_be_bytes(self.source))
    }

    /// Destination address (RFC 8200, section 3); with a routing header, the next one on the way.
    #[inline]
    pub const fn destination(&self) -> Ipv6Addr {
        Ipv6Addr::from_bits(u128::from_be_bytes(self.destination))
    }

    /// Sets the differentiated services code point. Its lower 6 bits count.
    #[inline]
    pub const fn set_dscp(&mut self, dscp: u8) {
        let others = self.version_class_flow.get() & !(0x3f << 22);
        self.version_class_flow = U32::new(others | (dscp as u32 & 0x3f) << 22);
    }

    /// Sets the congestion notification. Its lower 2 bits count.
    #[inline]
    pub const fn set_ecn(&mut self, ecn: u8) {
        let others = self.version_class_flow.get() & !(3 << 20);
        self.version_class_flow = U32::new(others | (ecn as u32 & 3) << 20);
    }

    /// Sets the flow label. Its lower 20 bits count.
    #[inline]
    pub const fn set_flow_label(&mut self, flow_label: u32) {
        let others = self.version_class_flow.get() & !0xf_ffff;
        self.version_class_flow = U32::new(others | flow_label & 0xf_ffff);
    }

    /// Sets the length of all behind this header. The transport's own lengths and checksum are not touched.
    #[inline]
    pub const fn set_payload_len(&mut self, len: u16) {
        self.payload_len = U16::new(len);
    }

    /// Sets what follows.
    #[inline]
    pub const fn set_next_header(&mut self, protocol: IpProtocol) {
        self.next_header = protocol.0;
    }

    /// Sets how many more hops it may take.
    #[inline]
    pub const fn set_hop_limit(&mut self, hop_limit: u8) {
        self.hop_limit = hop_limit;
    }

    /// Takes one hop off, and says whether any is left: a router drops the packet if not (RFC 8200, section 3).
    #[inline]
    #[must_use = "a packet without hops left must be dropped"]
    pub const fn decrement_hop_limit(&mut self) -> bool {
        self.hop_limit = self.hop_limit.saturating_sub(1);
        self.hop_limit != 0
    }

    /// Sets the source address; the transport's checksum is not touched.
    #[inline]
    pub const fn set_source(&mut self, address: Ipv6Addr) {
        self.source = address.octets();
    }

    /// Sets the destination address; the transport's checksum is not touched.
    #[inline]
    pub const fn set_destination(&mut self, address: Ipv6Addr) {
        self.destination = address.octets();
    }

    /// Exchanges source and destination; no checksum changes.
    #[inline]
    pub const fn swap_addresses(&mut self) {
        core::mem::swap(&mut self.source, &mut self.destination);
    }
}

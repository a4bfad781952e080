//! The fixed part of the IPv4 header.

use core::net::Ipv4Addr;

use zerocopy::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::checksum::{Delta, Sum};
use crate::ip::IpProtocol;

const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const FRAGMENT_OFFSET: u16 = 0x1fff;

/// The IPv4 header without options, as it is on the wire (RFC 791, section 3.1).
///
/// Every setter keeps the header checksum right if it was (RFC 1624), in constant time. The setters of addresses know
/// nothing of the transport behind, whose pseudo-header covers them: those of [`Ipv4`](crate::Ipv4) do.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Ipv4Header {
    version_ihl: u8,
    dscp_ecn: u8,
    total_len: U16,
    identification: U16,
    flags_fragment: U16,
    ttl: u8,
    protocol: u8,
    checksum: U16,
    source: [u8; 4],
    destination: [u8; 4],
}

wire!(Ipv4Header, 20, Ipv4);

impl Ipv4Header {
    /// A header without options: TTL 64, don't fragment, its checksum filled. `total_len` includes these 20 bytes.
    #[inline]
    pub const fn new(
        source: Ipv4Addr,
        destination: Ipv4Addr,
        protocol: IpProtocol,
        total_len: u16,
    ) -> Self {
        const VERSION_IHL: u8 = 0x45;
        const TTL: u8 = 64;
        // From registers: to read back what was just written in other pieces would stall.
        let constant = ((VERSION_IHL as u64) << 8) + DONT_FRAGMENT as u64 + ((TTL as u64) << 8);
        let variable = total_len as u64 + protocol.0 as u64;
        let addresses = source.to_bits() as u64 + destination.to_bits() as u64;
        Self {
            version_ihl: VERSION_IHL,
            dscp_ecn: 0,
            total_len: U16::new(total_len),
            identification: U16::ZERO,
            flags_fragment: U16::new(DONT_FRAGMENT),
            ttl: TTL,
            protocol: protocol.0,
            checksum: U16::new(!Sum::fold_native(constant + variable + addresses)),
            source: source.octets(),
            destination: destination.octets(),
        }
    }

    /// The version field (RFC 791, section 3.1): 4.
    #[inline]
    pub const fn version(&self) -> u8 {
        self.version_ihl >> 4
    }

    /// Length of the header with its options, in bytes (RFC 791, section 3.1, "IHL").
    #[inline]
    pub const fn header_len(&self) -> usize {
        (self.version_ihl as usize & 0xf) * 4
    }

    /// Version and header length in one byte.
    #[inline]
    pub(crate) const fn version_ihl(&self) -> u8 {
        self.version_ihl
    }

    /// Says that no options follow. The checksum is not touched.
    pub(crate) const fn clear_options(&mut self) {
        self.version_ihl = 0x45;
    }

    /// Differentiated services code point (RFC 2474, section 3).
    #[inline]
    pub const fn dscp(&self) -> u8 {
        self.dscp_ecn >> 2
    }

    /// Explicit congestion notification (RFC 3168, section 5).
    #[inline]
    pub const fn ecn(&self) -> u8 {
        self.dscp_ecn & 3
    }

    /// Length of header and payload, in bytes (RFC 791, section 3.1, "Total Length").
    #[inline]
    pub const fn total_len(&self) -> u16 {
        self.total_len.get()
    }

    /// What the fragments of one packet share (RFC 791, section 3.1, "Identification"; RFC 6864).
    #[inline]
    pub const fn identification(&self) -> u16 {
        self.identification.get()
    }

    /// Whether it must not be fragmented (RFC 791, section 3.1, "Flags", DF).
    #[inline]
    pub const fn dont_fragment(&self) -> bool {
        self.flags_fragment.get() & DONT_FRAGMENT != 0
    }

    /// Whether more fragments follow this one (RFC 791, section 3.1, "Flags", MF).
    #[inline]
    pub const fn more_fragments(&self) -> bool {
        self.flags_fragment.get() & MORE_FRAGMENTS != 0
    }

    /// Where in the whole payload this fragment belongs, in bytes (RFC 791, section 3.1, "Fragment Offset").
    #[inline]
    pub const fn fragment_offset(&self) -> u16 {
        (self.flags_fragment.get() & FRAGMENT_OFFSET) << 3
    }

    /// Whether it is a part of a packet, the first included (RFC 791, section 3.2).
    #[inline]
    pub const fn is_fragment(&self) -> bool {
        self.flags_fragment.get() & (MORE_FRAGMENTS | FRAGMENT_OFFSET) != 0
    }

    /// Whether the payload begins with the transport's header: it is whole, or the first fragment (RFC 791, section 3.2).
    #[inline]
    pub const fn has_transport(&self) -> bool {
        self.flags_fragment.get() & FRAGMENT_OFFSET == 0
    }

    /// How many more hops it may take (RFC 791, section 3.1, "Time to Live").
    #[inline]
    pub const fn ttl(&self) -> u8 {
        self.ttl
    }

    /// What the payload is (RFC 791, section 3.1, "Protocol").
    #[inline]
    pub const fn protocol(&self) -> IpProtocol {
        IpProtocol(self.protocol)
    }

    /// The header checksum (RFC 791, section 3.1).
    #[inline]
    pub const fn checksum(&self) -> u16 {
        self.checksum.get()
    }

    /// Source address (RFC 791, section 3.1).
    #[inline]
    pub const fn source(&self) -> Ipv4Addr {
        let [a, b, c, d] = self.source;
        Ipv4Addr::new(a, b, c, d)
    }

    /// Destination address (RFC 791, section 3.1).
    #[inline]
    pub const fn destination(&self) -> Ipv4Addr {
        let [a, b, c, d] = self.destination;
        Ipv4Addr::new(a, b, c, d)
    }

    /// Sets the differentiated services code point. Its lower 6 bits count.
    #[inline]
    pub const fn set_dscp(&mut self, dscp: u8) {
        self.set_dscp_ecn(dscp << 2 | self.ecn());
    }

    /// Sets the congestion notification. Its lower 2 bits count.
    #[inline]
    pub const fn set_ecn(&mut self, ecn: u8) {
        self.set_dscp_ecn(self.dscp_ecn & !3 | ecn & 3);
    }

    const fn set_dscp_ecn(&mut self, new: u8) {
        self.change(Delta::NONE.u16(self.dscp_ecn as u16, new as u16));
        self.dscp_ecn = new;
    }

    /// Sets the length of header and payload. The transport's own lengths and checksum are not touched.
    #[inline]
    pub const fn set_total_len(&mut self, len: u16) {
        self.change(Delta::NONE.u16(self.total_len.get(), len));
        self.total_len = U16::new(len);
    }

    /// Sets what the fragments of one packet share.
    #[inline]
    pub const fn set_identification(&mut self, identification: u16) {
        self.change(Delta::NONE.u16(self.identification.get(), identification));
        self.identification = U16::new(identification);
    }

    /// Sets whether it must not be fragmented.
    #[inline]
    pub const fn set_dont_fragment(&mut self, dont_fragment: bool) {
        let others = self.flags_fragment.get() & !DONT_FRAGMENT;
        self.set_flags_fragment(others | (dont_fragment as u16) << 14);
    }

    /// Makes it a fragment, or whole again: whether more follow, and where it belongs in bytes, rounded down to 8.
    #[inline]
    pub const fn set_fragment(&mut self, more_fragments: bool, offset: u16) {
        let others = self.flags_fragment.get() & !(MORE_FRAGMENTS | FRAGMENT_OFFSET);
        self.set_flags_fragment(others | (more_fragments as u16) << 13 | offset >> 3);
    }

    const fn set_flags_fragment(&mut self, new: u16) {
        self.change(Delta::NONE.u16(self.flags_fragment.get(), new));
        self.flags_fragment = U16::new(new);
    }

    /// Sets how many more hops it may take.
    #[inline]
    pub const fn set_ttl(&mut self, ttl: u8) {
        self.change(Delta::NONE.u16((self.ttl as u16) << 8, (ttl as u16) << 8));
        self.ttl = ttl;
    }

    /// Takes one hop off, and says whether any is left: a router drops the packet if not (RFC 1812, section 5.3.1).
    #[inline]
    #[must_use = "a packet without hops left must be dropped"]
    pub const fn decrement_ttl(&mut self) -> bool {
        self.set_ttl(self.ttl.saturating_sub(1));
        self.ttl != 0
    }

    /// Sets what the payload is.
    #[inline]
    pub const fn set_protocol(&mut self, protocol: IpProtocol) {
        self.change(Delta::NONE.u16(self.protocol as u16, protocol.0 as u16));
        self.protocol = protocol.0;
    }

    /// Sets the source address, and the header checksum with it.
    #[inline]
    pub const fn set_source(&mut self, address: Ipv4Addr) {
        self.change(Delta::NONE.bytes4(self.source, address.octets()));
        self.source = address.octets();
    }

    /// Sets the destination address, and the header checksum with it.
    #[inline]
    pub const fn set_destination(&mut self, address: Ipv4Addr) {
        self.change(Delta::NONE.bytes4(self.destination, address.octets()));
        self.destination = address.octets();
    }

    /// Exchanges source and destination; no checksum changes.
    #[inline]
    pub const fn swap_addresses(&mut self) {
        core::mem::swap(&mut self.source, &mut self.destination);
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

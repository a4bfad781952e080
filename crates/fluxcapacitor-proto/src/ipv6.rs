//! Internet Protocol, version 6 (RFC 8200).

mod extension;
mod header;

use core::net::Ipv6Addr;

use crate::bytes::{Bytes, BytesMut};
use crate::checksum::{Delta, PseudoHeader, transport};
use crate::error::{ParseError, Protocol, truncated};
use crate::ip::IpProtocol;

pub use extension::{Ipv6Extension, Ipv6Extensions, Ipv6FragmentHeader};
pub use header::Ipv6Header;

/// An IPv6 packet: its header, and as much payload, extension headers included, as the header claims.
///
/// Jumbograms (RFC 2675) are not read: their payload length of 0 is taken as it is.
pub struct Ipv6<B: Bytes> {
    header: B::Of<Ipv6Header>,
    payload: B,
}

view!(Ipv6, Ipv6Header);

/// What lies behind all extension headers (RFC 8200, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpperLayer {
    /// Its protocol. In a fragment that is not the first, what the first extension header or transport would be.
    pub protocol: IpProtocol,
    /// Where it starts, in bytes behind the fixed header.
    pub offset: usize,
    /// Whether the packet is a fragment, the first included, and whole otherwise.
    pub is_fragment: bool,
    /// Where in the fragmented part this fragment belongs, in bytes; 0 if it is the first, or whole.
    pub fragment_offset: u16,
    /// Whether a routing header still names addresses to visit: the header's destination is then not the final one.
    pub is_on_the_way: bool,
}

impl<B: Bytes> Ipv6<B> {
    /// Reads the header, and parts payload and padding. Extension headers are read when they are walked.
    ///
    /// # Errors
    ///
    /// [`ParseError::BadVersion`], or [`ParseError::Truncated`] if there are fewer bytes than the header claims.
    #[inline]
    pub fn parse(bytes: B) -> Result<Self, ParseError> {
        Self::split(bytes, false)
    }

    /// Reads a packet that may have been cut short behind its header, as ICMP quotes and captures do: the payload is
    /// what is there of it.
    ///
    /// # Errors
    ///
    /// As [`Ipv6::parse`]; truncated is only a header that is not whole.
    #[inline]
    pub fn parse_truncated(bytes: B) -> Result<Self, ParseError> {
        Self::split(bytes, true)
    }

    #[inline(always)]
    fn split(bytes: B, lax: bool) -> Result<Self, ParseError> {
        let have = bytes.len();
        let (header, rest) = bytes
            .split_header::<Ipv6Header>()
            .ok_or_else(|| truncated(Protocol::Ipv6, Ipv6Header::LEN, have))?;
        if header.version() != 6 {
            return Err(bad_version(header.version()));
        }
        let payload_len = usize::from(header.payload_len());
        let take = if lax { payload_len.min(rest.len()) } else { payload_len };
        let (payload, _padding) = rest
            .split_to(take)
            .ok_or_else(|| truncated(Protocol::Ipv6, Ipv6Header::LEN + payload_len, have))?;
        Ok(Self { header, payload })
    }

    /// The extension headers, one by one (RFC 8200, section 4).
    #[inline]
    pub fn extensions(&self) -> Ipv6Extensions<'_> {
        Ipv6Extensions::new(self.header.next_header(), &self.payload)
    }

    /// Walks over all extension headers to what lies behind them.
    ///
    /// # Errors
    ///
    /// [`ParseError::Truncated`] if an extension header is not all there.
    #[inline]
    pub fn upper_layer(&self) -> Result<UpperLayer, ParseError> {
        let next = self.header.next_header();
        if next.is_ipv6_extension() {
            return walk(Ipv6Extensions::new(next, &self.payload));
        }
        Ok(UpperLayer {
            protocol: next,
            offset: 0,
            is_fragment: false,
            fragment_offset: 0,
            is_on_the_way: false,
        })
    }

    /// Where the packet goes in the end: to the last address of a routing header that still names addresses to visit,
    /// else to the header's destination (RFC 8200, sections 4.4 and 8.1).
    ///
    /// Read are the routing headers that [`Ipv6Extension::final_destination`] reads.
    #[inline]
    pub fn final_destination(&self) -> Ipv6Addr {
        let routed = self.header.next_header().is_ipv6_extension().then(|| self.routed());
        routed.flatten().unwrap_or(self.header.destination())
    }

    fn routed(&self) -> Option<Ipv6Addr> {
        self.extensions().flatten().filter_map(|extension| extension.final_destination()).last()
    }

    /// What the transport's checksum covers of this header; the destination is the [final](Self::final_destination) one.
    #[inline]
    pub fn pseudo_header(&self) -> PseudoHeader {
        PseudoHeader::v6(self.header.source(), self.final_destination())
    }
}

impl<B: BytesMut> Ipv6<B> {
    /// Sets the source address, and with it the checksum of a TCP, UDP or ICMPv6 behind it, independent of their length.
    ///
    /// A [partial](crate::checksum::ChecksumStatus::Partial) checksum must be completed before.
    #[inline]
    pub fn set_source(&mut self, address: Ipv6Addr) {
        let old = self.header.source();
        self.header_mut().set_source(address);
        self.readdressed(old, address, false);
    }

    /// Sets the destination address, and with it the checksum of a TCP, UDP or ICMPv6 behind it, independent of their
    /// length. Where a routing header names a further destination, no checksum covers this one, and none changes.
    ///
    /// A [partial](crate::checksum::ChecksumStatus::Partial) checksum must be completed before.
    #[inline]
    pub fn set_destination(&mut self, address: Ipv6Addr) {
        let old = self.header.destination();
        self.header_mut().set_destination(address);
        self.readdressed(old, address, true);
    }

    #[inline]
    fn readdressed(&mut self, old: Ipv6Addr, new: Ipv6Addr, is_destination: bool) {
        let Ok(upper) = self.upper_layer() else { return };
        if upper.fragment_offset != 0 || (is_destination && upper.is_on_the_way) {
            return;
        }
        if let Some(transport) = self.payload.bytes_mut().get_mut(upper.offset..) {
            let delta = Delta::NONE.bytes16(old.octets(), new.octets());
            transport::update(upper.protocol, transport, delta);
        }
    }
}

fn walk(mut extensions: Ipv6Extensions<'_>) -> Result<UpperLayer, ParseError> {
    let mut is_fragment = false;
    let mut fragment_offset = 0;
    let mut is_on_the_way = false;
    for extension in extensions.by_ref() {
        let extension = extension?;
        if let Some(fragment) = extension.fragment() {
            fragment_offset = fragment.fragment_offset();
            is_fragment |= fragment_offset != 0 || fragment.more_fragments();
        }
        is_on_the_way |= extension.segments_left().is_some_and(|left| left != 0);
    }
    let (protocol, offset) = (extensions.next_header(), extensions.offset());
    Ok(UpperLayer { protocol, offset, is_fragment, fragment_offset, is_on_the_way })
}

#[cold]
fn bad_version(found: u8) -> ParseError {
    ParseError::BadVersion { protocol: Protocol::Ipv6, found }
}

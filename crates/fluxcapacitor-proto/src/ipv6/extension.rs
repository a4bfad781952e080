//! Extension headers of IPv6, and the walk over them.

use zerocopy::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::{ParseError, Protocol, truncated};
use crate::ip::IpProtocol;

/// The fragment header as it is on the wire (RFC 8200, section 4.5).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct Ipv6FragmentHeader {
    next_header: u8,
    reserved: u8,
    offset_flags: U16,
    identification: U32,
}

wire!(Ipv6FragmentHeader, 8, Ipv6Extension);

impl Ipv6FragmentHeader {
    /// A fragment's header; `offset` is in bytes, rounded down to 8.
    #[inline]
    pub const fn new(
        next_header: IpProtocol,
        offset: u16,
        more_fragments: bool,
        identification: u32,
    ) -> Self {
        Self {
            next_header: next_header.0,
            reserved: 0,
            offset_flags: U16::new(offset & !7 | more_fragments as u16),
            identification: U32::new(identification),
        }
    }

    /// The first header of the fragmented part.
    #[inline]
    pub const fn next_header(&self) -> IpProtocol {
        IpProtocol(self.next_header)
    }

    /// Where in the fragmented part this fragment belongs, in bytes.
    #[inline]
    pub const fn fragment_offset(&self) -> u16 {
        self.offset_flags.get() & !7
    }

    /// Whether more fragments follow this one.
    #[inline]
    pub const fn more_fragments(&self) -> bool {
        self.offset_flags.get() & 1 != 0
    }

    /// What the fragments of one packet share.
    #[inline]
    pub const fn identification(&self) -> u32 {
        self.identification.get()
    }

    /// Sets where this fragment belongs in bytes, rounded down to 8, and whether more follow.
    #[inline]
    pub const fn set_fragment(&mut self, more_fragments: bool, offset: u16) {
        self.offset_flags = U16::new(offset & !7 | more_fragments as u16);
    }

    /// Sets what the fragments of one packet share.
    #[inline]
    pub const fn set_identification(&mut self, identification: u32) {
        self.identification = U32::new(identification);
    }

    /// Sets the first header of the fragmented part.
    #[inline]
    pub const fn set_next_header(&mut self, protocol: IpProtocol) {
        self.next_header = protocol.0;
    }
}

/// One extension header (RFC 8200, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv6Extension<'a> {
    kind: IpProtocol,
    offset: usize,
    bytes: &'a [u8],
}

impl<'a> Ipv6Extension<'a> {
    /// Which it is.
    pub const fn kind(&self) -> IpProtocol {
        self.kind
    }

    /// Where it starts, in bytes behind the fixed header.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// What follows it.
    pub fn next_header(&self) -> IpProtocol {
        IpProtocol(self.bytes.first().copied().unwrap_or(IpProtocol::NO_NEXT_HEADER.0))
    }

    /// All of it, from its next-header field on; never empty.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The fragment header, if it is one.
    pub fn fragment(&self) -> Option<&'a Ipv6FragmentHeader> {
        if self.kind != IpProtocol::FRAGMENT {
            return None;
        }
        Ipv6FragmentHeader::ref_from_prefix(self.bytes).ok().map(|(header, _)| header)
    }

    /// How many addresses are still to be visited, if it is a routing header (RFC 8200, section 4.4).
    pub fn segments_left(&self) -> Option<u8> {
        if self.kind == IpProtocol::ROUTING { self.bytes.get(3).copied() } else { None }
    }
}

/// The extension headers of a packet, in order. A malformed one is the last item, as the reason.
///
/// The walk ends at the first header that is no extension, and behind the fragment header of all fragments but the first.
#[derive(Debug, Clone)]
pub struct Ipv6Extensions<'a> {
    next: IpProtocol,
    offset: usize,
    rest: &'a [u8],
    beyond: bool,
}

impl<'a> Ipv6Extensions<'a> {
    /// Over the bytes behind the fixed header.
    pub(crate) const fn new(next: IpProtocol, payload: &'a [u8]) -> Self {
        Self { next, offset: 0, rest: payload, beyond: false }
    }

    /// What comes next: after the walk, the payload's protocol.
    pub const fn next_header(&self) -> IpProtocol {
        self.next
    }

    /// Where the walk stands, in bytes behind the fixed header: after the walk, where the payload starts.
    pub const fn offset(&self) -> usize {
        self.offset
    }
}

impl<'a> Iterator for Ipv6Extensions<'a> {
    type Item = Result<Ipv6Extension<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.beyond || !self.next.is_ipv6_extension() {
            return None;
        }
        let have = self.rest.len();
        let len = match (self.next, self.rest) {
            (IpProtocol::FRAGMENT, _) => Ipv6FragmentHeader::LEN,
            // In units of four bytes, less two of them (RFC 4302, section 2.2).
            (IpProtocol::AUTHENTICATION, &[_, len, ..]) => (usize::from(len) + 2) * 4,
            (_, &[_, len, ..]) => (usize::from(len) + 1) * 8,
            _ => 8,
        };
        let Some((bytes, rest)) = self.rest.split_at_checked(len) else {
            self.beyond = true;
            return Some(Err(truncated(Protocol::Ipv6Extension, len, have)));
        };
        let extension = Ipv6Extension { kind: self.next, offset: self.offset, bytes };
        self.beyond = extension.fragment().is_some_and(|header| header.fragment_offset() != 0);
        self.next = extension.next_header();
        self.offset += len;
        self.rest = rest;
        Some(Ok(extension))
    }
}

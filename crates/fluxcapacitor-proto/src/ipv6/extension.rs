//! Extension headers of IPv6, and the walk over them.

use core::net::Ipv6Addr;

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

    /// The first header of the fragmented part (RFC 8200, section 4.5, "Next Header").
    #[inline]
    pub const fn next_header(&self) -> IpProtocol {
        IpProtocol(self.next_header)
    }

    /// Where in the fragmented part this fragment belongs, in bytes (RFC 8200, section 4.5, "Fragment Offset").
    #[inline]
    pub const fn fragment_offset(&self) -> u16 {
        self.offset_flags.get() & !7
    }

    /// Whether more fragments follow this one (RFC 8200, section 4.5, "M flag").
    #[inline]
    pub const fn more_fragments(&self) -> bool {
        self.offset_flags.get() & 1 != 0
    }

    /// What the fragments of one packet share (RFC 8200, section 4.5, "Identification").
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
    /// Which it is (RFC 8200, section 4.1; numbers by IANA, "Protocol Numbers").
    pub const fn kind(&self) -> IpProtocol {
        self.kind
    }

    /// Where it starts, in bytes behind the fixed header.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// What follows it (RFC 8200, section 4, "Next Header").
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

    /// The last address to be visited, if it is a routing header that still names any, of a type that is read here:
    /// source routes (type 0, RFC 2460, section 4.4), mobile nodes (2, RFC 6275, section 6.4), segments (4, RFC 8754,
    /// section 2).
    pub fn final_destination(&self) -> Option<Ipv6Addr> {
        if self.segments_left()? == 0 {
            return None;
        }
        let (addresses, _) = self.bytes.get(8..)?.as_chunks::<16>();
        let last = match self.bytes.get(2)? {
            0 | 2 => addresses.last()?,
            // Segments are listed from the last one on.
            4 => addresses.first()?,
            _ => return None,
        };
        Some((*last).into())
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

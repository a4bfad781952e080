//! Options of neighbour and router discovery.

use core::net::Ipv6Addr;

use zerocopy::network_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::error::{ParseError, Protocol, truncated};
use crate::ethernet::MacAddr;

/// A prefix that a router announces, as it is on the wire (RFC 4861, section 4.6.2).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct PrefixInformation {
    kind: u8,
    words: u8,
    prefix_len: u8,
    flags: u8,
    valid_lifetime: U32,
    preferred_lifetime: U32,
    reserved: U32,
    prefix: [u8; 16],
}

wire!(PrefixInformation, 32, Ndp);

impl PrefixInformation {
    /// Bits of the prefix that count (RFC 4861, section 4.6.2, "Prefix Length").
    pub const fn prefix_len(&self) -> u8 {
        self.prefix_len
    }

    /// The prefix (RFC 4861, section 4.6.2, "Prefix").
    pub const fn prefix(&self) -> Ipv6Addr {
        Ipv6Addr::from_bits(u128::from_be_bytes(self.prefix))
    }

    /// Whether its addresses are on this link (RFC 4861, section 4.6.2, "L").
    pub const fn is_on_link(&self) -> bool {
        self.flags & 0x80 != 0
    }

    /// Whether hosts may make addresses from it (RFC 4861, section 4.6.2, "A").
    pub const fn is_autonomous(&self) -> bool {
        self.flags & 0x40 != 0
    }

    /// For how many seconds it is on this link; all ones is forever (RFC 4861, section 4.6.2, "Valid Lifetime").
    pub const fn valid_lifetime_s(&self) -> u32 {
        self.valid_lifetime.get()
    }

    /// For how many seconds its addresses are preferred (RFC 4861, section 4.6.2, "Preferred Lifetime").
    pub const fn preferred_lifetime_s(&self) -> u32 {
        self.preferred_lifetime.get()
    }
}

/// One option of a discovery message (RFC 4861, section 4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NdpOption<'a> {
    /// The Ethernet address of the sender (RFC 4861, section 4.6.1).
    SourceLinkLayer(MacAddr),
    /// The Ethernet address of the target (RFC 4861, section 4.6.1).
    TargetLinkLayer(MacAddr),
    /// A prefix (RFC 4861, section 4.6.2).
    Prefix(&'a PrefixInformation),
    /// The start of the packet that caused a redirect (RFC 4861, section 4.6.3).
    Redirected(&'a [u8]),
    /// What the link takes (RFC 4861, section 4.6.4).
    Mtu(u32),
    /// Any other, and any of these with a length that is not its own.
    Other {
        /// The option number.
        kind: u8,
        /// What follows its length.
        data: &'a [u8],
    },
}

/// The options of a discovery message, in order. A malformed one is the last item, as the reason.
#[derive(Debug, Clone)]
pub struct NdpOptions<'a> {
    rest: &'a [u8],
}

impl<'a> NdpOptions<'a> {
    /// Over the bytes behind a message.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for NdpOptions<'a> {
    type Item = Result<NdpOption<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = core::mem::take(&mut self.rest);
        if bytes.is_empty() {
            return None;
        }
        match split(bytes) {
            Ok((option, rest)) => {
                self.rest = rest;
                Some(Ok(read(option)))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

/// The option at the start, and the rest. Its length is in units of eight bytes (RFC 4861, section 4.6).
fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), ParseError> {
    let have = bytes.len();
    let &[_, words, ..] = bytes else { return Err(truncated(Protocol::Ndp, 8, have)) };
    let len = usize::from(words) * 8;
    if len == 0 {
        return Err(ParseError::BadLength { protocol: Protocol::Ndp, found: 0, least: 8 });
    }
    bytes.split_at_checked(len).ok_or_else(|| truncated(Protocol::Ndp, len, have))
}

fn read(option: &[u8]) -> NdpOption<'_> {
    match *option {
        [1, 1, a, b, c, d, e, f] => NdpOption::SourceLinkLayer(MacAddr::new([a, b, c, d, e, f])),
        [2, 1, a, b, c, d, e, f] => NdpOption::TargetLinkLayer(MacAddr::new([a, b, c, d, e, f])),
        [5, 1, _, _, a, b, c, d] => NdpOption::Mtu(u32::from_be_bytes([a, b, c, d])),
        [4, _, _, _, _, _, _, _, ref packet @ ..] => NdpOption::Redirected(packet),
        [kind, _, ref data @ ..] => match PrefixInformation::ref_from_prefix(option) {
            Ok((prefix, [])) if kind == 3 => NdpOption::Prefix(prefix),
            _ => NdpOption::Other { kind, data },
        },
        [kind] => NdpOption::Other { kind, data: &[] },
        [] => NdpOption::Other { kind: 0, data: &[] },
    }
}

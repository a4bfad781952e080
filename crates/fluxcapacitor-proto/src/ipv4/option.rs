//! Options of IPv4.

use crate::error::{ParseError, Protocol, truncated};

/// One option of an IPv4 header (RFC 791, section 3.1, "Options").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ipv4Option<'a> {
    /// Padding between options.
    NoOperation,
    /// Routers shall look at it (RFC 2113, section 2.1).
    RouterAlert(u16),
    /// The way it took, or shall take: strict (137) or loose (131) source route, or record route (7).
    Route {
        /// Which of the three, as its option number.
        kind: u8,
        /// Where the next address goes, counted from 1 at the option's first byte.
        pointer: u8,
        /// The addresses, four bytes each.
        addresses: &'a [u8],
    },
    /// Any other.
    Other {
        /// The option number, copied flag and class included.
        kind: u8,
        /// What follows its length.
        data: &'a [u8],
    },
}

/// The options of an IPv4 header, in order. A malformed one is the last item, as the reason.
#[derive(Debug, Clone)]
pub struct Ipv4Options<'a> {
    rest: &'a [u8],
}

impl<'a> Ipv4Options<'a> {
    /// Over the bytes behind the fixed header.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for Ipv4Options<'a> {
    type Item = Result<Ipv4Option<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (&kind, after) = self.rest.split_first()?;
        match kind {
            0 => {
                self.rest = &[];
                return None;
            }
            1 => {
                self.rest = after;
                return Some(Ok(Ipv4Option::NoOperation));
            }
            _ => {}
        }
        let bytes = core::mem::take(&mut self.rest);
        let data = match split_option(bytes, Protocol::Ipv4) {
            Ok((data, rest)) => {
                self.rest = rest;
                data
            }
            Err(error) => return Some(Err(error)),
        };
        Some(Ok(match (kind, data) {
            (148, &[a, b]) => Ipv4Option::RouterAlert(u16::from_be_bytes([a, b])),
            (7 | 131 | 137, &[pointer, ref addresses @ ..]) => {
                Ipv4Option::Route { kind, pointer, addresses }
            }
            _ => Ipv4Option::Other { kind, data },
        }))
    }
}

/// Parts the option at the start, kind and length first, into its data and what follows it.
pub(crate) fn split_option(bytes: &[u8], protocol: Protocol) -> Result<(&[u8], &[u8]), ParseError> {
    let Some(&len) = bytes.get(1) else { return Err(truncated(protocol, 2, bytes.len())) };
    let len = usize::from(len);
    if len < 2 {
        return Err(ParseError::BadLength { protocol, found: len, least: 2 });
    }
    let (option, rest) =
        bytes.split_at_checked(len).ok_or_else(|| truncated(protocol, len, bytes.len()))?;
    Ok((option.get(2..).unwrap_or_default(), rest))
}

//! Options of TCP.

use crate::error::{ParseError, Protocol};
use crate::ipv4::split_option;

/// One option of a TCP header (RFC 9293, section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TcpOption<'a> {
    /// Padding between options.
    NoOperation,
    /// The largest segment that the sender takes (RFC 9293, section 3.7.1).
    MaxSegmentSize(u16),
    /// By how many bits the sender's windows are to be shifted (RFC 7323, section 2.2).
    WindowScale(u8),
    /// The sender understands selective acknowledgments (RFC 2018, section 2).
    SackPermitted,
    /// What arrived beyond the acknowledgment number (RFC 2018, section 3).
    Sack(SackBlocks<'a>),
    /// When it was sent, and what it answers (RFC 7323, section 3.2).
    Timestamps {
        /// The sender's clock.
        value: u32,
        /// The clock of the other side, as last seen.
        echo: u32,
    },
    /// Any other, and any of these with a length that is not its own.
    Other {
        /// The option number.
        kind: u8,
        /// What follows its length.
        data: &'a [u8],
    },
}

/// The blocks of a selective acknowledgment: first sequence number, and the one behind the last (RFC 2018, section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SackBlocks<'a>(&'a [u8]);

impl Iterator for SackBlocks<'_> {
    type Item = (u32, u32);

    fn next(&mut self) -> Option<(u32, u32)> {
        let (&[a, b, c, d, e, f, g, h], rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some((u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])))
    }
}

/// The options of a TCP header, in order. A malformed one is the last item, as the reason.
#[derive(Debug, Clone)]
pub struct TcpOptions<'a> {
    rest: &'a [u8],
}

impl<'a> TcpOptions<'a> {
    /// Over the bytes behind the fixed header.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether it stands at the option that ends the list, before the header does (RFC 9293, section 3.2).
    pub(crate) fn is_at_end_of_list(&self) -> bool {
        self.rest.first() == Some(&0)
    }
}

impl<'a> Iterator for TcpOptions<'a> {
    type Item = Result<TcpOption<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = core::mem::take(&mut self.rest);
        let (&kind, after) = bytes.split_first()?;
        match kind {
            0 => {
                self.rest = bytes;
                return None;
            }
            1 => {
                self.rest = after;
                return Some(Ok(TcpOption::NoOperation));
            }
            _ => {}
        }
        let data = match split_option(bytes, Protocol::Tcp) {
            Ok((data, rest)) => {
                self.rest = rest;
                data
            }
            Err(error) => return Some(Err(error)),
        };
        Some(Ok(match (kind, data) {
            (2, &[a, b]) => TcpOption::MaxSegmentSize(u16::from_be_bytes([a, b])),
            (3, &[shift]) => TcpOption::WindowScale(shift),
            (4, []) => TcpOption::SackPermitted,
            (5, blocks) if !blocks.is_empty() && blocks.len() % 8 == 0 => {
                TcpOption::Sack(SackBlocks(blocks))
            }
            (8, &[a, b, c, d, e, f, g, h]) => TcpOption::Timestamps {
                value: u32::from_be_bytes([a, b, c, d]),
                echo: u32::from_be_bytes([e, f, g, h]),
            },
            _ => TcpOption::Other { kind, data },
        }))
    }
}

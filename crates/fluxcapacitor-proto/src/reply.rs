//! Answers made out of the packets that they answer, in place.
//!
//! Every function takes a packet that begins with its Ethernet header, and behind it any number of VLAN tags, and turns it
//! into the answer, or returns an error and leaves it untouched. Checksums of what is answered are not verified.

mod arp;
mod echo;
mod error_message;
mod reset;

use core::net::{Ipv4Addr, Ipv6Addr};
use core::{error, fmt};

use crate::buffer::NoRoom;
use crate::error::{ParseError, Protocol};
use crate::ethernet::EthHeader;

pub use arp::arp_reply;
pub use echo::echo_reply;
pub use error_message::{Unreachable, unreachable};
pub use reset::tcp_reset;

/// Why there is no answer. The packet is untouched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplyError {
    /// The buffer cannot grow by so much.
    NoRoom(NoRoom),
    /// A header that had to be read cannot be.
    Parse(ParseError),
    /// The packet is not one of this protocol that asks for such an answer.
    NotARequest(Protocol),
    /// The packet is an error message or a reset itself, which nobody may answer with another (RFC 1122, section 3.2.2;
    /// RFC 4443, section 2.4 (e); RFC 9293, section 3.5.2).
    IsAnError,
    /// The packet went to or came from many or nobody, by its IP or its Ethernet addresses, and must not be answered
    /// (RFC 1122, sections 3.2.2 and 3.3.6; RFC 4443, section 2.4 (e)).
    NotUnicast,
    /// The packet is a fragment: the first is answered with an error only, others with nothing (RFC 1122, section 3.2.2).
    IsAFragment,
}

/// Whether a frame goes from one interface to one: what went to many is not answered (RFC 1122, sections 3.2.2 and
/// 3.3.6), and no frame can come from many, as the answer would (IEEE 802.3, clause 3.2.3).
fn from_one_to_one(frame: &[u8]) -> Result<(), ReplyError> {
    let (ethernet, _) = EthHeader::ref_from_prefix(frame)?;
    if ethernet.destination().is_multicast() || ethernet.source().is_multicast() {
        return Err(ReplyError::NotUnicast);
    }
    Ok(())
}

/// Whether an address can be that of one host, to answer or to answer for (RFC 1122, section 3.2.1.3).
fn is_host_v4(address: Ipv4Addr) -> bool {
    !(address.is_unspecified() || address.is_multicast() || address.is_broadcast())
}

/// Whether an address can be that of one host, to answer or to answer for (RFC 4291, sections 2.5.2 and 2.7).
fn is_host_v6(address: Ipv6Addr) -> bool {
    !(address.is_unspecified() || address.is_multicast())
}

impl fmt::Display for ReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoom(no_room) => no_room.fmt(f),
            Self::Parse(parse) => parse.fmt(f),
            Self::NotARequest(protocol) => write!(f, "the packet is no {protocol} request"),
            Self::IsAnError => {
                f.write_str("an error message or reset is not answered with another")
            }
            Self::NotUnicast => f.write_str("a packet to or from many or nobody is not answered"),
            Self::IsAFragment => f.write_str("a fragment has no such answer"),
        }
    }
}

impl error::Error for ReplyError {}

impl From<NoRoom> for ReplyError {
    fn from(no_room: NoRoom) -> Self {
        Self::NoRoom(no_room)
    }
}

impl From<ParseError> for ReplyError {
    fn from(parse: ParseError) -> Self {
        Self::Parse(parse)
    }
}

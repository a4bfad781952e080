//! Answers made out of the packets that they answer, in place.
//!
//! Every function takes a packet that begins with its Ethernet header, and behind it any number of VLAN tags, and turns it
//! into the answer, or returns an error and leaves it untouched. Checksums of what is answered are not verified.

mod arp;
mod echo;
mod error_message;
mod reset;

use core::{error, fmt};

use crate::buffer::NoRoom;
use crate::error::{ParseError, Protocol};

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
    /// The packet went to or came from many, and must not be answered with an error (RFC 1122, section 3.2.2; RFC 4443,
    /// section 2.4 (e)).
    NotUnicast,
    /// The packet is a fragment: the first is answered with an error only, others with nothing (RFC 1122, section 3.2.2).
    IsAFragment,
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
            Self::NotUnicast => {
                f.write_str("a packet to or from many is not answered with an error")
            }
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

//! Push and pop of tags and tunnels, at the head of a [`PacketBuffer`](crate::PacketBuffer).
//!
//! Everything here leaves lengths and checksums right, or returns an error and leaves the packet untouched. All of them
//! want a packet that begins with its Ethernet header, and behind it any number of VLAN tags.
//!
//! ```
//! use fluxcapacitor_proto::{EthHeader, EtherType, PacketBuffer, SliceBuffer, VlanTag, encap};
//!
//! let frame = [0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x08, 0x00, 0x45];
//! let mut storage = [0; 64];
//! let mut packet = SliceBuffer::with_headroom(&mut storage, 8, &frame)?;
//! encap::push_vlan(&mut packet, VlanTag::new(42))?;
//! let (eth, _) = EthHeader::ref_from_prefix(packet.bytes())?;
//! assert_eq!(eth.ether_type(), EtherType::VLAN);
//! assert_eq!(encap::pop_vlan(&mut packet)?.vid(), 42);
//! assert_eq!(packet.bytes(), frame);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod congestion;
mod gre;
mod inner;
mod ipip;
mod outer;
mod slide;
mod udp;
mod vlan;
mod vxlan;

use core::{error, fmt};

use crate::buffer::NoRoom;
use crate::error::{ParseError, Protocol};

pub use gre::{pop_gre, push_gre};
pub use ipip::{pop_ipip, push_ipip};
pub use outer::Endpoints;
pub use udp::{UdpTunnel, pop_udp, push_udp};
pub use vlan::{pop_vlan, push_vlan, push_vlan_as};
pub use vxlan::{VxlanTunnel, pop_vxlan, push_vxlan};

/// Why nothing was pushed or popped. The packet is untouched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncapError {
    /// The buffer cannot grow by so much.
    NoRoom(NoRoom),
    /// A header that had to be read cannot be.
    Parse(ParseError),
    /// The packet does not carry what was to be popped or pushed onto, or only a fragment of it.
    Missing(Protocol),
    /// The outer header of a tunnel says that the packet met congestion, and the inner one that its sender does not
    /// understand that: it must be dropped (RFC 6040, section 4.2).
    Congested,
    /// The packet would be longer than the length field of its outer header can say.
    TooLong {
        /// Bytes that it would have to say.
        len: usize,
    },
}

impl fmt::Display for EncapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoom(no_room) => no_room.fmt(f),
            Self::Parse(parse) => parse.fmt(f),
            Self::Missing(protocol) => {
                write!(f, "the packet has no whole {protocol} in this place")
            }
            Self::Congested => f.write_str(
                "the packet met congestion, of which its sender cannot be told: it must be dropped",
            ),
            Self::TooLong { len } => {
                write!(f, "the packet would be {len} bytes, more than 16 bits of length can say")
            }
        }
    }
}

impl error::Error for EncapError {}

impl From<NoRoom> for EncapError {
    fn from(no_room: NoRoom) -> Self {
        Self::NoRoom(no_room)
    }
}

impl From<ParseError> for EncapError {
    fn from(parse: ParseError) -> Self {
        Self::Parse(parse)
    }
}

//! Zero-copy views of network packets: parse, change, push and pull in place.
//!
//! Every protocol has a *wire header*, a struct that packet bytes are cast to ([`EthHeader`]): its fields are
//! private and big-endian by type, its accessors take and return native integers.
//!
//! Nothing here allocates, panics on any bytes, or needs `std`.
//!
//! ```
//! use fluxcapacitor_proto::{EthHeader, EtherType};
//!
//! let mut frame = [0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x08, 0x00, 0x45];
//! let (eth, payload) = EthHeader::mut_from_prefix(&mut frame)?;
//! assert_eq!(eth.ether_type(), EtherType::IPV4);
//! assert_eq!(payload, [0x45]);
//! eth.swap_addresses();
//! assert_eq!(eth.destination().to_string(), "02:00:00:00:00:02");
//! # Ok::<(), fluxcapacitor_proto::ParseError>(())
//! ```

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

#[macro_use]
mod wire;
mod link;

pub mod arp;
pub mod buffer;
pub mod bytes;
pub mod checksum;
pub mod emit;
pub mod encap;
pub mod error;
pub mod ethernet;
pub mod flow;
pub mod gre;
pub mod icmp;
pub mod icmpv6;
pub mod ip;
pub mod ipv4;
pub mod ipv6;
pub mod layers;
pub mod reply;
pub mod summary;
pub mod tcp;
pub mod udp;
pub mod vlan;
pub mod vxlan;

pub use arp::{Arp, ArpHeader, ArpOperation};
pub use buffer::{PacketBuffer, SliceBuffer};
pub use bytes::{Bytes, BytesMut};
pub use error::{ParseError, Protocol};
pub use ethernet::{EthHeader, EtherType, Ethernet, MacAddr};
pub use flow::FlowKey;
pub use gre::{Gre, GreHeader};
pub use icmp::{Icmp, IcmpHeader, IcmpType};
pub use icmpv6::{Icmpv6, Icmpv6Header, Icmpv6Type};
pub use ip::IpProtocol;
pub use ipv4::{Ipv4, Ipv4Header};
pub use ipv6::{Ipv6, Ipv6Header};
pub use layers::Layers;
pub use summary::Summary;
pub use tcp::{Tcp, TcpFlags, TcpHeader, TcpOption};
pub use udp::{Udp, UdpHeader};
pub use vlan::{Vlan, VlanHeader, VlanTag};
pub use vxlan::{Vxlan, VxlanHeader};

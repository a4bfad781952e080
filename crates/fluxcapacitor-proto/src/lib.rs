//! Zero-copy views of network packets: parse, change, push and pull in place.
//!
//! Every protocol has a *wire header*, a struct that packet bytes are cast to ([`EthHeader`], [`Ipv4Header`], …): its
//! fields are private and big-endian by type, its accessors take and return native integers, and its setters keep
//! checksums right. And it has a *view* ([`Ethernet`], [`Ipv4`], …) over `&[u8]` or `&mut [u8]` that checks every length
//! once, in `parse`, and parts header, options and payload.
//!
//! [`Layers`] walks a whole packet, [`FlowKey`] is its five-tuple, [`Summary`] its line; [`encap`] pushes and pops tags
//! and tunnels, [`reply`] answers in place, [`emit`] writes packets, [`checksum`] sums.
//!
//! Nothing here allocates, panics on any bytes, or needs `std`.
//!
//! ```
//! use fluxcapacitor_proto::emit::Stack;
//! use fluxcapacitor_proto::{
//!     EthHeader, EtherType, FlowKey, IpProtocol, Ipv4, Ipv4Header, MacAddr, Summary, Udp, UdpHeader,
//! };
//!
//! // A packet, as a generator makes it …
//! let (a, b) = (MacAddr::new([2, 0, 0, 0, 0, 1]), MacAddr::new([2, 0, 0, 0, 0, 2]));
//! let mut frame = [0; 64];
//! let len = Stack::new()
//!     .with(EthHeader::new(b, a, EtherType::IPV4))
//!     .with(Ipv4Header::new("10.0.0.1".parse()?, "10.0.0.2".parse()?, IpProtocol::UDP, 0))
//!     .with(UdpHeader::new(4000, 9, 0))
//!     .emit(b"hello", &mut frame)?;
//! let frame = &mut frame[..len];
//! assert_eq!(FlowKey::of(frame)?.to_string(), "UDP 10.0.0.1:4000 > 10.0.0.2:9");
//!
//! // … and what a NAT does to it: address and port change, and all checksums with them, in constant time.
//! let (eth, packet) = EthHeader::mut_from_prefix(frame)?;
//! eth.swap_addresses();
//! let mut ip = Ipv4::parse(packet)?;
//! ip.set_source("192.0.2.1".parse()?);
//! let pseudo = ip.pseudo_header();
//! let mut udp = Udp::parse(ip.payload_mut())?;
//! udp.set_source_port(61000);
//! assert!(udp.checksum_status(pseudo).is_acceptable());
//! assert!(ip.checksum_is_valid());
//! assert_eq!(Summary::of(frame).to_string(), "IP 192.0.2.1.61000 > 10.0.0.2.9: UDP, length 5");
//! # Ok::<(), Box<dyn std::error::Error>>(())
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

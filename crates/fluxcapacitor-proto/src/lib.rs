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
//! Nothing here allocates, panics on any bytes, or needs `std`. Without the feature `views`, which is on by default, there are
//! [`PacketBuffer`] and [`MacAddr`] alone, and no dependency.
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

pub mod buffer;
mod mac;

pub use buffer::{PacketBuffer, SliceBuffer};
pub use mac::{MacAddr, ParseMacError};

#[cfg(feature = "views")]
#[macro_use]
mod wire;
#[cfg(feature = "views")]
mod link;

#[cfg(feature = "views")]
pub mod arp;
#[cfg(feature = "views")]
pub mod bytes;
#[cfg(feature = "views")]
pub mod checksum;
#[cfg(feature = "views")]
pub mod emit;
#[cfg(feature = "views")]
pub mod encap;
#[cfg(feature = "views")]
pub mod error;
#[cfg(feature = "views")]
pub mod ethernet;
#[cfg(feature = "views")]
pub mod flow;
#[cfg(feature = "views")]
pub mod gre;
#[cfg(feature = "views")]
pub mod icmp;
#[cfg(feature = "views")]
pub mod icmpv6;
#[cfg(feature = "views")]
pub mod ip;
#[cfg(feature = "views")]
pub mod ipv4;
#[cfg(feature = "views")]
pub mod ipv6;
#[cfg(feature = "views")]
pub mod layers;
#[cfg(feature = "views")]
pub mod reply;
#[cfg(feature = "views")]
pub mod summary;
#[cfg(feature = "views")]
pub mod tcp;
#[cfg(feature = "views")]
pub mod udp;
#[cfg(feature = "views")]
pub mod vlan;
#[cfg(feature = "views")]
pub mod vxlan;

#[cfg(feature = "views")]
pub use {
    arp::{Arp, ArpHeader, ArpOperation},
    bytes::{Bytes, BytesMut},
    error::{ParseError, Protocol},
    ethernet::{EthHeader, EtherType, Ethernet},
    flow::FlowKey,
    gre::{Gre, GreHeader},
    icmp::{Icmp, IcmpHeader, IcmpType},
    icmpv6::{Icmpv6, Icmpv6Header, Icmpv6Type},
    ip::IpProtocol,
    ipv4::{Ipv4, Ipv4Header},
    ipv6::{Ipv6, Ipv6Header},
    layers::Layers,
    summary::Summary,
    tcp::{Tcp, TcpFlags, TcpHeader, TcpOption},
    udp::{Udp, UdpHeader},
    vlan::{Vlan, VlanHeader, VlanTag},
    vxlan::{Vxlan, VxlanHeader},
};

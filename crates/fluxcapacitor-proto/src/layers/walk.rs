//! The walk: from each layer to what it says comes next.

use crate::arp::Arp;
use crate::error::{ParseError, Protocol, truncated};
use crate::ethernet::{EtherType, Ethernet};
use crate::gre::Gre;
use crate::icmp::IcmpHeader;
use crate::icmpv6::Icmpv6Header;
use crate::ip::IpProtocol;
use crate::ipv4::{Ipv4, Ipv4Header};
use crate::ipv6::{Ipv6, Ipv6Extensions, Ipv6FragmentHeader, Ipv6Header};
use crate::tcp::Tcp;
use crate::udp::{Udp, UdpHeader};
use crate::vlan::Vlan;
use crate::vxlan::{Vxlan, VxlanHeader};

use super::{End, LAYERS_MAX, Layer, Layers};

/// What a layer says comes next.
enum Next {
    Frame,
    Ether(EtherType),
    Ip(IpProtocol),
    Extension(IpProtocol),
    Vxlan,
    Stop(End),
}

/// Where the walk stands.
struct Walk<'a> {
    packet: &'a [u8],
    offset: usize,
    end: usize,
    /// Whether what follows is the start of a fragmented payload, whose length fields speak of the whole.
    fragment: bool,
    found: Layers,
}

pub(super) fn frame(packet: &[u8]) -> Layers {
    run(packet, Next::Frame)
}

pub(super) fn ip(packet: &[u8]) -> Layers {
    let next = match packet.first().map(|byte| byte >> 4) {
        Some(6) => EtherType::IPV6,
        _ => EtherType::IPV4,
    };
    run(packet, Next::Ether(next))
}

fn run(packet: &[u8], mut next: Next) -> Layers {
    let found =
        Layers { layers: [Layer::EMPTY; LAYERS_MAX], count: 0, end: End::Payload, truncated: None };
    let mut walk = Walk { packet, offset: 0, end: packet.len(), fragment: false, found };
    loop {
        next = match walk.step(next) {
            Ok(Next::Stop(end)) => {
                walk.found.end = end;
                return walk.found;
            }
            Ok(next) => next,
            Err(error) => Next::Stop(End::Malformed(error)),
        };
    }
}

impl<'a> Walk<'a> {
    fn step(&mut self, next: Next) -> Result<Next, ParseError> {
        match next {
            Next::Frame => self.ethernet(),
            Next::Ether(EtherType::IPV4) => self.ipv4(),
            Next::Ether(EtherType::IPV6) => self.ipv6(),
            Next::Ether(EtherType::ARP) => self.arp(),
            Next::Ether(EtherType::TRANSPARENT_ETHERNET) => self.ethernet(),
            Next::Ether(ether_type) if ether_type.is_vlan() => self.vlan(),
            Next::Ether(ether_type) => Ok(Next::Stop(End::EtherType(ether_type))),
            Next::Ip(protocol) => self.transport(protocol),
            Next::Extension(kind) => self.extension(kind),
            Next::Vxlan => self.vxlan(),
            Next::Stop(_) => Ok(next),
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.packet.get(self.offset..self.end).unwrap_or_default()
    }

    /// Notes a layer whose header and payload are so long, and goes to its payload.
    fn enter(&mut self, protocol: Protocol, header: usize, payload: usize, next: Next) -> Next {
        let Some(slot) = self.found.layers.get_mut(self.found.count) else {
            return Next::Stop(End::TooDeep);
        };
        let start = self.offset;
        self.offset += header;
        self.end = self.offset + payload;
        *slot = Layer { protocol, offset: start, payload: self.offset, end: self.end };
        self.found.count += 1;
        next
    }

    fn claimed(&mut self, protocol: Protocol, need: usize) {
        let have = self.rest().len();
        if need > have && !self.fragment && self.found.truncated.is_none() {
            self.found.truncated = Some(truncated(protocol, need, have));
        }
    }

    fn ethernet(&mut self) -> Result<Next, ParseError> {
        let ethernet = Ethernet::parse(self.rest())?;
        let next = Next::Ether(ethernet.ether_type());
        let payload = ethernet.payload().len();
        Ok(self.enter(Protocol::Ethernet, crate::EthHeader::LEN, payload, next))
    }

    fn vlan(&mut self) -> Result<Next, ParseError> {
        let vlan = Vlan::parse(self.rest())?;
        let next = Next::Ether(vlan.ether_type());
        Ok(self.enter(Protocol::Vlan, crate::VlanHeader::LEN, vlan.payload().len(), next))
    }

    fn arp(&mut self) -> Result<Next, ParseError> {
        Arp::parse(self.rest())?;
        Ok(self.enter(Protocol::Arp, crate::ArpHeader::LEN, 0, Next::Stop(End::Payload)))
    }

    fn ipv4(&mut self) -> Result<Next, ParseError> {
        let ip = Ipv4::parse_truncated(self.rest())?;
        self.claimed(Protocol::Ipv4, ip.total_len().into());
        let header = Ipv4Header::LEN + ip.option_bytes().len();
        self.fragment |= ip.is_fragment();
        let next =
            if ip.has_transport() { Next::Ip(ip.protocol()) } else { Next::Stop(End::Fragment) };
        Ok(self.enter(Protocol::Ipv4, header, ip.payload().len(), next))
    }

    fn ipv6(&mut self) -> Result<Next, ParseError> {
        let ip = Ipv6::parse_truncated(self.rest())?;
        self.claimed(Protocol::Ipv6, Ipv6Header::LEN + usize::from(ip.payload_len()));
        let next = after_ipv6(ip.next_header());
        Ok(self.enter(Protocol::Ipv6, Ipv6Header::LEN, ip.payload().len(), next))
    }

    fn extension(&mut self, kind: IpProtocol) -> Result<Next, ParseError> {
        let rest = self.rest();
        let Some(extension) = Ipv6Extensions::new(kind, rest).next() else {
            return Ok(Next::Stop(End::IpProtocol(kind)));
        };
        let extension = extension?;
        let fragment = extension.fragment();
        let offset = fragment.map_or(0, Ipv6FragmentHeader::fragment_offset);
        let next = if offset != 0 {
            Next::Stop(End::Fragment)
        } else {
            self.fragment |= fragment.is_some_and(Ipv6FragmentHeader::more_fragments);
            after_ipv6(extension.next_header())
        };
        let header = extension.as_bytes().len();
        Ok(self.enter(Protocol::Ipv6Extension, header, rest.len() - header, next))
    }

    fn transport(&mut self, protocol: IpProtocol) -> Result<Next, ParseError> {
        let rest = self.rest();
        let payload = Next::Stop(End::Payload);
        match protocol {
            IpProtocol::TCP => {
                let tcp = Tcp::parse(rest)?;
                Ok(self.enter(Protocol::Tcp, tcp.header_len(), tcp.payload().len(), payload))
            }
            IpProtocol::UDP => self.udp(),
            IpProtocol::ICMP => {
                let (_, behind) = IcmpHeader::ref_from_prefix(rest)?;
                Ok(self.enter(Protocol::Icmp, IcmpHeader::LEN, behind.len(), payload))
            }
            IpProtocol::ICMPV6 => {
                let (_, behind) = Icmpv6Header::ref_from_prefix(rest)?;
                Ok(self.enter(Protocol::Icmpv6, Icmpv6Header::LEN, behind.len(), payload))
            }
            IpProtocol::IPV4 => Ok(Next::Ether(EtherType::IPV4)),
            IpProtocol::IPV6 => Ok(Next::Ether(EtherType::IPV6)),
            IpProtocol::GRE => {
                let gre = Gre::parse(rest)?;
                let next = Next::Ether(gre.protocol_type());
                Ok(self.enter(Protocol::Gre, gre.header_len(), gre.payload().len(), next))
            }
            IpProtocol::NO_NEXT_HEADER => Ok(payload),
            other => Ok(Next::Stop(End::IpProtocol(other))),
        }
    }

    fn udp(&mut self) -> Result<Next, ParseError> {
        let udp = Udp::parse_truncated(self.rest())?;
        self.claimed(Protocol::Udp, udp.len().into());
        let next = match udp.destination_port() {
            VxlanHeader::PORT => Next::Vxlan,
            _ => Next::Stop(End::Payload),
        };
        Ok(self.enter(Protocol::Udp, UdpHeader::LEN, udp.payload().len(), next))
    }

    fn vxlan(&mut self) -> Result<Next, ParseError> {
        let vxlan = Vxlan::parse(self.rest())?;
        Ok(self.enter(Protocol::Vxlan, VxlanHeader::LEN, vxlan.payload().len(), Next::Frame))
    }
}

/// What an IPv6 next-header field leads to.
fn after_ipv6(next: IpProtocol) -> Next {
    if next.is_ipv6_extension() { Next::Extension(next) } else { Next::Ip(next) }
}

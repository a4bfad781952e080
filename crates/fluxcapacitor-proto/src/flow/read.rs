//! From a frame to its flow, without noting what is passed on the way.

use crate::encap::Endpoints;
use crate::error::{ParseError, Protocol, truncated};
use crate::ethernet::{EthHeader, EtherType};
use crate::gre::Gre;
use crate::ip::IpProtocol;
use crate::ipv4::{Ipv4, Ipv4Header};
use crate::ipv6::{Ipv6, Ipv6Header};
use crate::link::Link;
use crate::udp::Udp;
use crate::vlan::VlanHeader;
use crate::vxlan::{Vxlan, VxlanHeader};

use super::{FlowKey, Tunnel};

#[inline]
pub(super) fn outer(frame: &[u8]) -> Result<FlowKey, ParseError> {
    straight(frame).map_or_else(|| general(frame), Ok)
}

/// TCP or UDP without tags, options, fragments and extension headers, as nearly all frames are. All else, errors too,
/// [`general`] reads from the start, so that the path here stays short.
#[inline(always)]
fn straight(frame: &[u8]) -> Option<FlowKey> {
    let (ethernet, packet) = EthHeader::ref_from_prefix(frame).ok()?;
    match ethernet.ether_type() {
        EtherType::IPV4 => {
            let (ip, _) = Ipv4Header::ref_from_prefix(packet).ok()?;
            if ip.version_ihl() != 0x45 || !ip.has_transport() {
                return None;
            }
            let packet = packet.get(..packet.len().min(ip.total_len().into()))?;
            let ends = Endpoints::V4(ip.source(), ip.destination());
            carried(ends, ip.protocol(), packet, Ipv4Header::LEN)
        }
        EtherType::IPV6 => {
            let (ip, _) = Ipv6Header::ref_from_prefix(packet).ok()?;
            if ip.version() != 6 {
                return None;
            }
            let len = Ipv6Header::LEN + usize::from(ip.payload_len());
            let packet = packet.get(..packet.len().min(len))?;
            let ends = Endpoints::V6(ip.source(), ip.destination());
            carried(ends, ip.next_header(), packet, Ipv6Header::LEN)
        }
        _ => None,
    }
}

/// The flow of a packet whose TCP or UDP begins at `offset`.
#[inline(always)]
fn carried(ends: Endpoints, protocol: IpProtocol, packet: &[u8], offset: usize) -> Option<FlowKey> {
    if protocol != IpProtocol::TCP && protocol != IpProtocol::UDP {
        return None;
    }
    let ports = packet.get(offset..offset + 4)?.first_chunk()?;
    Some(FlowKey::read(ends, *ports, protocol))
}

#[inline(never)]
fn general(frame: &[u8]) -> Result<FlowKey, ParseError> {
    let (link, packet) = Link::parse(frame)?;
    Ok(ip(link.ether_type, packet)?.0)
}

pub(super) fn of_ip(packet: &[u8]) -> Result<FlowKey, ParseError> {
    let found = match packet.first().map(|byte| byte >> 4) {
        Some(6) => ipv6(packet),
        _ => ipv4(packet),
    };
    Ok(found?.0)
}

/// Tunnels in tunnels that are followed.
const DEPTH_MAX: usize = 8;

pub(super) fn inner(frame: &[u8]) -> Result<FlowKey, ParseError> {
    let (ethernet, rest) = EthHeader::ref_from_prefix(frame)?;
    let mut vlan = None;
    if ethernet.ether_type().is_vlan() {
        vlan = Some(VlanHeader::ref_from_prefix(rest)?.0.vid());
    }
    let (link, rest) = Link::parse(frame)?;
    let (mut flow, mut payload) = ip(link.ether_type, rest)?;
    for _ in 0..DEPTH_MAX {
        let Some((tunnel, ether_type, content)) = content(&flow, payload) else { break };
        let Ok((found, behind)) = ip(ether_type, content) else { break };
        flow = found.with_tunnel(Some(tunnel));
        payload = behind;
    }
    Ok(flow.with_vlan(vlan))
}

/// The flow of an IP packet, and the bytes behind its IP headers: none if it is a fragment.
fn ip(ether_type: EtherType, packet: &[u8]) -> Result<(FlowKey, &[u8]), ParseError> {
    match ether_type {
        EtherType::IPV4 => ipv4(packet),
        EtherType::IPV6 => ipv6(packet),
        EtherType(found) => Err(ParseError::Unsupported {
            protocol: Protocol::Ethernet,
            field: "EtherType",
            found: found.into(),
        }),
    }
}

#[inline(always)]
fn ipv4(packet: &[u8]) -> Result<(FlowKey, &[u8]), ParseError> {
    let ip = Ipv4::parse_truncated(packet)?;
    let ends = Endpoints::V4(ip.source(), ip.destination());
    let protocol = ip.protocol();
    let (has_transport, is_fragment) = (ip.has_transport(), ip.is_fragment());
    let payload = ip.into_payload();
    let ports = if has_transport { ports(protocol, payload)? } else { NO_PORTS };
    let content = if is_fragment { &[] } else { payload };
    Ok((FlowKey::read(ends, ports, protocol), content))
}

fn ipv6(packet: &[u8]) -> Result<(FlowKey, &[u8]), ParseError> {
    let ip = Ipv6::parse_truncated(packet)?;
    let ends = Endpoints::V6(ip.source(), ip.destination());
    let upper = ip.upper_layer()?;
    let payload = ip.into_payload().get(upper.offset..).unwrap_or_default();
    let first = upper.fragment_offset == 0;
    let ports = if first { ports(upper.protocol, payload)? } else { NO_PORTS };
    let content = if upper.is_fragment { &[] } else { payload };
    Ok((FlowKey::read(ends, ports, upper.protocol), content))
}

const NO_PORTS: [u8; 4] = [0; 4];

#[inline(always)]
fn ports(protocol: IpProtocol, transport: &[u8]) -> Result<[u8; 4], ParseError> {
    let named = match protocol {
        IpProtocol::TCP => Protocol::Tcp,
        IpProtocol::UDP => Protocol::Udp,
        _ => return Ok(NO_PORTS),
    };
    transport.first_chunk().copied().ok_or_else(|| truncated(named, 4, transport.len()))
}

/// What a flow carries if it is a tunnel.
fn content<'a>(flow: &FlowKey, payload: &'a [u8]) -> Option<(Tunnel, EtherType, &'a [u8])> {
    match flow.protocol() {
        IpProtocol::IPV4 => Some((Tunnel::IpIp, EtherType::IPV4, payload)),
        IpProtocol::IPV6 => Some((Tunnel::IpIp, EtherType::IPV6, payload)),
        IpProtocol::GRE => {
            let gre = Gre::parse(payload).ok()?;
            let tunnel = Tunnel::Gre(gre.key());
            match gre.protocol_type() {
                EtherType::TRANSPARENT_ETHERNET => framed(tunnel, gre.into_payload()),
                ether_type => Some((tunnel, ether_type, gre.into_payload())),
            }
        }
        IpProtocol::UDP if flow.destination_port() == VxlanHeader::PORT => {
            let udp = Udp::parse_truncated(payload).ok()?;
            let vxlan = Vxlan::parse(udp.into_payload()).ok()?;
            framed(Tunnel::Vxlan(vxlan.vni()), vxlan.into_payload())
        }
        _ => None,
    }
}

/// The packet in a frame in a tunnel.
fn framed(tunnel: Tunnel, frame: &[u8]) -> Option<(Tunnel, EtherType, &[u8])> {
    let (link, packet) = Link::parse(frame).ok()?;
    Some((tunnel, link.ether_type, packet))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::Stack;
    use crate::{MacAddr, TcpFlags, TcpHeader, UdpHeader, VlanTag};

    /// The short way and the long one, on frames cut short and with each byte changed.
    #[test]
    fn both_ways_lead_to_the_same() {
        let mac = MacAddr::new([2; 6]);
        let ethernet = EthHeader::new(mac, mac, EtherType::IPV4);
        let v4 = Ipv4Header::new([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), IpProtocol::ICMP, 0);
        let v6 = Ipv6Header::new([1; 16].into(), [2; 16].into(), IpProtocol::ICMPV6, 0);
        let tcp = TcpHeader::new(40000, 443, TcpFlags::ACK);
        let udp = UdpHeader::new(53, 5353, 0);
        let tag = VlanHeader::new(VlanTag::new(7), EtherType::IPV4);
        let stacks = [
            Stack::new().with(ethernet).with(v4).with(tcp),
            Stack::new().with(ethernet).with(v4).with(udp),
            Stack::new().with(ethernet).with(v4),
            Stack::new().with(ethernet).with(v6).with(tcp),
            Stack::new().with(ethernet).with(v6).with(udp),
            Stack::new().with(ethernet).with(v6),
            Stack::new().with(ethernet).with(tag).with(v4).with(udp),
        ];
        let mut found = 0;
        for stack in stacks {
            let mut bytes = [0; 128];
            let len = stack.emit(b"payload", &mut bytes).unwrap();
            for at in 0..len {
                for bits in [0, 0x01, 0x0f, 0x10, 0x2c, 0x80, 0xff] {
                    let mut bytes = bytes;
                    bytes[at] ^= bits;
                    for len in [len, at] {
                        let frame = &bytes[..len];
                        assert_eq!(outer(frame), general(frame), "{at} {bits} {frame:x?}");
                        found += usize::from(straight(frame).is_some());
                    }
                }
            }
        }
        assert!(found > 1000);
    }
}

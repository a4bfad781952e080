//! From a frame to its flow, without noting what is passed on the way.

use crate::encap::Endpoints;
use crate::error::{ParseError, Protocol, truncated};
use crate::ethernet::{EthHeader, EtherType};
use crate::gre::Gre;
use crate::ip::IpProtocol;
use crate::ipv4::Ipv4;
use crate::ipv6::Ipv6;
use crate::link::Link;
use crate::udp::Udp;
use crate::vlan::VlanHeader;
use crate::vxlan::{Vxlan, VxlanHeader};

use super::{FlowKey, Tunnel};

#[inline]
pub(super) fn outer(frame: &[u8]) -> Result<FlowKey, ParseError> {
    let (ethernet, packet) = EthHeader::ref_from_prefix(frame)?;
    match ethernet.ether_type() {
        EtherType::IPV4 => Ok(ipv4(packet)?.0),
        EtherType::IPV6 => Ok(ipv6(packet)?.0),
        _ => tagged(frame),
    }
}

/// Out of line, so that the path without tags stays short.
#[cold]
fn tagged(frame: &[u8]) -> Result<FlowKey, ParseError> {
    let (link, packet) = Link::parse(frame)?;
    Ok(ip(link.ether_type, packet)?.0)
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
#[inline]
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

#[inline]
fn ipv4(packet: &[u8]) -> Result<(FlowKey, &[u8]), ParseError> {
    let ip = Ipv4::parse_truncated(packet)?;
    let ends = Endpoints::V4(ip.source(), ip.destination());
    let protocol = ip.protocol();
    let (has_transport, is_fragment) = (ip.has_transport(), ip.is_fragment());
    let payload = ip.into_payload();
    let (source, destination) = if has_transport { ports(protocol, payload)? } else { (0, 0) };
    let content = if is_fragment { &[] } else { payload };
    Ok((FlowKey::new(ends, source, destination, protocol), content))
}

#[inline]
fn ipv6(packet: &[u8]) -> Result<(FlowKey, &[u8]), ParseError> {
    let ip = Ipv6::parse_truncated(packet)?;
    let ends = Endpoints::V6(ip.source(), ip.destination());
    let upper = ip.upper_layer()?;
    let payload = ip.into_payload().get(upper.offset..).unwrap_or_default();
    let first = upper.fragment_offset == 0;
    let (source, destination) = if first { ports(upper.protocol, payload)? } else { (0, 0) };
    let content = if upper.is_fragment { &[] } else { payload };
    Ok((FlowKey::new(ends, source, destination, upper.protocol), content))
}

#[inline]
fn ports(protocol: IpProtocol, transport: &[u8]) -> Result<(u16, u16), ParseError> {
    let named = match protocol {
        IpProtocol::TCP => Protocol::Tcp,
        IpProtocol::UDP => Protocol::Udp,
        _ => return Ok((0, 0)),
    };
    match transport.first_chunk::<4>() {
        Some(&[a, b, c, d]) => Ok((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))),
        None => Err(truncated(named, 4, transport.len())),
    }
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

//! Parse to the payload, and the five-tuple.
//!
//! All of them look at the version of an IP packet: ours and `etherparse` by themselves, the others by one
//! call more.

use std::net::IpAddr;

use etherparse as ep;
use fluxcapacitor_proto::{EtherType, Ethernet, FlowKey, IpProtocol, Ipv4, Ipv6, Tcp, Udp};
use pnet_packet::{self as pn, Packet};
use smoltcp::wire as st;

use super::Judge;
use super::packet::{self, unknown};

/// What is read of a packet: protocol, ports, payload.
type Read<'a> = Option<(u16, u16, &'a [u8])>;
/// The five-tuple.
type Five = Option<(IpAddr, IpAddr, u16, u16, u8)>;

/// A parser, whatever the frame's lifetime.
type Parse = for<'a> fn(&'a [u8]) -> Read<'a>;

pub fn rows(judge: &mut impl Judge) {
    let tcp = packet::tcp4(512);
    let row = "parse Ethernet/IPv4/TCP";
    for parse in [ours_4, ep_4, st_4, pn_4] as [Parse; 4] {
        assert_eq!(parse(&tcp), Some((40000, 443, &tcp[54..])));
    }
    judge.row(row, "fluxcapacitor", || ours_4(unknown(&tcp)));
    judge.row(row, "etherparse", || ep_4(unknown(&tcp)));
    judge.row(row, "smoltcp", || st_4(unknown(&tcp)));
    judge.row(row, "pnet", || pn_4(unknown(&tcp)));

    let udp = packet::udp6(512);
    let row = "parse Ethernet/IPv6/UDP";
    for parse in [ours_6, ep_6, st_6, pn_6] as [Parse; 4] {
        assert_eq!(parse(&udp), Some((40000, 443, &udp[62..])));
    }
    judge.row(row, "fluxcapacitor", || ours_6(unknown(&udp)));
    judge.row(row, "etherparse", || ep_6(unknown(&udp)));
    judge.row(row, "smoltcp", || st_6(unknown(&udp)));
    judge.row(row, "pnet", || pn_6(unknown(&udp)));

    for (row, frame) in [("five-tuple IPv4/TCP", &tcp), ("five-tuple IPv6/UDP", &udp)] {
        let flow = FlowKey::of(frame).unwrap();
        let five = (flow.source(), flow.destination(), 40000, 443, flow.protocol().0);
        assert_eq!([five_ep(frame), five_st(frame), five_pn(frame)], [Some(five); 3]);
        judge.row(row, "fluxcapacitor", || FlowKey::of(unknown(frame)));
        judge.row(row, "etherparse", || five_ep(unknown(frame)));
        judge.row(row, "smoltcp", || five_st(unknown(frame)));
        judge.row(row, "pnet", || five_pn(unknown(frame)));
    }
}

/// `Ethernet::parse`, `Ipv4::parse`, `Tcp::parse`.
fn ours_4(frame: &[u8]) -> Read<'_> {
    let ethernet = Ethernet::parse(frame).ok()?;
    if ethernet.ether_type() != EtherType::IPV4 {
        return None;
    }
    let ip = Ipv4::parse(ethernet.into_payload()).ok()?;
    if ip.protocol() != IpProtocol::TCP {
        return None;
    }
    let tcp = Tcp::parse(ip.into_payload()).ok()?;
    Some((tcp.source_port(), tcp.destination_port(), tcp.into_payload()))
}

/// `Ethernet2HeaderSlice`, `Ipv4HeaderSlice`, `TcpSlice`, each `from_slice`.
fn ep_4(frame: &[u8]) -> Read<'_> {
    let ethernet = ep::Ethernet2HeaderSlice::from_slice(frame).ok()?;
    if ethernet.ether_type() != ep::EtherType::IPV4 {
        return None;
    }
    let packet = &frame[14..];
    let ip = ep::Ipv4HeaderSlice::from_slice(packet).ok()?;
    if ip.protocol() != ep::IpNumber::TCP {
        return None;
    }
    let payload = packet.get(ip.slice().len()..usize::from(ip.total_len()))?;
    let tcp = ep::TcpSlice::from_slice(payload).ok()?;
    Some((tcp.source_port(), tcp.destination_port(), tcp.payload()))
}

/// `EthernetFrame`, `Ipv4Packet`, `TcpPacket`, each `new_checked`.
fn st_4(frame: &[u8]) -> Read<'_> {
    let ethernet = st::EthernetFrame::new_checked(frame).ok()?;
    if ethernet.ethertype() != st::EthernetProtocol::Ipv4 {
        return None;
    }
    let ip = st::Ipv4Packet::new_checked(ethernet.payload()).ok()?;
    if ip.version() != 4 || ip.next_header() != st::IpProtocol::Tcp {
        return None;
    }
    let tcp = st::TcpPacket::new_checked(ip.payload()).ok()?;
    Some((tcp.src_port(), tcp.dst_port(), tcp.payload()))
}

/// `EthernetPacket`, `Ipv4Packet`, `TcpPacket`, each `new`.
fn pn_4(frame: &[u8]) -> Read<'_> {
    let ethernet = pn::ethernet::EthernetPacket::new(frame)?;
    if ethernet.get_ethertype() != pn::ethernet::EtherTypes::Ipv4 {
        return None;
    }
    let ip = pn::ipv4::Ipv4Packet::new(frame.get(14..)?)?;
    if ip.get_version() != 4 || ip.get_next_level_protocol() != pn::ip::IpNextHeaderProtocols::Tcp {
        return None;
    }
    let start = 14 + usize::from(ip.get_header_length()) * 4;
    let transport = frame.get(start..start + ip.payload().len())?;
    let tcp = pn::tcp::TcpPacket::new(transport)?;
    let payload = transport.get(usize::from(tcp.get_data_offset()) * 4..)?;
    Some((tcp.get_source(), tcp.get_destination(), payload))
}

/// `Ethernet::parse`, `Ipv6::parse`, `Udp::parse`.
fn ours_6(frame: &[u8]) -> Read<'_> {
    let ethernet = Ethernet::parse(frame).ok()?;
    if ethernet.ether_type() != EtherType::IPV6 {
        return None;
    }
    let ip = Ipv6::parse(ethernet.into_payload()).ok()?;
    if ip.next_header() != IpProtocol::UDP {
        return None;
    }
    let udp = Udp::parse(ip.into_payload()).ok()?;
    Some((udp.source_port(), udp.destination_port(), udp.into_payload()))
}

/// `Ethernet2HeaderSlice`, `Ipv6HeaderSlice`, `UdpSlice`, each `from_slice`.
fn ep_6(frame: &[u8]) -> Read<'_> {
    let ethernet = ep::Ethernet2HeaderSlice::from_slice(frame).ok()?;
    if ethernet.ether_type() != ep::EtherType::IPV6 {
        return None;
    }
    let packet = &frame[14..];
    let ip = ep::Ipv6HeaderSlice::from_slice(packet).ok()?;
    if ip.next_header() != ep::IpNumber::UDP {
        return None;
    }
    let payload = packet.get(40..40 + usize::from(ip.payload_length()))?;
    let udp = ep::UdpSlice::from_slice(payload).ok()?;
    Some((udp.source_port(), udp.destination_port(), udp.payload()))
}

/// `EthernetFrame`, `Ipv6Packet`, `UdpPacket`, each `new_checked`.
fn st_6(frame: &[u8]) -> Read<'_> {
    let ethernet = st::EthernetFrame::new_checked(frame).ok()?;
    if ethernet.ethertype() != st::EthernetProtocol::Ipv6 {
        return None;
    }
    let ip = st::Ipv6Packet::new_checked(ethernet.payload()).ok()?;
    if ip.version() != 6 || ip.next_header() != st::IpProtocol::Udp {
        return None;
    }
    let udp = st::UdpPacket::new_checked(ip.payload()).ok()?;
    Some((udp.src_port(), udp.dst_port(), udp.payload()))
}

/// `EthernetPacket`, `Ipv6Packet`, `UdpPacket`, each `new`.
fn pn_6(frame: &[u8]) -> Read<'_> {
    let ethernet = pn::ethernet::EthernetPacket::new(frame)?;
    if ethernet.get_ethertype() != pn::ethernet::EtherTypes::Ipv6 {
        return None;
    }
    let ip = pn::ipv6::Ipv6Packet::new(frame.get(14..)?)?;
    if ip.get_version() != 6 || ip.get_next_header() != pn::ip::IpNextHeaderProtocols::Udp {
        return None;
    }
    let transport = frame.get(54..54 + usize::from(ip.get_payload_length()))?;
    let udp = pn::udp::UdpPacket::new(transport)?;
    Some((
        udp.get_source(),
        udp.get_destination(),
        transport.get(8..usize::from(udp.get_length()))?,
    ))
}

/// As `ep_4` and `ep_6`, by what the frame says it carries.
fn five_ep(frame: &[u8]) -> Five {
    let ethernet = ep::Ethernet2HeaderSlice::from_slice(frame).ok()?;
    let packet = &frame[14..];
    let (source, destination, protocol, transport) = match ethernet.ether_type() {
        ep::EtherType::IPV4 => {
            let ip = ep::Ipv4HeaderSlice::from_slice(packet).ok()?;
            let transport = packet.get(ip.slice().len()..usize::from(ip.total_len()))?;
            (ip.source_addr().into(), ip.destination_addr().into(), ip.protocol(), transport)
        }
        ep::EtherType::IPV6 => {
            let ip = ep::Ipv6HeaderSlice::from_slice(packet).ok()?;
            let transport = packet.get(40..40 + usize::from(ip.payload_length()))?;
            (ip.source_addr().into(), ip.destination_addr().into(), ip.next_header(), transport)
        }
        _ => return None,
    };
    let (from, to) = match protocol {
        ep::IpNumber::TCP => {
            let tcp = ep::TcpHeaderSlice::from_slice(transport).ok()?;
            (tcp.source_port(), tcp.destination_port())
        }
        ep::IpNumber::UDP => {
            let udp = ep::UdpHeaderSlice::from_slice(transport).ok()?;
            (udp.source_port(), udp.destination_port())
        }
        _ => (0, 0),
    };
    Some((source, destination, from, to, protocol.0))
}

/// As `st_4` and `st_6`, by what the frame says it carries.
fn five_st(frame: &[u8]) -> Five {
    let ethernet = st::EthernetFrame::new_checked(frame).ok()?;
    let (source, destination, protocol, transport): (IpAddr, IpAddr, _, _) =
        match ethernet.ethertype() {
            st::EthernetProtocol::Ipv4 => {
                let ip = st::Ipv4Packet::new_checked(ethernet.payload()).ok()?;
                (ip.src_addr().into(), ip.dst_addr().into(), ip.next_header(), ip.payload())
            }
            st::EthernetProtocol::Ipv6 => {
                let ip = st::Ipv6Packet::new_checked(ethernet.payload()).ok()?;
                (ip.src_addr().into(), ip.dst_addr().into(), ip.next_header(), ip.payload())
            }
            _ => return None,
        };
    let (from, to) = match protocol {
        st::IpProtocol::Tcp => {
            let tcp = st::TcpPacket::new_checked(transport).ok()?;
            (tcp.src_port(), tcp.dst_port())
        }
        st::IpProtocol::Udp => {
            let udp = st::UdpPacket::new_checked(transport).ok()?;
            (udp.src_port(), udp.dst_port())
        }
        _ => (0, 0),
    };
    Some((source, destination, from, to, protocol.into()))
}

/// As `pn_4` and `pn_6`, by what the frame says it carries.
fn five_pn(frame: &[u8]) -> Five {
    let ethernet = pn::ethernet::EthernetPacket::new(frame)?;
    let packet = frame.get(14..)?;
    let (source, destination, protocol, start): (IpAddr, IpAddr, _, _) =
        match ethernet.get_ethertype() {
            pn::ethernet::EtherTypes::Ipv4 => {
                let ip = pn::ipv4::Ipv4Packet::new(packet)?;
                let start = usize::from(ip.get_header_length()) * 4;
                (
                    ip.get_source().into(),
                    ip.get_destination().into(),
                    ip.get_next_level_protocol(),
                    start,
                )
            }
            pn::ethernet::EtherTypes::Ipv6 => {
                let ip = pn::ipv6::Ipv6Packet::new(packet)?;
                (ip.get_source().into(), ip.get_destination().into(), ip.get_next_header(), 40)
            }
            _ => return None,
        };
    let transport = packet.get(start..)?;
    let (from, to) = match protocol {
        pn::ip::IpNextHeaderProtocols::Tcp => {
            let tcp = pn::tcp::TcpPacket::new(transport)?;
            (tcp.get_source(), tcp.get_destination())
        }
        pn::ip::IpNextHeaderProtocols::Udp => {
            let udp = pn::udp::UdpPacket::new(transport)?;
            (udp.get_source(), udp.get_destination())
        }
        _ => (0, 0),
    };
    Some((source, destination, from, to, protocol.0))
}

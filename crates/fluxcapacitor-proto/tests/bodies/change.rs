//! Every setter keeps every checksum right, and none panics, on any bytes.

use fluxcapacitor_proto::checksum::{ChecksumStatus, PseudoHeader};
use fluxcapacitor_proto::icmpv6::{Neighbor, Redirect, RouterAdvertisement};
use fluxcapacitor_proto::*;

use crate::plain;

/// Bytes for the new values of the fields, and zeros behind them.
struct Source<'a>(&'a [u8]);

impl Source<'_> {
    fn u8(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.u8(), self.u8()])
    }

    fn u32(&mut self) -> u32 {
        u32::from(self.u16()) << 16 | u32::from(self.u16())
    }

    fn octets(&mut self) -> [u8; 16] {
        core::array::from_fn(|_| self.u8())
    }
}

/// The first bytes say what to set to what, the rest is an IP packet.
pub fn run(bytes: &[u8]) {
    let (values, packet) = bytes.split_at(bytes.len().min(48));
    gre(&mut packet.to_vec(), Source(values));
    let mut packet = packet.to_vec();
    match packet.first().map(|first| first >> 4) {
        Some(4) => ipv4(&mut packet, Source(values)),
        Some(6) => ipv6(&mut packet, Source(values)),
        _ => {}
    }
}

fn ipv4(bytes: &mut [u8], mut from: Source<'_>) {
    let Ok(mut ip) = Ipv4::parse(&mut *bytes) else { return };
    ip.set_fragment(false, 0);
    let pseudo = ip.pseudo_header();
    let protocol = ip.protocol();
    if protocol == IpProtocol::ICMPV6 || !fill(protocol, ip.payload_mut(), pseudo) {
        return;
    }
    ip.fill_checksum();
    assert!(plain::all_right(bytes), "filled");
    let Ok(mut ip) = Ipv4::parse(&mut *bytes) else { return };
    ip.set_source(from.u32().into());
    ip.set_destination(from.u32().into());
    ip.set_ttl(from.u8());
    let _ = ip.decrement_ttl();
    ip.set_dscp(from.u8());
    ip.set_ecn(from.u8());
    ip.set_identification(from.u16());
    ip.set_dont_fragment(from.u8() & 1 == 1);
    ip.swap_addresses();
    let pseudo = ip.pseudo_header();
    change(protocol, ip.payload_mut(), pseudo, &mut from);
    assert!(ip.checksum_is_valid());
    assert!(plain::all_right(bytes), "changed");
}

/// Of a GRE header at the start of the packet.
fn gre(bytes: &mut [u8], mut from: Source<'_>) {
    let Ok(mut gre) = Gre::parse(bytes) else { return };
    assert_eq!(gre.fill_checksum(), gre.has_checksum());
    assert_eq!(gre.set_key(from.u32()), gre.has_key());
    assert_eq!(gre.set_sequence(from.u32()), gre.has_sequence());
    gre.set_protocol_type(EtherType(from.u16()));
    assert!(gre.checksum_is_valid());
}

fn ipv6(bytes: &mut [u8], mut from: Source<'_>) {
    let Ok(mut ip) = Ipv6::parse(&mut *bytes) else { return };
    let protocol = ip.next_header();
    let pseudo = ip.pseudo_header();
    if protocol.is_ipv6_extension() || !fill(protocol, ip.payload_mut(), pseudo) {
        return;
    }
    if protocol == IpProtocol::ICMP {
        return;
    }
    assert!(plain::all_right(bytes), "filled");
    let Ok(mut ip) = Ipv6::parse(&mut *bytes) else { return };
    ip.set_source(from.octets().into());
    ip.set_destination(from.octets().into());
    ip.set_hop_limit(from.u8());
    let _ = ip.decrement_hop_limit();
    ip.set_dscp(from.u8());
    ip.set_ecn(from.u8());
    ip.set_flow_label(from.u32());
    ip.swap_addresses();
    let pseudo = ip.pseudo_header();
    change(protocol, ip.payload_mut(), pseudo, &mut from);
    assert!(plain::all_right(bytes), "changed");
}

/// Fills a transport's checksum, and says whether there is one that spans the packet.
fn fill(protocol: IpProtocol, bytes: &mut [u8], pseudo: PseudoHeader) -> bool {
    let len = bytes.len();
    match protocol {
        IpProtocol::TCP => Tcp::parse(bytes).map(|mut view| view.fill_checksum(pseudo)).is_ok(),
        IpProtocol::UDP => match Udp::parse(bytes) {
            Ok(mut view) => {
                view.fill_checksum(pseudo);
                usize::from(view.len()) == len
            }
            Err(_) => false,
        },
        IpProtocol::ICMP => Icmp::parse(bytes).map(|mut view| view.fill_checksum()).is_ok(),
        IpProtocol::ICMPV6 => {
            Icmpv6::parse(bytes).map(|mut view| view.fill_checksum(pseudo)).is_ok()
        }
        _ => false,
    }
}

fn change(protocol: IpProtocol, bytes: &mut [u8], pseudo: PseudoHeader, from: &mut Source<'_>) {
    match protocol {
        IpProtocol::TCP => {
            let Ok(mut tcp) = Tcp::parse(bytes) else { return };
            tcp.set_source_port(from.u16());
            tcp.set_destination_port(from.u16());
            tcp.set_sequence(from.u32());
            tcp.set_acknowledgment(from.u32());
            tcp.set_flags(TcpFlags::from_bits(from.u16()));
            tcp.set_window(from.u16());
            tcp.set_urgent_pointer(from.u16());
            tcp.swap_ports();
            assert_eq!(tcp.checksum_status(pseudo), ChecksumStatus::Valid);
        }
        IpProtocol::UDP => {
            let Ok(mut udp) = Udp::parse(bytes) else { return };
            udp.set_source_port(from.u16());
            udp.set_destination_port(from.u16());
            udp.swap_ports();
            assert_eq!(udp.checksum_status(pseudo), ChecksumStatus::Valid);
            assert_ne!(udp.checksum(), 0);
        }
        IpProtocol::ICMP => {
            let Ok(mut icmp) = Icmp::parse(bytes) else { return };
            icmp.set_kind(IcmpType(from.u8()));
            icmp.set_code(from.u8());
            icmp.set_identifier(from.u16());
            icmp.set_sequence(from.u16());
            assert!(icmp.checksum_is_valid());
        }
        IpProtocol::ICMPV6 => {
            if let Ok(mut neighbor) = Neighbor::parse(&mut *bytes) {
                neighbor.set_target(from.octets().into());
                neighbor.set_flags(from.u8() & 1 == 1, from.u8() & 1 == 1, from.u8() & 1 == 1);
            }
            if let Ok(mut router) = RouterAdvertisement::parse(&mut *bytes) {
                router.set_hop_limit(from.u8());
                router.set_router_lifetime_s(from.u16());
                router.set_dhcp(from.u8() & 1 == 1, from.u8() & 1 == 1);
                router.set_preference(from.u8());
                router.set_reachable_time_ms(from.u32());
                router.set_retransmit_timer_ms(from.u32());
            }
            if let Ok(mut redirect) = Redirect::parse(&mut *bytes) {
                redirect.set_target(from.octets().into());
                redirect.set_destination(from.octets().into());
            }
            let Ok(mut icmp) = Icmpv6::parse(bytes) else { return };
            icmp.set_kind(Icmpv6Type(from.u8()));
            icmp.set_code(from.u8());
            icmp.set_word(from.u32());
            assert_eq!(icmp.checksum_status(pseudo), ChecksumStatus::Valid);
        }
        _ => {}
    }
}

//! What messages of ICMP carry besides their first eight bytes.

#[path = "support/plain.rs"]
mod plain;

use fluxcapacitor_proto::emit::Stack;
use fluxcapacitor_proto::icmpv6::{
    NdpOption, Redirect, RedirectHeader, RouterAdvertisement, RouterAdvertisementHeader,
};
use fluxcapacitor_proto::*;

fn packet(stack: Stack<'_>, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; stack.len() + payload.len()];
    stack.emit(payload, &mut packet).unwrap();
    packet
}

fn v4(protocol: IpProtocol) -> Ipv4Header {
    Ipv4Header::new([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), protocol, 0)
}

fn v6(protocol: IpProtocol) -> Ipv6Header {
    Ipv6Header::new([1; 16].into(), [2; 16].into(), protocol, 0)
}

/// Behind 128 bytes of the packet there may be an extension structure, and a length says so (RFC 4884).
#[test]
fn quotes_end_where_extensions_begin() {
    let udp = UdpHeader::new(4000, 33434, 0);
    let mpls = [0x20, 0, 0, 0, 0, 8, 1, 1, 0, 1, 1, 1];
    let [four, six] = [
        packet(Stack::new().with(v4(IpProtocol::UDP)).with(udp), &[7; 300]),
        packet(Stack::new().with(v6(IpProtocol::UDP)).with(udp), &[7; 300]),
    ];
    for (length, quoted) in [(32, 128), (0, 140), (31, 140), (33, 132), (255, 140)] {
        let payload = [&four[..128], &mpls].concat();
        let mut message =
            packet(Stack::new().with(IcmpHeader::new(IcmpType::TIME_EXCEEDED, 0)), &payload);
        message[5] = length;
        let icmp = Icmp::parse(&message[..]).unwrap();
        assert_eq!(icmp.quote().unwrap(), &payload[..quoted]);
        assert_eq!(icmp.quoted().unwrap().unwrap().payload(), &payload[20..quoted]);
        assert_eq!(
            FlowKey::of_ip(icmp.quote().unwrap()).unwrap().to_string(),
            "UDP 10.0.0.1:4000 > 10.0.0.2:33434"
        );
    }
    for (length, quoted) in [(16, 128), (0, 140), (15, 140), (17, 136), (255, 140)] {
        let payload = [&six[..128], &mpls].concat();
        let mut message =
            packet(Stack::new().with(Icmpv6Header::new(Icmpv6Type::UNREACHABLE, 0)), &payload);
        message[4] = length;
        let icmp = Icmpv6::parse(&message[..]).unwrap();
        assert_eq!(icmp.quote().unwrap(), &payload[..quoted]);
        assert_eq!(icmp.quoted().unwrap().unwrap().payload(), &payload[40..quoted]);
        assert_eq!(FlowKey::of_ip(icmp.quote().unwrap()).unwrap().destination_port(), 33434);
    }
    // The MTU of a packet too big is where others have their length.
    let mut message =
        packet(Stack::new().with(Icmpv6Header::new(Icmpv6Type::PACKET_TOO_BIG, 0)), &six[..200]);
    message[4..8].copy_from_slice(&0x1000_0000u32.to_be_bytes());
    assert_eq!(Icmpv6::parse(&message[..]).unwrap().quote(), Some(&six[..200]));
    let echo = IcmpHeader::new(IcmpType::ECHO_REQUEST, 0);
    assert_eq!(Icmp::parse(&echo.as_bytes()[..]).unwrap().quote(), None);
}

/// Eight bytes of the transport are all that a quote must have, and the flow needs no more.
#[test]
fn short_quotes_name_their_flow() {
    let tcp = TcpHeader::new(40000, 443, TcpFlags::SYN);
    let offender = packet(Stack::new().with(v4(IpProtocol::TCP)).with(tcp), &[]);
    let flow = FlowKey::of_ip(&offender[..28]).unwrap();
    assert_eq!(flow.to_string(), "TCP 10.0.0.1:40000 > 10.0.0.2:443");
    assert_eq!(Ok(flow), FlowKey::of_ip(&offender));
    assert!(FlowKey::of_ip(&offender[..23]).is_err());
    assert!(FlowKey::of_ip(&[]).is_err());
    let offender = packet(Stack::new().with(v6(IpProtocol::TCP)).with(tcp), &[]);
    assert_eq!(FlowKey::of_ip(&offender[..44]).unwrap().source_port(), 40000);
}

#[test]
fn redirects_are_read_and_written() {
    let (target, destination) = ("fe80::9".parse().unwrap(), "fd00::9".parse().unwrap());
    let header = RedirectHeader::new("::1".parse().unwrap(), "::2".parse().unwrap());
    let offender = packet(Stack::new().with(v6(IpProtocol::NO_NEXT_HEADER)), &[]);
    let mut options = vec![2, 1, 2, 0, 0, 0, 0, 9, 4, 6, 0, 0, 0, 0, 0, 0];
    options.extend(&offender);
    let message = [&header.as_bytes()[8..], &options].concat();
    let icmp = Icmpv6Header::new(Icmpv6Type::REDIRECT, 0);
    let mut packet = packet(Stack::new().with(v6(IpProtocol::ICMPV6)).with(icmp), &message);
    assert!(plain::all_right(&packet));

    let mut redirect = Redirect::parse(&mut packet[40..]).unwrap();
    redirect.set_target(target);
    redirect.set_destination(destination);
    assert!(plain::all_right(&packet));
    let redirect = Redirect::parse(&packet[40..]).unwrap();
    assert_eq!((redirect.target(), redirect.destination()), (target, destination));
    let options: Vec<_> = redirect.options().map(Result::unwrap).collect();
    let link_layer = NdpOption::TargetLinkLayer(MacAddr::new([2, 0, 0, 0, 0, 9]));
    assert_eq!(options, [link_layer, NdpOption::Redirected(&offender)]);

    assert!(Redirect::parse(&packet[40..79]).is_err());
    packet[40] = Icmpv6Type::NEIGHBOR_ADVERTISEMENT.0;
    assert!(Redirect::parse(&packet[40..]).is_err());
}

#[test]
fn router_advertisements_are_read_and_written() {
    let header = RouterAdvertisementHeader::new(1800);
    let icmp = Icmpv6Header::new(Icmpv6Type::ROUTER_ADVERTISEMENT, 0);
    let stack = Stack::new().with(v6(IpProtocol::ICMPV6)).with(icmp);
    let mut packet = packet(stack, &header.as_bytes()[8..]);
    let mut router = RouterAdvertisement::parse(&mut packet[40..]).unwrap();
    router.set_hop_limit(64);
    router.set_router_lifetime_s(9000);
    router.set_dhcp(true, false);
    router.set_preference(3);
    router.set_reachable_time_ms(30_000);
    router.set_retransmit_timer_ms(0x0102_0304);
    assert!(plain::all_right(&packet));
    assert_eq!(packet[44..56], [64, 0x98, 0x23, 0x28, 0, 0, 0x75, 0x30, 1, 2, 3, 4]);
    let mut router = RouterAdvertisement::parse(&mut packet[40..]).unwrap();
    assert!(router.is_managed() && !router.has_other_configuration() && !router.is_home_agent());
    assert_eq!((router.preference(), router.router_lifetime_s()), (3, 9000));
    assert_eq!((router.reachable_time_ms(), router.retransmit_timer_ms()), (30_000, 0x0102_0304));
    router.set_dhcp(false, true);
    router.set_preference(1);
    assert!(!router.is_managed() && router.has_other_configuration());
    assert_eq!(router.preference(), 1);
    assert!(plain::all_right(&packet));
}

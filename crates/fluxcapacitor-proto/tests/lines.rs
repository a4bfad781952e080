//! Lines of packets that no capture has.

use fluxcapacitor_proto::emit::{Header, Stack};
use fluxcapacitor_proto::*;

fn packet(stack: Stack<'_>, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0; stack.len() + payload.len()];
    stack.emit(payload, &mut packet).unwrap();
    packet
}

fn ethernet(ether_type: EtherType) -> EthHeader {
    EthHeader::new(MacAddr::new([2; 6]), MacAddr::new([4; 6]), ether_type)
}

fn v4(protocol: IpProtocol) -> Ipv4Header {
    Ipv4Header::new([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), protocol, 0)
}

fn v6(protocol: IpProtocol) -> Ipv6Header {
    Ipv6Header::new([1; 16].into(), [2; 16].into(), protocol, 0)
}

#[test]
fn lines_tell_where_options_end_and_lengths_from_types() {
    let link = ethernet(EtherType::IPV4);
    let ip = v4(IpProtocol::TCP);
    for (options, expected) in [
        (&[4, 2, 0, 0][..], "options [sackOK,eol], "),
        (&[0, 0, 0, 0], "options [eol], "),
        (&[4, 2, 1, 1], "options [sackOK,nop,nop], "),
        (&[1, 1, 2, 40], "options [nop,nop,bad opt], "),
    ] {
        let tcp = Header::Tcp(TcpHeader::new(1, 2, TcpFlags::SYN), options);
        let line =
            Summary::of(&packet(Stack::new().with(link).with(ip).with(tcp), &[])).to_string();
        assert!(line.ends_with(&format!("{expected}length 0")), "{line}");
    }
    let length = ethernet(EtherType(38));
    let line = Summary::of(&packet(Stack::new().with(length), &[0x42; 46])).to_string();
    assert_eq!(line, "802.3, length 38");
}

#[test]
fn lines_name_the_fields_of_gre() {
    let inner = packet(Stack::new().with(v4(IpProtocol::NO_NEXT_HEADER)), &[]);
    let gre = [&[0xb0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 9][..], &inner].concat();
    let link = ethernet(EtherType::IPV4);
    let line =
        Summary::of(&packet(Stack::new().with(link).with(v4(IpProtocol::GRE)), &gre)).to_string();
    let fields = "GREv0, off 0x0, key=0x7, seq 9, length 36: ";
    assert!(
        line.starts_with(&format!("IP 10.0.0.1 > 10.0.0.2: {fields}IP 10.0.0.1 > 10.0.0.2")),
        "{line}"
    );
}

/// The port in the line of an unreachable one is that of the transport, whatever is in front of it.
#[test]
fn lines_name_the_port_that_is_unreachable() {
    let link = ethernet(EtherType::IPV6);
    let udp = packet(Stack::new().with(UdpHeader::new(4000, 33434, 0)), &[]);
    let hop_by_hop = [17, 0, 5, 2, 0, 0, 1, 0];
    let offender =
        packet(Stack::new().with(v6(IpProtocol::HOP_BY_HOP)), &[&hop_by_hop[..], &udp].concat());
    let icmp = Icmpv6Header::new(Icmpv6Type::UNREACHABLE, 4);
    let stack = Stack::new().with(link).with(v6(IpProtocol::ICMPV6)).with(icmp);
    let line = Summary::of(&packet(stack, &offender)).to_string();
    assert!(line.ends_with(" udp port 33434, length 64"), "{line}");

    let offender = packet(Stack::new().with(v4(IpProtocol(136))), &udp);
    let icmp = IcmpHeader::new(IcmpType::UNREACHABLE, 3);
    let stack = Stack::new().with(link).with(v4(IpProtocol::ICMP)).with(icmp);
    let line = Summary::of(&packet(stack, &offender)).to_string();
    assert!(
        line.ends_with(" ICMP 10.0.0.2 protocol 136 port 33434 unreachable, length 36"),
        "{line}"
    );
}

#[test]
fn lines_of_errors_read_like_tcpdump() {
    let link = ethernet(EtherType::IPV6);
    let offender = packet(Stack::new().with(v6(IpProtocol::NO_NEXT_HEADER)), &[]);
    let from_to = "202:202:202:202:202:202:202:202, source address 101:101:101:101:101:101:101:101";
    let beyond = format!("destination unreachable, beyond scope {from_to}");
    for (kind, code, expected) in [
        (Icmpv6Type::UNREACHABLE, 2, beyond.as_str()),
        (Icmpv6Type::TIME_EXCEEDED, 1, "time exceeded in-transit (reassembly)"),
        (Icmpv6Type::PARAMETER_PROBLEM, 1, "parameter problem, next header - octet 40"),
        (Icmpv6Type::PARAMETER_PROBLEM, 2, "parameter problem, option - octet 40"),
    ] {
        let mut icmp = Icmpv6Header::new(kind, code);
        icmp.set_word(if kind == Icmpv6Type::PARAMETER_PROBLEM { 40 } else { 0 });
        let stack = Stack::new().with(link).with(v6(IpProtocol::ICMPV6)).with(icmp);
        let line = Summary::of(&packet(stack, &offender)).to_string();
        assert!(line.ends_with(&format!("ICMP6, {expected}, length 48")), "{line}");
    }
    let quench = IcmpHeader::new(IcmpType(4), 0);
    let stack = Stack::new().with(link).with(v4(IpProtocol::ICMP)).with(quench);
    let offender = packet(Stack::new().with(v4(IpProtocol::UDP)), &[0; 8]);
    let line = Summary::of(&packet(stack, &offender)).to_string();
    assert!(line.ends_with("ICMP source quench, length 36"), "{line}");
}

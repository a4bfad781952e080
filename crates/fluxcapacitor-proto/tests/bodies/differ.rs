//! Each layer's fields against `etherparse` and `smoltcp::wire`, which read the same bytes.

use etherparse as ep;
use fluxcapacitor_proto::*;
use smoltcp::wire as st;

/// Compares all layers of a frame, and says how many there were.
pub fn run(frame: &[u8]) -> usize {
    let layers = Layers::of(frame);
    let mut compared = 0;
    for layer in layers.as_slice() {
        let Some(bytes) = layer.slice(frame) else { continue };
        compared += 1;
        match layer.protocol {
            Protocol::Ethernet => ethernet(bytes),
            Protocol::Vlan => vlan(bytes),
            Protocol::Arp => arp(bytes),
            Protocol::Ipv4 => ipv4(bytes),
            Protocol::Ipv6 => ipv6(bytes),
            Protocol::Udp => udp(bytes),
            Protocol::Tcp => tcp(bytes),
            Protocol::Icmp => icmp(bytes),
            Protocol::Icmpv6 => icmpv6(bytes),
            _ => compared -= 1,
        }
    }
    whole(frame, &layers);
    compared
}

/// What etherparse takes for a whole packet, we do too, with the same transport and payload.
fn whole(frame: &[u8], layers: &Layers) {
    let Ok(sliced) = ep::SlicedPacket::from_ethernet(frame) else { return };
    if claims_no_length(layers) || has_unread_extension(layers, frame) {
        return;
    }
    let ours = |protocol| layers.find(protocol).map(|layer| &frame[layer.payload..layer.end]);
    match sliced.transport {
        Some(ep::TransportSlice::Udp(udp)) => assert_eq!(Some(udp.payload()), ours(Protocol::Udp)),
        Some(ep::TransportSlice::Tcp(tcp)) => assert_eq!(Some(tcp.payload()), ours(Protocol::Tcp)),
        Some(ep::TransportSlice::Icmpv4(icmp)) => {
            assert_eq!(icmp.slice().len() - 8, ours(Protocol::Icmp).unwrap().len());
        }
        Some(ep::TransportSlice::Icmpv6(icmp)) => {
            assert_eq!(icmp.slice().len() - 8, ours(Protocol::Icmpv6).unwrap().len());
        }
        _ => {}
    }
}

/// They take a length of zero in IPv6 and UDP for all that is there; we for what it says.
fn claims_no_length(layers: &Layers) -> bool {
    layers.find(Protocol::Ipv6).is_some_and(|ip| ip.payload == ip.end)
        || matches!(
            layers.end(),
            layers::End::Malformed(ParseError::BadLength { protocol: Protocol::Udp, found: 0, .. })
        )
}

/// They take mobility, HIP and Shim6 headers for payload; we walk over them as RFC 7045 lists them.
fn has_unread_extension(layers: &Layers, frame: &[u8]) -> bool {
    let Some(ip) = layers.find(Protocol::Ipv6).and_then(|layer| layer.slice(frame)) else {
        return false;
    };
    let ip = Ipv6::parse_truncated(ip).unwrap();
    ip.extensions().flatten().any(|extension| matches!(extension.kind().0, 135 | 139 | 140))
}

fn ethernet(bytes: &[u8]) {
    let ours = Ethernet::parse(bytes).unwrap();
    let theirs = ep::Ethernet2Slice::from_slice_without_fcs(bytes).unwrap();
    assert_eq!(ours.source().octets(), theirs.source());
    assert_eq!(ours.destination().octets(), theirs.destination());
    assert_eq!(ours.ether_type().0, theirs.ether_type().0);
    let theirs = st::EthernetFrame::new_checked(bytes).unwrap();
    assert_eq!(ours.source().octets(), theirs.src_addr().0);
    assert_eq!(ours.payload(), theirs.payload());
}

fn vlan(bytes: &[u8]) {
    let ours = Vlan::parse(bytes).unwrap();
    let theirs = ep::SingleVlanSlice::from_slice(bytes).unwrap();
    assert_eq!(ours.vid(), theirs.vlan_identifier().value());
    assert_eq!(ours.tag().priority(), theirs.priority_code_point().value());
    assert_eq!(ours.tag().drop_eligible(), theirs.drop_eligible_indicator());
    assert_eq!(ours.ether_type().0, theirs.ether_type().0);
}

fn arp(bytes: &[u8]) {
    let ours = Arp::parse(bytes).unwrap();
    let theirs = st::ArpPacket::new_checked(bytes).unwrap();
    assert_eq!(ours.operation().0, theirs.operation().into());
    assert_eq!(ours.sender_mac().octets(), theirs.source_hardware_addr());
    assert_eq!(ours.sender_ip().octets(), theirs.source_protocol_addr());
    assert_eq!(ours.target_mac().octets(), theirs.target_hardware_addr());
    assert_eq!(ours.target_ip().octets(), theirs.target_protocol_addr());
}

fn ipv4(bytes: &[u8]) {
    let ours = Ipv4::parse_truncated(bytes).unwrap();
    let theirs = ep::Ipv4HeaderSlice::from_slice(bytes).unwrap();
    assert_eq!(ours.header_len(), usize::from(theirs.ihl()) * 4);
    assert_eq!((ours.dscp(), ours.ecn()), (theirs.dcp().value(), theirs.ecn().value()));
    assert_eq!(ours.total_len(), theirs.total_len());
    assert_eq!(ours.identification(), theirs.identification());
    assert_eq!(ours.dont_fragment(), theirs.dont_fragment());
    assert_eq!(ours.more_fragments(), theirs.more_fragments());
    assert_eq!(ours.fragment_offset(), theirs.fragments_offset().value() << 3);
    assert_eq!(ours.is_fragment(), theirs.is_fragmenting_payload());
    assert_eq!((ours.ttl(), ours.protocol().0), (theirs.ttl(), theirs.protocol().0));
    assert_eq!(ours.checksum(), theirs.header_checksum());
    assert_eq!(ours.source(), theirs.source_addr());
    assert_eq!(ours.destination(), theirs.destination_addr());
    assert_eq!(ours.option_bytes(), theirs.options());
    // Their header has no place for the reserved flag, so their sum leaves it out.
    if bytes[6] & 0x80 == 0 {
        let right = theirs.to_header().calc_header_checksum();
        assert_eq!(ours.checksum_is_valid(), same_checksum(right, ours.checksum()));
        let mut filled = bytes.to_vec();
        let mut view = Ipv4::parse_truncated(&mut filled[..]).unwrap();
        view.fill_checksum();
        assert_eq!(view.checksum(), right);
    }
    if let Ok(theirs) = st::Ipv4Packet::new_checked(bytes) {
        assert_eq!(ours.payload(), theirs.payload());
        assert_eq!(ours.checksum_is_valid(), theirs.verify_checksum());
    }
}

fn ipv6(bytes: &[u8]) {
    let ours = Ipv6::parse_truncated(bytes).unwrap();
    let theirs = ep::Ipv6HeaderSlice::from_slice(bytes).unwrap();
    assert_eq!((ours.dscp(), ours.ecn()), (theirs.dscp().value(), theirs.ecn().value()));
    assert_eq!(ours.flow_label(), theirs.flow_label().value());
    assert_eq!(ours.payload_len(), theirs.payload_length());
    assert_eq!(
        (ours.next_header().0, ours.hop_limit()),
        (theirs.next_header().0, theirs.hop_limit())
    );
    assert_eq!(ours.source(), theirs.source_addr());
    assert_eq!(ours.destination(), theirs.destination_addr());
    if let Ok(theirs) = st::Ipv6Packet::new_checked(bytes) {
        assert_eq!(ours.payload(), theirs.payload());
    }
    if let Ok(theirs) = ep::Ipv6Slice::from_slice(bytes)
        && let Ok(upper) = ours.upper_layer()
        && ours.payload_len() != 0
        // They take the middle of a fragmented payload for headers; we stop in front of it.
        && !upper.protocol.is_ipv6_extension()
        && !ours.extensions().flatten().any(|extension| matches!(extension.kind().0, 135 | 139 | 140))
    {
        assert_eq!(upper.protocol.0, theirs.payload().ip_number.0);
        assert_eq!(upper.is_fragment, theirs.is_payload_fragmented());
        assert_eq!(&ours.payload()[upper.offset..], theirs.payload().payload);
    }
}

fn udp(bytes: &[u8]) {
    let ours = Udp::parse_truncated(bytes).unwrap();
    let theirs = ep::UdpHeaderSlice::from_slice(bytes).unwrap();
    assert_eq!(ours.source_port(), theirs.source_port());
    assert_eq!(ours.destination_port(), theirs.destination_port());
    assert_eq!((ours.len(), ours.checksum()), (theirs.length(), theirs.checksum()));
    let (Ok(mut theirs), Ok(mut ours)) = (
        st::UdpPacket::new_checked(bytes.to_vec()),
        Udp::parse(&mut bytes.to_vec()[..]).map(|view| view.payload().to_vec()),
    ) else {
        return;
    };
    assert_eq!(theirs.payload_mut(), ours);
    ours = bytes.to_vec();
    let (from, to) = ends();
    let mut view = Udp::parse(&mut ours[..]).unwrap();
    let pseudo = checksum::PseudoHeader::v4(from, to);
    let zero = view.checksum() == 0;
    assert!(
        zero || view.checksum_status(pseudo).is_acceptable()
            || !theirs.verify_checksum(&from.into(), &to.into())
    );
    view.fill_checksum(pseudo);
    theirs.fill_checksum(&from.into(), &to.into());
    assert!(same_checksum(view.checksum(), theirs.checksum()));
    assert!(theirs.verify_checksum(&from.into(), &to.into()));
}

fn tcp(bytes: &[u8]) {
    let ours = Tcp::parse(bytes).unwrap();
    let theirs = ep::TcpSlice::from_slice(bytes).unwrap();
    assert_eq!(ours.source_port(), theirs.source_port());
    assert_eq!(ours.destination_port(), theirs.destination_port());
    assert_eq!(ours.sequence(), theirs.sequence_number());
    assert_eq!(ours.acknowledgment(), theirs.acknowledgment_number());
    assert_eq!(ours.header_len(), usize::from(theirs.data_offset()) * 4);
    assert_eq!((ours.window(), ours.checksum()), (theirs.window_size(), theirs.checksum()));
    assert_eq!(ours.urgent_pointer(), theirs.urgent_pointer());
    assert_eq!((ours.option_bytes(), ours.payload()), (theirs.options(), theirs.payload()));
    let flags = ours.flags();
    for (flag, set) in [
        (TcpFlags::FIN, theirs.fin()),
        (TcpFlags::SYN, theirs.syn()),
        (TcpFlags::RST, theirs.rst()),
        (TcpFlags::PSH, theirs.psh()),
        (TcpFlags::ACK, theirs.ack()),
        (TcpFlags::URG, theirs.urg()),
        (TcpFlags::ECE, theirs.ece()),
        (TcpFlags::CWR, theirs.cwr()),
        (TcpFlags::AE, theirs.ns()),
    ] {
        assert_eq!(flags.contains(flag), set);
    }
    tcp_options(&ours, &theirs);
    let (from, to) = ends();
    let mut filled = bytes.to_vec();
    let mut view = Tcp::parse(&mut filled[..]).unwrap();
    view.fill_checksum(checksum::PseudoHeader::v4(from, to));
    let right = theirs.calc_checksum_ipv4(from.octets(), to.octets());
    assert_eq!(Ok(view.checksum()), right);
    let theirs = st::TcpPacket::new_unchecked(&filled[..]);
    assert!(theirs.verify_checksum(&from.into(), &to.into()));
}

fn tcp_options(ours: &Tcp<&[u8]>, theirs: &ep::TcpSlice<'_>) {
    let mut others = theirs.options_iterator();
    for option in ours.options() {
        // Where they stop at an option that they do not know, there is nothing to compare.
        let Some(Ok(other)) = others.next() else { return };
        match (option.unwrap(), other) {
            (TcpOption::NoOperation, ep::TcpOptionElement::Noop)
            | (TcpOption::SackPermitted, ep::TcpOptionElement::SelectiveAcknowledgementPermitted) =>
                {}
            (TcpOption::MaxSegmentSize(a), ep::TcpOptionElement::MaximumSegmentSize(b)) => {
                assert_eq!(a, b);
            }
            (TcpOption::WindowScale(a), ep::TcpOptionElement::WindowScale(b)) => assert_eq!(a, b),
            (TcpOption::Timestamps { value, echo }, ep::TcpOptionElement::Timestamp(a, b)) => {
                assert_eq!((value, echo), (a, b));
            }
            (
                TcpOption::Sack(blocks),
                ep::TcpOptionElement::SelectiveAcknowledgement(first, rest),
            ) => {
                let all: Vec<_> = [Some(first)].into_iter().chain(rest).flatten().collect();
                assert_eq!(blocks.collect::<Vec<_>>(), all);
            }
            pair => panic!("{pair:?}"),
        }
    }
}

fn icmp(bytes: &[u8]) {
    let ours = Icmp::parse(bytes).unwrap();
    let theirs = st::Icmpv4Packet::new_checked(bytes).unwrap();
    assert_eq!((ours.kind().0, ours.code()), (theirs.msg_type().into(), theirs.msg_code()));
    assert_eq!(ours.checksum(), theirs.checksum());
    assert_eq!(ours.checksum_is_valid(), theirs.verify_checksum());
    if let Ok(theirs) = ep::Icmpv4Slice::from_slice(bytes) {
        assert_eq!((ours.kind().0, ours.code()), (theirs.type_u8(), theirs.code_u8()));
        let bytes5to8 = theirs.bytes5to8();
        assert_eq!(ours.identifier().to_be_bytes(), bytes5to8[..2]);
        assert_eq!(ours.sequence().to_be_bytes(), bytes5to8[2..]);
    }
}

fn icmpv6(bytes: &[u8]) {
    let ours = Icmpv6::parse(bytes).unwrap();
    if let Ok(theirs) = ep::Icmpv6Slice::from_slice(bytes) {
        assert_eq!((ours.kind().0, ours.code()), (theirs.type_u8(), theirs.code_u8()));
        assert_eq!(ours.checksum(), theirs.checksum());
        assert_eq!(ours.word().to_be_bytes(), theirs.bytes5to8());
        let valid = theirs.is_checksum_valid([1; 16], [2; 16]);
        let pseudo = checksum::PseudoHeader::v6([1; 16].into(), [2; 16].into());
        assert_eq!(ours.checksum_status(pseudo) == checksum::ChecksumStatus::Valid, valid);
    }
}

fn ends() -> (std::net::Ipv4Addr, std::net::Ipv4Addr) {
    ([192, 0, 2, 1].into(), [198, 51, 100, 7].into())
}

/// Zero has two forms (RFC 1071, section 2).
fn same_checksum(a: u16, b: u16) -> bool {
    a == b || [a, b].iter().all(|one| matches!(one, 0 | 0xffff))
}

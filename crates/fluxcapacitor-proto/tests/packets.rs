//! Push, pop, replies and tunnels on packets whose outcome is known.

#[path = "support/pcap.rs"]
mod pcap;
#[path = "support/plain.rs"]
mod plain;

use fluxcapacitor_proto::checksum::ChecksumStatus;
use fluxcapacitor_proto::emit::Stack;
use fluxcapacitor_proto::encap::{self, EncapError, Endpoints, UdpTunnel, VxlanTunnel};
use fluxcapacitor_proto::flow::Tunnel;
use fluxcapacitor_proto::ipv6::Ipv6FragmentHeader;
use fluxcapacitor_proto::reply::{self, ReplyError, Unreachable};
use fluxcapacitor_proto::*;

const A: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 0xa]);
const B: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 0xb]);

fn udp_frame(payload: &[u8]) -> Vec<u8> {
    frame(
        Stack::new()
            .with(EthHeader::new(B, A, EtherType::IPV4))
            .with(Ipv4Header::new([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), IpProtocol::UDP, 0))
            .with(UdpHeader::new(4000, 9, 0)),
        payload,
    )
}

fn frame(stack: Stack<'_>, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; stack.len() + payload.len()];
    stack.emit(payload, &mut frame).unwrap();
    frame
}

/// Runs `act` on a packet with `headroom`, and gives what became of it.
fn with_room<T>(
    frame: &[u8],
    headroom: usize,
    act: impl FnOnce(&mut SliceBuffer<'_>) -> T,
) -> (T, Vec<u8>) {
    let mut storage = vec![0; headroom + frame.len()];
    let mut packet = SliceBuffer::with_headroom(&mut storage, headroom, frame).unwrap();
    let outcome = act(&mut packet);
    (outcome, packet.bytes().to_vec())
}

#[test]
fn flows_through_tunnels() {
    let inner = udp_frame(b"x");
    let ends = Endpoints::V4([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
    let tunnel = VxlanTunnel::new(A, B, ends, 77).source_port(50000);
    let (_, outside) = with_room(&inner, 60, |packet| {
        encap::push_vxlan(packet, &tunnel).unwrap();
        encap::push_vlan(packet, VlanTag::new(5)).unwrap();
    });
    assert_eq!(FlowKey::of(&outside).unwrap().to_string(), "UDP 192.0.2.1:50000 > 192.0.2.2:4789");
    let flow = FlowKey::of_inner(&outside).unwrap();
    assert_eq!((flow.vlan(), flow.tunnel()), (Some(5), Some(Tunnel::Vxlan(77))));
    assert_eq!(flow.to_string(), "vlan 5 vni 77 UDP 10.0.0.1:4000 > 10.0.0.2:9");
    assert_eq!(flow.with_vlan(None).with_tunnel(None), FlowKey::of(&inner).unwrap());
    assert_ne!(flow.symmetric_hash(0), FlowKey::of(&inner).unwrap().symmetric_hash(0));
    assert_eq!(
        Summary::of(&outside).to_string(),
        "vlan 5, p 0, IP 192.0.2.1.50000 > 192.0.2.2.4789: VXLAN, flags [I] (0x08), vni 77: \
         IP 10.0.0.1.4000 > 10.0.0.2.9: UDP, length 1"
    );
}

#[test]
fn no_room_touches_nothing() {
    let inner = udp_frame(b"x");
    let ends = Endpoints::V4([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
    let no_room = |outcome, need, have| {
        assert_eq!(outcome, Err(EncapError::NoRoom(buffer::NoRoom { need, have })));
    };
    let (outcome, after) = with_room(&inner, 3, |p| encap::push_vlan(p, VlanTag::new(1)));
    no_room(outcome, 4, 3);
    assert_eq!(after, inner);
    let (outcome, after) =
        with_room(&inner, 49, |p| encap::push_vxlan(p, &VxlanTunnel::new(A, B, ends, 1)));
    no_room(outcome, 50, 49);
    assert_eq!(after, inner);
    let tunnel = UdpTunnel::new(A, B, ends, 1, 2);
    let (outcome, after) = with_room(&inner, 41, |p| encap::push_udp(p, &tunnel));
    no_room(outcome, 42, 41);
    assert_eq!(after, inner);
    let (outcome, after) = with_room(&inner, 27, |p| encap::push_gre(p, ends, Some(1)));
    no_room(outcome, 28, 27);
    assert_eq!(after, inner);
    let (outcome, after) = with_room(&inner, 19, |p| encap::push_ipip(p, ends));
    no_room(outcome, 20, 19);
    assert_eq!(after, inner);
}

/// A sum of nothing but zeros is the one that an update cannot tell from all ones.
#[test]
fn an_echo_reply_of_zeros_has_a_checksum() {
    for payload in [&[0; 6][..], &[], &[0xff; 2], &[0x80, 0, 0x7f, 0xff]] {
        let request = IcmpHeader::new(IcmpType::ECHO_REQUEST, 0);
        let mut frame = [0; 64];
        let len = Stack::new()
            .with(EthHeader::new(B, A, EtherType::IPV4))
            .with(Ipv4Header::new([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), IpProtocol::ICMP, 0))
            .with(request)
            .emit(payload, &mut frame)
            .unwrap();
        reply::echo_reply(&mut frame[..len]).unwrap();
        assert!(plain::all_right(&frame[14..len]), "{payload:?}");
        // Once more, with nothing changed.
        let (icmp, _) = IcmpHeader::mut_from_prefix(&mut frame[34..len]).unwrap();
        icmp.set_sequence(0);
        assert!(plain::all_right(&frame[14..len]), "{payload:?}");
        let (icmp, _) = IcmpHeader::mut_from_prefix(&mut frame[34..len]).unwrap();
        icmp.set_identifier(9);
        assert!(plain::all_right(&frame[14..len]), "{payload:?}");
    }
}

#[test]
fn a_tunnel_of_udp_fills_its_length_fields_and_no_more() {
    let ends = [
        Endpoints::V4([192, 0, 2, 1].into(), [192, 0, 2, 2].into()),
        Endpoints::V6([1; 16].into(), [2; 16].into()),
    ];
    for (ends, most) in ends.into_iter().zip([65535 - 20 - 8, 65535 - 8]) {
        let tunnel = UdpTunnel::new(A, B, ends, 7, 6081);
        let inner = vec![0xa5; most + 1];
        let (outcome, after) = with_room(&inner, 62, |p| encap::push_udp(p, &tunnel));
        assert!(matches!(outcome, Err(EncapError::TooLong { .. })));
        assert_eq!(after, inner);
        let (outcome, after) = with_room(&inner[..most], 62, |p| encap::push_udp(p, &tunnel));
        assert_eq!(outcome, Ok(()));
        assert!(plain::all_right(&after[14..]));
        assert_eq!(Layers::of(&after).truncated(), None);
        // A sum that is left out over IPv4 is not over IPv6, where it must not be.
        let bare = tunnel.udp_checksum(false);
        let (_, after) = with_room(&inner[..most], 62, |p| encap::push_udp(p, &bare).unwrap());
        let udp = Layers::of(&after).find(Protocol::Udp).unwrap().slice(&after[..]).unwrap();
        let absent = Udp::parse(udp).unwrap().checksum() == 0;
        assert_eq!(absent, matches!(ends, Endpoints::V4(..)));
    }
}

/// Tags beyond the layers that are told apart are still in front of the packet that a tunnel is for.
#[test]
fn tunnels_find_the_packet_behind_any_number_of_tags() {
    let mut padded = udp_frame(b"x");
    padded.extend([0; 17]);
    let (_, tagged) = with_room(&padded, 80, |packet| {
        (0..20).for_each(|vid| encap::push_vlan(packet, VlanTag::new(vid)).unwrap());
    });
    assert_eq!(Layers::of(&tagged).end(), layers::End::TooDeep);
    let ends = Endpoints::V4([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
    let (_, after) = with_room(&tagged, 20, |packet| {
        encap::push_ipip(packet, ends).unwrap();
        encap::pop_ipip(packet).unwrap();
    });
    assert_eq!(after, tagged[..tagged.len() - 17]);
}

/// So are they in front of the packet that is answered.
#[test]
fn replies_find_the_packet_behind_any_number_of_tags() {
    let (_, tagged) = with_room(&udp_frame(b"x"), 80, |packet| {
        (0..20).for_each(|vid| encap::push_vlan(packet, VlanTag::new(vid)).unwrap());
    });
    let (_, answer) = with_room(&tagged, 64, |packet| {
        reply::unreachable(packet, Unreachable::Port).unwrap();
    });
    assert_eq!(Layers::of(&answer).end(), layers::End::TooDeep);
    let ip = plain::ip_packet(&answer).unwrap();
    assert!(plain::all_right(&answer[ip]));
}

#[test]
fn tunnels_keep_traffic_class_and_tags() {
    let mut inner = udp_frame(b"x");
    let ip = Ipv4Header::mut_from_prefix(&mut inner[14..]).unwrap().0;
    ip.set_dscp(46);
    ip.set_ecn(1);
    inner.extend([0; 17]); // padding, as short frames have
    for ends in [
        Endpoints::V4([192, 0, 2, 1].into(), [192, 0, 2, 2].into()),
        Endpoints::V6([1; 16].into(), [2; 16].into()),
    ] {
        let (_, outside) = with_room(&inner, 80, |packet| {
            encap::push_vlan(packet, VlanTag::new(5)).unwrap();
            encap::push_gre(packet, ends, Some(9)).unwrap();
        });
        assert!(plain::all_right(&outside[18..]));
        let layers = Layers::of(&outside);
        assert_eq!(layers.truncated(), None);
        let protocols: Vec<_> = layers.as_slice().iter().map(|layer| layer.protocol).collect();
        let outer = protocols[2];
        assert_eq!(protocols[3..], [Protocol::Gre, Protocol::Ipv4, Protocol::Udp]);
        assert_eq!(protocols[..2], [Protocol::Ethernet, Protocol::Vlan]);
        let bytes = layers.as_slice()[2].slice(&outside[..]).unwrap();
        let (dscp, ecn) = match outer {
            Protocol::Ipv4 => Ipv4::parse(bytes).map(|ip| (ip.dscp(), ip.ecn())).unwrap(),
            _ => Ipv6::parse(bytes).map(|ip| (ip.dscp(), ip.ecn())).unwrap(),
        };
        assert_eq!((dscp, ecn), (46, 1));
        assert_eq!(layers.last().unwrap().end, outside.len(), "padding is gone");
    }
}

#[test]
fn readdressing_reaches_the_transport_and_nothing_else() {
    for packet in pcap::all() {
        let mut frame = packet.bytes;
        let layers = Layers::of(&frame);
        let Some(outer) = layers.find(Protocol::Ipv4) else { continue };
        let before = frame.clone();
        let mut ip = Ipv4::parse(outer.slice(&mut frame[..]).unwrap()).unwrap();
        let (fragment, source) = (ip.is_fragment(), ip.source());
        ip.set_source([203, 0, 113, 9].into());
        assert!(ip.checksum_is_valid());
        if !fragment && packet.capture != "partial" {
            assert!(plain::all_right(&frame[14..]), "{}", Summary::of(&frame));
        }
        // And back again: nothing else was touched.
        let mut ip = Ipv4::parse(outer.slice(&mut frame[..]).unwrap()).unwrap();
        ip.set_source(source);
        if packet.capture != "partial" {
            assert_eq!(frame, before);
        }
    }
}

#[test]
fn first_fragments_are_readdressed_too() {
    let packets = pcap::all().into_iter().filter(|packet| packet.capture == "fragments");
    let mut fragments: Vec<_> = packets
        .map(|packet| packet.bytes)
        .filter(|frame| {
            Layers::of(frame).find(Protocol::Ipv4).is_some_and(|layer| {
                Ipv4::parse(layer.slice(&frame[..]).unwrap()).unwrap().is_fragment()
            })
        })
        .collect();
    assert_eq!(fragments.len(), 3);
    let mut whole = Vec::new();
    let mut pseudo = None;
    for frame in &mut fragments {
        let mut ip = Ipv4::parse(&mut frame[14..]).unwrap();
        ip.set_destination([203, 0, 113, 9].into());
        pseudo = Some(ip.pseudo_header());
        whole.extend_from_slice(ip.payload());
    }
    let udp = Udp::parse(&whole[..]).unwrap();
    assert_eq!(udp.checksum_status(pseudo.unwrap()), ChecksumStatus::Valid);
}

/// What a first fragment encloses says how long it is as a whole, and is not cut short for that.
#[test]
fn length_fields_inside_a_fragment_cut_nothing_short() {
    let (a, b) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    let inner = Stack::new()
        .with(Ipv4Header::new(a, b, IpProtocol::UDP, 0))
        .with(UdpHeader::new(4000, 9, 0));
    let whole = frame(inner, &[0; 1972]);
    let mut outer = Ipv4Header::new(a, b, IpProtocol::IPV4, 0);
    outer.set_fragment(true, 0);
    let ethernet = EthHeader::new(B, A, EtherType::IPV4);
    let v4 = frame(Stack::new().with(ethernet).with(outer), &whole[..1480]);

    // Destination options between the fragment header and the datagram.
    let mut behind = vec![17, 0, 1, 4, 0, 0, 0, 0];
    behind.extend(&whole[20..1460]);
    let outer = Ipv6Header::new([1; 16].into(), [2; 16].into(), IpProtocol::FRAGMENT, 0);
    let fragment = Ipv6FragmentHeader::new(IpProtocol::DESTINATION_OPTIONS, 0, true, 7);
    let v6 = frame(Stack::new().with(ethernet).with(outer).with(fragment), &behind);

    for fragment in [v4, v6] {
        let layers = Layers::of(&fragment);
        assert_eq!(layers.last().unwrap().protocol, Protocol::Udp);
        assert_eq!(layers.truncated(), None);
        // The fragment itself can be.
        assert!(Layers::of(&fragment[..fragment.len() - 1]).truncated().is_some());
    }
}

#[test]
fn echo_requests_become_the_replies_that_linux_sent() {
    let mut answered = 0;
    for capture in ["ping", "ping6"] {
        let packets: Vec<_> =
            pcap::all().into_iter().filter(|packet| packet.capture == capture).collect();
        for pair in packets.windows(2) {
            let mut ours = pair[0].bytes.clone();
            if reply::echo_reply(&mut ours).is_err() {
                continue;
            }
            let mut theirs = pair[1].bytes.clone();
            if let Ok(mut ip) = Ipv4::parse(&mut theirs[14..]) {
                // Linux draws an identification, and lets the reply be fragmented.
                let (_, request) = EthHeader::ref_from_prefix(&pair[0].bytes).unwrap();
                let request = Ipv4::parse(request).unwrap();
                ip.set_identification(request.identification());
                ip.set_dont_fragment(request.dont_fragment());
            } else {
                let mut ip = Ipv6::parse(&mut theirs[14..]).unwrap();
                let (_, request) = EthHeader::ref_from_prefix(&pair[0].bytes).unwrap();
                ip.set_flow_label(Ipv6::parse(request).unwrap().flow_label());
            }
            assert_eq!(ours, theirs);
            answered += 1;
        }
    }
    assert_eq!(answered, 4);
}

#[test]
fn refused_connections_get_the_reset_that_linux_sent() {
    let packets: Vec<_> =
        pcap::all().into_iter().filter(|packet| packet.capture == "refused").collect();
    let mut answered = 0;
    for pair in packets.windows(2) {
        let (outcome, ours) = with_room(&pair[0].bytes, 0, |packet| reply::tcp_reset(packet));
        if outcome.is_err() {
            continue;
        }
        answered += 1;
        let [ours, theirs] = [&ours, &pair[1].bytes].map(|frame| {
            assert!(plain::all_right(&frame[14..]));
            (Summary::of(frame).to_string(), frame[..14].to_vec(), frame.len())
        });
        assert_eq!(ours, theirs);
        let (outcome, _) = with_room(&pair[1].bytes, 0, |packet| reply::tcp_reset(packet));
        assert_eq!(outcome, Err(ReplyError::IsAnError));
    }
    assert_eq!(answered, 2);
}

#[test]
fn closed_ports_get_the_message_that_linux_sent() {
    let packets: Vec<_> =
        pcap::all().into_iter().filter(|packet| packet.capture == "port_unreachable").collect();
    let mut answered = 0;
    for pair in packets.windows(2) {
        let (outcome, ours) =
            with_room(&pair[0].bytes, 48, |packet| reply::unreachable(packet, Unreachable::Port));
        if outcome.is_err() {
            continue;
        }
        answered += 1;
        assert!(plain::all_right(&ours[14..]));
        assert_eq!(Summary::of(&ours).to_string(), Summary::of(&pair[1].bytes).to_string());
        // From the quote on, byte by byte.
        let layers = Layers::of(&ours);
        let message = layers.last().unwrap();
        assert_eq!(ours[message.offset..], pair[1].bytes[message.offset..]);
    }
    assert_eq!(answered, 2);
}

#[test]
fn errors_are_not_sent_where_the_rules_forbid() {
    let mut many = udp_frame(b"x");
    Ipv4Header::mut_from_prefix(&mut many[14..]).unwrap().0.set_destination([224, 0, 0, 5].into());
    let mut later = udp_frame(b"x");
    Ipv4Header::mut_from_prefix(&mut later[14..]).unwrap().0.set_fragment(false, 800);
    let message = pcap::all()
        .into_iter()
        .find(|packet| Summary::of(&packet.bytes).to_string().contains("unreachable"));
    for (frame, why) in [
        (many, ReplyError::NotUnicast),
        (later, ReplyError::IsAFragment),
        (message.unwrap().bytes, ReplyError::IsAnError),
    ] {
        let (outcome, after) =
            with_room(&frame, 64, |packet| reply::unreachable(packet, Unreachable::Host));
        assert_eq!(outcome, Err(why));
        assert_eq!(after, frame);
    }
}

/// No frame comes from a group, so what went to one has no answer in place; and nobody is no host.
#[test]
fn what_went_to_many_or_came_from_nobody_is_not_answered() {
    let ethernet = EthHeader::new(B, A, EtherType::IPV4);
    let echo = IcmpHeader::new(IcmpType::ECHO_REQUEST, 0);
    let echo_v6 = Icmpv6Header::new(Icmpv6Type::ECHO_REQUEST, 0);
    let tcp = TcpHeader::new(40000, 80, TcpFlags::SYN);
    let v4 = Ipv4Header::new([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), IpProtocol::ICMP, 0);
    let v6 = Ipv6Header::new([1; 16].into(), [2; 16].into(), IpProtocol::ICMPV6, 0);
    let stacks = [
        Stack::new().with(ethernet).with(v4).with(echo),
        Stack::new().with(ethernet).with(v6).with(echo_v6),
        Stack::new().with(ethernet).with(v4).with(tcp),
        Stack::new().with(ethernet).with(v6).with(tcp),
    ];
    let answer = |frame: &[u8], at: usize| {
        with_room(frame, 48, |packet| match at {
            0 | 1 => reply::echo_reply(packet.bytes_mut()),
            _ => reply::tcp_reset(packet),
        })
    };
    let unreachable =
        |frame: &[u8]| with_room(frame, 48, |packet| reply::unreachable(packet, Unreachable::Port));
    for (at, stack) in stacks.into_iter().enumerate() {
        let good = frame(stack, b"payload");
        assert_eq!(answer(&good, at).0, Ok(()));
        assert_eq!(unreachable(&good).0, Ok(()));
        let mut bad = vec![good.clone(); 6];
        EthHeader::mut_from_prefix(&mut bad[0]).unwrap().0.set_destination(MacAddr::BROADCAST);
        EthHeader::mut_from_prefix(&mut bad[1]).unwrap().0.set_source(MacAddr::BROADCAST);
        let (source, many, len) = if at % 2 == 0 { (26, 224, 4) } else { (22, 0xff, 16) };
        bad[2][source..source + len].fill(0);
        bad[3][source] = many;
        bad[4][source + len..source + 2 * len].fill(0);
        bad[5][source + len] = many;
        for frame in bad {
            let refused = (Err(ReplyError::NotUnicast), frame.clone());
            assert_eq!(answer(&frame, at), refused);
            assert_eq!(unreachable(&frame), refused);
        }
    }
}

/// The optional checksum covers the fields that setters change.
#[test]
fn setters_of_gre_keep_its_checksum() {
    for flags in [0x80, 0xa0, 0x90, 0xb0, 0x30, 0x00u8] {
        let len = 4 + 4 * (flags >> 4).count_ones() as usize;
        let mut bytes = vec![0x5a; len + 9];
        bytes[..4].copy_from_slice(&[flags, 0, 0x08, 0]);
        let mut gre = Gre::parse(&mut bytes[..]).unwrap();
        assert_eq!(gre.fill_checksum(), gre.has_checksum());
        assert_eq!(gre.set_key(0xdead_beef), gre.has_key());
        assert_eq!(gre.set_sequence(0x0102_0304), gre.has_sequence());
        gre.set_protocol_type(EtherType::IPV6);
        assert!(gre.checksum_is_valid());
        assert_eq!(gre.key(), gre.has_key().then_some(0xdead_beef));
        assert_eq!(gre.sequence(), gre.has_sequence().then_some(0x0102_0304));
        assert_eq!(gre.protocol_type(), EtherType::IPV6);
        let checked = gre.has_checksum();
        assert_eq!(plain::sum(&[&bytes]) == 0xffff, checked);
        assert_eq!(bytes[len..], [0x5a; 9]);
    }
}

#[test]
fn arp_is_answered() {
    let packets = pcap::all();
    let request = packets.iter().find(|packet| packet.capture == "ping_options").unwrap();
    let answer =
        &packets[packets.iter().position(|packet| packet.capture == "ping_options").unwrap() + 1];
    let mut ours = request.bytes.clone();
    reply::arp_reply(&mut ours, B).unwrap();
    assert_eq!(ours, answer.bytes);
    assert!(reply::arp_reply(&mut ours, B).is_err());
}

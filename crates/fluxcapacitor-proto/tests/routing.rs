//! Transports behind routing headers, whose checksums cover the final destination (RFC 8200, section 8.1).

#[path = "support/plain.rs"]
mod plain;

use std::net::Ipv6Addr;

use fluxcapacitor_proto::checksum::{self, ChecksumStatus};
use fluxcapacitor_proto::emit::Stack;
use fluxcapacitor_proto::*;

const NEXT: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);
const MIDDLE: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 3);
const LAST: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 4);

/// A frame of UDP behind a routing header, the checksum as the sender sums it, for `final_destination`.
fn frame(
    kind: u8,
    segments_left: u8,
    addresses: &[Ipv6Addr],
    final_destination: Ipv6Addr,
) -> Vec<u8> {
    let source = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
    let mut packet = vec![0; 128];
    let udp = Stack::new().with(UdpHeader::new(4000, 9, 0));
    let len = udp.emit(b"routed", &mut packet).unwrap();
    packet.truncate(len);
    let pseudo = checksum::PseudoHeader::v6(source, final_destination);
    Udp::parse(&mut packet[..]).unwrap().fill_checksum(pseudo);

    let mut routing = vec![17, addresses.len() as u8 * 2, kind, segments_left, 0, 0, 0, 0];
    routing.extend(addresses.iter().flat_map(Ipv6Addr::octets));
    routing.extend(packet);
    let mac = MacAddr::new([2; 6]);
    let stack = Stack::new().with(EthHeader::new(mac, mac, EtherType::IPV6)).with(Ipv6Header::new(
        source,
        NEXT,
        IpProtocol::ROUTING,
        0,
    ));
    let mut frame = vec![0; stack.len() + routing.len()];
    stack.emit(&routing, &mut frame).unwrap();
    frame
}

fn status(frame: &[u8]) -> ChecksumStatus {
    let ip = Ipv6::parse(&frame[14..]).unwrap();
    let udp = &ip.payload()[ip.upper_layer().unwrap().offset..];
    Udp::parse(udp).unwrap().checksum_status(ip.pseudo_header())
}

#[test]
fn the_checksum_covers_the_last_address() {
    for (kind, segments_left, addresses, last) in [
        (0, 2, &[MIDDLE, LAST][..], LAST),
        (0, 0, &[MIDDLE, LAST], NEXT),
        (2, 1, &[LAST], LAST),
        // Segments are listed from the last one on.
        (4, 1, &[LAST, NEXT], LAST),
        (4, 0, &[NEXT, MIDDLE], NEXT),
        // Nobody knows what this one means.
        (253, 1, &[LAST], NEXT),
        (0, 1, &[], NEXT),
    ] {
        let mut frame = frame(kind, segments_left, addresses, last);
        let ip = Ipv6::parse(&frame[14..]).unwrap();
        assert_eq!(ip.final_destination(), last, "{kind} {segments_left}");
        assert_eq!(status(&frame), ChecksumStatus::Valid, "{kind} {segments_left}");

        // Other addresses of the header are of no matter, and the source always is.
        let mut ip = Ipv6::parse(&mut frame[14..]).unwrap();
        ip.set_source(MIDDLE);
        ip.set_destination(MIDDLE);
        let known = kind != 253 && !addresses.is_empty();
        if known {
            assert_eq!(status(&frame), ChecksumStatus::Valid, "{kind} {segments_left}");
        }
    }
}

#[test]
fn partial_checksums_are_completed_on_the_way() {
    let whole = frame(4, 1, &[LAST, NEXT], LAST);
    let mut partial = whole.clone();
    let ip = Ipv6::parse(&mut partial[14..]).unwrap();
    let (pseudo, at) = (ip.pseudo_header(), ip.upper_layer().unwrap().offset);
    let udp = &mut ip.into_payload()[at..];
    let sum = pseudo.sum(IpProtocol::UDP, udp.len()).fold();
    UdpHeader::mut_from_prefix(udp).unwrap().0.set_checksum(sum);
    assert_eq!(status(&partial), ChecksumStatus::Partial);
    assert!(checksum::complete(&mut partial));
    assert_eq!(partial, whole);
    // The plain sum agrees: what it takes for addresses are source and final destination.
    let udp = &whole[14 + 40 + 40..];
    let addresses = [&whole[22..38], &LAST.octets()].concat();
    let len = [0, 0, 0, udp.len() as u8, 0, 0, 0, 17];
    assert_eq!(plain::sum(&[&addresses, &len, udp]), 0xffff);
}

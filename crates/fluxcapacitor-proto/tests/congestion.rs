//! Congestion marks through tunnels (RFC 6040, figure 4).

#[path = "support/plain.rs"]
mod plain;

use fluxcapacitor_proto::emit::Stack;
use fluxcapacitor_proto::encap::{self, EncapError, Endpoints};
use fluxcapacitor_proto::*;

const NOT: u8 = 0;
const ECT_1: u8 = 1;
const ECT_0: u8 = 2;
const CE: u8 = 3;

/// By the inner mark: what comes out, if anything, for each of the outer marks in the order of [`OUTER`].
const FIGURE_4: [(u8, [Option<u8>; 4]); 4] = [
    (NOT, [Some(NOT), Some(NOT), Some(NOT), None]),
    (ECT_0, [Some(ECT_0), Some(ECT_0), Some(ECT_1), Some(CE)]),
    (ECT_1, [Some(ECT_1), Some(ECT_1), Some(ECT_1), Some(CE)]),
    (CE, [Some(CE), Some(CE), Some(CE), Some(CE)]),
];
const OUTER: [u8; 4] = [NOT, ECT_0, ECT_1, CE];

fn frame(is_v4: bool, ecn: u8) -> Vec<u8> {
    let mac = MacAddr::new([2; 6]);
    let stack = if is_v4 {
        let (a, b) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let mut ip = Ipv4Header::new(a, b, IpProtocol::UDP, 0);
        ip.set_ecn(ecn);
        Stack::new().with(EthHeader::new(mac, mac, EtherType::IPV4)).with(ip)
    } else {
        let mut ip = Ipv6Header::new([1; 16].into(), [2; 16].into(), IpProtocol::UDP, 0);
        ip.set_ecn(ecn);
        Stack::new().with(EthHeader::new(mac, mac, EtherType::IPV6)).with(ip)
    };
    let stack = stack.with(UdpHeader::new(4000, 9, 0));
    let mut frame = vec![0; stack.len() + 1];
    stack.emit(b"x", &mut frame).unwrap();
    frame
}

fn set_ecn(frame: &mut [u8], ecn: u8) {
    match Ipv4::parse(&mut frame[14..]) {
        Ok(mut ip) => ip.set_ecn(ecn),
        Err(_) => Ipv6::parse(&mut frame[14..]).unwrap().set_ecn(ecn),
    }
}

#[test]
fn marks_of_the_outer_header_reach_the_inner_one() {
    let ends = [
        Endpoints::V4([192, 0, 2, 1].into(), [192, 0, 2, 2].into()),
        Endpoints::V6([3; 16].into(), [4; 16].into()),
    ];
    for (is_v4, ends, is_gre) in [true, false]
        .into_iter()
        .flat_map(|is_v4| ends.map(|ends| [(is_v4, ends, true), (is_v4, ends, false)]))
        .flatten()
    {
        for (inner, row) in FIGURE_4 {
            for (outer, expected) in OUTER.into_iter().zip(row) {
                let mut storage = [0; 256];
                let before = frame(is_v4, inner);
                let mut packet = SliceBuffer::with_headroom(&mut storage, 64, &before).unwrap();
                if is_gre {
                    encap::push_gre(&mut packet, ends, Some(7)).unwrap();
                } else {
                    encap::push_ipip(&mut packet, ends).unwrap();
                }
                set_ecn(packet.bytes_mut(), outer);
                let outside = packet.bytes().to_vec();
                let outcome = if is_gre {
                    encap::pop_gre(&mut packet).map(|_| ())
                } else {
                    encap::pop_ipip(&mut packet)
                };
                match expected {
                    Some(ecn) => {
                        assert_eq!(outcome, Ok(()));
                        assert_eq!(packet.bytes(), frame(is_v4, ecn), "{inner} {outer}");
                        assert!(plain::all_right(&packet.bytes()[14..]));
                    }
                    None => {
                        assert_eq!(outcome, Err(EncapError::Congested));
                        assert_eq!(packet.bytes(), outside);
                    }
                }
            }
        }
    }
}

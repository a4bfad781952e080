//! Generated packets: stacks of random headers over a random payload.

use fluxcapacitor_proto::emit::{Header, Stack};
use fluxcapacitor_proto::ipv6::Ipv6FragmentHeader;
use fluxcapacitor_proto::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// A whole frame: link, network and transport of any kinds, fields of any values, maybe inside a tunnel.
pub fn frame() -> impl Strategy<Value = Vec<u8>> {
    let seed = (any::<[u8; 32]>(), any::<[u16; 4]>(), 0..5usize);
    let options = prop::sample::select(vec![
        &[][..],
        &[2, 4, 5, 0xb4],
        &[2, 4, 5, 0xb4, 1, 3, 3, 7, 4, 2, 1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1],
        &[1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 1, 0, 0, 0, 2, 0],
    ]);
    (seed, 0..3usize, 0..3usize, 0..5usize, options, vec(any::<u8>(), 0..120)).prop_map(
        |((bytes, words, tunnel), vlans, network, transport, options, payload)| {
            let mut stack = link(Stack::new(), &bytes, words[0], vlans);
            stack = match tunnel {
                1 => link(
                    outer(stack, &bytes)
                        .with(UdpHeader::new(words[0], 4789, 0))
                        .with(VxlanHeader::new(77)),
                    &bytes,
                    1,
                    0,
                ),
                2 => outer(stack, &bytes).with(GreHeader::new(EtherType::IPV4).with_key()),
                3 => outer(stack, &bytes),
                _ => stack,
            };
            stack = net(stack, &bytes, words, network);
            stack = stack.with(match transport {
                0 => UdpHeader::new(words[0], words[1] | 0x8000, 0).into(),
                1 => {
                    let mut tcp = TcpHeader::new(words[0], words[1], TcpFlags::from_bits(words[2]));
                    tcp.set_sequence(u32::from(words[3]) << 16);
                    tcp.set_window(words[3]);
                    Header::Tcp(tcp, options)
                }
                2 if network == 0 => IcmpHeader::new(IcmpType::ECHO_REQUEST, 0).into(),
                _ if network == 0 => UdpHeader::new(words[2], 53, 0).into(),
                _ => Icmpv6Header::new(Icmpv6Type(bytes[9]), bytes[10]).into(),
            });
            let mut frame = vec![0; stack.len() + payload.len()];
            assert_eq!(stack.emit(&payload, &mut frame), Ok(frame.len()));
            frame
        },
    )
}

fn link<'a>(stack: Stack<'a>, bytes: &[u8; 32], tag: u16, vlans: usize) -> Stack<'a> {
    let [a, b, c, d, e, f, g, h, ..] = *bytes;
    let (from, to) = (MacAddr::new([2, a, b, c, d, e]), MacAddr::new([2, e, f, g, h, a]));
    let mut stack = stack.with(EthHeader::new(to, from, EtherType::VLAN));
    for _ in 0..vlans {
        stack = stack.with(VlanHeader::new(VlanTag(tag), EtherType::VLAN));
    }
    stack
}

fn outer<'a>(stack: Stack<'a>, bytes: &[u8; 32]) -> Stack<'a> {
    let (from, to) = ([10, 1, bytes[0], 1].into(), [10, 2, bytes[1], 1].into());
    stack.with(Ipv4Header::new(from, to, IpProtocol::UDP, 0))
}

fn net<'a>(stack: Stack<'a>, bytes: &[u8; 32], words: [u16; 4], network: usize) -> Stack<'a> {
    let [upper, lower] = [0, 16].map(|at| <[u8; 16]>::try_from(&bytes[at..at + 16]).unwrap());
    if network == 0 {
        let [a, b, c, d, e, f, g, h, ..] = upper;
        let mut ip = Ipv4Header::new([a, b, c, d].into(), [e, f, g, h].into(), IpProtocol::UDP, 0);
        ip.set_identification(words[1]);
        ip.set_dscp(lower[0]);
        ip.set_ttl(lower[1]);
        return stack.with(ip);
    }
    let mut ip = Ipv6Header::new(upper.into(), lower.into(), IpProtocol::UDP, 0);
    ip.set_flow_label(words[1].into());
    ip.set_dscp(lower[0]);
    let stack = stack.with(ip);
    // An atomic fragment: an extension header around a whole packet.
    if network == 2 {
        stack.with(Ipv6FragmentHeader::new(IpProtocol::UDP, 0, false, 7))
    } else {
        stack
    }
}

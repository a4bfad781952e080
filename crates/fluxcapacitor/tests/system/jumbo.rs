//! Packets of several frames.

use fluxcapacitor::simulator::control::Profile;
use fluxcapacitor::system::Batch;
use fluxcapacitor::{FluxBuilder, Packet};

use crate::bench::Bench;

/// No two are alike, and no two frames of one are.
fn jumbo(number: u32, len: usize) -> Vec<u8> {
    let mut packet = vec![2; 12];
    packet.extend([0x88, 0xb5]);
    packet.extend((number..).flat_map(u32::to_be_bytes).take(len - packet.len()));
    packet
}

fn bytes(packet: &Packet) -> Vec<u8> {
    packet.segments().flatten().copied().collect()
}

fn open(bench: &Bench) -> FluxBuilder {
    bench.nic.set_mtu(9000).unwrap();
    FluxBuilder::new(bench.nic.name()).multi_buffer(true)
}

/// They are received whole, changed in every segment, kept, sent on, and all their frames come home.
#[test]
fn jumbo_packets_are_owned_and_sent_on() {
    let bench = Bench::new(Profile::Copy);
    let (mut rx, mut tx) = open(&bench).build_system().unwrap().split().unwrap();
    let frames = rx.granted().frames;
    let lengths = [60, 1792, 1793, 3584, 9014, 9014];
    for round in 0..100 {
        let sent: Vec<_> =
            (0..).zip(lengths).map(|(n, len)| jumbo(n * 7000 + round, len)).collect();
        bench.inject(&sent);
        let mut packets = bench.receive(&mut rx);
        assert_eq!(packets.len(), sent.len());
        for (packet, sent) in packets.iter_mut().zip(&sent) {
            assert_eq!((bytes(packet), packet.len()), (sent.clone(), sent.len()));
            assert_eq!(packet.is_linear(), sent.len() <= 1792);
            assert_eq!(packet.data(), &sent[..sent.len().min(1792)]);
            packet.segments_mut().for_each(|segment| segment[0] = round as u8);
        }
        // One is dropped, the others leave.
        drop(packets.pop());
        let expected: Vec<_> = packets.iter().map(bytes).collect();
        for packet in packets {
            tx.send(packet).unwrap();
        }
        bench.finish(&mut tx);
        assert_eq!(bench.sent(), expected);
        let census = rx.umem().census();
        assert_eq!((census.total(), census.tx, census.retired), (frames, 0, 0), "{census}");
    }
    assert_eq!(rx.stats().unwrap().total().rejected, 0);
}

/// There is no room at the ends of one of several segments, and that is said.
#[test]
fn a_packet_of_several_frames_does_not_grow() {
    let bench = Bench::new(Profile::Copy);
    let (mut rx, _tx) = open(&bench).build_system().unwrap().split().unwrap();
    bench.inject(&[jumbo(1, 4000), jumbo(2, 100)]);
    let mut packets = bench.receive(&mut rx);
    let before = bytes(&packets[0]);
    for delta in [-1, 1] {
        packets[0].adjust_head(delta).unwrap_err();
        packets[0].adjust_tail(delta).unwrap_err();
    }
    assert_eq!((packets[0].headroom(), packets[0].tailroom()), (0, 0));
    assert_eq!(bytes(&packets[0]), before, "it is untouched");
    packets[1].adjust_head(-4).unwrap();
    assert_eq!(packets[1].len(), 104);
}

/// A packet of more segments than can be sent comes back whole.
#[test]
fn a_packet_that_cannot_be_sent_comes_back_whole() {
    let bench = Bench::new(Profile::Copy);
    let (mut rx, mut tx) = {
        let small = open(&bench).tx_size(4).completion_size(8);
        // The rings would not hold a packet of the longest kind.
        bench.nic.set_mtu(1500).unwrap();
        let halves = small.build_system().unwrap().split().unwrap();
        bench.nic.set_mtu(9000).unwrap();
        halves
    };
    bench.inject(&[jumbo(1, 9014)]);
    let packet = bench.receive(&mut rx).pop().unwrap();
    let refused = tx.send(packet).unwrap_err();
    assert!(refused.to_string().contains("segments"), "{refused}");
    assert_eq!(bytes(&refused.into_inner()), jumbo(1, 9014));
    rx.recv(&mut Batch::new(1)).unwrap();
    assert_eq!(tx.in_flight(), 0);
}

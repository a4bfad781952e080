//! Packets grow and shrink where they lie: tags and tunnels, pushed onto what was received.

use fluxcapacitor::proto::encap::{self, EncapError, Endpoints, VxlanTunnel};
use fluxcapacitor::proto::{FlowKey, MacAddr, PacketBuffer, VlanTag};
use fluxcapacitor::{Packet, PacketRef};

use crate::bench::{Bench, PROFILES, at_rest, inject, number_of, packet, packets};

fn tunnel() -> VxlanTunnel {
    let ends = Endpoints::V4([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
    let mac = |last| MacAddr::new([2, 0, 0, 0, 0, last]);
    VxlanTunnel::new(mac(1), mac(2), ends, 4242)
}

/// A packet somewhere else, to hold ours against: what is pushed does not depend on where it lies.
fn pushed(packet: &[u8], push: impl FnOnce(&mut fluxcapacitor::proto::SliceBuffer<'_>)) -> Vec<u8> {
    let mut storage = [0; 2048];
    let mut buffer =
        fluxcapacitor::proto::SliceBuffer::with_headroom(&mut storage, 256, packet).unwrap();
    push(&mut buffer);
    buffer.bytes().to_vec()
}

#[test]
fn tags_and_tunnels_are_pushed_onto_lent_packets_and_arrive() {
    for profile in PROFILES {
        let bench = Bench::new(profile, 1, 1);
        let (mut engine, umem) = bench.open(|builder| builder);
        let received = packets(0..120);
        inject(&bench.nics[0], &received);
        bench.turns(&mut engine, |batch| {
            for mut packet in batch {
                let room = packet.headroom();
                let tunneled = number_of(packet.data()) % 2 == 1;
                let grown = if tunneled {
                    encap::push_vxlan(&mut packet, &tunnel()).unwrap();
                    50
                } else {
                    encap::push_vlan(&mut packet, VlanTag::new(42)).unwrap();
                    4
                };
                assert_eq!(packet.headroom(), room - grown);
                packet.transmit();
            }
        });
        let sent = bench.sent(0);
        assert_eq!(sent.len(), received.len());
        for (sent, received) in sent.iter().zip(&received) {
            if number_of(received) % 2 == 1 {
                assert_eq!(*sent, pushed(received, |b| encap::push_vxlan(b, &tunnel()).unwrap()));
                let flow = FlowKey::of(sent).unwrap().to_string();
                assert!(flow.ends_with("> 192.0.2.2:4789"), "{flow}");
            } else {
                assert_eq!(sent[12..14], [0x81, 0x00]);
                assert_eq!((&sent[..12], &sent[16..]), (&received[..12], &received[12..]));
            }
        }
        let stats = engine.stats().unwrap().total();
        let grown = 60 * (4 + 50);
        assert_eq!(stats.tx_bytes, stats.rx_bytes + grown, "as long as they left");
        at_rest(&umem, 0);
    }
}

#[test]
fn what_was_pushed_is_popped_by_the_next_one() {
    let bench = Bench::one();
    let (mut engine, umem) = bench.open(|builder| builder);
    let mut wrapped = packets(0..50);
    for packet in &mut wrapped {
        *packet = pushed(packet, |b| encap::push_vxlan(b, &tunnel()).unwrap());
    }
    inject(&bench.nics[0], &wrapped);
    bench.turns(&mut engine, |batch| {
        for mut packet in batch {
            assert_eq!(encap::pop_vxlan(&mut packet).unwrap(), 4242);
            packet.transmit();
        }
    });
    assert!(bench.sent(0) == packets(0..50));
    at_rest(&umem, 0);
}

#[test]
fn owned_packets_grow_as_lent_ones_do() {
    let bench = Bench::one();
    let (mut engine, umem) = bench.open(|builder| builder.headroom(64));
    inject(&bench.nics[0], &[packet(9)]);
    let mut kept: Option<Packet> = None;
    bench.turns(&mut engine, |batch| kept = batch.into_iter().next().map(PacketRef::keep));
    let mut kept = kept.unwrap();
    assert_eq!((kept.headroom(), kept.len()), (256 + 64, packet(9).len()));
    assert_eq!(kept.headroom() + kept.len() + kept.tailroom(), 2048);
    encap::push_vxlan(&mut kept, &tunnel()).unwrap();
    let expected = pushed(&packet(9), |buffer| encap::push_vxlan(buffer, &tunnel()).unwrap());
    assert_eq!(kept.data(), expected);
    drop(kept);
    at_rest(&umem, 0);
}

#[test]
fn a_packet_does_not_grow_beyond_its_frame_and_is_untouched_then() {
    let bench = Bench::one();
    let (mut engine, umem) = bench.open(|builder| builder);
    inject(&bench.nics[0], &packets(0..6));
    bench.turns(&mut engine, |batch| {
        for mut lent in batch {
            let number = number_of(lent.data());
            let (head, tail) = (lent.headroom(), lent.tailroom());
            assert_eq!((head, head + lent.len() + tail), (256, 2048));
            for (delta, have) in [(-257, 256), (i32::MIN, 256), (lent.len() as i32 + 1, lent.len())]
            {
                assert_eq!(lent.adjust_head(delta).unwrap_err().have, have);
            }
            let beyond = tail as i32 + 1;
            for (delta, have) in
                [(beyond, tail), (i32::MAX, tail), (-(lent.len() as i32) - 1, lent.len())]
            {
                assert_eq!(lent.adjust_tail(delta).unwrap_err().have, have);
            }
            assert_eq!(lent.data(), packet(number));
            // As far as it goes.
            lent.adjust_head(-256).unwrap();
            lent.adjust_tail(tail as i32).unwrap();
            assert_eq!((lent.len(), lent.headroom(), lent.tailroom()), (2048, 0, 0));
            lent.data_mut()[0] = 7;
            lent.data_mut()[2047] = 7;
            let full = encap::push_vlan(&mut lent, VlanTag::new(1)).unwrap_err();
            assert!(matches!(full, EncapError::NoRoom(_)), "{full}");
            lent.adjust_head(256).unwrap();
            lent.adjust_tail(-(tail as i32)).unwrap();
            assert_eq!(lent.data(), packet(number));
            lent.transmit();
        }
    });
    assert!(bench.sent(0) == packets(0..6));
    at_rest(&umem, 0);
}

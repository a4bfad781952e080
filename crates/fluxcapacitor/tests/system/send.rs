//! Sending: what goes, and what is handed back.

use fluxcapacitor::proto::encap::{self, Endpoints, VxlanTunnel};
use fluxcapacitor::proto::{MacAddr, VlanTag};
use fluxcapacitor::ring::PushError;
use fluxcapacitor::simulator::control::NicConfig;
use fluxcapacitor::system::Batch;
use fluxcapacitor::{FluxBuilder, FluxRx, FluxTx, Packet};

use crate::bench::{Bench, PROFILES, SECOND, none_stranded, number_of, packet, packets};

fn fresh(tx: &mut FluxTx, number: u32) -> Packet {
    let mut fresh = tx.allocate().expect("a frame");
    assert!(fresh.is_empty());
    fresh.write(&packet(number)).unwrap();
    fresh
}

fn small(builder: FluxBuilder) -> FluxBuilder {
    builder.frames(256).fill_size(64).tx_size(32).completion_size(32)
}

/// One that was received.
fn received(bench: &Bench, rx: &mut FluxRx, number: u32) -> Packet {
    bench.nic.inject(&packet(number));
    bench.receive(rx).pop().expect("a frame")
}

#[test]
fn a_full_ring_hands_the_packet_back_and_a_flush_makes_room() {
    for profile in PROFILES {
        let bench = Bench::new(profile);
        let (mut rx, mut tx) = bench.open(small);
        for round in 0..50 {
            assert_eq!(tx.room().unwrap(), 32);
            for number in 0..32 {
                let packet = fresh(&mut tx, number);
                tx.send(packet).unwrap();
            }
            let back = received(&bench, &mut rx, round);
            assert_eq!(tx.room().unwrap(), 0);
            let Err(PushError::Full(back)) = tx.send(back) else { panic!("it had room") };
            assert_eq!(back.data(), packet(round), "as it was");
            assert_eq!(tx.in_flight(), 32);
            bench.finish(&mut tx);
            tx.send(back).unwrap();
            assert!(tx.wait(SECOND).unwrap());
            bench.finish(&mut tx);
            let mut expected = packets(0..32);
            expected.push(packet(round));
            assert!(bench.sent() == expected, "{profile:?}, round {round}");
        }
        let stats = tx.stats().unwrap().total();
        assert_eq!((stats.tx_packets, stats.drops.total()), (50 * 33, 0));
        none_stranded(&bench, &mut rx, &mut tx);
    }
}

#[test]
fn a_batch_keeps_what_there_is_no_room_for_in_order() {
    for profile in PROFILES {
        let bench = Bench::new(profile);
        let (mut rx, mut tx) = bench.open(small);
        let mut batch = Batch::new(50);
        for number in 0..50 {
            // Fresh ones and others, side by side.
            let fresh = tx.allocate().filter(|_| number % 2 == 0);
            let packet = fresh.map_or_else(
                || received(&bench, &mut rx, number),
                |mut fresh| {
                    fresh.write(&packet(number)).unwrap();
                    fresh
                },
            );
            batch.push(packet).unwrap();
        }
        let surplus = received(&bench, &mut rx, 99);
        let surplus = batch.push(surplus).unwrap_err();
        assert_eq!(number_of(surplus.data()), 99, "a full batch hands it back");
        assert_eq!(tx.send_batch(&mut batch).unwrap(), 32);
        assert_eq!(tx.send_batch(&mut batch).unwrap(), 0);
        assert_eq!(batch.len(), 18);
        assert!(batch.iter().map(|packet| number_of(packet.data())).eq(32..50));
        bench.finish(&mut tx);
        assert_eq!(tx.send_batch(&mut batch).unwrap(), 18);
        assert!(batch.is_empty());
        bench.finish(&mut tx);
        assert!(bench.sent() == packets(0..50), "{profile:?}");
        drop(surplus);
        none_stranded(&bench, &mut rx, &mut tx);
    }
}

#[test]
fn packets_of_another_socket_are_refused_and_handed_back() {
    let bench = Bench::new(PROFILES[0]);
    let other = bench.world.nic(NicConfig::new("other")).unwrap();
    let (mut rx, mut tx) = bench.open(small);
    let (mut their_rx, mut their_tx) =
        small(FluxBuilder::new(other.name())).build_system().unwrap().split().unwrap();
    let theirs = fresh(&mut their_tx, 1);
    let Err(PushError::Foreign(theirs)) = tx.send(theirs) else { panic!("it was taken") };
    assert_eq!(theirs.data(), packet(1), "as it was");

    // In a batch: those before it go, those behind it stay.
    let mut batch = Batch::new(8);
    for number in 0..3 {
        batch.push(fresh(&mut tx, number)).unwrap();
    }
    batch.push(theirs).unwrap();
    batch.push(fresh(&mut tx, 4)).unwrap();
    let Err(PushError::Foreign(theirs)) = tx.send_batch(&mut batch) else { panic!("it was taken") };
    assert_eq!((tx.in_flight(), batch.len()), (3, 1));
    assert_eq!(tx.send_batch(&mut batch).unwrap(), 1);
    bench.finish(&mut tx);
    assert!(bench.sent().iter().map(|packet| number_of(packet)).eq([0, 1, 2, 4]));

    // Its own socket takes it; or its bytes go in a frame of ours.
    let mut copy = tx.allocate().unwrap();
    copy.write(theirs.data()).unwrap();
    tx.send(copy).unwrap();
    their_tx.send(theirs).unwrap();
    their_tx.flush().unwrap();
    their_tx.reclaim().unwrap();
    assert_eq!(other.transmitted(), Some(packet(1)));
    none_stranded(&bench, &mut rx, &mut tx);
    assert_eq!(bench.sent(), [packet(1)]);
    let theirs = Bench { nic: other, ..bench };
    none_stranded(&theirs, &mut their_rx, &mut their_tx);
}

#[test]
fn a_packet_without_bytes_is_refused_and_handed_back() {
    let bench = Bench::new(PROFILES[0]);
    let (mut rx, mut tx) = bench.open(small);
    let empty = tx.allocate().unwrap();
    let Err(PushError::Empty(mut empty)) = tx.send(empty) else { panic!("it was taken") };
    assert_eq!((empty.headroom(), empty.len()), (256, 0));
    empty.write(&packet(5)).unwrap();
    tx.send(empty).unwrap();
    bench.finish(&mut tx);
    assert_eq!(bench.sent(), [packet(5)]);
    none_stranded(&bench, &mut rx, &mut tx);
}

#[test]
fn all_frames_of_the_half_can_be_allocated_and_then_none() {
    for profile in PROFILES {
        let bench = Bench::new(profile);
        let (mut rx, mut tx) = bench.open(|builder| builder.frames(256).tx_size(64));
        let mut all: Vec<Packet> = std::iter::from_fn(|| tx.allocate()).collect();
        assert_eq!(all.len(), 64, "as many as the tx ring has slots");
        assert!(tx.allocate().is_none());
        all.pop();
        assert!(tx.allocate().is_some(), "one came home");
        all.clear();
        for number in 0..500 {
            let packet = fresh(&mut tx, number);
            tx.send(packet).unwrap();
            tx.flush().unwrap();
            bench.settle();
        }
        assert!(bench.sent() == packets(0..500), "{profile:?}: without a reclaim of ours");
        none_stranded(&bench, &mut rx, &mut tx);
    }
}

#[test]
fn packets_are_written_resized_and_grown_within_their_frame() {
    let bench = Bench::new(PROFILES[0]);
    let (mut rx, mut tx) = bench.open(|builder| builder.frames(256).headroom(64));
    let mut packet = tx.allocate().unwrap();
    assert_eq!((packet.headroom(), packet.tailroom()), (256 + 64, 2048 - 256 - 64));
    let no_room = packet.write(&[0; 2000]).unwrap_err();
    assert_eq!((no_room.need, no_room.have), (2000, 2048 - 256 - 64));
    assert!(packet.is_empty(), "untouched");
    assert_eq!(packet.resize(usize::MAX).unwrap_err().have, 2048 - 256 - 64);
    packet.write(&self::packet(77)).unwrap();
    packet.resize(70).unwrap();
    assert_eq!(packet.data(), &self::packet(77)[..70]);
    packet.adjust_head(14).unwrap();
    packet.adjust_head(-14).unwrap();
    packet.adjust_tail(-10).unwrap();
    assert_eq!(packet.adjust_tail(-61).unwrap_err().have, 60);
    encap::push_vlan(&mut packet, VlanTag::new(9)).unwrap();
    let ends = Endpoints::V4([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
    let mac = |last| MacAddr::new([2, 0, 0, 0, 0, last]);
    encap::push_vxlan(&mut packet, &VxlanTunnel::new(mac(1), mac(2), ends, 7)).unwrap();
    assert_eq!(packet.headroom(), 256 + 64 - 4 - 50);
    let expected = packet.data().to_vec();
    tx.send(packet).unwrap();
    bench.finish(&mut tx);
    assert_eq!(bench.sent().as_slice(), std::slice::from_ref(&expected));

    // Received again, it is taken apart.
    bench.inject(&[expected]);
    let mut received = bench.receive(&mut rx);
    assert_eq!(encap::pop_vxlan(&mut received[0]).unwrap(), 7);
    assert_eq!(encap::pop_vlan(&mut received[0]).unwrap().vid(), 9);
    assert_eq!(received[0].data(), &self::packet(77)[..60]);
    drop(received);
    none_stranded(&bench, &mut rx, &mut tx);
}

//! Packets of several frames.

use std::panic::{AssertUnwindSafe, catch_unwind};

use fluxcapacitor::engine::TxFull;
use fluxcapacitor::simulator::control::Profile;
use fluxcapacitor::tap::TapBuilder;
use fluxcapacitor::{ChainRef, FluxBuilder, FluxEngine, Packet, PacketBatch, PacketRef};

use crate::bench::{Bench, at_rest, bytes, inject, total};

/// Of a packet, a frame holds so many bytes.
const IN_A_FRAME: usize = 1792;

fn bench(nics: usize) -> Bench {
    let bench = Bench::new(Profile::Copy, nics, 1);
    bench.nics.iter().for_each(|nic| nic.set_mtu(9000).unwrap());
    bench
}

fn multi_buffer(builder: FluxBuilder) -> FluxBuilder {
    builder.multi_buffer(true)
}

/// No two are alike, and no two frames of one are.
fn jumbo(number: u32, len: usize) -> Vec<u8> {
    let mut packet = vec![2; 12];
    packet.extend([0x88, 0xb5]);
    packet.extend((number * 7000..).flat_map(u32::to_be_bytes).take(len - packet.len()));
    packet
}

/// Of every length, some of one frame after each other, and some of several.
fn mixed(numbers: std::ops::Range<u32>) -> Vec<Vec<u8>> {
    let len = |number: u32| match number % 7 {
        0 | 1 => 60 + number as usize % 1700,
        2 => IN_A_FRAME,
        3 => IN_A_FRAME + 1,
        _ => 1793 + number as usize * 4909 % 7222,
    };
    numbers.map(|number| jumbo(number, len(number))).collect()
}

fn longer(packets: &[Vec<u8>]) -> u64 {
    packets.iter().filter(|packet| packet.len() > IN_A_FRAME).count() as u64
}

fn join(packet: &Packet) -> Vec<u8> {
    packet.segments().flatten().copied().collect()
}

/// Both kinds go back where they came from.
fn send_back(batch: PacketBatch<'_>) {
    batch.into_iter().for_each(PacketRef::transmit);
    batch.chains().for_each(ChainRef::transmit);
}

/// They are lent whole and in order, changed in every segment, and go back, however short batch and ring are.
#[test]
fn they_go_back_whole_and_in_order() {
    for (batch, slots) in [(1, 16), (3, 16), (64, 16), (64, 2048)] {
        let bench = bench(1);
        let (engine, umem) = bench.open(|builder| {
            multi_buffer(builder).rx_size(slots).tx_size(slots.max(32)).frames(4096)
        });
        let mut engine = engine.batch(batch);
        let (mut sent, mut all) = (0, Vec::new());
        for round in 0..40 {
            // What one rx ring holds, and where it ends in memory.
            let packets = mixed(round * 3..round * 3 + 3);
            inject(&bench.nics[0], &packets);
            sent += bench.turns(&mut engine, |lent| {
                assert!(lent.len() <= batch as usize);
                let before = lent.len();
                for mut packet in lent {
                    assert_eq!((packet.port(), packet.queue()), (0, 0));
                    packet.data_mut()[0] = 9;
                    packet.transmit();
                }
                for mut packet in lent.chains() {
                    assert!(packet.segments().count() > 1 && packet.len() > IN_A_FRAME);
                    assert_eq!(packet.segments().map(<[u8]>::len).sum::<usize>(), packet.len());
                    assert_eq!((packet.port(), packet.queue()), (0, 0));
                    assert_eq!(packet.interface(), bench.nics[0].name());
                    packet.segments_mut().for_each(|segment| segment[0] = 9);
                    packet.transmit();
                }
                assert!(lent.is_empty() && before > 0);
            });
            all.extend(packets);
        }
        assert_eq!(sent, all.len());
        let stats = total(&engine);
        assert_eq!(
            (stats.rx_packets, stats.tx_packets),
            (120, 120),
            "batch {batch}, {slots} slots"
        );
        assert_eq!((stats.rx_bytes, stats.tx_bytes), (bytes(&all), bytes(&all)));
        assert_eq!((stats.drops.total(), stats.rejected), (0, 0));
        for packet in &mut all {
            packet.chunks_mut(IN_A_FRAME).for_each(|segment| segment[0] = 9);
        }
        assert!(bench.sent(0) == all, "batch {batch}, {slots} slots");
        at_rest(&umem, 0);
    }
}

/// What is kept, forwarded, discarded, and not settled is counted, and no frame of it is lost.
#[test]
fn what_becomes_of_them_is_counted() {
    let bench = bench(2);
    let (mut engine, umem) = bench.open(multi_buffer);
    let all = mixed(0..210);
    let (mut kept, mut expected, mut number) = (Vec::new(), [Vec::new(), Vec::new()], 0);
    for packets in all.chunks(15) {
        inject(&bench.nics[0], packets);
        let mut numbers = packets.iter();
        bench.turns(&mut engine, |batch| {
            for packet in batch {
                drop((numbers.next(), packet));
            }
            for packet in batch.chains() {
                number += 1;
                let bytes: Vec<u8> = packet.segments().flatten().copied().collect();
                assert_eq!(Some(&bytes), numbers.next());
                match number % 6 {
                    0 => kept.push((packet.keep(), bytes)),
                    1 => {
                        packet.forward(0);
                        expected[0].push(bytes);
                    }
                    2 => {
                        packet.forward(1);
                        expected[1].push(bytes);
                    }
                    3 => packet.discard(),
                    4 => packet.forward(2),
                    _ => drop(packet),
                }
            }
        });
    }
    assert!(expected.iter().all(|packets| packets.len() > 5) && kept.len() > 5);
    for (number, expected) in expected.iter().enumerate() {
        assert!(bench.sent(number) == *expected, "{number}");
    }
    let stats = total(&engine);
    let drops = stats.drops;
    let linear = 210 - longer(&all);
    assert_eq!((stats.rx_packets, stats.rx_bytes), (210, bytes(&all)));
    assert_eq!((stats.kept, stats.tx_bytes), (kept.len() as u64, bytes(&expected.concat())));
    assert!(drops.discarded > 0 && drops.tx_refused > 0 && drops.unsettled > linear, "{drops:?}");
    assert_eq!(stats.tx_packets + stats.kept + drops.total(), 210, "{drops:?}");
    for (packet, bytes) in &kept {
        assert_eq!(join(packet), *bytes);
    }
    drop(kept);
    inject(&bench.nics[0], &mixed(0..7));
    bench.turns(&mut engine, send_back);
    assert!(bench.sent(0) == mixed(0..7), "the frames of what was kept are received into again");
    at_rest(&umem, 0);
}

/// What the callback does not ask for is dropped and counted.
#[test]
fn what_is_not_asked_for_is_dropped() {
    let bench = bench(1);
    let (mut engine, umem) = bench.open(multi_buffer);
    for round in 0..300 {
        inject(&bench.nics[0], &mixed(0..14));
        let turns = bench.turns(&mut engine, |batch| match round % 3 {
            0 => {}
            1 => batch.into_iter().for_each(drop),
            _ => drop(batch.chains().next()),
        });
        assert_eq!(turns, 14);
    }
    assert_eq!(total(&engine).drops.unsettled, 300 * 14);
    at_rest(&umem, 0);
}

/// One of more segments than can be sent is dropped and counted.
#[test]
fn one_that_cannot_be_sent_is_counted() {
    let bench = bench(1);
    bench.nics[0].set_mtu(1500).unwrap();
    let (mut engine, umem) = bench.open(|builder| multi_buffer(builder).tx_size(4));
    bench.nics[0].set_mtu(9000).unwrap();
    inject(&bench.nics[0], &[jumbo(1, 9014), jumbo(2, 4000), jumbo(3, 60)]);
    bench.turns(&mut engine, send_back);
    assert!(bench.sent(0) == [jumbo(2, 4000), jumbo(3, 60)]);
    let stats = total(&engine);
    assert_eq!((stats.tx_packets, stats.drops.tx_refused, stats.drops.total()), (2, 1, 1));
    at_rest(&umem, 0);
}

/// A full tx ring drops whole packets, or waits.
#[test]
fn a_full_ring_cuts_none() {
    for policy in [TxFull::Drop, TxFull::Wait] {
        let bench = bench(1);
        let (engine, umem) =
            bench.open(|builder| multi_buffer(builder).tx_size(16).completion_size(16));
        let mut engine = engine.tx_full(policy);
        let all: Vec<_> = (0..60).map(|number| jumbo(number, 4000 + number as usize)).collect();
        inject(&bench.nics[0], &all);
        bench.turns(&mut engine, send_back);
        let (sent, stats) = (bench.sent(0), total(&engine));
        assert!(sent.iter().all(|packet| all.contains(packet)), "{policy:?}: each is whole");
        assert_eq!((stats.tx_packets, stats.tx_bytes), (sent.len() as u64, bytes(&sent)));
        assert_eq!(stats.tx_packets + stats.drops.tx_full, 60, "{policy:?}");
        assert_eq!(sent.len() == 60, policy == TxFull::Wait, "{policy:?}: {} sent", sent.len());
        at_rest(&umem, 0);
    }
}

/// A tap sees the first segment of each, coming and going.
#[test]
fn a_tap_sees_each_once() {
    let bench = bench(1);
    let (engine, _) = bench.open(multi_buffer);
    let (tap, mut snapshots) = TapBuilder::new().snaplen(4096).build().unwrap();
    let mut engine = engine.tap(&tap);
    let all = mixed(0..21);
    inject(&bench.nics[0], &all);
    bench.turns(&mut engine, send_back);
    assert!(bench.sent(0) == all);
    let mut seen = Vec::new();
    while let Some(snapshot) = snapshots.pop() {
        seen.push(snapshot.data().to_vec());
    }
    let firsts = all.iter().map(|packet| packet[..packet.len().min(IN_A_FRAME)].to_vec());
    let firsts: Vec<_> = firsts.collect();
    assert_eq!(seen.len(), 42);
    for first in firsts {
        assert_eq!(seen.iter().filter(|bytes| **bytes == first).count(), 2);
    }
}

/// A panic in the callback loses none of their frames.
#[test]
fn a_panic_loses_no_frame() {
    let bench = bench(1);
    let (mut engine, umem) = bench.open(multi_buffer);
    for _ in 0..200 {
        inject(&bench.nics[0], &[jumbo(1, 9014), jumbo(2, 9014), jumbo(3, 9014)]);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            engine.poll_once(|batch| {
                let mut chains = batch.chains();
                chains.next().unwrap().transmit();
                let _in_hand = chains.next();
                panic!("on purpose");
            })
        }));
        assert!(panicked.is_err());
        bench.turns(&mut engine, send_back);
        assert!(bench.sent(0) == [jumbo(1, 9014), jumbo(3, 9014)]);
    }
    assert_eq!(total(&engine).drops.unsettled, 200);
    at_rest(&umem, 0);
}

/// An engine that is made of a raw queue lends them, too.
#[test]
fn an_engine_made_of_a_raw_queue_lends_them() {
    let bench = bench(1);
    let mut engine = FluxEngine::new(multi_buffer(bench.builder()).build_raw().unwrap());
    for _ in 0..20 {
        inject(&bench.nics[0], &mixed(0..10));
        bench.turns(&mut engine, send_back);
        assert!(bench.sent(0) == mixed(0..10));
    }
}

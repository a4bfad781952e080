//! Packets of one batch, settled in any order, or not at all.

use std::mem;

use fluxcapacitor::{FluxEngine, PacketRef};

use crate::bench::{Bench, PROFILES, at_rest, ignore, inject, number_of, packets};

#[test]
fn collected_packets_can_be_settled_in_any_order() {
    for profile in PROFILES {
        let bench = Bench::new(profile, 1, 1);
        let (mut engine, umem) = bench.open(|builder| builder.frames(512).fill_size(256));
        for round in 0..40 {
            let sent = packets(0..64);
            inject(&bench.nics[0], &sent);
            let mut order = Vec::new();
            bench.turns(&mut engine, |batch| {
                let mut held: Vec<PacketRef<'_>> = batch.into_iter().collect();
                let mut at = round;
                while !held.is_empty() {
                    at = (at * 7 + 3) % held.len();
                    let packet = held.swap_remove(at);
                    assert_eq!(packet.data(), sent[number_of(packet.data()) as usize]);
                    if at % 3 == 0 {
                        drop(packet);
                    } else {
                        order.push(number_of(packet.data()));
                        packet.transmit();
                    }
                }
            });
            let left: Vec<_> = bench.sent(0).iter().map(|packet| number_of(packet)).collect();
            assert_eq!(left, order, "they leave as they were settled");
            at_rest(&umem, 0);
        }
    }
}

#[test]
fn a_packet_that_is_forgotten_takes_its_frame_along_and_no_more() {
    let bench = Bench::one();
    let (mut engine, umem) = bench.open(|builder| builder.frames(128).fill_size(128));
    inject(&bench.nics[0], &packets(0..40));
    let mut forgotten = 0;
    bench.turns(&mut engine, |batch| {
        for packet in batch {
            if number_of(packet.data()) % 20 == 7 {
                mem::forget(packet);
                forgotten += 1;
            }
        }
    });
    assert_eq!((forgotten, engine.stats().unwrap().total().drops.unsettled), (2, 40));
    // Everything else goes round for ever.
    for _ in 0..50 {
        inject(&bench.nics[0], &packets(0..60));
        assert_eq!(bench.turns(&mut engine, ignore), 60);
    }
    // What is not forgotten, can all be in hand at a time.
    let mut kept = Vec::new();
    for _ in 0..8 {
        inject(&bench.nics[0], &packets(0..60));
        bench.turns(&mut engine, |batch| kept.extend(batch.into_iter().map(PacketRef::keep)));
    }
    assert_eq!(kept.len(), 126);
    let census = umem.census();
    assert_eq!((census.user, census.rx, census.tx), (128, 0, 0), "{census}");
}

#[test]
fn iterators_over_one_batch_share_it() {
    let bench = Bench::one();
    let (mut engine, umem) = bench.open(|builder| builder.frames(128));
    inject(&bench.nics[0], &packets(0..10));
    let mut calls = 0;
    bench.turns(&mut engine, |batch| {
        calls += 1;
        assert_eq!((batch.len(), batch.is_empty()), (10, false));
        let mut first = batch.drain();
        let mut second = batch.drain();
        let numbers = |packets: &mut dyn Iterator<Item = PacketRef<'_>>| -> Vec<u32> {
            packets.map(|packet| number_of(packet.data())).collect()
        };
        assert_eq!(numbers(&mut first.by_ref().take(3)), [0, 1, 2]);
        assert!(second.next().is_none(), "the first has the rest, for as long as it lives");
        assert_eq!(first.size_hint(), (0, Some(7)));
        drop(first);
        assert_eq!(batch.len(), 7, "it has given back what it was not asked for");
        assert!(second.next().is_none());
        let mut third = batch.drain();
        assert_eq!(numbers(&mut third.by_ref().take(2)), [3, 4]);
        drop(second);
        assert_eq!(numbers(&mut third.by_ref().take(1)), [5]);
        drop(third);
        let copy = batch;
        assert_eq!(numbers(&mut copy.into_iter()), [6, 7, 8, 9]);
        assert!(batch.is_empty() && batch.drain().next().is_none());
    });
    assert_eq!(calls, 1);
    assert_eq!(engine.stats().unwrap().total().drops.unsettled, 10);
    at_rest(&umem, 0);
}

#[test]
fn what_is_not_asked_for_is_dropped_and_counted() {
    for profile in PROFILES {
        let bench = Bench::new(profile, 1, 1);
        let (mut engine, umem) = bench.open(|builder| builder.frames(128));
        for round in 0..20 {
            inject(&bench.nics[0], &packets(0..30));
            let mut seen = 0;
            bench.turns(&mut engine, |batch| {
                for packet in batch.drain().take(round) {
                    seen += 1;
                    packet.discard();
                }
            });
            assert_eq!(seen, round);
        }
        let drops = engine.stats().unwrap().total().drops;
        let seen: u64 = (0..20).sum();
        assert_eq!((drops.discarded, drops.unsettled), (seen, 600 - seen));
        at_rest(&umem, 0);
    }
}

#[test]
fn an_iterator_that_is_forgotten_loses_the_packets_that_it_had_and_nothing_else() {
    let bench = Bench::one();
    let (mut engine, umem) = bench.open(|builder| builder.frames(128).fill_size(128));
    inject(&bench.nics[0], &packets(0..10));
    bench.turns(&mut engine, |batch| {
        let mut drain = batch.drain();
        assert_eq!(drain.by_ref().take(4).count(), 4);
        mem::forget(drain);
    });
    let rest = |engine: &mut FluxEngine| {
        inject(&bench.nics[0], &packets(0..50));
        bench.turns(engine, ignore)
    };
    assert!((0..50).all(|_| rest(&mut engine) == 50));
    assert_eq!(umem.census().total(), 128);
}

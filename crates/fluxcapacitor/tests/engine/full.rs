//! Tx rings that are full.

use std::time::{Duration, Instant};

use fluxcapacitor::engine::TxFull;
use fluxcapacitor::simulator::control::{Fault, Rule};
use fluxcapacitor::{FluxBuilder, PacketRef};

use crate::bench::{Bench, PROFILES, at_rest, bytes, inject, packets, total};
use crate::soon::soon;

/// For how long a loop waits for room.
const TX_PATIENCE: Duration = Duration::from_millis(100);

/// Half as many slots as a batch has packets.
fn narrow(builder: FluxBuilder) -> FluxBuilder {
    builder.frames(512).fill_size(256).tx_size(32).completion_size(32)
}

#[test]
fn what_there_is_no_room_for_is_dropped_and_counted() {
    for profile in PROFILES {
        let bench = Bench::new(profile, 1, 1);
        let (engine, umem) = bench.open(narrow);
        let mut engine = engine.tx_full(TxFull::Drop);
        for _ in 0..10 {
            inject(&bench.nics[0], &packets(0..64));
            let mut calls = 0;
            bench.turns(&mut engine, |batch| {
                calls += 1;
                batch.into_iter().for_each(PacketRef::transmit);
            });
            assert_eq!(calls, 1, "in one batch");
            assert!(bench.sent(0) == packets(0..32), "{profile:?}: the first that came");
        }
        let stats = total(&engine);
        assert_eq!((stats.tx_packets, stats.tx_bytes), (320, 10 * bytes(&packets(0..32))));
        assert_eq!((stats.drops.tx_full, stats.drops.total()), (320, 320), "{profile:?}");
        at_rest(&umem, 0);
    }
}

#[test]
fn a_loop_that_waits_drops_none() {
    for profile in PROFILES {
        let bench = Bench::new(profile, 1, 1);
        let (engine, umem) = bench.open(narrow);
        let mut engine = engine.tx_full(TxFull::Wait);
        for _ in 0..10 {
            inject(&bench.nics[0], &packets(0..200));
            bench.turns(&mut engine, |batch| batch.into_iter().for_each(PacketRef::transmit));
            assert!(bench.sent(0) == packets(0..200), "{profile:?}: each, in order");
        }
        let stats = total(&engine);
        assert_eq!((stats.tx_packets, stats.drops.total()), (2000, 0));
        assert_eq!(stats.tx_bytes, stats.rx_bytes);
        at_rest(&umem, 0);
    }
}

#[test]
fn a_loop_that_waits_in_vain_goes_on_soon_however_many_packets_there_are() {
    let bench = Bench::one();
    let (engine, umem) = bench.open(narrow);
    let mut engine = engine.tx_full(TxFull::Wait).batch(128);
    // No frame comes back for a long while: 32 packets are out then, and 32 in the ring.
    let late = Fault::LateCompletion(Duration::from_secs(1_000_000_000));
    bench.world.fault(Rule::new(late).times(32));
    inject(&bench.nics[0], &packets(0..128));
    let started = Instant::now();
    engine.poll_once(|batch| batch.into_iter().for_each(PacketRef::transmit)).unwrap();
    let took = started.elapsed();
    // Far less than each for itself would have waited.
    assert!((TX_PATIENCE..32 * TX_PATIENCE).contains(&took), "64 packets waited for {took:?}");
    let stats = total(&engine);
    assert_eq!((stats.tx_packets, stats.drops.tx_full), (64, 64));
    assert_eq!(stats.tx_bytes, bytes(&packets(0..64)));
    assert!(bench.sent(0) == packets(0..32));
    // The next turn waits anew.
    inject(&bench.nics[0], &packets(0..2));
    let started = Instant::now();
    engine.poll_once(|batch| batch.into_iter().for_each(PacketRef::transmit)).unwrap();
    assert!(started.elapsed() >= TX_PATIENCE);
    let census = umem.census();
    assert_eq!((census.tx, census.total()), (64, 512), "{census}");
}

#[test]
fn a_link_that_is_down_is_not_waited_for() {
    soon("a turn", TX_PATIENCE * 9 / 10, || {
        let bench = Bench::one();
        let (engine, umem) = bench.open(narrow);
        let mut engine = engine.tx_full(TxFull::Wait);
        inject(&bench.nics[0], &packets(0..64));
        bench.nics[0].set_down();
        let started = Instant::now();
        let turned = engine.poll_once(|batch| batch.into_iter().for_each(PacketRef::transmit));
        let took = started.elapsed();
        assert_eq!(turned.unwrap(), 64);
        assert_eq!(total(&engine).drops.tx_full, 32);
        // What is in the ring leaves when the link is back.
        assert_eq!(bench.sent(0).len(), 0);
        bench.nics[0].set_up();
        bench.turns(&mut engine, |_| panic!("nothing has come"));
        assert!(bench.sent(0) == packets(0..32));
        at_rest(&umem, 0);
        took
    });
}

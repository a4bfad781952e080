//! Queues that were driven in raw mode before.

use std::time::Duration;

use fluxcapacitor::simulator::control::{Nic, NicConfig, World};
use fluxcapacitor::{FluxBuilder, FluxEngine};

use crate::bench::{PROFILES, inject, packets};

/// How many of 160 packets come in, and how many frames are for sending afterwards.
fn receive(engine: &mut FluxEngine, world: &World, nic: &Nic) -> (u64, u32) {
    for _ in 0..20 {
        inject(nic, &packets(0..8));
        engine.poll_once(|_| ()).unwrap();
        world.run_for(Duration::from_micros(50));
        engine.poll_once(|_| ()).unwrap();
    }
    let tx = engine.umems().map(|umem| umem.census().tx).sum();
    (engine.stats().unwrap().total().rx_packets, tx)
}

#[test]
fn what_raw_mode_has_sent_comes_back_to_the_engine() {
    for profile in PROFILES {
        let world = World::new(1);
        let nic = world.nic(NicConfig::new("nic").profile(profile)).unwrap();
        let mut raw = FluxBuilder::new(nic.name()).frames(64).build_raw().unwrap();
        while let Some(frame) = raw.pool.take() {
            raw.tx.push(raw.umem.write(frame, &[0; 60]).unwrap()).unwrap();
        }
        raw.flush().unwrap();
        let mut engine = FluxEngine::new(raw);
        assert_eq!(receive(&mut engine, &world, &nic), (160, 0), "{profile:?}");
    }
}

#[test]
fn what_raw_mode_has_left_aside_is_posted_by_the_engine() {
    let world = World::new(1);
    let nic = world.nic(NicConfig::new("nic")).unwrap();
    let mut raw = FluxBuilder::new(nic.name()).frames(64).fill_size(8).build_raw().unwrap();
    inject(&nic, &packets(0..8));
    raw.fill.refill(&mut raw.pool, 8).unwrap();
    raw.fill.publish();
    let aside = raw.rx.exchange(&mut raw.fill, &mut raw.tx, &mut [], 8, |exchange, _| {
        exchange.lend().for_each(drop);
        exchange.recycled()
    });
    assert_eq!(aside.unwrap(), 8, "there was no slot for them");
    let mut engine = FluxEngine::new(raw);
    let umem = engine.umems().next().unwrap().clone();
    assert_eq!(receive(&mut engine, &world, &nic), (160, 0));
    assert_eq!((umem.census().rx, umem.census().total()), (8, 64), "{}", umem.census());
}

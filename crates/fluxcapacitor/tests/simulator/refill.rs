//! Fill rings that are shorter than the low-water mark.

use fluxcapacitor::FluxBuilder;
use fluxcapacitor::simulator::control::{Nic, NicConfig, World};
use fluxcapacitor::system::Batch;

use crate::bench::packet;

/// A NIC, and what opens it with 8 frames to receive into and as many to send.
fn short(world: &World) -> (Nic, FluxBuilder) {
    let nic = world.nic(NicConfig::new("a")).unwrap();
    let builder = FluxBuilder::new(nic.name()).frames(16).fill_size(8).tx_size(8);
    (nic, builder)
}

#[test]
fn a_half_posts_frames_before_there_is_none_left() {
    let world = World::new(1);
    let (nic, builder) = short(&world);
    let (mut rx, _tx) = builder.build_system().unwrap().split().unwrap();
    let mut batch = Batch::new(8);
    // Never more than 4 at a time, which there are always frames for if half of them are posted.
    for count in [3, 4, 1, 4, 2, 4, 4, 3] {
        (0..count).for_each(|number| nic.inject(&packet(number)));
        assert_eq!(rx.recv(&mut batch).unwrap(), count as usize);
        batch.drain().for_each(drop);
        rx.recv(&mut batch).unwrap();
    }
    assert_eq!(nic.counters().rx_dropped, 0);
}

#[test]
fn an_engine_posts_packets_that_were_kept_and_dropped() {
    let world = World::new(2);
    let (nic, builder) = short(&world);
    let mut engine = builder.build_engine().unwrap();
    for round in 0..10 {
        (0..4).for_each(|number| nic.inject(&packet(number)));
        let mut kept = Vec::new();
        engine
            .poll_once(|batch| kept.extend(batch.into_iter().map(fluxcapacitor::PacketRef::keep)))
            .unwrap();
        assert_eq!(kept.len(), 4, "round {round}");
        drop(kept);
        engine.poll_once(|_| ()).unwrap();
    }
}

#[test]
fn a_half_posts_in_lots_what_comes_home_one_by_one() {
    let world = World::new(3);
    let nic = world.nic(NicConfig::new("a")).unwrap();
    let (mut rx, _tx) = FluxBuilder::new(nic.name()).build_system().unwrap().split().unwrap();
    let (before, mut batch) = (rx.stats().unwrap().total().refills, Batch::new(8));
    for number in 0..1000 {
        nic.inject(&packet(number));
        assert_eq!(rx.recv(&mut batch).unwrap(), 1);
        batch.clear();
    }
    let refills = rx.stats().unwrap().total().refills - before;
    assert!((1..=1000 / 64).contains(&refills), "{refills}");
}

#[test]
fn a_reserve_is_what_was_asked_for() {
    let world = World::new(4);
    let nic = world.nic(NicConfig::new("a")).unwrap();
    let of = |reserve| FluxBuilder::new(nic.name()).frames(1024).tx_reserve(reserve);
    for (reserve, posted) in [(0, 1024), (24, 1000), (1024, 0)] {
        let raw = of(reserve).build_raw().unwrap();
        assert_eq!((raw.census().rx, raw.pool.len()), (posted, reserve as usize));
        let (_rx, mut tx) = fluxcapacitor::system::split(raw);
        let mine: Vec<_> = std::iter::from_fn(|| tx.allocate()).collect();
        assert_eq!(mine.len(), reserve as usize);
    }
    let refused = of(1025).build_raw().unwrap_err();
    assert!(refused.to_string().contains("there are 1024 frames"), "{refused}");
}

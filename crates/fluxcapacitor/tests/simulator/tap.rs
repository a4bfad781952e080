//! Taps: what goes by is seen, and what is seen changes nothing.

use std::thread;
use std::time::{Duration, SystemTime};

use fluxcapacitor::engine::{Pin, TxFull};
use fluxcapacitor::ring::PushError;
use fluxcapacitor::simulator::control::{Nic, NicConfig, World};
use fluxcapacitor::system::Batch;
use fluxcapacitor::tap::{Direction, Snapshots, Tap, TapBuilder};
use fluxcapacitor::{Error, FluxBuilder, FluxEngine, PacketBatch, PacketRef};

use crate::bench::SECOND;

/// A packet that its number tells from others, of a length of its own.
fn packet(number: u8) -> Vec<u8> {
    vec![number; 60 + usize::from(number)]
}

struct Lab {
    _world: World,
    nic: Nic,
}

impl Lab {
    fn new() -> Self {
        let world = World::new(1);
        let nic = world.nic(NicConfig::new("nic")).unwrap();
        Self { _world: world, nic }
    }

    fn engine(&self, tap: &Tap) -> FluxEngine {
        FluxBuilder::new(self.nic.name()).build_engine().unwrap().tap(tap)
    }

    fn arrive(&self, numbers: std::ops::Range<u8>) {
        numbers.for_each(|number| self.nic.inject(&packet(number)));
    }
}

/// A tap of whole packets.
fn whole() -> (Tap, Snapshots) {
    TapBuilder::new().snaplen(2048).build().unwrap()
}

/// Direction, length and first byte of all that was seen.
fn seen(snapshots: &mut Snapshots) -> Vec<(Direction, usize, u8)> {
    let mut seen = Vec::new();
    while let Some(snapshot) = snapshots.pop() {
        seen.push((snapshot.direction(), snapshot.len(), snapshot.data()[0]));
    }
    seen
}

/// The first bytes alone.
fn numbers(snapshots: &mut Snapshots) -> Vec<u8> {
    seen(snapshots).into_iter().map(|(.., number)| number).collect()
}

/// Odd ones go back, with another number; others are dropped.
fn odd_ones_back(batch: PacketBatch<'_>) {
    for mut packet in batch {
        let number = packet.data()[0];
        if number % 2 == 1 {
            packet.data_mut().fill(100 + number);
            packet.transmit();
        }
    }
}

#[test]
fn an_engine_shows_what_comes_as_it_came_and_what_leaves_as_it_leaves() {
    let lab = Lab::new();
    let (tap, mut snapshots) = whole();
    let mut engine = lab.engine(&tap);
    lab.arrive(0..4);
    let before = SystemTime::now();
    assert_eq!(engine.poll_once(odd_ones_back).unwrap(), 4);
    let after = SystemTime::now();

    for (direction, number, len) in [
        (Direction::Rx, 0, 60),
        (Direction::Rx, 1, 61),
        (Direction::Rx, 2, 62),
        (Direction::Rx, 3, 63),
        (Direction::Tx, 101, 61),
        (Direction::Tx, 103, 63),
    ] {
        let snapshot = snapshots.pop().unwrap();
        assert_eq!(snapshot.direction(), direction);
        assert_eq!((snapshot.data(), snapshot.len()), (&vec![number; len][..], len));
        assert_eq!((snapshot.interface(), snapshot.queue()), (lab.nic.name(), 0));
        assert!((before..=after).contains(&snapshot.time()), "{snapshot:?}");
    }
    assert!(snapshots.pop().is_none());

    // And nothing else is different.
    let total = engine.stats().unwrap().total();
    assert_eq!((total.rx_packets, total.tx_packets, total.drops.unsettled), (4, 2, 2));
    assert_eq!((total.rx_bytes, total.tx_bytes, total.rejected), (246, 124, 0));
    assert_eq!(lab.nic.transmitted().unwrap(), [101; 61]);
    assert_eq!(lab.nic.transmitted().unwrap(), [103; 63]);
}

#[test]
fn one_way_only_is_that_way_only() {
    for direction in [Direction::Rx, Direction::Tx] {
        let lab = Lab::new();
        let (tap, mut snapshots) = TapBuilder::new().direction(direction).build().unwrap();
        let mut engine = lab.engine(&tap);
        lab.arrive(0..4);
        engine.poll_once(odd_ones_back).unwrap();
        let seen = seen(&mut snapshots);
        assert_eq!(seen.len(), if direction == Direction::Rx { 4 } else { 2 });
        assert!(seen.iter().all(|(way, ..)| *way == direction), "{seen:?}");
    }
}

#[test]
fn packets_are_seen_where_they_leave() {
    let world = World::new(1);
    let [a, b] = ["a", "b"].map(|name| world.nic(NicConfig::new(name)).unwrap());
    let (tap, mut snapshots) = TapBuilder::new().build().unwrap();
    let builder = FluxBuilder::new(a.name()).interface(b.name());
    let mut engine = builder.build_engine().unwrap().tap(&tap);
    a.inject(&packet(7));
    engine.poll_once(|batch| batch.into_iter().for_each(|packet| packet.forward(1))).unwrap();
    let mut went = Vec::new();
    while let Some(snapshot) = snapshots.pop() {
        went.push((snapshot.direction(), snapshot.interface().to_owned()));
    }
    assert_eq!(went, [(Direction::Rx, a.name().to_owned()), (Direction::Tx, b.name().to_owned())]);
    assert_eq!(b.transmitted().unwrap(), packet(7));

    // There is no such port: it is not sent, and not seen to be.
    a.inject(&packet(8));
    engine.poll_once(|batch| batch.into_iter().for_each(|packet| packet.forward(2))).unwrap();
    assert_eq!(seen(&mut snapshots), [(Direction::Rx, 68, 8)]);
    assert_eq!(engine.stats().unwrap().total().drops.tx_refused, 1);
}

#[test]
fn what_a_full_ring_refuses_is_not_seen_and_what_waits_is_seen_once() {
    for policy in [TxFull::Drop, TxFull::Wait] {
        let lab = Lab::new();
        let (tap, mut snapshots) = TapBuilder::new().direction(Direction::Tx).build().unwrap();
        let builder = FluxBuilder::new(lab.nic.name()).tx_size(4);
        let mut engine = builder.build_engine().unwrap().tx_full(policy).tap(&tap);
        lab.arrive(0..8);
        engine.poll_once(|batch| batch.into_iter().for_each(PacketRef::transmit)).unwrap();
        let expected: Vec<u8> =
            if policy == TxFull::Drop { (0..4).collect() } else { (0..8).collect() };
        assert_eq!(numbers(&mut snapshots), expected, "{policy:?}");
        let sent: Vec<_> =
            std::iter::from_fn(|| lab.nic.transmitted()).map(|sent| sent[0]).collect();
        assert_eq!(sent, expected, "{policy:?}");
        let dropped = engine.stats().unwrap().total().drops.tx_full;
        assert_eq!(dropped, 8 - expected.len() as u64, "{policy:?}");
    }
}

#[test]
fn one_in_some_is_taken_over_batches_and_cut_at_the_snaplen() {
    let lab = Lab::new();
    let (tap, mut snapshots) = TapBuilder::new().one_in(3).snaplen(10).build().unwrap();
    let mut engine = lab.engine(&tap).batch(2);
    lab.arrive(0..20);
    while engine.poll_once(odd_ones_back).unwrap() > 0 {}
    let (mut came, mut left) = (Vec::new(), Vec::new());
    while let Some(snapshot) = snapshots.pop() {
        assert_eq!(snapshot.data(), [snapshot.data()[0]; 10]);
        let numbers = if snapshot.direction() == Direction::Rx { &mut came } else { &mut left };
        numbers.push((snapshot.data()[0], snapshot.len()));
    }
    assert_eq!(came, [(0, 60), (3, 63), (6, 66), (9, 69), (12, 72), (15, 75), (18, 78)]);
    assert_eq!(left, [(101, 61), (107, 67), (113, 73), (119, 79)]);
}

#[test]
fn a_full_queue_drops_snapshots_and_no_packet() {
    let lab = Lab::new();
    let (tap, mut snapshots) =
        TapBuilder::new().direction(Direction::Rx).capacity(3).build().unwrap();
    let mut engine = lab.engine(&tap);
    lab.arrive(0..5);
    assert_eq!(engine.poll_once(odd_ones_back).unwrap(), 5);
    assert_eq!(snapshots.dropped(), 2);
    // What is looked at takes its place, too.
    let first = snapshots.pop().unwrap();
    assert_eq!(first.data()[0], 0);
    lab.arrive(5..6);
    engine.poll_once(odd_ones_back).unwrap();
    drop(first);
    lab.arrive(6..7);
    engine.poll_once(odd_ones_back).unwrap();
    assert_eq!(numbers(&mut snapshots), [1, 2, 6]);
    assert_eq!(snapshots.dropped(), 3);
    let total = engine.stats().unwrap().total();
    assert_eq!((total.rx_packets, total.tx_packets), (7, 3));
}

#[test]
fn halves_show_each_its_own() {
    let lab = Lab::new();
    let (tap, mut snapshots) = whole();
    let builder = FluxBuilder::new(lab.nic.name()).tx_size(4);
    let (rx, tx) = builder.build_system().unwrap().split().unwrap();
    let (mut rx, mut tx) = (rx.tap(&tap), tx.tap(&tap));
    let mut batch = Batch::new(64);
    lab.arrive(0..3);
    assert_eq!(rx.recv(&mut batch).unwrap(), 3);
    lab.arrive(3..6);
    assert_eq!(rx.recv(&mut batch).unwrap(), 3, "behind those that are in the batch already");
    let came: Vec<_> = (0..6).map(|n| (Direction::Rx, 60 + usize::from(n), n)).collect();
    assert_eq!(seen(&mut snapshots), came);

    batch.iter_mut().for_each(|packet| packet.data_mut()[0] += 100);
    assert_eq!(tx.send_batch(&mut batch).unwrap(), 4, "as many as there is room for");
    let refused = tx.send(batch.pop().unwrap()).unwrap_err();
    assert!(matches!(refused, PushError::Full(_)), "{refused:?}");
    tx.flush().unwrap();
    let left = |numbers: std::ops::Range<u8>| -> Vec<_> {
        numbers.map(|n| (Direction::Tx, usize::from(n) - 40, n)).collect()
    };
    assert_eq!(seen(&mut snapshots), left(100..104), "what was refused was not sent");
    tx.send(refused.into_inner()).unwrap();
    assert_eq!(tx.send_batch(&mut batch).unwrap(), 1);
    tx.flush().unwrap();
    assert_eq!(seen(&mut snapshots), left(104..106));
    assert_eq!(std::iter::from_fn(|| lab.nic.transmitted()).count(), 6);
}

#[test]
fn a_tap_is_read_on_another_thread_until_all_is_over() {
    let world = World::new(1);
    let nic = world.nic(NicConfig::new("nic").queues(2)).unwrap();
    let _live = world.run_live();
    let (tap, mut snapshots) = TapBuilder::new().capacity(8).build().unwrap();
    let builder = FluxBuilder::new(nic.name()).queues([0, 1]);
    let engine = builder.build_engine().unwrap().pin(Pin::Nowhere).tap(&tap);
    let handle = engine
        .spawn(|_| |batch: PacketBatch<'_>| batch.into_iter().for_each(PacketRef::transmit))
        .unwrap();
    let reader = thread::spawn(move || {
        let (mut taken, mut queues) = ([0; 2], [false; 2]);
        while !snapshots.is_over() {
            snapshots.wait(SECOND);
            while let Some(snapshot) = snapshots.pop() {
                let len = snapshot.len();
                assert!(snapshot.data().iter().all(|byte| usize::from(*byte) + 60 == len));
                taken[usize::from(snapshot.direction() == Direction::Tx)] += 1;
                queues[snapshot.queue() as usize] = true;
            }
        }
        (taken, queues, snapshots.dropped())
    });
    for round in 0..1000_u32 {
        nic.inject_on(round % 2, &packet((round % 256) as u8));
    }
    let deadline = SystemTime::now() + 60 * SECOND;
    while handle.stats().unwrap().total().tx_packets < 1000 && SystemTime::now() < deadline {
        thread::sleep(Duration::from_millis(1));
    }
    let counters = handle.stats_reader();
    handle.stop();
    handle.join().unwrap();
    let total = counters.read().unwrap().total();
    let (taken, queues, dropped) = reader.join().unwrap();
    assert_eq!(total.rx_packets, 1000);
    assert_eq!(taken[0] + taken[1] + dropped, total.rx_packets + total.tx_packets);
    assert_eq!(queues, [true, true]);
    assert!(taken[0] > 0 && taken[1] > 0, "{taken:?}");
}

#[test]
fn it_is_over_when_the_loops_are_gone_and_all_is_read() {
    let lab = Lab::new();
    let (tap, mut snapshots) = TapBuilder::new().capacity(1).build().unwrap();
    assert!(snapshots.is_over(), "nobody has it yet");
    let mut engine = lab.engine(&tap);
    assert!(!snapshots.is_over());
    assert!(!snapshots.wait(Duration::from_millis(3)), "the time is up");
    lab.arrive(0..2);
    engine.poll_once(|_| ()).unwrap();
    drop(engine);
    assert!(!snapshots.is_over(), "there is one to read");
    assert!(snapshots.wait(SECOND));
    assert_eq!(numbers(&mut snapshots), [0]);
    assert!(snapshots.is_over());
    let started = std::time::Instant::now();
    assert!(
        !snapshots.wait(60 * SECOND) && started.elapsed() < 30 * SECOND,
        "nothing comes any more"
    );
    assert_eq!(snapshots.dropped(), 1, "also of loops that are gone");
}

#[test]
fn without_a_reader_the_loop_goes_on() {
    let lab = Lab::new();
    let (tap, snapshots) = TapBuilder::new().build().unwrap();
    let mut engine = lab.engine(&tap);
    drop(snapshots);
    lab.arrive(0..4);
    assert_eq!(engine.poll_once(odd_ones_back).unwrap(), 4);
    assert_eq!(engine.stats().unwrap().total().tx_packets, 2);
    let mut engine = engine.tap(&tap);
    lab.arrive(0..4);
    assert_eq!(engine.poll_once(odd_ones_back).unwrap(), 4);
}

#[test]
fn another_tap_takes_the_place_of_the_first() {
    let lab = Lab::new();
    let ((first, mut before), (second, mut after)) = (whole(), whole());
    let mut engine = lab.engine(&first).tap(&second);
    lab.arrive(0..2);
    engine.poll_once(odd_ones_back).unwrap();
    assert_eq!((numbers(&mut before), before.is_over()), (vec![], true));
    assert_eq!(numbers(&mut after), [0, 1, 101]);
}

/// What the loop allocates for 64 packets, none of which is the first: here, by the simulated kernel.
fn allocations(tap: Option<&Tap>) -> u64 {
    let lab = Lab::new();
    let mut engine = FluxBuilder::new(lab.nic.name()).build_engine().unwrap();
    if let Some(tap) = tap {
        engine = engine.tap(tap);
    }
    let mut counted = 0;
    for _ in 0..4 {
        lab.arrive(0..64);
        let allocations = allocation_counter::measure(|| {
            engine.poll_once(odd_ones_back).unwrap();
        });
        counted = allocations.count_total;
    }
    assert_eq!(engine.stats().unwrap().total().tx_packets, 4 * 32);
    counted
}

#[test]
fn the_loop_allocates_no_more_with_a_tap() {
    let (tap, mut snapshots) = whole();
    let (without, with) = (allocations(None), allocations(Some(&tap)));
    assert_eq!(with, without);
    assert_eq!(numbers(&mut snapshots).len(), 4 * 96);
}

#[test]
fn what_cannot_be_is_refused() {
    for (asked, what) in [
        (TapBuilder::new().one_in(0), "sampling"),
        (TapBuilder::new().snaplen(0), "snaplen"),
        (TapBuilder::new().snaplen(65537), "snaplen"),
        (TapBuilder::new().capacity(0), "capacity"),
        (TapBuilder::new().capacity(u32::MAX), "capacity"),
        (TapBuilder::new().snaplen(65536).capacity(16385), "capacity"),
    ] {
        let error = asked.build().unwrap_err();
        assert!(matches!(&error, Error::Invalid { what: named, .. } if *named == what), "{error}");
    }
    TapBuilder::new().snaplen(65536).capacity(16384).build().unwrap();
}

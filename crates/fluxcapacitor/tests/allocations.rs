//! Once warm, nothing that is done for a packet allocates: in an engine, with owned packets, in tasks.
//!
//! Counted on the thread that runs everything, the simulated kernel, too; and on a real one, which has memory of its own.
#![cfg(feature = "simulator")]

use std::hint::black_box;
use std::time::Duration;

use fluxcapacitor::simulator::control::{Fault, NicConfig, Profile, Rule, World};
use fluxcapacitor::system::Batch;
use fluxcapacitor::{FluxBuilder, FluxEngine, FluxRx, FluxTx, Packet};

/// Packets on their way at a time.
const FEW: usize = 32;

/// How many rounds it takes until all rings were gone round, and every pool and queue is as large as it gets.
const WARM: usize = 400;

/// What packets that are sent begin with.
const LOST: u8 = 9;

/// How many allocations `work` makes.
fn allocations(work: impl FnOnce()) -> u64 {
    allocation_counter::measure(work).count_total
}

/// A turn of an engine that does all that can be done with packets; says how many there were.
fn turn(engine: &mut FluxEngine, held: &mut Vec<Packet>) -> usize {
    let packets = engine.poll_once(|batch| {
        for (number, mut packet) in batch.into_iter().enumerate() {
            packet.adjust_head(-4).unwrap();
            packet.data_mut()[0] = LOST;
            match number % 4 {
                0 => drop(packet),
                1 => held.push(packet.keep()),
                2 => packet.discard(),
                _ => packet.transmit(),
            }
        }
    });
    held.clear();
    packets.unwrap()
}

/// Writes packets and sends them.
fn send(tx: &mut FluxTx) {
    for _ in 0..FEW {
        let Some(mut packet) = tx.allocate() else { break };
        packet.resize(100).unwrap();
        packet.data_mut().fill(LOST);
        tx.send(packet).unwrap();
    }
    tx.flush().unwrap();
}

/// Receives what has come, drops one half and sends the other; says how many there were.
fn receive(rx: &mut FluxRx, tx: &mut FluxTx, batch: &mut Batch) -> usize {
    let received = rx.recv(batch).unwrap();
    for (number, mut packet) in batch.drain().enumerate() {
        packet.data_mut()[0] = LOST;
        if number % 2 == 0 {
            tx.send(packet).unwrap();
        }
    }
    tx.flush().unwrap();
    tx.reclaim().unwrap();
    received
}

#[test]
fn the_counter_is_alive() {
    assert_eq!(allocations(|| drop(black_box(vec![1_u8; 100]))), 1);
    let world = World::new(1);
    let nic = world.nic(NicConfig::new("nic")).unwrap();
    let mut engine = FluxBuilder::new(nic.name()).build_engine().unwrap();
    for warm in [false, true] {
        (0..10).for_each(|_| nic.inject(&[0; 60]));
        let copies = allocations(|| {
            engine
                .poll_once(|batch| {
                    for packet in batch {
                        black_box(packet.data().to_vec());
                    }
                })
                .unwrap();
        });
        assert!(!warm || copies == 10, "one for each packet that is copied: {copies}");
    }
}

/// A world in which what is sent with this first byte is lost: the simulated kernel has its buffers back, and runs no
/// program on it.
fn lossy_world() -> World {
    let world = World::new(3);
    world.fault(Rule::new(Fault::Lose).packets(|packet| packet[0] == LOST));
    world
}

#[test]
fn engines_and_owned_packets_allocate_nothing_on_the_simulator() {
    for profile in [Profile::Copy, Profile::ZeroCopy] {
        let world = lossy_world();
        let nic = |name| world.nic(NicConfig::new(name).profile(profile)).unwrap();
        let (a, b) = (nic("a"), nic("b"));
        let mut engine = FluxBuilder::new(a.name()).build_engine().unwrap();
        let (mut rx, mut tx) = FluxBuilder::new(b.name()).build_system().unwrap().split().unwrap();
        let (mut batch, mut held) = (Batch::new(64), Vec::with_capacity(64));
        let mut seen = [0; 2];
        for round in 0..2 * WARM {
            for nic in [&a, &b] {
                (0..FEW).for_each(|_| nic.inject(&[2; 100]));
            }
            let found = [
                allocations(|| seen[0] += turn(&mut engine, &mut held)),
                allocations(|| seen[1] += receive(&mut rx, &mut tx, &mut batch)),
                allocations(|| send(&mut tx)),
            ];
            world.run_for(Duration::from_micros(50));
            assert!(round < WARM || found == [0; 3], "{profile:?}, round {round}: {found:?}");
        }
        assert_eq!(seen, [2 * WARM * FEW; 2], "{profile:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn engines_and_owned_packets_allocate_nothing_on_a_kernel() {
    use fluxcapacitor_testbed::{End, NetNs, VethPair, permitted};

    if !permitted() {
        return;
    }
    let here = NetNs::new().unwrap();
    let pair = VethPair::create(&here, &here, 1).unwrap();
    let build = |end: &End| FluxBuilder::new(end.name());
    let (engine, system) =
        here.run(|| (build(pair.b()).build_engine(), build(pair.a()).build_system())).unwrap();
    let (mut engine, (mut rx, mut tx)) = (engine.unwrap(), system.unwrap().split().unwrap());
    let (mut batch, mut held) = (Batch::new(64), Vec::with_capacity(64));
    let mut seen = [0; 2];
    for round in 0..2 * WARM {
        let found = [
            allocations(|| send(&mut tx)),
            allocations(|| seen[0] += turn(&mut engine, &mut held)),
            allocations(|| seen[1] += receive(&mut rx, &mut tx, &mut batch)),
        ];
        std::thread::sleep(Duration::from_micros(100));
        assert!(round < WARM || found == [0; 3], "round {round}: {found:?}");
    }
    // Packets are seen a round later, or two.
    assert!(seen.iter().all(|count| *count > WARM * FEW / 8), "{seen:?}");
}

/// Packets that are there are received, and go, without a task's waiting.
#[cfg(feature = "async")]
#[test]
fn tasks_allocate_nothing_for_packets_that_are_there() {
    use futures_util::FutureExt as _;

    let world = lossy_world();
    let nic = world.nic(NicConfig::new("nic")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    let system = FluxBuilder::new(nic.name()).build_system().unwrap();
    let (mut rx, mut tx) = system.split_async().unwrap();
    let mut batch = Batch::new(64);
    for round in 0..2 * WARM {
        (0..FEW).for_each(|_| nic.inject(&[2; 100]));
        let found = allocations(|| {
            let received = rx.recv(&mut batch).now_or_never().expect("they are there").unwrap();
            assert_eq!(received, FEW);
            batch.iter_mut().for_each(|packet| packet.data_mut()[0] = LOST);
            tx.send_batch(&mut batch).now_or_never().expect("there is room").unwrap();
            tx.flush().now_or_never().expect("sent inside the call").unwrap();
        });
        assert!(round < WARM || found == 0, "round {round}: {found}");
    }
}

//! Several queues: a worker each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use fluxcapacitor::builder::Queues;
use fluxcapacitor::engine::Pin;
use fluxcapacitor::simulator::control::{NicConfig, Profile, World};
use fluxcapacitor::{Error, FluxBuilder};

use crate::bench::{Bench, PROFILES, ignore, packet, until};

/// What the workers saw: by queue, how many of each port.
type Seen = Arc<Mutex<BTreeMap<u32, [u64; 2]>>>;

/// A UDP packet of the flow with this source port.
fn udp(port: u16) -> Vec<u8> {
    let mut packet = vec![0; 64];
    packet[12..14].copy_from_slice(&[0x08, 0x00]);
    packet[14] = 0x45;
    packet[23] = 17;
    packet[26..34].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
    packet[34..36].copy_from_slice(&port.to_be_bytes());
    packet
}

#[test]
fn each_worker_has_a_state_of_its_own_and_the_queue_of_its_number_of_every_interface() {
    for profile in PROFILES {
        let bench = Bench::new(profile, 2, 3);
        let engine = bench.builder().queues(Queues::All).build_engine().unwrap();
        assert_eq!(engine.umems().count(), 3, "one a worker");
        let _live = bench.world.run_live();
        let seen = Seen::default();
        let state = Arc::clone(&seen);
        let handle = engine
            .spawn(move |worker| {
                assert_eq!(worker.granted.len(), 2);
                assert!(worker.granted.iter().all(|granted| granted.queue == worker.queue));
                let (queue, seen) = (worker.queue, Arc::clone(&state));
                assert_eq!(worker.number, queue as usize);
                seen.lock().unwrap().insert(queue, [0; 2]);
                // No lock, nothing shared, until it is shown.
                let mut mine = [0; 2];
                move |batch| {
                    assert_eq!(batch.queue(), queue);
                    let port = batch.port();
                    for packet in batch {
                        assert_eq!((packet.queue(), packet.port()), (queue, port));
                        mine[port] += 1;
                        packet.forward(1 - port);
                    }
                    seen.lock().unwrap().insert(queue, mine);
                }
            })
            .unwrap();
        for port in 0..300 {
            match profile {
                Profile::ZeroCopy => bench.nics[port % 2].inject(&udp(port as u16)),
                _ => bench.nics[port % 2].inject_on(port as u32 % 3, &udp(port as u16)),
            }
            // No faster than a loop that shares two processors with its test.
            if port % 50 == 49 {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
        let sum = || seen.lock().unwrap().values().flatten().sum::<u64>();
        until("seen", || sum() == 300);
        let reader = handle.stats_reader();
        handle.stop();
        handle.join().unwrap();
        // A batch is counted after its callback.
        let stats = reader.read().unwrap();
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 3);
        assert!(seen.values().flatten().all(|count| *count > 10), "{profile:?}: {seen:?}");
        assert_eq!(stats.queues.len(), 6);
        for queue in &stats.queues {
            let port = usize::from(queue.interface == bench.nics[1].name());
            assert_eq!(queue.rx_packets, seen[&queue.queue][port], "{queue}");
        }
    }
}

#[test]
fn one_thread_can_drive_all_queues() {
    let bench = Bench::new(Profile::Copy, 1, 4);
    let mut engine = bench.builder().queues([3, 1]).build_engine().unwrap();
    let stop = engine.stop_handle();
    for number in 0..80 {
        bench.nics[0].inject_on(number % 4, &packet(number));
    }
    let mut seen = BTreeMap::new();
    engine
        .run(|batch| {
            *seen.entry(batch.queue()).or_insert(0) += batch.into_iter().count();
            if seen.values().sum::<usize>() == 40 {
                stop.stop();
            }
        })
        .unwrap();
    assert_eq!(seen, [(1, 20), (3, 20)].into());
    let queues: Vec<_> = engine.stats().unwrap().queues.iter().map(|queue| queue.queue).collect();
    assert_eq!(queues, [3, 1], "as they were named");
}

#[test]
fn queues_that_there_are_not_are_refused_in_words() {
    let bench = Bench::new(Profile::Copy, 1, 2);
    let refused = |queues: Queues| bench.builder().queues(queues).build_engine().unwrap_err();
    let error = refused([0, 5].into());
    assert!(matches!(error, Error::QueueOutOfRange { queue: 5, queues: 2, .. }), "{error}");
    assert!(error.to_string().contains(bench.nics[0].name()), "{error}");
    let twice = refused([1, 1].into()).to_string();
    assert!(twice.contains("named twice"), "{twice}");
    let none = refused(Queues::List(Vec::new())).to_string();
    assert!(none.contains("name one at least"), "{none}");
    assert!(refused((0..3).into()).to_string().contains('2'));
    let same = bench.builder().interface(bench.nics[0].name()).build_engine().unwrap_err();
    assert!(same.to_string().contains("named twice"), "{same}");
    let many = (0..8).fold(bench.builder(), |builder, n| builder.interface(format!("sim:x/{n}")));
    let many = many.build_engine().unwrap_err().to_string();
    assert!(many.contains("8 at most"), "{many}");
    // Nothing is left behind by what failed.
    assert_eq!(bench.builder().queues(Queues::All).build_engine().unwrap().granted().count(), 2);
}

#[test]
fn all_queues_of_interfaces_that_have_not_equally_many_are_refused() {
    let world = World::new(1);
    let two = world.nic(NicConfig::new("two").queues(2)).unwrap();
    let three = world.nic(NicConfig::new("three").queues(3)).unwrap();
    let both = || FluxBuilder::new(two.name()).interface(three.name());
    let error = both().queues(Queues::All).build_engine().unwrap_err().to_string();
    for part in [two.name(), three.name(), "has 2", "has 3", "equally many", "ethtool -L"] {
        assert!(error.contains(part), "no {part:?} in: {error}");
    }
    let error = both().queues([0, 2]).build_engine().unwrap_err();
    assert!(
        matches!(&error, Error::QueueOutOfRange { interface, queue: 2, queues: 2 } if interface == two.name()),
        "{error}"
    );
    assert_eq!(both().queues([0, 1]).build_engine().unwrap().granted().count(), 4);
}

#[test]
fn a_queue_that_is_taken_takes_none_of_the_others_along() {
    let bench = Bench::new(Profile::Copy, 2, 2);
    let taken = FluxBuilder::new(bench.nics[1].name()).queue(1).build_raw().unwrap();
    let error = bench.builder().queues(Queues::All).build_engine().unwrap_err();
    assert!(matches!(error, Error::ProgramBusy { .. } | Error::QueueBusy { .. }), "{error}");
    drop(taken);
    bench.builder().queues(Queues::All).build_engine().unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn workers_run_where_they_are_pinned_to() {
    let allowed: Vec<usize> = {
        let set = rustix::thread::sched_getaffinity(None).unwrap();
        (0..rustix::thread::CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect()
    };
    let last = *allowed.last().unwrap();
    let bench = Bench::new(Profile::Copy, 1, 2);
    let _live = bench.world.run_live();
    let build = || bench.builder().queues(Queues::All).build_engine().unwrap();
    for (pin, expected) in [
        (Pin::Cpus(vec![last]), vec![vec![last]; 2]),
        (Pin::Nowhere, vec![allowed.clone(); 2]),
        (Pin::Near, vec![vec![allowed[0]], vec![allowed[1 % allowed.len()]]]),
    ] {
        let seen: Arc<Mutex<BTreeMap<usize, Vec<usize>>>> = Arc::default();
        let told = Arc::clone(&seen);
        let handle = build()
            .pin(pin.clone())
            .spawn(move |worker| {
                let set = rustix::thread::sched_getaffinity(None).unwrap();
                let cpus: Vec<_> =
                    (0..rustix::thread::CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect();
                assert_eq!(worker.cpu, (pin != Pin::Nowhere).then(|| cpus[0]));
                told.lock().unwrap().insert(worker.number, cpus);
                ignore
            })
            .unwrap();
        until("started", || seen.lock().unwrap().len() == 2);
        drop(handle);
        assert!(seen.lock().unwrap().values().eq(&expected), "{seen:?}");
    }
    let stranger = build().pin(Pin::Cpus(vec![1023])).spawn(|_| ignore).unwrap_err();
    assert!(stranger.to_string().contains("1023"), "{stranger}");
    let none = build().pin(Pin::Cpus(Vec::new())).spawn(|_| ignore).unwrap_err();
    assert!(none.to_string().contains("none"), "{none}");
}

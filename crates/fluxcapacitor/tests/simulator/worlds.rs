//! Worlds beside each other, and what they leave behind.

use std::thread;

use fluxcapacitor::simulator::control::{Fault, NicConfig, Profile, Rule, World};
use fluxcapacitor_core::windows_stubs::SOCKETS;

use crate::bench::{Bench, open, packet, receive, send};

/// What arrives in a world where a third is lost, changed or late.
fn run(seed: u64) -> Vec<Vec<u8>> {
    let bench = Bench::new(seed, Profile::ZeroCopy);
    let delay = Fault::Delay {
        by: std::time::Duration::ZERO,
        jitter: std::time::Duration::from_micros(50),
    };
    for fault in [Fault::Lose, Fault::Corrupt, Fault::Duplicate, delay] {
        bench.world.fault(Rule::new(fault).one_in(10));
    }
    let (mut a, mut b) = bench.open();
    let packets: Vec<_> = (0..500).map(packet).collect();
    send(&mut a, &packets);
    receive(&mut b)
}

#[test]
fn a_run_is_a_function_of_its_seed_whatever_other_worlds_do() {
    let alone = run(1);
    assert_ne!(alone, run(2), "another seed, another run");
    let beside: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| run(1))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for run in beside {
        assert!(run == alone, "to the byte");
    }
}

#[test]
fn dropping_everything_leaves_the_registry_empty() {
    let bench = Bench::new(3, Profile::Copy);
    let world = bench.world.name().to_owned();
    let (a, b) = bench.open();
    assert!(SOCKETS.worlds().contains(&world));
    assert_eq!(SOCKETS.sockets(&world), 2);
    let parts = a.into_parts();
    drop(parts.device);
    assert_eq!(SOCKETS.sockets(&world), 2, "the rings are still there");
    drop((parts.rx, parts.fill, parts.tx, parts.completion));
    assert_eq!(SOCKETS.sockets(&world), 1);
    drop(bench);
    assert!(SOCKETS.worlds().contains(&world), "a socket is in it");
    drop(b);
    assert!(!SOCKETS.worlds().contains(&world));
}

#[test]
fn worlds_have_the_names_that_they_are_given() {
    let world = World::named("lab", 1).unwrap();
    let nic = world.nic(NicConfig::new("eth0")).unwrap();
    assert_eq!(nic.name(), "sim:lab/eth0");
    assert!(World::named("lab", 1).is_err());
    assert!(World::named("a/b", 1).is_err());
    drop(open(&nic));
    drop((world, nic));
    World::named("lab", 2).unwrap();
}

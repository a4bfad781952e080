//! Loops that wait, and loops that are told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use fluxcapacitor::{FluxEngine, PacketRef, Poller};

use crate::bench::{Bench, PROFILES, SECOND, at_rest, ignore, inject, packets, until};
use crate::soon::soon;

const POLLERS: [Poller; 3] = [Poller::Busy, Poller::Wait, Poller::Adaptive];

/// How soon a loop ends that was told to: one sleep, and what this machine is late.
const SOON: Duration = Duration::from_millis(300);

/// Runs an engine on a thread of its own, and counts what it sends back.
fn run(mut engine: FluxEngine, seen: &Arc<AtomicU64>) -> thread::JoinHandle<FluxEngine> {
    let seen = Arc::clone(seen);
    thread::spawn(move || {
        let echo = |batch: fluxcapacitor::PacketBatch<'_>| {
            for packet in batch {
                packet.transmit();
                seen.fetch_add(1, Relaxed);
            }
        };
        engine.run(echo).unwrap();
        engine
    })
}

#[test]
fn no_packet_waits_for_ever_whatever_the_poller() {
    for profile in PROFILES {
        for poller in POLLERS {
            let bench = Bench::new(profile, 1, 1);
            let (engine, umem) = bench.open(|builder| builder);
            let (stop, live) = (engine.stop_handle(), bench.world.run_live());
            let seen = Arc::default();
            let thread = run(engine.poller(poller), &seen);
            for number in 0..40 {
                // After a pause in which it falls asleep, and after one in which it does not.
                thread::sleep(Duration::from_micros(if number % 2 == 0 { 2000 } else { 10 }));
                inject(&bench.nics[0], &packets(number..number + 1));
                until("seen", || seen.load(Relaxed) == u64::from(number) + 1);
            }
            let mut sent = Vec::new();
            until("sent", || {
                sent.extend(bench.sent(0));
                sent.len() == 40
            });
            assert!(sent == packets(0..40), "{poller:?}, {profile:?}");
            assert!(!thread.is_finished());
            stop.stop();
            assert!(stop.is_stopped());
            let mut engine = thread.join().unwrap();
            drop(live);
            bench.turns(&mut engine, |_| panic!("nothing has come"));
            at_rest(&umem, 0);
        }
    }
}

#[test]
fn a_loop_ends_soon_when_it_is_stopped_from_another_thread() {
    let told_to_stop = |poller| {
        let bench = Bench::new(fluxcapacitor::simulator::control::Profile::Copy, 2, 1);
        let (engine, _umem) = bench.open(|builder| builder);
        let (stop, _live) = (engine.stop_handle(), bench.world.run_live());
        let thread = run(engine.poller(poller), &Arc::default());
        thread::sleep(Duration::from_millis(30));
        assert!(!thread.is_finished());
        let stopped = Instant::now();
        stop.stop();
        let mut engine = thread.join().unwrap();
        let took = stopped.elapsed();
        // What was told once, holds: a signal may come before the loop does.
        inject(&bench.nics[0], &packets(0..1));
        engine.run(|_| panic!("it was stopped")).unwrap();
        stop.flag().store(false, Relaxed);
        let again = stop.clone();
        let mut seen = 0;
        engine
            .run(|batch| {
                seen += batch.into_iter().count();
                again.stop();
            })
            .unwrap();
        assert_eq!(seen, 1, "but by whom it is taken back");
        took
    };
    for poller in POLLERS {
        soon(format!("{poller:?} ends"), SOON, || told_to_stop(poller));
    }
}

#[test]
fn a_callback_stops_its_own_loop_after_its_turn() {
    let bench = Bench::one();
    let (engine, _umem) = bench.open(|builder| builder);
    let mut engine = engine.batch(4);
    inject(&bench.nics[0], &packets(0..10));
    let stop = engine.stop_handle();
    let mut turns = 0;
    engine
        .run(|batch| {
            batch.into_iter().for_each(PacketRef::transmit);
            turns += 1;
            if turns == 2 {
                stop.stop();
            }
        })
        .unwrap();
    assert_eq!(turns, 2);
    assert_eq!(bench.sent(0).len(), 8, "with all that it had sent");
}

#[cfg(unix)]
#[test]
fn a_signal_stops_a_loop_that_sleeps() {
    use rustix::process::{Signal, getpid, kill_process};

    let signalled = |poller| {
        let bench = Bench::one();
        let (engine, _umem) = bench.open(|builder| builder);
        let (stop, _live) = (engine.stop_handle(), bench.world.run_live());
        let id = signal_hook::flag::register(signal_hook::consts::SIGTERM, stop.flag()).unwrap();
        let thread = run(engine.poller(poller), &Arc::default());
        thread::sleep(Duration::from_millis(30));
        let sent = Instant::now();
        kill_process(getpid(), Signal::TERM).unwrap();
        thread.join().unwrap();
        let took = sent.elapsed();
        assert!(stop.is_stopped());
        signal_hook::low_level::unregister(id);
        took
    };
    for poller in POLLERS {
        soon(format!("{poller:?} ends"), SOON, || signalled(poller));
    }
}

#[test]
fn workers_are_stopped_by_their_handle_and_by_its_drop() {
    let bench = Bench::new(fluxcapacitor::simulator::control::Profile::Copy, 1, 2);
    let _live = bench.world.run_live();
    for by_drop in [false, true] {
        soon("the end of both", SECOND, || {
            let engine = bench.builder().queues([0, 1]).build_engine().unwrap();
            let handle = engine.spawn(|_| ignore).unwrap();
            until("running", || handle.is_running());
            let started = Instant::now();
            if by_drop {
                drop(handle);
            } else {
                handle.stop_handle().stop();
                until("ended", || !handle.is_running());
                handle.join().unwrap();
            }
            started.elapsed()
        });
    }
}

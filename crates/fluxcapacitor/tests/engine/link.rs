//! Links that are down, and links that go.

use std::thread;
use std::time::{Duration, Instant};

use fluxcapacitor::engine::TxFull;
use fluxcapacitor::simulator::control::Profile;
use fluxcapacitor::{Error, FluxEngine, PacketRef, Poller, Result};

use crate::bench::{Bench, PROFILES, SECOND, at_rest, inject, packets, until};
use crate::soon::soon;

const POLLERS: [Poller; 3] = [Poller::Busy, Poller::Wait, Poller::Adaptive];

/// How soon it is told that a link is gone.
const SOON: Duration = Duration::from_millis(200);

/// Runs on a thread of its own until something is wrong, and says when that was.
fn until_gone(mut engine: FluxEngine, poller: Poller) -> thread::JoinHandle<(Instant, Result<()>)> {
    thread::spawn(move || {
        engine = engine.poller(poller);
        let ended = engine.run(|batch| batch.into_iter().for_each(PacketRef::transmit));
        (Instant::now(), ended)
    })
}

/// How long after it that was.
#[track_caller]
fn told(gone: Instant, (told, ended): (Instant, Result<()>)) -> Duration {
    let error = ended.expect_err("the link is gone");
    assert!(matches!(error, Error::LinkGone), "{error}");
    told.saturating_duration_since(gone)
}

#[test]
fn a_simulated_link_that_is_gone_is_told_soon_with_each_poller() {
    for profile in PROFILES {
        for poller in POLLERS {
            for gone in 0..2 {
                soon(format!("{profile:?}, {poller:?}, port {gone}"), SOON, || {
                    let bench = Bench::new(profile, 2, 1);
                    let (engine, _umem) = bench.open(|builder| builder);
                    let _live = bench.world.run_live();
                    let thread = until_gone(engine, poller);
                    thread::sleep(Duration::from_millis(20));
                    assert!(!thread.is_finished());
                    bench.nics[gone].remove();
                    let at = Instant::now();
                    told(at, thread.join().unwrap())
                });
            }
        }
    }
}

#[test]
fn a_link_that_is_gone_is_told_though_packets_come_by_another() {
    let while_fed = |poller| {
        let bench = Bench::new(Profile::Copy, 2, 1);
        let (engine, _umem) = bench.open(|builder| builder);
        let _live = bench.world.run_live();
        let thread = until_gone(engine, poller);
        let nic = bench.nics[0].clone();
        // Faster than the loop takes them, so that it is never idle.
        let feed = thread::spawn(move || {
            let packets = packets(0..64);
            let started = Instant::now();
            while started.elapsed() < Duration::from_millis(800) {
                inject(&nic, &packets);
                while nic.transmitted().is_some() {}
            }
        });
        thread::sleep(Duration::from_millis(100));
        bench.nics[1].remove();
        let at = Instant::now();
        let told = told(at, thread.join().unwrap());
        feed.join().unwrap();
        told
    };
    for poller in POLLERS {
        soon(format!("{poller:?}"), SOON, || while_fed(poller));
    }
}

#[test]
fn a_simulated_link_that_is_down_recovers() {
    for profile in PROFILES {
        for poller in POLLERS {
            let bench = Bench::new(profile, 1, 1);
            let (engine, umem) = bench.open(|builder| builder);
            let (stop, reader) = (engine.stop_handle(), engine.stats_reader());
            let mut engine = engine.poller(poller).tx_full(TxFull::Wait);
            let live = bench.world.run_live();
            let thread = thread::spawn(move || {
                engine.run(|batch| batch.into_iter().for_each(PacketRef::transmit)).unwrap();
                engine
            });
            for round in 0..3 {
                inject(&bench.nics[0], &packets(0..10));
                let so_far = (round + 1) * 10;
                until("received", || reader.read().unwrap().total().rx_packets == so_far);
                bench.nics[0].set_down();
                thread::sleep(Duration::from_millis(30));
                assert!(!thread.is_finished(), "{profile:?}, {poller:?}: down is a state");
                bench.nics[0].set_up();
            }
            let mut sent = 0;
            until("sent", || {
                sent += bench.sent(0).len();
                sent == 30
            });
            stop.stop();
            let mut engine = thread.join().unwrap();
            drop(live);
            bench.turns(&mut engine, |_| panic!("nothing has come"));
            at_rest(&umem, 0);
        }
    }
}

#[cfg(target_os = "linux")]
mod kernel {
    use fluxcapacitor_testbed::PacketSocket;
    use rustix::thread::ClockId;
    use rustix::time::clock_gettime;

    use super::*;
    use crate::wire::{open, pair, turn, two_pairs};

    #[test]
    fn a_link_that_is_deleted_is_told_soon_with_each_poller() {
        let Some(_turn) = turn() else { return };
        for poller in POLLERS {
            soon(format!("{poller:?}"), SOON, || {
                let pair = pair();
                let thread = until_gone(open(&[pair.b()]), poller);
                thread::sleep(Duration::from_millis(50));
                assert!(!thread.is_finished());
                pair.delete().unwrap();
                told(Instant::now(), thread.join().unwrap())
            });
        }
    }

    #[test]
    fn one_of_two_links_that_is_deleted_is_told_soon_with_each_poller() {
        let Some(_turn) = turn() else { return };
        for poller in POLLERS {
            soon(format!("{poller:?}"), SOON, || {
                let [stays, goes] = two_pairs();
                let thread = until_gone(open(&[stays.b(), goes.b()]), poller);
                thread::sleep(Duration::from_millis(50));
                assert!(!thread.is_finished());
                goes.delete().unwrap();
                told(Instant::now(), thread.join().unwrap())
            });
        }
    }

    /// Time that this thread has had of a processor.
    fn busy() -> Duration {
        clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
    }

    #[test]
    fn a_link_that_is_down_recovers_and_is_slept_through() {
        let Some(_turn) = turn() else { return };
        let [stays, goes] = two_pairs();
        let mut engine = open(&[stays.b(), goes.b()]).poller(Poller::Wait);
        let (stop, reader) = (engine.stop_handle(), engine.stats_reader());
        goes.b().set_down().unwrap();
        let thread = thread::spawn(move || {
            engine
                .run(|batch| {
                    let other = 1 - batch.port();
                    batch.into_iter().for_each(|packet| packet.forward(other));
                })
                .unwrap();
            busy()
        });
        thread::sleep(Duration::from_millis(500));
        assert!(!thread.is_finished(), "down is a state");
        // What comes meanwhile waits in the tx ring, and leaves when the link is up.
        let (from, to) =
            (PacketSocket::open(stays.a()).unwrap(), PacketSocket::open(goes.a()).unwrap());
        for number in 0..10 {
            from.send(&packets(number..number + 1)[0]).unwrap();
        }
        until("received", || reader.read().unwrap().total().rx_packets == 10);
        goes.b().set_up().unwrap();
        goes.b().wait_up(20 * SECOND).unwrap();
        let mut buffer = [0; 2048];
        for number in 0..10 {
            let len = to.recv(&mut buffer, 20 * SECOND).unwrap().expect("a packet");
            assert_eq!(buffer[..len], packets(number..number + 1)[0]);
        }
        stop.stop();
        let busy = thread.join().unwrap();
        assert!(busy < Duration::from_millis(150), "it span for {busy:?}");
    }
}

//! Frames that have been somewhere come home, when traffic has stopped, too.

use std::time::Duration;

use fluxcapacitor::simulator::control::{Fault, Rule};
use fluxcapacitor::system::Batch;

use crate::bench::{Bench, PROFILES, SECOND, at_rest, none_stranded, packets};

#[test]
fn an_echo_gives_all_frames_back_when_it_stops() {
    for profile in PROFILES {
        for frames in [64, 256, 1024] {
            let bench = Bench::new(profile);
            let (mut rx, mut tx) = bench.open(|builder| builder.frames(frames));
            let own = frames / 2;
            let mut batch = Batch::new(64);
            for round in 0..100 {
                bench.inject(&packets(round * 16..(round + 1) * 16));
                while rx.recv(&mut batch).unwrap() > 0 {
                    tx.send_batch(&mut batch).unwrap();
                    tx.flush().unwrap();
                }
                bench.settle();
                tx.reclaim().unwrap();
            }
            assert!(bench.sent() == packets(0..1600), "{profile:?}, {frames} frames");
            bench.finish(&mut tx);
            // What the sender has beyond its own, the receiver posts with its next call.
            assert_eq!(rx.recv(&mut batch).unwrap(), 0);
            at_rest(rx.umem());
            let most = std::iter::from_fn(|| tx.allocate()).collect::<Vec<_>>().len();
            assert!(most <= own as usize, "{most} of {frames} frames are kept from the receiver");
            none_stranded(&bench, &mut rx, &mut tx);
        }
    }
}

#[test]
fn frames_come_home_to_fill_rings_that_are_small() {
    for profile in PROFILES {
        for slots in [1, 2, 32, 64, 128] {
            let bench = Bench::new(profile);
            let (mut rx, mut tx) = bench.open(|builder| builder.frames(256).fill_size(slots));
            for round in 0..400 {
                bench.inject(&packets(round..round + 1));
                assert_eq!(bench.receive(&mut rx).len(), 1, "{profile:?}, {slots} slots, {round}");
            }
            at_rest(rx.umem());
            bench.finish(&mut tx);
        }
    }
}

#[test]
fn a_small_fill_ring_is_not_left_to_run_dry() {
    let bench = Bench::new(PROFILES[0]);
    let (mut rx, _tx) = bench.open(|builder| builder.frames(256).fill_size(64));
    // Never more than three quarters of the ring at a time: that is none too many.
    for round in 0..200 {
        bench.inject(&packets(0..32));
        assert_eq!(bench.receive(&mut rx).len(), 32, "round {round}");
    }
    let stats = rx.stats().unwrap().total();
    assert_eq!(stats.socket.unwrap().rx_dropped, 0);
}

#[test]
fn late_completions_are_taken_by_any_call() {
    for profile in PROFILES {
        let bench = Bench::new(profile);
        let (mut rx, mut tx) = bench.open(|builder| builder.frames(128).tx_size(64));
        let late = Duration::from_millis(50);
        bench.world.fault(Rule::new(Fault::LateCompletion(late)));
        let mut batch = Batch::new(64);
        for _ in 0..10 {
            bench.inject(&packets(0..20));
            assert!(rx.recv_timeout(&mut batch, SECOND).unwrap() > 0);
            tx.send_batch(&mut batch).unwrap();
            tx.flush().unwrap();
            bench.settle();
            assert_eq!(tx.reclaim().unwrap(), 0, "{profile:?}: too early");
            assert_eq!(tx.in_flight(), 20);
            bench.world.run_for(2 * late);
            assert_eq!(tx.reclaim().unwrap(), 20);
            assert_eq!(tx.in_flight(), 0);
            at_rest(rx.umem());
        }
        bench.world.clear_faults();
        none_stranded(&bench, &mut rx, &mut tx);
    }
}

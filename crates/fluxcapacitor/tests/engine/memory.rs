//! Few frames: who has them, and that no interface is left without.

use fluxcapacitor::PacketRef;
use fluxcapacitor::simulator::control::{Fault, Rule};
use std::time::Duration;

use crate::bench::{Bench, PROFILES, at_rest, ignore, inject, packets, until};

#[test]
fn traffic_in_one_direction_does_not_take_the_frames_of_the_other() {
    for profile in PROFILES {
        for frames in [64, 256, 1024] {
            for from in 0..3 {
                let bench = Bench::new(profile, 3, 1);
                let (mut engine, umem) = bench.open(|builder| builder.frames(frames));
                let to = (from + 1) % 3;
                let forward = |batch: fluxcapacitor::PacketBatch<'_>| {
                    batch.into_iter().for_each(|packet| packet.forward(to));
                };
                for round in 0..300 {
                    inject(&bench.nics[from], &packets(round * 8..(round + 1) * 8));
                    bench.turns(&mut engine, forward);
                }
                let left = bench.sent(to).len();
                assert_eq!(left, 2400, "{profile:?}, {frames} frames, from {from}");
                // Those that have received nothing can still.
                for other in [(from + 1) % 3, (from + 2) % 3] {
                    inject(&bench.nics[other], &packets(0..4));
                    assert_eq!(bench.turns(&mut engine, ignore), 4);
                }
                at_rest(&umem, 0);
            }
        }
    }
}

#[test]
fn frames_come_home_to_fill_rings_that_are_smaller_than_a_batch() {
    for profile in PROFILES {
        for slots in [1, 2, 32, 64] {
            let bench = Bench::new(profile, 1, 1);
            let (mut engine, umem) = bench.open(|builder| builder.frames(256).fill_size(slots));
            for round in 0..600 {
                // None goes back by itself.
                let mut kept = Vec::new();
                inject(&bench.nics[0], &packets(round..round + 1));
                bench.turns(&mut engine, |batch| {
                    kept.extend(batch.into_iter().map(PacketRef::keep));
                });
                assert_eq!(kept.len(), 1, "{profile:?}, {slots} slots, round {round}");
            }
            at_rest(&umem, 0);
        }
    }
}

#[test]
fn a_starved_loop_wakes_when_frames_come_home() {
    for profile in PROFILES {
        let bench = Bench::new(profile, 1, 1);
        let (engine, _umem) = bench.open(|builder| builder.frames(64));
        let (stop, reader, _live) =
            (engine.stop_handle(), engine.stats_reader(), bench.world.run_live());
        let mut engine = engine.poller(fluxcapacitor::Poller::Wait);
        let (keep, kept) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            engine.run(|batch| {
                batch.into_iter().for_each(|packet| keep.send(packet.keep()).unwrap());
            })
        });
        let mut held: Vec<fluxcapacitor::Packet> = Vec::new();
        let mut rounds = 0;
        until("starved", || {
            inject(&bench.nics[0], &packets(0..1));
            held.extend(kept.try_iter());
            held.len() == 64
        });
        let mut slow = 0;
        for _ in 0..10 {
            let before = reader.read().unwrap().total().rx_packets;
            // It sleeps by now, and nothing can come.
            std::thread::sleep(Duration::from_millis(5));
            held.clear();
            let dropped = std::time::Instant::now();
            until("received again", || {
                inject(&bench.nics[0], &packets(0..1));
                reader.read().unwrap().total().rx_packets > before
            });
            slow += u32::from(dropped.elapsed() > Duration::from_millis(50));
            until("starved", || {
                inject(&bench.nics[0], &packets(0..1));
                held.extend(kept.try_iter());
                held.len() == 64
            });
            rounds += 1;
        }
        // A machine with other work is slow now and then, one that sleeps on each time.
        assert!(slow < rounds, "{slow} of {rounds} times it slept on");
        stop.stop();
        thread.join().unwrap().unwrap();
    }
}

#[test]
fn frames_that_are_sent_late_come_home_after_the_last_packet() {
    for profile in PROFILES {
        let bench = Bench::new(profile, 2, 1);
        let (mut engine, umem) = bench.open(|builder| builder.frames(256));
        bench.world.fault(Rule::new(Fault::LateCompletion(Duration::from_millis(30))));
        for round in 0..20 {
            inject(&bench.nics[0], &packets(round * 32..(round + 1) * 32));
            bench
                .turns(&mut engine, |batch| batch.into_iter().for_each(|packet| packet.forward(1)));
            bench.world.run_for(Duration::from_millis(40));
            bench.turns(&mut engine, |_| panic!("nothing has come"));
            at_rest(&umem, 0);
        }
        assert_eq!(bench.sent(1).len(), 640);
    }
}

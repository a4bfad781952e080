//! Packets that are dropped: anywhere, at any time.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use fluxcapacitor::Packet;
use fluxcapacitor::system::Batch;

use crate::bench::{Bench, PROFILES, none_stranded, packet, packets};

#[test]
fn packets_dropped_on_other_threads_come_home() {
    for profile in PROFILES {
        let bench = Bench::new(profile);
        let (mut rx, mut tx) = bench.open(|builder| builder.frames(256));
        for round in 0..40 {
            bench.inject(&packets(0..60));
            let mut held = bench.receive(&mut rx);
            assert_eq!(held.len(), 60, "{profile:?}, round {round}");
            held.extend(std::iter::from_fn(|| tx.allocate()).take(60));
            thread::scope(|scope| {
                while let Some(first) = held.pop() {
                    let second = held.pop();
                    scope.spawn(move || drop((first, second)));
                }
            });
        }
        none_stranded(&bench, &mut rx, &mut tx);
    }
}

#[test]
fn packets_outlive_both_halves_and_the_world() {
    for profile in PROFILES {
        let bench = Bench::new(profile);
        let (mut rx, mut tx) = bench.open(|builder| builder.frames(256));
        bench.inject(&packets(0..20));
        let mut held = bench.receive(&mut rx);
        let mut own = tx.allocate().unwrap();
        own.write(&packet(20)).unwrap();
        held.push(own);
        let umem = rx.umem().clone();
        drop(rx);
        drop(held.remove(0));
        drop(tx);
        let census = umem.census();
        assert_eq!((census.total(), census.rx, census.tx), (256, 0, 0), "{census}");
        // The queue is somebody else's, who receives into frames of its own.
        let (mut rx, _tx) = bench.open(|builder| builder);
        bench.inject(&packets(50..60));
        assert_eq!(bench.receive(&mut rx).len(), 10);
        drop((rx, _tx, bench));
        for (held, number) in held.iter_mut().zip(1..) {
            assert_eq!(held.data(), packet(number), "{profile:?}");
            held.data_mut().fill(0);
        }
        thread::spawn(move || drop(held)).join().unwrap();
        assert_eq!(umem.census(), census, "they are the user's, before and after");
    }
}

#[test]
fn a_panic_with_packets_in_hand_loses_none() {
    for profile in PROFILES {
        let bench = Bench::new(profile);
        let (mut rx, mut tx) = bench.open(|builder| builder.frames(128).tx_size(64));
        for round in 0..20 {
            bench.inject(&packets(0..40));
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                let mut batch = Batch::new(32);
                rx.recv(&mut batch).unwrap();
                let own = tx.allocate().unwrap();
                for (number, packet) in batch.drain().enumerate() {
                    if number < 5 {
                        tx.send(packet).unwrap();
                    } else if number == 10 && !own.data().starts_with(&[1]) {
                        resume_unwind(Box::new("in the middle"));
                    }
                }
            }));
            assert_eq!(*panicked.unwrap_err().downcast::<&str>().unwrap(), "in the middle");
            bench.finish(&mut tx);
            assert_eq!(bench.sent().len(), 5, "{profile:?}, round {round}");
            drop(bench.receive(&mut rx));
        }
        none_stranded(&bench, &mut rx, &mut tx);
    }
}

#[test]
fn a_packet_that_is_forgotten_takes_its_frame_along_and_no_more() {
    let bench = Bench::new(PROFILES[0]);
    let (mut rx, mut tx) = bench.open(|builder| builder.frames(128));
    bench.inject(&packets(0..2));
    let mut held = bench.receive(&mut rx);
    mem::forget(held.pop());
    drop(held);
    let mut held: Vec<Packet> = Vec::new();
    for number in 0..200 {
        bench.inject(&packets(number..number + 1));
        held.extend(bench.receive(&mut rx));
    }
    held.extend(std::iter::from_fn(|| tx.allocate()));
    assert_eq!(held.len(), 127);
}

//! A callback that panics.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;

use fluxcapacitor::engine::Pin;
use fluxcapacitor::{FluxEngine, PacketBatch};

use crate::bench::{
    Bench, PROFILES, SECOND, at_rest, bytes, ignore, inject, number_of, packets, total, until,
};

/// Runs once; the callback panics, without words on stderr.
fn panics(engine: &mut FluxEngine, mut callback: impl FnMut(PacketBatch<'_>)) {
    let mut panicking = |batch: PacketBatch<'_>| {
        callback(batch);
        resume_unwind(Box::new("in the callback"));
    };
    let (stop, (over, watch)) = (engine.stop_handle(), channel::<()>());
    let watchdog = thread::spawn(move || {
        if watch.recv_timeout(5 * SECOND) == Err(RecvTimeoutError::Timeout) {
            stop.stop();
        }
    });
    let ended = catch_unwind(AssertUnwindSafe(|| engine.run(&mut panicking)));
    drop(over);
    watchdog.join().unwrap();
    let payload = ended.expect_err("no packet has come");
    assert_eq!(*payload.downcast::<&str>().unwrap(), "in the callback");
}

#[test]
fn an_engine_goes_on_after_a_panic_with_every_frame_and_every_packet() {
    for profile in PROFILES {
        let bench = Bench::new(profile, 2, 1);
        let (mut engine, umem) = bench.open(|builder| builder.frames(256));
        let sent = packets(0..40);
        inject(&bench.nics[0], &sent);
        // 10 are sent, 5 are let fall, 5 in hand; 20 are not looked at.
        panics(&mut engine, |batch| {
            let mut drain = batch.drain();
            drain.by_ref().take(10).for_each(|packet| packet.forward(1));
            let _let_fall = drain.by_ref().take(5).count();
            let held: Vec<_> = drain.by_ref().take(5).collect();
            if held.len() == 5 {
                resume_unwind(Box::new("in the callback"));
            }
        });
        let stats = total(&engine);
        assert_eq!((stats.rx_packets, stats.rx_bytes), (20, bytes(&sent[..20])), "{profile:?}");
        assert_eq!(stats.drops.unsettled, 10, "{profile:?}");

        let mut rest = Vec::new();
        bench.turns(&mut engine, |batch| {
            rest.extend(batch.into_iter().map(|packet| number_of(packet.data())));
        });
        assert_eq!(rest, (20..40).collect::<Vec<_>>(), "what was not lent comes again");
        assert!(bench.sent(1) == packets(0..10), "and what was sent, leaves");
        let stats = total(&engine);
        assert_eq!((stats.rx_packets, stats.rx_bytes), (40, bytes(&sent)));
        assert_eq!((stats.tx_packets, stats.drops.unsettled, stats.drops.total()), (10, 30, 30));
        at_rest(&umem, 0);
    }
}

#[test]
fn frames_that_went_back_before_a_panic_are_received_into_again() {
    for profile in PROFILES {
        let bench = Bench::new(profile, 1, 1);
        // As few frames as one batch has: all are in the callback's hands when it panics.
        let (mut engine, umem) =
            bench.open(|builder| builder.frames(64).fill_size(64).rx_size(64).tx_size(64));
        bench.turns(&mut engine, |_| panic!("nothing has come"));
        for _ in 0..20 {
            inject(&bench.nics[0], &packets(0..64));
            let mut seen = 0;
            panics(&mut engine, |batch| seen += batch.into_iter().count());
            seen += bench.turns(&mut engine, ignore);
            assert!(seen >= 32, "{profile:?}: {seen}");
        }
        at_rest(&umem, 0);
    }
}

#[test]
fn a_worker_that_panics_ends_alone_and_join_says_so() {
    let bench = Bench::new(fluxcapacitor::simulator::control::Profile::Copy, 1, 2);
    let engine = bench.builder().queues([0, 1]).build_engine().unwrap();
    let umems: Vec<_> = engine.umems().cloned().collect();
    let _live = bench.world.run_live();
    let seen = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&seen);
    let handle = engine
        .pin(Pin::Nowhere)
        .spawn(move |worker| {
            let (queue, seen) = (worker.queue, Arc::clone(&count));
            move |batch| {
                if queue == 1 {
                    let held: Vec<_> = batch.into_iter().collect();
                    resume_unwind(Box::new(held.len()));
                }
                seen.fetch_add(batch.len() as u64, Relaxed);
            }
        })
        .unwrap();
    bench.nics[0].inject_on(1, &packets(0..1)[0]);
    // Once it has ended, its queue is the stack's, or another engine's.
    until("ended", || handle.stats().unwrap().queues[1].socket.is_none());
    assert!(handle.is_running());
    for number in 0..100 {
        bench.nics[0].inject_on(0, &packets(number..number + 1)[0]);
    }
    until("seen by the other", || seen.load(Relaxed) == 100);
    let stats = handle.stats().unwrap();
    assert_eq!((stats.queues[1].rx_packets, stats.queues[1].drops.unsettled), (1, 1));
    handle.stop();
    let payload = catch_unwind(AssertUnwindSafe(|| handle.join())).unwrap_err();
    assert_eq!(*payload.downcast::<usize>().unwrap(), 1, "with its own payload");
    for umem in umems {
        let census = umem.census();
        assert_eq!((census.total(), census.rx + census.tx), (4096, 0), "{census}");
    }
    let again = bench.builder().queues([0, 1]).build_engine().unwrap();
    assert_eq!(again.granted().count(), 2);
}

//! Counters, as others read them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use fluxcapacitor::PacketRef;

use crate::bench::{Bench, ignore, inject, packets, until};

#[test]
fn counters_are_read_from_another_thread_while_it_runs_and_only_grow() {
    let bench = Bench::one();
    let (mut engine, _umem) = bench.open(|builder| builder);
    let _live = bench.world.run_live();
    let (stop, reader) = (engine.stop_handle(), engine.stats_reader());
    let over = Arc::new(AtomicBool::new(false));
    let watch = {
        let (over, reader) = (Arc::clone(&over), reader.clone());
        thread::spawn(move || {
            let (mut last, mut changes) = (0, 0);
            while !over.load(Relaxed) {
                let total = reader.read().unwrap().total();
                assert!(total.rx_packets >= last, "{total}");
                changes += u32::from(total.rx_packets > last);
                last = total.rx_packets;
            }
            changes
        })
    };
    let engine = thread::spawn(move || {
        engine.run(|batch| batch.into_iter().for_each(PacketRef::transmit)).unwrap();
        engine
    });
    for number in 0..200 {
        inject(&bench.nics[0], &packets(number..number + 8));
        until("counted", || reader.read().unwrap().total().rx_packets == u64::from(number + 1) * 8);
    }
    over.store(true, Relaxed);
    assert!(watch.join().unwrap() > 10, "the other reader has seen it grow");
    stop.stop();
    let engine = engine.join().unwrap();
    assert_eq!(engine.stats().unwrap(), reader.read().unwrap());
    let total = reader.read().unwrap().total();
    assert_eq!((total.tx_packets, total.tx_bytes), (1600, total.rx_bytes));
    assert!(
        total.to_string().starts_with("1600 received, 1600 sent, 0 kept, 0 dropped"),
        "{total}"
    );
}

#[test]
fn a_reader_keeps_no_socket_open_and_still_has_the_last_counts() {
    let bench = Bench::one();
    let (mut engine, _umem) = bench.open(|builder| builder);
    let reader = engine.stats_reader();
    inject(&bench.nics[0], &packets(0..10));
    bench.turns(&mut engine, ignore);
    assert!(reader.read().unwrap().queues[0].socket.is_some());
    drop(engine);
    let (again, _umem) = bench.open(|builder| builder);
    let last = reader.read().unwrap();
    assert_eq!((last.queues[0].rx_packets, last.queues[0].socket), (10, None));
    assert_eq!(again.stats().unwrap().total().rx_packets, 0, "another's counters");
    let handle = again.spawn(|_| ignore).unwrap();
    let reader = handle.stats_reader();
    drop(handle);
    let (_again, _umem) = bench.open(|builder| builder);
    assert!(reader.read().unwrap().queues[0].socket.is_none());
}

#[test]
fn what_the_kernel_lost_is_among_the_counters() {
    let bench = Bench::one();
    let (engine, _umem) = bench.open(|builder| builder.frames(512).rx_size(32));
    inject(&bench.nics[0], &packets(0..40));
    let stats = engine.stats().unwrap();
    assert_eq!(stats.queues[0].socket.unwrap().rx_ring_full, 8);
    assert!(stats.to_string().contains("8 lost in the kernel"), "{stats}");
}

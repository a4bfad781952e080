//! The halves on threads of their own, and packets that cross between them.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use fluxcapacitor::Packet;
use fluxcapacitor::ring::PushError;
use fluxcapacitor::system::Batch;

use crate::bench::{Bench, PROFILES, none_stranded, packet, packets};

const PACKETS: u32 = 20_000;

/// After which what has not come never will.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn packets_cross_from_the_receiver_by_workers_to_the_sender_and_out() {
    for profile in PROFILES {
        let bench = Bench::new(profile);
        let (mut rx, mut tx) = bench.open(|builder| builder.frames(2048));
        let live = bench.world.run_live();
        let (to_sender, at_sender) = sync_channel::<Packet>(64);
        let back = AtomicU32::new(0);
        let (back, started) = (&back, Instant::now());
        let out_of_time = || back.load(Relaxed) == PACKETS || started.elapsed() > PATIENCE;
        let (rx, tx) = thread::scope(|scope| {
            let receiver = scope.spawn(move || {
                let mut batch = Batch::new(32);
                while !out_of_time() {
                    rx.recv_timeout(&mut batch, Duration::from_millis(5)).unwrap();
                    batch.drain().for_each(|packet| to_sender.send(packet).unwrap());
                }
                rx
            });
            let sender = scope.spawn(move || {
                while let Ok(mut packet) = at_sender.recv() {
                    while let Err(refused) = tx.send(packet) {
                        let PushError::Full(back) = refused else { panic!("{refused:?}") };
                        packet = back;
                        tx.wait(Duration::from_millis(5)).unwrap();
                    }
                    tx.flush().unwrap();
                }
                tx
            });
            let mut injected = 0;
            while !out_of_time() {
                // Fewer on their way than any ring has room for.
                let seen = back.load(Relaxed);
                while injected < PACKETS && injected < seen + 100 {
                    bench.nic.inject(&packet(injected));
                    injected += 1;
                }
                match bench.nic.transmitted() {
                    Some(sent) => {
                        let found = crate::bench::number_of(&sent);
                        assert_eq!(
                            found,
                            seen,
                            "{profile:?}: in order; {:?}",
                            bench.nic.counters()
                        );
                        assert!(sent == packet(seen), "{profile:?}: as it was");
                        back.store(seen + 1, Relaxed);
                    }
                    None => thread::yield_now(),
                }
            }
            (receiver.join().unwrap(), sender.join().unwrap())
        });
        assert_eq!(back.load(Relaxed), PACKETS, "{profile:?}");
        drop(live);
        let (mut rx, mut tx) = (rx, tx);
        none_stranded(&bench, &mut rx, &mut tx);
    }
}

#[test]
fn counters_of_both_halves_are_read_by_a_third_thread() {
    let bench = Bench::new(PROFILES[0]);
    let (mut rx, mut tx) = bench.open(|builder| builder);
    let (reader, same) = (rx.stats_reader(), tx.stats_reader());
    let mut batch = Batch::new(64);
    for round in 0..10 {
        bench.inject(&packets(0..10));
        rx.recv(&mut batch).unwrap();
        tx.send_batch(&mut batch).unwrap();
        tx.flush().unwrap();
        let (reader, same) = (reader.clone(), same.clone());
        let read = thread::spawn(move || (reader.read().unwrap(), same.read().unwrap()));
        let (stats, same) = read.join().unwrap();
        assert_eq!(stats, same);
        let total = stats.total();
        assert_eq!((total.rx_packets, total.tx_packets), ((round + 1) * 10, (round + 1) * 10));
        assert_eq!(total.rx_bytes, total.tx_bytes);
    }
}

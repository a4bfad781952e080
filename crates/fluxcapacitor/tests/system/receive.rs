//! Receiving, at once or with patience.

use std::thread;
use std::time::{Duration, Instant};

use fluxcapacitor::raw::Waited;
use fluxcapacitor::system::Batch;
use fluxcapacitor::{Error, Packet};

use crate::bench::{Bench, PROFILES, SECOND, at_rest, none_stranded, number_of, packets, until};
use crate::soon::soon;

#[test]
fn packets_come_whole_in_order_and_as_far_as_a_batch_has_room() {
    for profile in PROFILES {
        let bench = Bench::new(profile);
        let (mut rx, mut tx) = bench.open(|builder| builder);
        let mut batch = Batch::new(7);
        assert_eq!((batch.capacity(), batch.room(), batch.is_empty()), (7, 7, true));
        assert_eq!(rx.recv(&mut batch).unwrap(), 0, "at once");
        let mut seen = Vec::new();
        for round in 0..50 {
            bench.inject(&packets(round * 10..(round + 1) * 10));
            assert_eq!(rx.recv(&mut batch).unwrap(), 7, "{profile:?}");
            assert_eq!(rx.recv(&mut batch).unwrap(), 0, "it is full");
            assert_eq!(
                rx.recv_timeout(&mut batch, SECOND).unwrap(),
                0,
                "and nothing is waited for"
            );
            seen.extend(batch.drain().map(|packet| packet.data().to_vec()));
            assert_eq!(rx.recv(&mut batch).unwrap(), 3);
            for packet in &batch {
                assert_eq!((packet.port(), packet.queue()), (0, 0));
            }
            batch.iter_mut().for_each(|packet| packet.data_mut()[0] = 9);
            assert!(batch.iter().all(|packet| packet.data()[0] == 9));
            seen.extend(batch.drain().map(|mut packet| {
                packet.data_mut()[0] = 2;
                packet.data().to_vec()
            }));
            bench.settle();
        }
        assert!(seen == packets(0..500), "{profile:?}");
        let stats = rx.stats().unwrap().total();
        let bytes = seen.iter().map(|packet| packet.len() as u64).sum();
        assert_eq!((stats.rx_packets, stats.rx_bytes, stats.rejected), (500, bytes, 0));
        assert_eq!(stats, tx.stats().unwrap().total(), "both halves count together");
        none_stranded(&bench, &mut rx, &mut tx);
    }
}

#[test]
fn a_batch_of_all_that_there_is_goes_round_the_end_of_the_ring() {
    let bench = Bench::new(PROFILES[0]);
    let (mut rx, _tx) = bench.open(|builder| builder.rx_size(64).fill_size(64).frames(256));
    let mut batch = Batch::new(1000);
    for round in 0..40 {
        bench.inject(&packets(0..60));
        assert_eq!(rx.recv(&mut batch).unwrap(), 60, "round {round}: not cut where the ring ends");
        assert!(batch.drain().map(|packet| number_of(packet.data())).eq(0..60));
    }
}

#[test]
fn patience_lasts_until_the_first_packet_or_until_it_ends() {
    for profile in PROFILES {
        let bench = Bench::new(profile);
        let (mut rx, _tx) = bench.open(|builder| builder);
        let mut batch = Batch::new(64);
        let before = bench.world.now();
        assert_eq!(rx.recv_timeout(&mut batch, SECOND).unwrap(), 0);
        let passed = bench.world.now() - before;
        assert!((SECOND * 9 / 10..SECOND * 2).contains(&passed), "{passed:?}");
        bench.nic.inject_after(SECOND / 2, &packets(0..1)[0]);
        assert_eq!(rx.recv_timeout(&mut batch, 3600 * SECOND).unwrap(), 1);
        assert_eq!(rx.wait(SECOND).unwrap(), Waited::TimedOut);
        bench.inject(&packets(0..1));
        assert_eq!(rx.wait(SECOND).unwrap(), Waited::Ready);
        assert_eq!(rx.recv_timeout(&mut batch, Duration::ZERO).unwrap(), 1);
        assert_eq!(rx.recv_timeout(&mut batch, Duration::ZERO).unwrap(), 0);

        let _live = bench.world.run_live();
        let started = Instant::now();
        let patience = Duration::from_millis(80);
        assert_eq!(rx.recv_timeout(&mut batch, patience).unwrap(), 0);
        assert!((patience..100 * patience).contains(&started.elapsed()), "{:?}", started.elapsed());
    }
}

#[test]
fn a_receiver_without_frames_wakes_when_they_come_home_however_long_it_was_to_wait() {
    for profile in PROFILES {
        let bench = Bench::new(profile);
        let (mut rx, mut tx) = bench.open(|builder| builder.frames(64));
        let mut held: Vec<Packet> = Vec::new();
        while rx.umem().census().rx > 0 {
            bench.inject(&packets(0..1));
            held.extend(bench.receive(&mut rx));
        }
        assert_eq!(held.len(), 32, "and 32 are to send");
        let live = bench.world.run_live();
        let receiver = thread::spawn(move || {
            let mut batch = Batch::new(64);
            let received = rx.recv_timeout(&mut batch, 60 * SECOND).unwrap();
            (rx, received)
        });
        thread::sleep(Duration::from_millis(50));
        drop(held);
        let started = Instant::now();
        until("received", || {
            bench.inject(&packets(0..1));
            receiver.is_finished()
        });
        assert!(started.elapsed() < 30 * SECOND, "{profile:?}: {:?}", started.elapsed());
        let (mut rx, received) = receiver.join().unwrap();
        assert!(received > 0);
        drop(live);
        none_stranded(&bench, &mut rx, &mut tx);
    }
}

#[test]
fn a_wait_without_frames_ends_when_its_time_is_up() {
    let bench = Bench::new(PROFILES[0]);
    let (mut rx, _tx) = bench.open(|builder| builder.frames(64));
    let mut held: Vec<Packet> = Vec::new();
    while rx.umem().census().rx > 0 {
        bench.inject(&packets(0..1));
        held.extend(bench.receive(&mut rx));
    }
    let (before, started) = (bench.world.now(), Instant::now());
    assert_eq!(rx.wait(30 * SECOND).unwrap(), Waited::TimedOut);
    assert_eq!(rx.recv_timeout(&mut Batch::new(1), 30 * SECOND).unwrap(), 0);
    let (passed, here) = (bench.world.now() - before, started.elapsed());
    // A nap that has taken its time here counts for that.
    assert!(passed + here >= SECOND * 59 && passed < SECOND * 61, "{passed:?} in the world");
    assert!(here < 30 * SECOND, "{here:?} here");
}

#[test]
fn a_link_that_is_down_brings_nothing_and_one_that_is_gone_is_an_error() {
    for profile in PROFILES {
        let bench = Bench::new(profile);
        let (mut rx, mut tx) = bench.open(|builder| builder);
        let mut batch = Batch::new(64);
        bench.nic.set_down();
        assert_eq!(rx.recv_timeout(&mut batch, Duration::from_millis(20)).unwrap(), 0);
        let mut packet = tx.allocate().unwrap();
        packet.write(&packets(3..4)[0]).unwrap();
        tx.send(packet).unwrap();
        tx.flush().unwrap();
        assert!(matches!(tx.wait(SECOND), Err(Error::LinkDown)));
        assert_eq!((tx.in_flight(), bench.sent().len()), (1, 0));
        bench.nic.set_up();
        bench.finish(&mut tx);
        assert!(bench.sent() == packets(3..4), "it waited in the ring");
        bench.inject(&packets(0..1));
        assert_eq!(rx.recv_timeout(&mut batch, SECOND).unwrap(), 1);
        batch.pop();
        at_rest(rx.umem());

        bench.nic.remove();
        let ended = rx.recv_timeout(&mut batch, SECOND);
        assert!(matches!(ended, Err(Error::LinkGone)), "{ended:?}");
        let mut packet = tx.allocate().unwrap();
        packet.write(&[0; 60]).unwrap();
        tx.send(packet).unwrap();
        assert!(matches!(tx.flush(), Err(Error::LinkGone)));
        assert!(matches!(tx.wait(SECOND), Err(Error::LinkGone)));
    }
}

#[test]
fn a_receiver_that_waits_is_told_soon_that_the_link_is_gone() {
    for profile in PROFILES {
        soon(format!("{profile:?}"), Duration::from_millis(200), || {
            let bench = Bench::new(profile);
            let (mut rx, _tx) = bench.open(|builder| builder);
            let _live = bench.world.run_live();
            let thread = thread::spawn(move || {
                let ended = rx.recv_timeout(&mut Batch::new(64), 60 * SECOND);
                (ended, Instant::now())
            });
            thread::sleep(Duration::from_millis(30));
            bench.nic.remove();
            let gone = Instant::now();
            let (ended, told) = thread.join().unwrap();
            assert!(matches!(ended, Err(Error::LinkGone)), "{ended:?}");
            told.saturating_duration_since(gone)
        });
    }
}

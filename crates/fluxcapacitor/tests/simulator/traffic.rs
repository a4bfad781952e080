//! Packets across a link, both ways, with both kinds of drivers.

use std::time::Duration;

use fluxcapacitor::raw::{Interest, Waited};
use fluxcapacitor::simulator::control::{LinkConfig, NicConfig, Profile, World};
use fluxcapacitor::{Error, FluxBuilder};

use crate::bench::{Bench, PROFILES, SECOND, conserved, open, packet, push, receive, send};

#[test]
fn packets_arrive_whole_and_in_order_both_ways() {
    for profile in PROFILES {
        let bench = Bench::new(1, profile);
        let (mut a, mut b) = bench.open();
        assert_eq!(a.granted().zero_copy, profile == Profile::ZeroCopy);
        for round in 0..20 {
            let packets: Vec<_> = (0..100).map(|n| packet(round * 100 + n)).collect();
            send(&mut a, &packets);
            assert!(receive(&mut b) == packets, "{profile:?}");
            send(&mut b, &packets);
            assert!(receive(&mut a) == packets, "{profile:?}");
        }
        let (counted_a, counted_b) = (bench.a.counters(), bench.b.counters());
        assert_eq!((counted_a.tx_packets, counted_b.rx_packets), (2000, 2000));
        assert_eq!(counted_a.tx_bytes, counted_b.rx_bytes);
        conserved(&a);
        conserved(&b);
    }
}

#[test]
fn received_packets_carry_headroom() {
    let bench = Bench::new(2, Profile::Copy);
    let mut b = FluxBuilder::new(bench.b.name()).headroom(64).build_raw().unwrap();
    bench.b.inject(&packet(7));
    let segment = b.rx.pop().unwrap().unwrap();
    assert_eq!(segment.start(), 256 + 64);
    assert_eq!(b.umem.packet(&segment).unwrap(), packet(7));
    b.pool.give(segment.into_frame()).unwrap();
    conserved(&b);
}

#[test]
fn a_copying_nic_sends_inside_the_kick_and_says_again_when_its_budget_is_used_up() {
    let world = World::new(3);
    let nic = world.nic(NicConfig::new("a")).unwrap();
    let mut raw = FluxBuilder::new(nic.name()).tx_size(64).build_raw().unwrap();
    assert_eq!(raw.granted().tx_budget, Some(64));
    assert!(raw.tx.needs_wakeup(), "always, in copy mode");
    assert!(!raw.fill.needs_wakeup(), "never, in copy mode");
    let before = raw.device().kicks();
    let packets: Vec<_> = (0..64).map(packet).collect();
    assert_eq!(push(&mut raw, &packets), 64);
    assert_eq!(raw.device().kicks() - before, 1, "64 packets are one budget");
    assert_eq!(raw.reclaim().unwrap(), 64);
    for sent in packets {
        assert_eq!(nic.transmitted(), Some(sent));
    }
    assert_eq!(nic.transmitted(), None);
}

#[test]
fn a_driver_sleeps_until_it_is_kicked_and_says_so() {
    let bench = Bench::new(4, Profile::ZeroCopy);
    let (mut a, _b) = bench.open();
    bench.world.run_for(SECOND);
    assert!(a.tx.needs_wakeup(), "nothing to do: it sleeps");
    let before = a.device().kicks();
    push(&mut a, &[packet(1)]);
    assert!(!a.tx.needs_wakeup(), "it is awake");
    // Awake, it finds the next packets by itself.
    push(&mut a, &[packet(2)]);
    assert_eq!(a.device().kicks() - before, 1);
    bench.world.run_for(SECOND);
    assert_eq!(bench.a.counters().tx_packets, 2);
    assert!(a.tx.needs_wakeup(), "it sleeps again");
    assert_eq!(a.reclaim().unwrap(), 2);
}

#[test]
fn a_driver_out_of_frames_asks_to_be_woken_and_goes_on() {
    let bench = Bench::new(5, Profile::ZeroCopy);
    let small = FluxBuilder::new(bench.b.name()).frames(8).fill_size(8).tx_size(8);
    let mut b = small.build_raw().unwrap();
    let mut held = Vec::new();
    held.extend(b.pool.drain());
    for number in 0..10 {
        bench.b.inject(&packet(number));
    }
    assert!(b.fill.needs_wakeup());
    let received: Vec<_> = b.rx.receive(64).unwrap().collect();
    assert_eq!(received.len(), 4, "as many as there were frames posted");
    assert_eq!(bench.b.counters().rx_dropped, 6);
    received.into_iter().for_each(|segment| b.pool.give(segment.into_frame()).unwrap());
    b.pool.give_all(held).unwrap();
    b.refill().unwrap();
    assert!(!b.fill.needs_wakeup());
    bench.b.inject(&packet(11));
    assert_eq!(receive(&mut b), [packet(11)]);
    conserved(&b);
}

#[test]
fn a_link_takes_its_time() {
    let world = World::new(6);
    let nic = |name| world.nic(NicConfig::new(name)).unwrap();
    let (a, b) = (nic("a"), nic("b"));
    let delay = Duration::from_millis(30);
    world.link(&a, &b, LinkConfig::default().delay(delay)).unwrap();
    let (mut from, mut to) = (open(&a), open(&b));
    let sent = world.now();
    push(&mut from, &[packet(1)]);
    assert_eq!(to.rx.occupancy(), 0);
    assert_eq!(to.wait(Interest::Rx, SECOND).unwrap(), Waited::Ready);
    assert!((delay..delay + Duration::from_millis(1)).contains(&(world.now() - sent)));
    assert_eq!(receive(&mut to), [packet(1)]);
}

#[test]
fn a_full_tx_ring_hands_packets_back_and_completions_free_it() {
    let bench = Bench::new(7, Profile::Copy);
    let small = FluxBuilder::new(bench.a.name()).completion_size(32).tx_size(64).fill_size(64);
    let mut a = small.frames(256).build_raw().unwrap();
    let packets: Vec<_> = (0..200).map(packet).collect();
    // 32 go out and fill the completion ring; 64 wait.
    assert_eq!(push(&mut a, &packets), 64);
    assert_eq!((a.tx.occupancy(), bench.a.counters().tx_packets), (32, 32));
    assert_eq!(push(&mut a, &packets[64..]), 32);
    assert_eq!(push(&mut a, &packets[96..]), 0, "full");
    send(&mut a, &packets[96..]);
    assert_eq!(bench.a.counters().tx_packets, 200);
    conserved(&a);
}

#[test]
fn a_link_that_is_down_is_told_and_comes_back() {
    for profile in PROFILES {
        let bench = Bench::new(8, profile);
        let (mut a, mut b) = bench.open();
        bench.a.set_down();
        assert_eq!(a.wait(Interest::Rx, SECOND).unwrap(), Waited::LinkDown);
        let frame = a.pool.take().unwrap();
        a.tx.push(a.umem.write(frame, &packet(1)).unwrap()).unwrap();
        assert!(matches!(a.flush().unwrap_err(), Error::LinkDown));
        bench.a.set_up();
        a.flush().unwrap();
        assert_eq!(receive(&mut b), [packet(1)]);
        bench.world.run_for(SECOND);
        assert_eq!(a.reclaim().unwrap(), 1);
        conserved(&a);
    }
}

#[test]
fn without_a_carrier_packets_complete_and_go_nowhere() {
    let bench = Bench::new(9, Profile::Copy);
    let (mut a, mut b) = bench.open();
    bench.b.set_down();
    send(&mut a, &[packet(1), packet(2)]);
    bench.b.set_up();
    assert!(receive(&mut b).is_empty());
    assert_eq!((bench.a.counters().tx_packets, bench.a.counters().tx_dropped), (0, 2));
    conserved(&a);
}

#[test]
fn a_nic_that_is_gone_is_told_at_once_in_every_way() {
    for profile in PROFILES {
        let bench = Bench::new(10, profile);
        let (mut a, _b) = bench.open();
        bench.a.remove();
        let before = bench.world.now();
        assert!(matches!(a.wait(Interest::Rx, 10 * SECOND).unwrap_err(), Error::LinkGone));
        assert!(bench.world.now() - before < Duration::from_millis(200));
        assert!(matches!(a.device().kick_rx().unwrap_err(), Error::LinkGone));
        let frame = a.pool.take().unwrap();
        a.tx.push(a.umem.write(frame, &packet(1)).unwrap()).unwrap();
        assert!(matches!(a.flush().unwrap_err(), Error::LinkGone));
        let again = FluxBuilder::new(bench.a.name()).build_raw().unwrap_err();
        assert!(matches!(again, Error::UnknownSimulated { .. }), "{again}");
    }
}

#[test]
fn live_worlds_deliver_to_programs_that_only_look() {
    let world = World::new(11);
    let nic = |name| world.nic(NicConfig::new(name)).unwrap();
    let (a, b) = (nic("a"), nic("b"));
    world.link(&a, &b, LinkConfig::default().delay(Duration::from_millis(5))).unwrap();
    let (mut from, mut to) = (open(&a), open(&b));
    let _live = world.run_live();
    push(&mut from, &[packet(1)]);
    // No call into the simulated kernel: the ring fills by itself.
    let started = std::time::Instant::now();
    while to.rx.occupancy() == 0 {
        assert!(started.elapsed() < 60 * SECOND);
        std::thread::yield_now();
    }
    let started = std::time::Instant::now();
    assert!(to.rx.pop().unwrap().is_some());
    assert_eq!(to.wait(Interest::Rx, Duration::from_millis(50)).unwrap(), Waited::TimedOut);
    assert!(started.elapsed() >= Duration::from_millis(50), "waits take their time");
}

#[test]
fn two_guards_keep_a_world_alive_until_the_second_goes() {
    let bench = Bench::new(12, Profile::Copy);
    let (first, second) = (bench.world.run_live(), bench.world.run_live());
    drop(first);
    let started = std::time::Instant::now();
    bench.world.run_for(Duration::from_millis(30));
    assert!(started.elapsed() >= Duration::from_millis(30), "it still runs live");
    drop(second);
    let before = bench.world.now();
    bench.world.run_for(SECOND);
    assert_eq!(bench.world.now() - before, SECOND, "and now it does not");
}

#[cfg(unix)]
#[test]
fn a_descriptor_is_readable_while_there_are_packets() {
    use std::io::Read;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    let bench = Bench::new(13, Profile::Copy);
    let mut b = open(&bench.b);
    let is_readable = |raw: &fluxcapacitor::FluxRaw| {
        let mut stream = UnixStream::from(raw.as_fd().try_clone_to_owned().unwrap());
        stream.read(&mut [0]).is_ok()
    };
    assert!(!is_readable(&b));
    bench.b.inject(&packet(1));
    assert!(is_readable(&b));
    assert!(is_readable(&b), "until they are taken");
    b.pool.give_all(b.rx.pop().unwrap().map(fluxcapacitor::umem::Segment::into_frame)).unwrap();
    assert!(!is_readable(&b));
}

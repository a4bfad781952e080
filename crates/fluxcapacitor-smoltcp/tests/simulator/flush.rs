//! When packets leave.

use std::time::Duration;

use fluxcapacitor::raw::Waited;
use fluxcapacitor::simulator::control::{Fault, Profile, Rule};
use smoltcp::time::Duration as Delay;

use crate::bench::{Bench, LINK, PORT, SECOND, address};

#[test]
fn a_flush_is_for_many_packets() {
    let mut bench = Bench::new(1, Profile::Copy);
    let (one, two) = (bench.one.add_tcp(256 << 10), bench.two.add_tcp(256 << 10));
    bench.two.tcp(two).listen(PORT).unwrap();
    bench.one.connect(one, (address(2), PORT), 50_000);
    let (mut sent, mut received) = (0, 0);
    bench.run(|station, other| {
        let socket = station.tcp(one);
        if socket.can_send() && sent < 1 << 20 {
            sent += socket.send(|room| (room.len(), room.len())).unwrap();
        }
        let socket = other.tcp(two);
        if socket.can_recv() {
            received += socket.recv(|bytes| (bytes.len(), bytes.len())).unwrap();
        }
        received >= 1 << 20
    });
    let sender = bench.one.device.stats().unwrap().total();
    assert!(sender.tx_packets > 700, "{sender:?}");
    assert!(sender.kicks * 10 < sender.tx_packets, "{sender:?}");
}

#[test]
fn wait_flushes_unless_the_stack_has_more_to_send() {
    let mut bench = Bench::new(2, Profile::Copy);
    let (one, _two) = bench.udp();
    let (now, before) = (bench.now(), bench.one.nic.counters().tx_packets);
    let sent = |bench: &Bench| bench.one.nic.counters().tx_packets - before;
    bench.one.send(one, 2, 3);
    for _ in 0..3 {
        bench.one.poll(now);
        assert_eq!(bench.one.device.wait(Some(Delay::ZERO), SECOND).unwrap(), Waited::Ready);
        assert_eq!(sent(&bench), 0);
    }
    // It says that it has more, and has sent nothing: that is not believed.
    bench.one.poll(now);
    assert_eq!(bench.one.device.wait(Some(Delay::ZERO), SECOND).unwrap(), Waited::TimedOut);
    assert_eq!(sent(&bench), 3);

    for delay in [None, Some(Delay::from_millis(1))] {
        let before = sent(&bench);
        bench.one.send(one, 2, 1);
        bench.one.poll(now);
        bench.one.device.wait(delay, Duration::ZERO).unwrap();
        assert_eq!(sent(&bench) - before, 1, "{delay:?}");
    }
}

#[test]
fn those_who_only_poll_send_too() {
    let mut bench = Bench::new(3, Profile::Copy);
    let (one, two) = bench.udp();
    let now = bench.now();
    bench.one.send(one, 2, 3);
    // Three polls that send, one that does not, and one that finds that there was none.
    for poll in 1..=5 {
        bench.one.poll(now);
        bench.world.run_for(LINK);
        bench.two.poll(now);
        let received = bench.two.received(two);
        assert_eq!(received.len(), if poll == 5 { 3 } else { 0 }, "after poll {poll}");
    }
}

#[test]
fn nobody_waits_behind_more_than_64_packets() {
    let mut bench = Bench::new(4, Profile::Copy);
    let (one, _two) = bench.udp();
    let (now, before) = (bench.now(), bench.one.nic.counters().tx_packets);
    bench.one.send(one, 2, 100);
    (0..100).for_each(|_| _ = bench.one.poll(now));
    assert_eq!(bench.one.nic.counters().tx_packets - before, 64);
    bench.one.device.flush().unwrap();
    assert_eq!(bench.one.nic.counters().tx_packets - before, 100);
}

#[test]
fn what_the_kernel_leaves_in_the_ring_leaves_during_the_wait() {
    let mut bench = Bench::new(5, Profile::Copy);
    let (one, _two) = bench.udp();
    let (now, ms) = (bench.now(), Duration::from_millis);
    let stop = Rule::new(Fault::Stop(ms(30))).nic(bench.one.nic.name()).times(1);
    bench.world.fault(stop);
    let tap = bench.one.nic.tap();
    bench.one.send(one, 2, 2);
    // With the first packet it stops for a while.
    bench.one.poll(now);
    bench.one.device.flush().unwrap();
    let stopped = bench.world.now();
    bench.one.poll(now);
    // Nothing arrives, and no time of the stack's is up.
    assert_eq!(bench.one.device.wait(None, SECOND).unwrap(), Waited::TimedOut);
    let left = tap.try_iter().last().unwrap().at - stopped;
    assert!((ms(29)..ms(32)).contains(&left), "it left after {left:?}");
}

#[test]
fn a_wait_ends_with_a_packet_with_the_stacks_delay_or_with_the_time() {
    let mut bench = Bench::new(6, Profile::Copy);
    let (one, _two) = bench.udp();
    let ms = Duration::from_millis;
    for (delay, timeout, takes) in [
        (Some(Delay::from_millis(5)), ms(30), ms(5)),
        (Some(Delay::from_millis(50)), ms(30), ms(30)),
        (None, ms(30), ms(30)),
    ] {
        let started = bench.world.now();
        assert_eq!(bench.two.device.wait(delay, timeout).unwrap(), Waited::TimedOut);
        let took = bench.world.now() - started;
        assert!((takes..takes + ms(1)).contains(&took), "{took:?} instead of {takes:?}");
    }
    bench.one.send(one, 2, 1);
    let now = bench.now();
    bench.one.poll(now);
    bench.one.device.flush().unwrap();
    let started = bench.world.now();
    assert_eq!(bench.two.device.wait(None, SECOND).unwrap(), Waited::Ready);
    assert!(bench.world.now() - started < ms(1));
}

#[test]
fn after_a_batch_the_stack_gets_to_send() {
    let mut bench = Bench::new(7, Profile::Copy);
    let (one, two) = bench.udp();
    let now = bench.now();
    bench.one.send(one, 2, 200);
    (0..201).for_each(|_| _ = bench.one.poll(now));
    bench.one.device.flush().unwrap();
    bench.world.run_for(LINK);
    for received in [64, 64, 64, 8, 0] {
        bench.two.poll(now);
        assert_eq!(bench.two.received(two).len(), received);
    }
}

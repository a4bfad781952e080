//! When there is no room to send.

use std::time::Duration;

use fluxcapacitor::FluxBuilder;
use fluxcapacitor::raw::Waited;
use fluxcapacitor::simulator::control::{Fault, Profile, Rule};
use smoltcp::iface::SocketHandle;
use smoltcp::phy::Device;
use smoltcp::time::{Duration as Delay, Instant};

use crate::bench::{Bench, LINK, SECOND};

const NAP: Duration = Duration::from_millis(1);

/// Eight slots.
fn small(builder: FluxBuilder) -> FluxBuilder {
    builder.tx_size(8).completion_size(8)
}

/// A bench whose first station has filled its tx ring, and has 12 datagrams more in its stack.
/// Its NIC has stopped for `time`.
fn filled(bench: &mut Bench, time: Duration) -> (SocketHandle, SocketHandle) {
    let (one, two) = bench.udp();
    let now = bench.now();
    bench.world.fault(Rule::new(Fault::Stop(time)).nic(bench.one.nic.name()).times(1));
    bench.one.send(one, 2, 21);
    bench.one.poll(now);
    bench.one.device.flush().unwrap();
    (0..30).for_each(|_| _ = bench.one.poll(now));
    (one, two)
}

#[test]
fn a_full_ring_exhausts_the_device_and_nothing_vanishes() {
    let mut bench = Bench::with(1, Profile::Copy, small);
    let (one, two) = bench.udp();
    bench.world.fault(Rule::new(Fault::KickAgain));
    bench.one.send(one, 2, 20);
    let now = bench.now();
    (0..30).for_each(|_| _ = bench.one.poll(now));
    bench.two.send(two, 1, 5);
    (0..5).for_each(|_| _ = bench.two.poll(now));
    // The kicks of the other one fail as well: both have to wait.
    assert!(bench.one.device.transmit(Instant::ZERO).is_none());
    assert!(bench.one.device.receive(Instant::ZERO).is_none());

    bench.world.clear_faults();
    bench.two.device.flush().unwrap();
    let (mut at_one, mut at_two) = (Vec::new(), Vec::new());
    bench.run(|station, other| {
        at_one.extend(station.received(one));
        at_two.extend(other.received(two));
        at_one.len() + at_two.len() == 25
    });
    assert_eq!(at_one, (0..5).collect::<Vec<_>>());
    assert_eq!(at_two, (0..20).collect::<Vec<_>>());
    bench.conserved();
}

#[test]
fn packets_wait_in_the_ring_while_they_could_not_be_answered() {
    let mut bench = Bench::with(2, Profile::Copy, small);
    let (one, two) = bench.udp();
    bench.two.send(two, 1, 5);
    let now = bench.now();
    (0..6).for_each(|_| _ = bench.two.poll(now));
    bench.two.device.flush().unwrap();
    bench.world.run_for(Duration::from_millis(1));

    bench.world.fault(Rule::new(Fault::KickAgain));
    bench.one.send(one, 2, 20);
    // The first poll receives all five, if the ring is full only after that: so fill it by hand.
    while let Some(token) = bench.one.device.transmit(Instant::ZERO) {
        smoltcp::phy::TxToken::consume(token, 60, |bytes| bytes.fill(0xff));
    }
    bench.one.poll(now);
    assert!(bench.one.received(one).is_empty());
    bench.world.clear_faults();
    bench.one.poll(now);
    assert_eq!(bench.one.received(one), [0, 1, 2, 3, 4]);
}

#[test]
fn waiting_for_room_takes_its_time_whatever_the_stack_wants() {
    let mut bench = Bench::with(3, Profile::Copy, small);
    filled(&mut bench, 20 * SECOND);
    let started = bench.world.now();
    let waited = bench.one.device.wait(Some(Delay::ZERO), 10 * SECOND).unwrap();
    assert_eq!(waited, Waited::TimedOut);
    let took = bench.world.now() - started;
    assert!((10 * SECOND..11 * SECOND).contains(&took), "{took:?}");
}

#[test]
fn a_wait_ends_when_there_is_room_again() {
    let mut bench = Bench::with(4, Profile::Copy, small);
    let time = Duration::from_millis(20);
    let (_one, two) = filled(&mut bench, time);
    let started = bench.world.now();
    assert_eq!(bench.one.device.wait(None, SECOND).unwrap(), Waited::Ready);
    let took = bench.world.now() - started;
    assert!((time - NAP..time + 2 * NAP).contains(&took), "{took:?}");
    assert_eq!(bench.one.device.wait(None, NAP).unwrap(), Waited::TimedOut, "it is told once");
    bench.run(|_, station| station.received(two).last() == Some(&20));
}

#[test]
fn room_that_came_back_by_itself_is_told_once() {
    let mut bench = Bench::with(5, Profile::Copy, small);
    filled(&mut bench, NAP);
    bench.world.run_for(2 * NAP);
    // The stack was refused, and by now there is room: it has something to do.
    assert_eq!(bench.one.device.wait(None, SECOND).unwrap(), Waited::Ready);
    assert_eq!(bench.one.device.wait(None, SECOND).unwrap(), Waited::TimedOut);
}

#[test]
fn a_link_that_is_down_is_told_and_what_was_sent_leaves_when_it_is_up() {
    let mut bench = Bench::with(6, Profile::Copy, small);
    let (one, two) = bench.udp();
    bench.one.nic.set_down();
    bench.one.send(one, 2, 20);
    let now = bench.now();
    (0..30).for_each(|_| _ = bench.one.poll(now));
    assert_eq!(bench.one.device.wait(Some(Delay::ZERO), SECOND).unwrap(), Waited::LinkDown);
    bench.one.nic.set_up();
    let mut received = Vec::new();
    bench.run(|_, station| {
        received.extend(station.received(two));
        received.len() == 20
    });
    assert_eq!(received, (0..20).collect::<Vec<_>>());
    bench.conserved();
}

#[test]
fn frames_that_are_all_under_way_are_waited_for() {
    // 4 frames to send from, and a ring that has room for more; they come back late.
    let few = |builder: FluxBuilder| builder.frames(8).fill_size(8).tx_size(64);
    let mut bench = Bench::with(7, Profile::ZeroCopy, few);
    let (one, two) = bench.udp();
    let late = Duration::from_millis(3);
    bench.world.fault(Rule::new(Fault::LateCompletion(late)).nic(bench.one.nic.name()));
    bench.one.send(one, 2, 20);
    let now = bench.now();
    (0..10).for_each(|_| _ = bench.one.poll(now));
    assert!(bench.one.device.transmit(Instant::ZERO).is_none());
    let started = bench.world.now();
    assert_eq!(bench.one.device.wait(Some(Delay::ZERO), SECOND).unwrap(), Waited::Ready);
    assert!(bench.world.now() - started <= 2 * late);
    let mut received = Vec::new();
    bench.run(|_, station| {
        received.extend(station.received(two));
        received.len() == 20
    });
    bench.world.clear_faults();
    bench.conserved();
}

#[test]
fn what_was_received_into_is_free_again_before_anybody_sleeps() {
    let few = |builder: FluxBuilder| builder.frames(8).fill_size(8).tx_size(8);
    let mut bench = Bench::with(8, Profile::Copy, few);
    let (one, two) = bench.udp();
    let now = bench.now();
    bench.one.send(one, 2, 4);
    (0..4).for_each(|_| _ = bench.one.poll(now));
    bench.one.device.flush().unwrap();
    bench.world.run_for(LINK);
    // All the frames that there are to receive into are in this batch.
    bench.two.poll(now);
    assert_eq!(bench.two.received(two).len(), 4);
    bench.one.send(one, 2, 1);
    bench.one.poll(now);
    bench.one.device.flush().unwrap();
    assert_eq!(bench.two.device.wait(None, SECOND).unwrap(), Waited::Ready);
    bench.two.poll(now);
    assert_eq!(bench.two.received(two), [0]);
}

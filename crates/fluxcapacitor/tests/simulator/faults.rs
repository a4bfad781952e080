//! What goes wrong, each alone; and that nothing is lost by it that was not meant to be.

use std::time::Duration;

use fluxcapacitor::raw::Kick;
use fluxcapacitor::simulator::control::{Fault, Profile, Rule};

use crate::bench::{Bench, PROFILES, SECOND, conserved, packet, push, receive, send};

/// What 200 packets become under these rules.
fn under(profile: Profile, rules: &[Rule]) -> Vec<Vec<u8>> {
    let bench = Bench::new(7, profile);
    for rule in rules {
        bench.world.fault(rule.clone());
    }
    let (mut a, mut b) = bench.open();
    let packets: Vec<_> = (0..200).map(packet).collect();
    for burst in packets.chunks(20) {
        send(&mut a, burst);
    }
    let received = receive(&mut b);
    conserved(&a);
    conserved(&b);
    received
}

fn numbers(packets: &[Vec<u8>]) -> Vec<u32> {
    packets.iter().map(|p| u32::from_be_bytes(p[14..18].try_into().unwrap())).collect()
}

#[test]
fn packets_are_lost() {
    for profile in PROFILES {
        let received = under(profile, &[Rule::new(Fault::Lose).one_in(4)]);
        assert!((100..190).contains(&received.len()), "{}", received.len());
        assert!(numbers(&received).is_sorted(), "the others in order");
        assert!(received.iter().all(|got| *got == packet(numbers(std::slice::from_ref(got))[0])));
    }
}

#[test]
fn rules_pick_their_packets_and_count() {
    let odd = |packet: &[u8]| packet[17] % 2 == 1;
    let received = under(Profile::Copy, &[Rule::new(Fault::Lose).packets(odd)]);
    assert_eq!(numbers(&received), (0..200).step_by(2).collect::<Vec<_>>());
    let received = under(Profile::Copy, &[Rule::new(Fault::Lose).times(3)]);
    assert_eq!(numbers(&received), (3..200).collect::<Vec<_>>());
    let received = under(Profile::Copy, &[Rule::new(Fault::Lose).nic("sim:nosuch/a")]);
    assert_eq!(received.len(), 200);
}

#[test]
fn what_was_lost_is_as_many_as_were_struck() {
    let bench = Bench::new(3, Profile::Copy);
    let lost = bench.world.fault(Rule::new(Fault::Lose).one_in(3));
    let twice = bench.world.fault(Rule::new(Fault::Duplicate).one_in(3));
    let (mut a, mut b) = bench.open();
    send(&mut a, &(0..200).map(packet).collect::<Vec<_>>());
    assert!(lost.count() > 20 && twice.count() > 20);
    assert_eq!(receive(&mut b).len() as u64, 200 - lost.count() + twice.count());
}

#[test]
fn packets_come_twice() {
    let received = under(Profile::Copy, &[Rule::new(Fault::Duplicate).times(1)]);
    assert_eq!(received.len(), 201);
    assert_eq!(received[0], received[1]);
}

#[test]
fn packets_are_overtaken() {
    let late = Fault::Reorder(Duration::from_micros(500));
    let received = under(Profile::Copy, &[Rule::new(late).one_in(10)]);
    let mut numbers = numbers(&received);
    assert!(!numbers.is_sorted());
    numbers.sort_unstable();
    assert_eq!(numbers, (0..200).collect::<Vec<_>>());
}

#[test]
fn one_bit_is_turned() {
    let received = under(Profile::Copy, &[Rule::new(Fault::Corrupt)]);
    assert_eq!(received.len(), 200);
    for (number, got) in (0..).zip(&received) {
        let sent = packet(number);
        let bits: u32 = got.iter().zip(&sent).map(|(a, b)| (a ^ b).count_ones()).sum();
        assert_eq!((got.len(), bits), (sent.len(), 1));
    }
}

#[test]
fn a_wire_carries_so_much_and_no_more() {
    let bench = Bench::new(1, Profile::Copy);
    // 1000 bytes take a millisecond.
    bench.world.fault(Rule::new(Fault::Rate { bits_per_second: 8_000_000 }));
    let (mut a, mut b) = bench.open();
    let before = bench.world.now();
    push(&mut a, &vec![vec![0; 1000]; 10]);
    let mut arrived = Vec::new();
    while arrived.len() < 10 {
        assert_eq!(
            b.wait(fluxcapacitor::raw::Interest::Rx, SECOND).unwrap(),
            fluxcapacitor::raw::Waited::Ready
        );
        arrived.extend(b.rx.receive(64).unwrap());
    }
    let took = bench.world.now() - before;
    assert!((Duration::from_millis(10)..Duration::from_millis(11)).contains(&took), "{took:?}");
}

#[test]
fn packets_take_longer() {
    let delay = Fault::Delay { by: Duration::from_millis(1), jitter: Duration::from_millis(1) };
    let received = under(Profile::ZeroCopy, &[Rule::new(delay)]);
    assert_eq!(received.len(), 200);
}

#[test]
fn kicks_are_refused_and_nothing_is_lost() {
    for fault in [Fault::KickAgain, Fault::KickNoBuffers, Fault::ShortKick] {
        for profile in PROFILES {
            let received = under(profile, &[Rule::new(fault).one_in(2)]);
            assert_eq!(numbers(&received), (0..200).collect::<Vec<_>>(), "{fault:?} {profile:?}");
        }
    }
    let bench = Bench::new(1, Profile::Copy);
    let (a, _b) = bench.open();
    bench.world.fault(Rule::new(Fault::KickAgain));
    assert_eq!(a.device().kick_tx().unwrap(), Kick::Again);
    bench.world.clear_faults();
    assert_eq!(a.device().kick_tx().unwrap(), Kick::Done);
}

#[test]
fn a_busy_nic_completes_what_it_does_not_send() {
    let received = under(Profile::Copy, &[Rule::new(Fault::KickBusy).times(5)]);
    assert_eq!(numbers(&received), (5..200).collect::<Vec<_>>());
}

#[test]
fn completions_come_late_and_all() {
    for profile in PROFILES {
        let late = Fault::LateCompletion(Duration::from_micros(700));
        let received = under(profile, &[Rule::new(late).one_in(3)]);
        assert_eq!(numbers(&received), (0..200).collect::<Vec<_>>(), "{profile:?}");
    }
}

#[test]
fn a_nic_stops_and_starts_again() {
    for profile in PROFILES {
        let bench = Bench::new(1, profile);
        let (mut a, mut b) = bench.open();
        bench
            .world
            .fault(Rule::new(Fault::Stop(Duration::from_millis(3))).times(1).nic(bench.a.name()));
        let packets: Vec<_> = (0..50).map(packet).collect();
        send(&mut a, &packets);
        assert!(receive(&mut b) == packets, "late, and all of them");
        conserved(&a);
    }
}

#[test]
fn a_forged_peer_is_seen_through() {
    for profile in PROFILES {
        let bench = Bench::new(1, profile);
        let (mut a, mut b) = bench.open();
        bench.world.fault(Rule::new(Fault::Forge).times(300));
        let packets: Vec<_> = (0..500).map(packet).collect();
        for burst in packets.chunks(10) {
            send(&mut a, burst);
        }
        assert!(receive(&mut b) == packets);
        assert!(a.rx.rejected() + a.completion.rejected() > 100);
        conserved(&a);
        conserved(&b);
    }
}

#[test]
fn times_without_end_are_no_more_than_that() {
    for profile in PROFILES {
        for fault in [
            Fault::Delay { by: Duration::MAX, jitter: Duration::MAX },
            Fault::Reorder(Duration::MAX),
            Fault::LateCompletion(Duration::MAX),
            Fault::Stop(Duration::MAX),
            Fault::Rate { bits_per_second: 0 },
        ] {
            let bench = Bench::new(1, profile);
            bench.world.fault(Rule::new(fault).one_in(2));
            let (mut a, _b) = bench.open();
            for number in 0..20 {
                push(&mut a, &[packet(number)]);
                bench.world.run_for(Duration::from_millis(1));
                a.reclaim().unwrap();
            }
            let census = a.census();
            assert_eq!((census.total(), census.retired), (4096, 0), "{fault:?}");
        }
        let bench = Bench::new(1, profile);
        let (a, _b) = bench.open();
        bench.b.inject_after(Duration::MAX, &packet(1));
        let waited = a.wait(fluxcapacitor::raw::Interest::Rx, Duration::MAX).unwrap();
        assert_eq!(waited, fluxcapacitor::raw::Waited::TimedOut);
        bench.world.run_for(Duration::MAX);
    }
}

#[test]
fn a_driver_that_cannot_complete_sleeps_until_it_can() {
    let bench = Bench::new(1, Profile::ZeroCopy);
    let small = fluxcapacitor::FluxBuilder::new(bench.a.name()).completion_size(4).tx_size(16);
    let mut a = small.build_raw().unwrap();
    push(&mut a, &(0..12).map(packet).collect::<Vec<_>>());
    bench.world.run_for(SECOND);
    assert_eq!((a.tx.occupancy(), bench.a.counters().tx_packets), (8, 4));
    assert!(a.tx.needs_wakeup());
    assert!(!bench.world.step(), "nothing happens any more");
    send(&mut a, &[]);
    assert_eq!(bench.a.counters().tx_packets, 12);
    conserved(&a);
}

#[test]
fn a_rule_that_panics_spares_the_packet_and_the_world() {
    for profile in PROFILES {
        let bench = Bench::new(1, profile);
        let (mut a, mut b) = bench.open();
        let bad = |packet: &[u8]| packet[17] == 3 && panic!("a rule of the test panics");
        bench.world.fault(Rule::new(Fault::Lose).packets(bad));
        let packets: Vec<_> = (0..10).map(packet).collect();
        let flushed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            push(&mut a, &packets);
            bench.world.run_for(SECOND);
        }));
        assert!(flushed.is_err(), "the panic goes on");
        bench.world.clear_faults();
        send(&mut a, &packets[..1]);
        let received = numbers(&receive(&mut b));
        assert!(received.starts_with(&(0..10).collect::<Vec<_>>()), "{received:?}");
        conserved(&a);
        conserved(&b);
    }
}

#[test]
fn what_the_other_end_does_not_take_is_told_to_the_sender() {
    let bench = Bench::new(1, Profile::Copy);
    let (mut a, mut b) = bench.open();
    bench.b.set_mtu(500).unwrap();
    push(&mut a, &[vec![1; 600], vec![2; 10], vec![3; 100]]);
    assert_eq!(a.tx.occupancy(), 0, "flushed again after each");
    assert_eq!(a.reclaim().unwrap(), 3, "completed, and not sent");
    assert_eq!((bench.a.counters().tx_dropped, bench.a.counters().tx_packets), (2, 1));
    assert_eq!(receive(&mut b), [vec![3; 100]]);
}

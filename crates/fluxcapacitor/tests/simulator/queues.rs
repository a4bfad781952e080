//! Several queues of one NIC.

use fluxcapacitor::FluxBuilder;
use fluxcapacitor::simulator::control::{LinkConfig, NicConfig, Profile, World};

use crate::bench::{packet, push};

/// A UDP packet of the flow with this source port.
fn udp(port: u16) -> Vec<u8> {
    let mut packet = vec![0; 64];
    packet[12..14].copy_from_slice(&[0x08, 0x00]);
    packet[14] = 0x45;
    packet[23] = 17;
    packet[26..34].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
    packet[34..36].copy_from_slice(&port.to_be_bytes());
    packet
}

#[test]
fn a_socket_takes_its_queue_and_leaves_the_others_to_the_stack() {
    let world = World::new(1);
    let nic = |name| world.nic(NicConfig::new(name).queues(2)).unwrap();
    let (a, b) = (nic("a"), nic("b"));
    world.link(&a, &b, LinkConfig::default()).unwrap();
    let mut raw = FluxBuilder::new(b.name()).queue(1).build_raw().unwrap();
    for (queue, reaches_us) in [(0, false), (1, true)] {
        let mut sender = FluxBuilder::new(a.name()).queue(queue).build_raw().unwrap();
        push(&mut sender, &[packet(7)]);
        assert_eq!(raw.rx.receive(64).unwrap().count(), usize::from(reaches_us), "queue {queue}");
        assert_eq!(b.passed().is_some(), !reaches_us);
    }
    b.inject_on(1, &packet(8));
    assert_eq!(raw.rx.receive(64).unwrap().count(), 1);
}

#[test]
fn flows_spread_over_the_queues_of_a_card_and_each_stays_on_its_own() {
    let world = World::new(2);
    let card = NicConfig::new("a").queues(4).profile(Profile::ZeroCopy);
    let nic = world.nic(card).unwrap();
    let mut seen = [0; 4];
    for (queue, seen) in (0..).zip(&mut seen) {
        let mut raw = FluxBuilder::new(nic.name()).queue(queue).build_raw().unwrap();
        for port in 1000..1100 {
            nic.inject(&udp(port));
            nic.inject(&udp(port));
        }
        *seen = raw.rx.receive(1000).unwrap().count();
        assert_eq!(*seen % 2, 0, "both packets of a flow, or none");
    }
    assert_eq!(seen.iter().sum::<usize>(), 200, "each flow on one queue: {seen:?}");
    assert!(seen.iter().all(|count| *count > 10), "{seen:?}");
}

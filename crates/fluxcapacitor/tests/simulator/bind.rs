//! What a bind is refused for, and when it succeeds again.

use std::time::Duration;

use fluxcapacitor::builder::ZeroCopy;
use fluxcapacitor::hook::Attach;
use fluxcapacitor::proto::MacAddr;
use fluxcapacitor::simulator::control::{LinkConfig, NicConfig, Profile, World};
use fluxcapacitor::{Error, FluxBuilder};

use crate::bench::{Bench, open, packet, push};

#[test]
fn a_queue_opens_again_at_once_and_packets_in_hand_survive_the_close() {
    let bench = Bench::new(1, Profile::Copy);
    let mut held = Vec::new();
    for number in 0..200 {
        let mut raw = open(&bench.b);
        bench.b.inject(&packet(number));
        held.push((raw.umem.clone(), raw.rx.pop().unwrap().unwrap()));
    }
    for (number, (umem, segment)) in (0..).zip(&held) {
        assert_eq!(umem.packet(segment).unwrap(), packet(number));
        let census = umem.census();
        assert_eq!(census.rx + census.tx, 0, "{census}");
        assert!(census.retired > 0, "{census}");
    }
}

#[test]
fn a_queue_is_taken_until_all_its_parts_are_gone() {
    let bench = Bench::new(2, Profile::Copy);
    let parts = open(&bench.b).into_parts();
    let (device, rx) = (parts.device, parts.rx);
    drop((parts.fill, parts.tx, parts.completion));
    drop(device);
    // The program went with the device; a ring is still there.
    let busy = FluxBuilder::new(bench.b.name()).build_raw().unwrap_err();
    assert!(matches!(busy, Error::QueueBusy { queue: 0, .. }), "{busy}");
    drop(rx);
    open(&bench.b);
}

#[test]
fn a_hook_is_held_alone_and_named() {
    let world = World::new(3);
    let nic = world.nic(NicConfig::new("a").queues(2)).unwrap();
    let first = open(&nic);
    let second = FluxBuilder::new(nic.name()).queue(1).build_raw().unwrap_err();
    assert!(matches!(second, Error::ProgramBusy { .. }), "{second}");
    assert!(second.to_string().contains("may be on another queue"), "{second}");
    drop(first);
    FluxBuilder::new(nic.name()).queue(1).build_raw().unwrap();
}

#[test]
fn zero_copy_is_granted_by_nics_that_offer_it() {
    let world = World::new(4);
    let nic = |name, profile| world.nic(NicConfig::new(name).profile(profile)).unwrap();
    let (copy, zero) = (nic("copy", Profile::Copy), nic("zero", Profile::ZeroCopy));
    let refused =
        FluxBuilder::new(copy.name()).zero_copy(ZeroCopy::Require).build_raw().unwrap_err();
    assert!(matches!(refused, Error::NoZeroCopy { .. }), "{refused}");
    let preferred = open(&copy);
    assert!(!preferred.granted().zero_copy);
    assert_eq!(preferred.granted().mac, Some(MacAddr::new(copy.mac())));
    assert!(preferred.granted().why_copied.is_some());

    let zero_copy = |mode| FluxBuilder::new(zero.name()).zero_copy(mode);
    assert!(zero_copy(ZeroCopy::Require).build_raw().unwrap().granted().zero_copy);
    assert!(!zero_copy(ZeroCopy::Forbid).build_raw().unwrap().granted().zero_copy);
    let generic = zero_copy(ZeroCopy::Prefer).attach(Attach::Generic).build_raw().unwrap();
    assert!(!generic.granted().zero_copy, "{}", generic.granted());
}

#[test]
fn errors_say_what_was_wrong() {
    let world = World::new(5);
    let nic = world.nic(NicConfig::new("a").queues(2).mtu(9000)).unwrap();
    let error = |name: &str| FluxBuilder::new(name).queue(2).build_raw().unwrap_err();
    let unknown = error(&format!("sim:{}/b", world.name()));
    assert!(matches!(unknown, Error::UnknownSimulated { .. }), "{unknown}");
    assert!(matches!(error("sim:nosuch/a"), Error::UnknownSimulated { .. }));
    assert!(matches!(error("sim:"), Error::UnknownSimulated { .. }));
    let queue = error(nic.name());
    assert!(matches!(queue, Error::QueueOutOfRange { queue: 2, queues: 2, .. }), "{queue}");
    let mtu = FluxBuilder::new(nic.name()).build_raw().unwrap_err();
    assert!(
        mtu.to_string().contains("set the MTU to 3814 or less (`Nic::set_mtu(3814)`)"),
        "{mtu}"
    );
    assert!(queue.to_string().contains("`NicConfig::queues`"), "{queue}");

    let nic = |config| world.nic(config).unwrap_err();
    assert!(matches!(nic(NicConfig::new("a")), Error::Invalid { .. }), "taken");
    assert!(matches!(nic(NicConfig::new("x/y")), Error::Invalid { .. }));
    assert!(matches!(nic(NicConfig::new("x").queues(0)), Error::Invalid { .. }));
    assert!(matches!(nic(NicConfig::new("x").mtu(10)), Error::Invalid { .. }));
}

#[test]
fn the_kernel_lets_go_of_a_queue_a_moment_later() {
    let bench = Bench::new(6, Profile::Copy);
    drop(open(&bench.b));
    let before = bench.world.now();
    open(&bench.b);
    let took = bench.world.now() - before;
    assert!((Duration::from_millis(2)..Duration::from_millis(20)).contains(&took), "{took:?}");
}

#[test]
fn packets_that_fit_no_page_have_the_program_run_generic() {
    let bench = Bench::new(7, Profile::Copy);
    let open =
        |attach| FluxBuilder::new(bench.b.name()).frame_size(4096).attach(attach).build_raw();
    bench.a.set_mtu(3507).unwrap();
    let refused = open(Attach::Native).unwrap_err();
    assert!(matches!(refused, Error::NoNativeMode { .. }), "{refused}");
    let generic = open(Attach::Auto).unwrap();
    assert!(generic.granted().why_not_native.is_some(), "{}", generic.granted());
    drop(generic);
    bench.a.set_mtu(3506).unwrap();
    assert!(open(Attach::Native).unwrap().granted().why_not_native.is_none());
}

#[test]
fn a_nic_whose_peer_was_removed_can_be_linked_anew() {
    let bench = Bench::new(8, Profile::Copy);
    let c = bench.world.nic(NicConfig::new("c")).unwrap();
    assert!(bench.world.link(&bench.a, &c, LinkConfig::default()).is_err());
    bench.b.remove();
    bench.world.link(&bench.a, &c, LinkConfig::default()).unwrap();
    push(&mut open(&bench.a), &[packet(1)]);
    assert_eq!(c.passed(), Some(packet(1)));
}

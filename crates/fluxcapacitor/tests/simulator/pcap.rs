//! Captures into a NIC, and out of one.

use std::path::PathBuf;
use std::time::Duration;

use fluxcapacitor::Error;
use fluxcapacitor::raw::{Interest, Waited};
use fluxcapacitor::simulator::control::{NicConfig, Profile, World};
use fluxcapacitor::simulator::pcap::{Tap, play};

use crate::bench::{Bench, SECOND, open, packet, receive, send};

/// A file that goes with this.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("flux-{}-{name}.pcap", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _absent = std::fs::remove_file(&self.0);
    }
}

#[test]
fn what_was_tapped_can_be_played_at_the_same_pace() {
    let file = Scratch::new("tap");
    let bench = Bench::new(1, Profile::Copy);
    let (mut a, mut b) = bench.open();
    let tap = Tap::new(&bench.b, &file.0);
    let packets: Vec<_> = (0..20).map(packet).collect();
    send(&mut a, &packets[..10]);
    bench.world.run_for(Duration::from_millis(40));
    send(&mut a, &packets[10..]);
    assert_eq!(tap.save().unwrap(), 20);
    assert!(receive(&mut b) == packets);

    let world = World::new(2);
    let nic = world.nic(NicConfig::new("eth0")).unwrap();
    let mut raw = open(&nic);
    assert_eq!(play(&nic, &file.0).unwrap(), 20);
    world.run_for(Duration::from_millis(30));
    assert_eq!(raw.rx.occupancy(), 10, "the others come later");
    assert_eq!(raw.device().wait(Interest::Rx, SECOND).unwrap(), Waited::Ready);
    assert!(receive(&mut raw) == packets);
}

#[test]
fn a_tap_that_is_dropped_writes_what_it_has() {
    let file = Scratch::new("dropped");
    let bench = Bench::new(1, Profile::Copy);
    let tap = Tap::new(&bench.b, &file.0);
    bench.b.inject(&packet(3));
    drop(tap);
    bench.b.inject(&packet(4));
    assert_eq!(play(&bench.a, &file.0).unwrap(), 1);
    bench.world.run_for(SECOND);
    assert_eq!(bench.a.passed(), Some(packet(3)));
}

#[test]
fn what_is_no_capture_is_refused() {
    let file = Scratch::new("none");
    let bench = Bench::new(1, Profile::Copy);
    let refused = |expected: &str| {
        let error = play(&bench.a, &file.0).unwrap_err();
        assert!(matches!(error, Error::Sys { .. }), "{error}");
        assert!(error.to_string().starts_with("reading a capture: "), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.to_string().contains(&file.0.display().to_string()), "{error}");
    };
    refused("os error 2");
    std::fs::write(&file.0, b"no capture at all, just words").unwrap();
    refused("");
    let tap = Tap::new(&bench.b, &file.0);
    bench.b.inject(&packet(3));
    tap.save().unwrap();
    let mut bytes = std::fs::read(&file.0).unwrap();
    bytes.truncate(bytes.len() - 10);
    std::fs::write(&file.0, &bytes).unwrap();
    refused("");
    assert_eq!(bench.a.passed(), None);
}

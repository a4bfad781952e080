//! What cannot be: said before the kernel is asked.

use std::time::Duration;

use fluxcapacitor::builder::{BusyPoll, NapiDeferral, ZeroCopy};
use fluxcapacitor::{Error, FluxBuilder};

use crate::wire::{open, refused, says, wire};

#[test]
fn an_interface_that_is_not_there() {
    let Some(wire) = wire(1) else { return };
    let build = |name: &'static str| {
        let build = || FluxBuilder::new(name).build_raw().unwrap_err();
        wire.b().namespace().run(build).unwrap()
    };
    let absent = build("nosuch0");
    assert!(matches!(&absent, Error::UnknownInterface { interface } if interface == "nosuch0"));
    says(&absent, &["no interface nosuch0 in this network namespace", "`ip link` lists"]);
    // It is there, and one namespace further.
    let elsewhere = wire.a().namespace().run(|| FluxBuilder::new(wire.b().name()).build_raw());
    let elsewhere = elsewhere.unwrap().unwrap_err();
    says(&elsewhere, &[wire.b().name(), "in this network namespace"]);

    for name in ["", "a/b", "a\0b", "sixteen-bytes-xx"] {
        let invalid = build(name);
        assert!(matches!(invalid, Error::Invalid { what: "interface", .. }), "{invalid}");
        let asked = format!("interface {name:?}: ");
        says(&invalid, &[&asked, "1 to 15 bytes", "neither NUL nor slash"]);
    }
}

#[test]
fn a_queue_beyond_the_last() {
    let Some(wire) = wire(2) else { return };
    for asked in [2, u32::MAX] {
        let error = refused(wire.b(), |builder| builder.queue(asked));
        assert!(
            matches!(error, Error::QueueOutOfRange { queue, queues: 2, .. } if queue == asked),
            "{error}"
        );
        let name = wire.b().name();
        let asked = format!("queue {asked} of {name}: it has 2, counted from 0");
        says(&error, &[&asked, &format!("`ethtool -l {name}`"), &format!("`ethtool -L {name}`")]);
    }
}

#[test]
fn an_irq_deferral_that_defers_nothing_or_forever() {
    let Some(wire) = wire(1) else { return };
    let usual = NapiDeferral::default();
    let asking = |deferral| {
        refused(wire.b(), |builder| {
            builder.busy_poll(BusyPoll { deferral: Some(deferral), ..BusyPoll::default() })
        })
    };
    for hard_irqs in [0, 1 << 31, u32::MAX] {
        let error = asking(NapiDeferral { hard_irqs, ..usual });
        let asked = format!("number of hard IRQs to defer {hard_irqs}: ");
        says(&error, &[&asked, "1 up to 2147483647", "2 is usual"]);
    }
    for timeout in [Duration::ZERO, Duration::from_nanos(1_000_000_001), Duration::MAX] {
        let error = asking(NapiDeferral { timeout, ..usual });
        let asked = format!("timeout of IRQ deferral {timeout:?}: ");
        says(&error, &[&asked, "1 ns up to 1 s", "200 µs is usual"]);
    }
    let most = NapiDeferral { hard_irqs: i32::MAX as u32, timeout: Duration::from_secs(1) };
    for deferral in [usual, most] {
        let busy_poll = BusyPoll { deferral: Some(deferral), ..BusyPoll::default() };
        drop(open(wire.b(), |builder| builder.busy_poll(busy_poll)).unwrap());
    }
}

#[test]
fn a_ring_of_no_possible_size() {
    let Some(wire) = wire(1) else { return };
    type With = fn(FluxBuilder, u32) -> FluxBuilder;
    let rings: [(&str, With); 4] = [
        ("fill ring size", FluxBuilder::fill_size),
        ("rx ring size", FluxBuilder::rx_size),
        ("tx ring size", FluxBuilder::tx_size),
        ("completion ring size", FluxBuilder::completion_size),
    ];
    for (ring, with) in rings {
        for (asked, found) in [
            (0, "1 at least"),
            (100, "64 or 128"),
            (4095, "2048 or 4096"),
            (3, "2 or 4"),
            ((1 << 22) + 1, "4194304 at most"),
            (1 << 23, "4194304 at most"),
            (1 << 31, "4194304 at most"),
            (u32::MAX, "4194304 at most"),
        ] {
            let error = refused(wire.b(), |builder| with(builder, asked));
            assert!(matches!(&error, Error::Invalid { what, .. } if *what == ring), "{error}");
            says(&error, &[&format!("{ring} {asked}: "), "a power of two", found]);
        }
    }
    // The least that it says will do.
    let least = |b: FluxBuilder| rings.iter().fold(b, |builder, (_, with)| with(builder, 1));
    open(wire.b(), least).unwrap();
}

#[test]
fn frames_of_no_possible_number_or_size() {
    let Some(wire) = wire(1) else { return };
    for size in [0, 64, 1024, 3000, 8192] {
        let error = refused(wire.b(), |builder| builder.frame_size(size));
        assert!(matches!(error, Error::Invalid { what: "frame size", .. }), "{error}");
        says(&error, &[&format!("frame size {size}: "), "2048 or 4096 bytes"]);
    }
    let none = refused(wire.b(), |builder| builder.frames(0));
    assert!(matches!(none, Error::Invalid { what: "number of frames", .. }), "{none}");
    says(&none, &["number of frames 0: ", "at least 1"]);
    let headroom = refused(wire.b(), |builder| builder.headroom(2048));
    assert!(matches!(headroom, Error::Invalid { what: "headroom", .. }), "{headroom}");
    says(&headroom, &["headroom 2048: frames of 2048 bytes leave at most 1344"]);
    // And that much the kernel does take, where packets are short enough.
    wire.b().set_mtu(68).unwrap();
    drop(open(wire.b(), |builder| builder.headroom(1344)).unwrap());
    drop(open(wire.b(), |builder| builder.frame_size(4096).headroom(3392)).unwrap());
}

#[test]
fn frames_that_do_not_hold_the_packets() {
    let Some(wire) = wire(1) else { return };
    let too_small = |configure: fn(FluxBuilder) -> FluxBuilder, parts: &[&str]| {
        let error = refused(wire.b(), configure);
        assert!(matches!(error, Error::Invalid { what: "frame size", .. }), "{error}");
        says(&error, parts);
    };
    let mtu_1500 = "packets of MTU 1500 take up to 1526 bytes";
    let larger = "take frames of 4096 bytes";
    too_small(|b| b.headroom(300), &["frame size 2048: ", mtu_1500, "556 of each", larger]);
    let less = "ask for less headroom";
    too_small(|b| b.frame_size(4096).headroom(3392), &["frame size 4096: ", mtu_1500, less]);

    wire.b().set_mtu(9000).unwrap();
    let (mtu_9000, set) = ("packets of MTU 9000 take up to 9026 bytes", "set the MTU to 3814");
    let command = format!("`ip link set {} mtu 3814`", wire.b().name());
    too_small(|b| b.frame_size(4096), &["frame size 4096: ", mtu_9000, set, &command]);
    too_small(|b| b, &["frame size 2048: ", mtu_9000, larger, set, &command]);
    // What it says to do does it.
    wire.b().set_mtu(3814).unwrap();
    open(wire.b(), |builder| builder.frame_size(4096)).unwrap();
}

#[test]
fn zero_copy_where_there_is_none() {
    let Some(wire) = wire(1) else { return };
    let error = refused(wire.b(), |builder| builder.zero_copy(ZeroCopy::Require));
    assert!(matches!(&error, Error::NoZeroCopy { driver, .. } if driver == "veth"), "{error}");
    let place = format!("no zero-copy on {} (driver veth): ", wire.b().name());
    says(&error, &[&place, "the driver does not offer it", "copy mode will serve"]);
}

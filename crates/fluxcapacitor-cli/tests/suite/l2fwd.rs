//! `fluxcap l2fwd`, asked by a foreign generator.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::tool::{PATIENCE, Tool};
use crate::wire::{Wire, eventually, wire};

/// The packet as it must come back.
fn swapped(mut packet: Vec<u8>) -> Vec<u8> {
    packet[..12].rotate_left(6);
    packet
}

/// Sends bursts, each of which must come back whole and in order before the next.
fn echo(wire: &Wire, count: u32) {
    let mut buffer = [0; 2048];
    for first in (0..count).step_by(64) {
        let burst = first..count.min(first + 64);
        for number in burst.clone() {
            wire.peer().send(&wire.packet(number)).unwrap();
        }
        for number in burst {
            let len = wire.peer().recv(&mut buffer, PATIENCE).unwrap();
            let len = len.unwrap_or_else(|| panic!("packet {number} of {count} did not come back"));
            assert!(buffer[..len] == swapped(wire.packet(number)), "packet {number}");
        }
    }
    assert_eq!(wire.peer().recv(&mut buffer, Duration::ZERO).unwrap(), None, "and no others");
}

#[test]
fn packets_come_back_with_their_addresses_swapped() {
    for options in ["", "--wait poll --batch 7", "--wait busy --attach generic --frame-size 4096"] {
        let Some(wire) = wire() else { return };
        let mut tool = wire.start(&format!("l2fwd --output json {options}"));
        assert!(wire.end().xdp_attached().unwrap().is_some());
        echo(&wire, 1000);
        tool.signal(Signal::SIGINT);
        let ended = tool.end(PATIENCE);

        assert_eq!(ended.code(), Some(0), "{options}: {}", ended.stderr);
        let (_, last) = ended.json();
        assert_eq!(last["final"], true, "{options}: {last:#}");
        assert_eq!((&last["rx_packets"], &last["tx_packets"]), (&1000.into(), &1000.into()));
        let bytes: usize = (0..1000).map(|number| wire.packet(number).len()).sum();
        assert_eq!((&last["rx_bytes"], &last["tx_bytes"]), (&bytes.into(), &bytes.into()));
        assert!(last["kicks"].as_u64().unwrap() > 0, "{options}: {last:#}");
        assert_eq!(wire.end().counters().unwrap().tx_packets, 1000);
        assert_eq!(wire.end().xdp_attached().unwrap(), None, "{options}");
    }
}

/// Has packets flow through `tool`, kills it, and says how many came back in all.
fn killed_in_flow(wire: &Wire, tool: &mut Tool) -> u32 {
    let (stop, mut returned) = (AtomicBool::new(false), 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                // Refused while the wire has no room.
                let _ = wire.peer().send(&wire.packet(number));
                if stop.load(Relaxed) {
                    break;
                }
            }
        });
        let mut buffer = [0; 2048];
        let started = Instant::now();
        while returned < 1000 && started.elapsed() < PATIENCE {
            let received = wire.peer().recv(&mut buffer, Duration::from_millis(100)).unwrap();
            returned += u32::from(received.is_some());
        }
        tool.signal(Signal::SIGKILL);
        let ended = tool.end(PATIENCE);
        assert_eq!(ended.code(), None, "{ended:#?}");
        eventually("the program is detached", PATIENCE, || {
            wire.end().xdp_attached().unwrap().is_none()
        });
        stop.store(true, Relaxed);
    });
    let mut buffer = [0; 2048];
    while wire.peer().recv(&mut buffer, Duration::from_millis(200)).unwrap().is_some() {}
    returned
}

#[test]
fn a_killed_one_leaves_its_queue_to_the_next() {
    let Some(wire) = wire() else { return };
    for _ in 0..3 {
        let mut tool = wire.start("l2fwd --output json");
        assert_eq!(killed_in_flow(&wire, &mut tool), 1000);
    }
    let mut tool = wire.start("l2fwd --output json");
    echo(&wire, 200);
    tool.signal(Signal::SIGINT);
    let (_, last) = tool.end(PATIENCE).json();
    assert_eq!((&last["rx_packets"], &last["tx_packets"]), (&200.into(), &200.into()));
}

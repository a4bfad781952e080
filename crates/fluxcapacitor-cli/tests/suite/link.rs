//! A link that goes down is waited for, one that is gone is an error, and signals are heard meanwhile.

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::tool::PATIENCE;
use crate::wire::wire;

const TOOLS: [&str; 3] = ["rxdrop", "txonly", "l2fwd"];

#[test]
fn a_link_that_is_down_is_waited_for_and_signals_are_heard() {
    for tool in TOOLS {
        for wait in ["spin", "poll", "busy"] {
            let Some(wire) = wire() else { return };
            let mut running = wire.start(&format!("{tool} --wait {wait} --output json"));
            wire.end().set_down().unwrap();
            thread::sleep(Duration::from_millis(300));
            let signalled = Instant::now();
            running.signal(Signal::SIGINT);
            let ended = running.end(PATIENCE);
            let took = signalled.elapsed();
            assert_eq!(ended.code(), Some(0), "{tool} {wait}: {}", ended.stderr);
            assert_eq!(ended.json().1["final"], true, "{tool} {wait}");
            assert!(took < Duration::from_secs(10), "{tool} {wait}: after {took:?}");
        }
    }
}

#[test]
fn a_link_that_comes_back_is_used_again() {
    let Some(wire) = wire() else { return };
    let mut tool = wire.start("txonly --output json");
    wire.end().set_down().unwrap();
    thread::sleep(Duration::from_millis(200));
    let down = wire.end().counters().unwrap().tx_packets;
    wire.end().set_up().unwrap();
    wire.end().wait_up(PATIENCE).unwrap();
    crate::wire::eventually("packets are sent again", PATIENCE, || {
        wire.end().counters().unwrap().tx_packets > down + 1000
    });
    tool.signal(Signal::SIGINT);
    let ended = tool.end(PATIENCE);
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    assert!(ended.json().1["tx_packets"].as_u64().unwrap() > 1000);
}

#[test]
fn a_link_that_is_gone_is_an_error() {
    for tool in TOOLS {
        for wait in ["spin", "poll", "busy"] {
            let Some(wire) = wire() else { return };
            let mut running = wire.start(&format!("{tool} --wait {wait}"));
            wire.delete();
            let ended = running.end(PATIENCE);
            assert_eq!(ended.code(), Some(1), "{tool} {wait}: {}", ended.stderr);
            assert!(ended.stderr.contains("the interface is gone"), "{}", ended.stderr);
        }
    }
}

//! `fluxcap rxdrop`.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::tool::{PATIENCE, Tool};
use crate::wire::{Wire, wire};

/// Packets that may wait for the tool: fewer than its rings hold. It says once a second how far it is.
const AHEAD: u32 = 1800;

/// Sends so many packets, as fast as the tool counts them, and says how many bytes.
#[track_caller]
fn send_counted(wire: &Wire, count: u32, tool: &mut Tool) -> u64 {
    wire.send_as_taken(count, AHEAD, |packets, _| {
        tool.stdout.wait_for(&format!("\"rx_packets\":{packets},"));
        true
    })
}

#[test]
fn counts_what_was_sent() {
    for wait in ["spin", "poll", "busy"] {
        for attach in ["native", "generic"] {
            let Some(wire) = wire() else { return };
            let words = format!("rxdrop --output json --wait {wait} --attach {attach}");
            let mut tool = wire.start(&words);
            let bytes = send_counted(&wire, 1000, &mut tool);
            tool.signal(Signal::SIGTERM);
            let ended = tool.end(PATIENCE);

            assert_eq!(ended.code(), Some(0), "{words}: {}", ended.stderr);
            assert!(ended.stderr.contains(&format!("{attach} XDP")), "{}", ended.stderr);
            let (_, last) = ended.json();
            assert_eq!(last["final"], true, "{words}: {last:#}");
            assert_eq!(last["rx_packets"], 1000, "{words}: {last:#}");
            assert_eq!(last["rx_bytes"], bytes, "{words}: {last:#}");
            assert_eq!((&last["tx_packets"], &last["tx_bytes"]), (&0.into(), &0.into()));
        }
    }
}

#[test]
fn more_than_all_frames_pass() {
    let Some(wire) = wire() else { return };
    let mut tool = wire.start("rxdrop --output json --wait poll --batch 3");
    // Twice the fill ring, so that frames are used again.
    let bytes = send_counted(&wire, 5000, &mut tool);
    tool.signal(Signal::SIGINT);
    let (_, last) = tool.end(PATIENCE).json();
    assert_eq!((&last["rx_packets"], &last["rx_bytes"]), (&5000.into(), &bytes.into()));
}

#[test]
fn the_table_has_a_head_and_ends_with_the_total() {
    let Some(wire) = wire() else { return };
    let mut tool = wire.start("rxdrop");
    wire.send(100);
    // The line of a second after it has seen them all.
    tool.stdout.wait_for(" 100 ");
    tool.signal(Signal::SIGINT);
    let ended = tool.end(PATIENCE);
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    let [head, lines @ .., total] = &ended.stdout[..] else { panic!("{:#?}", ended.stdout) };
    assert!(head.contains("rx packets"), "{:#?}", ended.stdout);
    let total: Vec<_> = total.split_whitespace().collect();
    assert_eq!((total[1], *total.last().unwrap()), ("100", "total"), "{:#?}", ended.stdout);
    assert!(!lines.is_empty() && lines.iter().all(|line| !line.contains("total")), "{lines:#?}");
}

/// Processor time that the process has used, of the user and of the system.
fn processor_time(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // proc_pid_stat(5): the name in parentheses is field 2, utime and stime are 14 and 15, in
    // hundredths of a second.
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

#[test]
fn waiting_in_poll_sleeps() {
    for tool in ["rxdrop", "l2fwd"] {
        let Some(wire) = wire() else { return };
        let running = wire.start(&format!("{tool} --wait poll --output json"));
        // With packets behind it.
        wire.send(64);
        let (before, started) = (processor_time(running.id()), Instant::now());
        thread::sleep(Duration::from_secs(1));
        let used = (processor_time(running.id()) - before).as_secs_f64();
        let share = used / started.elapsed().as_secs_f64();
        assert!(share < 0.2, "{tool}: {share} of a processor");
    }
}

#[test]
fn zero_copy_that_cannot_be_had_fails_if_it_is_required() {
    let Some(wire) = wire() else { return };
    let ended = wire.run("rxdrop --zero-copy require --seconds 0.1");
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("no zero-copy on"), "{}", ended.stderr);
    assert!(ended.stderr.contains("the driver does not offer it"), "{}", ended.stderr);
    assert_eq!(wire.end().xdp_attached().unwrap(), None);

    for mode in ["prefer", "forbid"] {
        let ended = wire.run(&format!("rxdrop --zero-copy {mode} --seconds 0.1"));
        assert_eq!(ended.code(), Some(0), "{mode}: {}", ended.stderr);
        assert!(ended.stderr.contains("queue 0 of 1: copy"), "{mode}: {}", ended.stderr);
    }
}

#[test]
fn a_queue_in_use_is_refused_and_its_user_named() {
    let Some(wire) = wire() else { return };
    let _first = wire.start("rxdrop --wait poll");
    let second = wire.run("rxdrop --seconds 0.1");
    assert_eq!(second.code(), Some(1), "{}", second.stderr);
    assert!(second.stderr.contains("another XDP program is on"), "{}", second.stderr);
}

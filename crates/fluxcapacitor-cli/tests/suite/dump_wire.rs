//! `fluxcap dump` on a veth pair.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::{IpAddr, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;

use crate::dump::{counts, read};
use crate::tool::{PATIENCE, end, plain};
use crate::wire::{AHEAD, Wire, wire};

/// Sends so many packets, as fast as the tool writes them to `path`.
#[track_caller]
fn send_to_file(wire: &Wire, count: u32, path: &Path) {
    wire.send_as_taken(count, AHEAD, |packets, bytes| {
        // A header for the file, which is made after it is said what was granted, and one for each packet.
        fs::metadata(path).is_ok_and(|file| file.len() == 24 + 16 * packets + bytes)
    });
}

/// What was captured is what was sent: `count` packets of the generator.
#[track_caller]
fn is_what_was_sent(path: &Path, wire: &Wire, count: u32) {
    let packets = read(path);
    assert_eq!(packets.len(), count as usize);
    for (number, packet) in (0..).zip(packets) {
        assert!(packet.bytes == wire.packet(number), "packet {number}");
        assert_eq!(packet.len as usize, packet.bytes.len());
    }
}

#[test]
fn the_file_is_what_was_sent() {
    for options in ["", "--attach generic --frame-size 4096"] {
        let Some(wire) = wire() else { return };
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.pcap");
        let before = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let mut tool = wire.start(&format!("dump --write {} {options}", path.display()));
        // More than all frames, and of all lengths.
        send_to_file(&wire, 5000, &path);
        tool.signal(Signal::SIGINT);
        let ended = tool.end(PATIENCE);
        let after = SystemTime::UNIX_EPOCH.elapsed().unwrap();

        assert_eq!(ended.code(), Some(0), "{options}: {}", ended.stderr);
        assert_eq!(counts(&ended), [5000, 5000, 0], "{options}: {}", ended.stderr);
        assert!(ended.stderr.contains(" 0 lost in the kernel"), "{}", ended.stderr);
        assert_eq!(ended.stdout, [""; 0]);
        is_what_was_sent(&path, &wire, 5000);
        let packets = read(&path);
        let times = packets.iter().map(|packet| packet.since_1970);
        assert!(times.clone().is_sorted() && times.clone().all(|at| (before..after).contains(&at)));
        assert_eq!(wire.end().xdp_attached().unwrap(), None);
        tcpdump_reads(&path, 5000);
    }
}

/// Where there is a tcpdump.
fn tcpdump_reads(path: &Path, count: usize) {
    let mut command = Command::new("tcpdump");
    plain(command.args(["-nn", "-r"]).arg(path));
    match command.output() {
        Ok(output) => {
            assert!(output.status.success(), "{output:?}");
            let lines = String::from_utf8_lossy(&output.stdout);
            assert_eq!(lines.lines().filter(|line| line.contains("ethertype")).count(), count);
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("SKIPPED: no tcpdump to read the file with");
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn what_the_host_of_the_other_end_sends_is_shown_at_once_and_taken_from_the_stack() {
    let Some(wire) = wire() else { return };
    let (left, right) = (IpAddr::from([10, 88, 0, 1]), IpAddr::from([10, 88, 0, 2]));
    wire.other_end().add_address(left, 24).unwrap();
    wire.end().add_address(right, 24).unwrap();
    wire.other_end().add_neighbour(right, wire.end().mac()).unwrap();
    let bind = |address, port| UdpSocket::bind((address, port)).unwrap();
    let sender = wire.other_end().namespace().run(|| bind(left, 1955)).unwrap();
    let receiver = wire.end().namespace().run(|| bind(right, 88)).unwrap();
    let mut buffer = [0; 64];

    let mut tool = wire.start("dump");
    sender.send_to(b"88 mph", (right, 88)).unwrap();
    // Shown while it runs.
    let line = tool.stdout.wait_for("10.88.0.1.1955").to_owned();
    assert!(line.ends_with(" IP 10.88.0.1.1955 > 10.88.0.2.88: UDP, length 6"), "{line}");
    receiver.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(receiver.recv(&mut buffer).is_err(), "it was taken away from the stack");
    tool.signal(Signal::SIGTERM);
    let ended = tool.end(PATIENCE);
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);

    sender.send_to(b"1.21 GW", (right, 88)).unwrap();
    receiver.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(receiver.recv(&mut buffer).unwrap(), 7, "it has the packets again");
}

#[test]
fn it_ends_when_it_has_as_many_as_were_asked_for() {
    let Some(wire) = wire() else { return };
    let mut tool = wire.start("dump --count 10 --output json --snaplen 20");
    wire.send(100);
    let ended = tool.end(PATIENCE);
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    let (lines, last) = ended.json();
    assert_eq!((lines.len(), &last["len"], &last["captured_len"]), (9, &69.into(), &20.into()));
    assert_eq!(last["interface"], wire.end().name());
    assert!(last.get("simulated").is_none(), "{last:#}");
    assert_eq!(last["summary"], "ethertype 0x88b5 (0x88b5), length 6", "of what was looked at");
}

#[test]
fn it_ends_when_nobody_reads() {
    let Some(wire) = wire() else { return };
    let mut command = wire.command("dump");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = wire.end().namespace().run(|| command.spawn().unwrap()).unwrap();
    let mut granted = String::new();
    let mut stderr = BufReader::new(running.stderr.take().unwrap());
    stderr.read_line(&mut granted).unwrap();
    assert!(granted.contains("queue 0 of 1"), "{granted}");
    drop(running.stdout.take());
    wire.send(1);
    assert_eq!(end(&mut running, PATIENCE).code(), Some(1));
    assert_eq!(wire.end().xdp_attached().unwrap(), None);
}

#[test]
fn a_link_that_is_down_is_waited_for() {
    let Some(wire) = wire() else { return };
    let mut tool = wire.start("dump --output json");
    wire.end().set_down().unwrap();
    thread::sleep(Duration::from_millis(300));
    wire.end().set_up().unwrap();
    wire.end().wait_up(PATIENCE).unwrap();
    wire.send(10);
    for number in 0..10 {
        tool.stdout.wait_for(&format!("\"len\":{},", wire.packet(number).len()));
    }
    tool.signal(Signal::SIGINT);
    let ended = tool.end(PATIENCE);
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout.len(), 10, "{ended:#?}");
}

#[test]
fn a_link_that_is_gone_is_an_error_and_the_file_is_whole() {
    let Some(wire) = wire() else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.pcap");
    let mut tool = wire.start(&format!("dump --write {}", path.display()));
    send_to_file(&wire, 100, &path);
    wire.delete();
    let ended = tool.end(PATIENCE);
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("the interface is gone"), "{}", ended.stderr);
    assert_eq!(counts(&ended)[0], 100, "{}", ended.stderr);
    assert_eq!(read(&path).len(), 100);
}

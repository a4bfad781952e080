//! `fluxcap dump` on simulated interfaces.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use pcap_file::pcap::PcapReader;
use pcap_file::{DataLink, TsResolution};

use crate::tool::{Ended, PATIENCE, Tool, fluxcap};

/// What the simulated peer sends.
const PEER: &str = "IP 198.18.0.1.9 > 198.18.0.2.9: UDP, length 18";

fn run(words: &str) -> Ended {
    let ended = Tool::run(&mut fluxcap(&format!("dump --simulator {words}")));
    assert_eq!(ended.code(), Some(0), "{words}: {}", ended.stderr);
    ended
}

/// A packet of a capture file.
#[derive(Debug)]
pub struct Packet {
    pub since_1970: Duration,
    pub len: u32,
    pub bytes: Vec<u8>,
}

/// The packets of a capture file, which must be whole.
#[track_caller]
pub fn read(path: &Path) -> Vec<Packet> {
    let mut reader = PcapReader::new(File::open(path).unwrap()).unwrap();
    let header = reader.header();
    assert_eq!(header.datalink, DataLink::ETHERNET);
    assert_eq!(header.ts_resolution, TsResolution::NanoSecond);
    let mut packets = Vec::new();
    while let Some(packet) = reader.next_packet() {
        let packet = packet.unwrap();
        let (since_1970, len) = (packet.timestamp, packet.orig_len);
        packets.push(Packet { since_1970, len, bytes: packet.data.into_owned() });
    }
    packets
}

/// How many packets it says that it has captured, received and missed.
#[track_caller]
pub fn counts(ended: &Ended) -> [u64; 3] {
    let line = ended.stderr.lines().find(|line| line.contains(" captured of "));
    let line = line.unwrap_or_else(|| panic!("no counts: {}", ended.stderr));
    let mut numbers = line.split_whitespace().filter_map(|word| word.parse().ok());
    [(); 3].map(|()| numbers.next().unwrap())
}

#[test]
fn each_packet_is_a_line_with_its_time() {
    let ended = run("--count 3");
    assert_eq!(ended.stdout.len(), 3, "{:#?}", ended.stdout);
    for line in &ended.stdout {
        let (time, summary) = line.split_once(' ').unwrap();
        let shape = time.replace(|c: char| c.is_ascii_digit(), "0");
        assert_eq!((&*shape, summary), ("00:00:00.000000", PEER), "{line}");
    }
    let [captured, received, _] = counts(&ended);
    assert!(captured == 3 && received >= 3, "{}", ended.stderr);

    let ended = run("--count 1 --snaplen 50");
    assert!(ended.stdout[0].ends_with(" (first 50 of 60 bytes)"), "{:#?}", ended.stdout);
}

#[test]
fn each_packet_is_an_object() {
    let before = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let ended = run("--count 2 --output json --packet-size 100 --snaplen 50 --queue 0");
    let after = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let (lines, last) = ended.json();
    assert_eq!(lines.len(), 1);
    for line in lines.iter().chain([&last]) {
        let time = Duration::from_nanos(line["time_ns"].as_u64().unwrap());
        assert!((before..after).contains(&time), "{line:#}");
        assert!(line["interface"].as_str().unwrap().starts_with("sim:"), "{line:#}");
        assert_eq!((&line["queue"], &line["simulated"]), (&0.into(), &true.into()));
        assert_eq!((&line["len"], &line["captured_len"]), (&100.into(), &50.into()));
        let summary = line["summary"].as_str().unwrap();
        assert!(summary.starts_with("IP 198.18.0.1.9 > 198.18.0.2.9: UDP"), "{line:#}");
    }
}

#[test]
fn a_file_has_what_was_sent_and_nothing_is_printed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.pcap");
    for (size, snaplen, held) in [(60, "", 60), (1514, "", 1514), (1514, "--snaplen 96", 96)] {
        // The second and third take the place of the first.
        let words = format!("--count 1000 -p {size} {snaplen} --write {}", path.display());
        let ended = run(&words);
        assert_eq!(ended.stdout, [""; 0], "{words}");
        assert_eq!(counts(&ended)[0], 1000, "{}", ended.stderr);
        let packets = read(&path);
        assert_eq!(packets.len(), 1000);
        for packet in &packets {
            assert_eq!((packet.len, packet.bytes.len()), (size, held), "{words}");
            assert_eq!(packet.bytes[26..38], [198, 18, 0, 1, 198, 18, 0, 2, 0, 9, 0, 9]);
        }
        assert!(packets.is_sorted_by_key(|packet| packet.since_1970), "{words}");
    }
}

/// Its standard output as a file.
fn written(mut command: Command, file: &Path) -> Option<i32> {
    command.stdout(File::create(file).unwrap()).stderr(Stdio::null());
    crate::tool::end(&mut command.spawn().unwrap(), PATIENCE).code()
}

#[test]
fn a_file_may_be_standard_output() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out.pcap");
    let command = fluxcap("dump --simulator --count 100 --write -");
    assert_eq!(written(command, &path), Some(0));
    let packets = read(&path);
    assert!(packets.len() == 100 && packets.iter().all(|packet| packet.len == 60));
}

#[test]
fn all_that_is_received_is_captured() {
    for words in ["", "--output json", "--frame-size 4096"] {
        let ended = run(&format!("--seconds 0.5 {words}"));
        let [captured, received, missed] = counts(&ended);
        assert_eq!((captured, missed), (received, 0), "{words}: {}", ended.stderr);
        assert_eq!(ended.stdout.len() as u64, captured, "{words}");
        // More than there is under way at once.
        assert!(captured > 512, "{words}: {}", ended.stderr);
    }
}

#[test]
fn a_file_that_cannot_be_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("none").join("a.pcap");
    let ended = Tool::run(&mut fluxcap(&format!("dump --simulator -w {}", path.display())));
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("creating {}", path.display())), "{}", ended.stderr);
}

#[test]
fn the_environment_can_name_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.pcap");
    let mut command = fluxcap("dump --simulator");
    let ended = Tool::run(command.env("FLUXCAP_WRITE", &path).env("FLUXCAP_COUNT", "7"));
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    assert_eq!((read(&path).len(), fs::metadata(&path).unwrap().len()), (7, 24 + 7 * (16 + 60)));
}

#[cfg(target_os = "linux")]
mod on_linux {
    use std::io::{BufRead, BufReader};

    use nix::sys::signal::Signal;

    use super::*;
    use crate::wire::eventually;

    #[test]
    fn a_signal_leaves_a_whole_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.pcap");
        let words = format!("dump --simulator --write {}", path.display());
        let mut running = Tool::start(&mut fluxcap(&words));
        eventually("packets are written", PATIENCE, || {
            fs::metadata(&path).is_ok_and(|file| file.len() > 100_000)
        });
        running.signal(Signal::SIGINT);
        let ended = running.end(PATIENCE);
        assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
        let [captured, received, _] = counts(&ended);
        assert_eq!((captured, read(&path).len() as u64), (received, captured), "{}", ended.stderr);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_an_error() {
        let ended = Tool::run(&mut fluxcap("dump --simulator --count 1 --write /dev/full"));
        assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains("writing /dev/full: No space left"), "{}", ended.stderr);
    }

    #[test]
    fn it_ends_when_nobody_reads() {
        for words in ["", "--output json"] {
            let mut command = fluxcap(&format!("dump --simulator {words}"));
            let mut running = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
            let mut line = String::new();
            BufReader::new(running.stdout.take().unwrap()).read_line(&mut line).unwrap();
            assert!(line.contains(PEER), "{line}");
            assert_eq!(crate::tool::end(&mut running, PATIENCE).code(), Some(1), "{words}");
        }
    }
}

//! Each example, as a user runs it, against a real client in a namespace of its own.
//!
//! Without root each test says that it was skipped; with `FLUXCAP_REQUIRE_KERNEL=1` it fails instead.
#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use fluxcapacitor::proto::MacAddr;
use fluxcapacitor_testbed::{End, NetNs, PacketSocket, VethPair, permitted};
use program::program;

#[path = "programs/program.rs"]
mod program;

/// For how long an example may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// `None`, after saying so, where it is not permitted. One test at a time: the kernel takes namespaces
/// down under one lock.
fn pair() -> Option<(VethPair, MutexGuard<'static, ()>)> {
    static TURN: Mutex<()> = Mutex::new(());
    permitted().then(|| {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, right) = (NetNs::new().unwrap(), NetNs::new().unwrap());
        (VethPair::create(&left, &right, 1).unwrap(), turn)
    })
}

/// A running example; killed on drop.
struct Running {
    child: Child,
    /// What it says, line by line.
    out: Receiver<String>,
    err: Receiver<String>,
}

impl Running {
    /// Starts it on `end`, and waits until it has said what it was granted.
    fn start(example: &str, end: &End, options: &[&str]) -> (Self, String) {
        let mut command = Command::new(program(example));
        command.args(["--interface", end.name()]).args(options);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        // A process starts in the namespace of the thread that makes it.
        let mut child = end.namespace().run(move || command.spawn()).unwrap().unwrap();
        let out = lines(child.stdout.take().unwrap());
        let err = lines(child.stderr.take().unwrap());
        let running = Self { child, out, err };
        let granted = running.err.recv_timeout(PATIENCE).unwrap();
        (running, granted)
    }

    /// The next line of its output.
    fn line(&self) -> String {
        self.out.recv_timeout(PATIENCE).unwrap_or_else(|error| {
            panic!("{error}; it says {:?}", self.err.try_iter().collect::<Vec<_>>())
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Lines as they come, so that a wait for one is bounded.
fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (to, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if to.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

fn packet(from: &End, to: &End, len: usize) -> Vec<u8> {
    let mut packet = [&to.mac()[..], &from.mac()[..], &[0x88, 0xb5]].concat();
    packet.resize(len, len as u8);
    packet
}

/// Runs it to its end, in the namespace of `end`.
fn run(example: &str, end: &End, arguments: &[&str]) -> Output {
    let mut command = Command::new(program(example));
    command.args(arguments);
    end.namespace().run(move || command.output()).unwrap().unwrap()
}

/// The number in front of `word`.
fn number_before(text: &str, word: &str) -> u32 {
    let words: Vec<&str> = text.split_whitespace().collect();
    let found = words.windows(2).find(|pair| pair[1] == word);
    found.and_then(|pair| pair[0].parse().ok()).unwrap_or_else(|| panic!("no {word} in {text:?}"))
}

#[test]
fn sniff_prints_a_line_for_each_packet() {
    let Some((pair, _turn)) = pair() else { return };
    let client = PacketSocket::open(pair.a()).unwrap();
    let (sniff, granted) = Running::start("sniff", pair.b(), &["--queue", "0"]);
    assert!(
        granted.starts_with(&format!("{} (veth) queue 0 of 1: ", pair.b().name())),
        "{granted}"
    );
    let [from, to] = [pair.a(), pair.b()].map(|end| MacAddr::new(end.mac()));
    for len in [14, 60, 1000, 1514] {
        client.send(&packet(pair.a(), pair.b(), len)).unwrap();
        assert_eq!(sniff.line(), format!("{len} bytes, {from} > {to}"));
    }
    // More than there are frames: what was looked at is received into again.
    for round in 0..50 {
        (0..100).for_each(|_| client.send(&packet(pair.a(), pair.b(), 60 + round)).unwrap());
        for _ in 0..100 {
            assert_eq!(sniff.line(), format!("{} bytes, {from} > {to}", 60 + round));
        }
    }
    drop(sniff);
    assert_eq!(pair.b().xdp_attached().unwrap(), None);
}

#[test]
fn lifo_sends_back_and_knows_where_all_frames_are() {
    const PACKETS: u32 = 5000;
    const BURST: u32 = 50;
    let Some((pair, _turn)) = pair() else { return };
    let client = PacketSocket::open(pair.a()).unwrap();
    let (mut lifo, granted) = Running::start("lifo", pair.b(), &["--seconds", "8"]);
    let all = number_before(&granted, "frames");
    assert!(PACKETS > all, "every frame is used more than once");
    let mut buffer = [0; 2048];
    for burst in 0..PACKETS / BURST {
        let packets: Vec<_> = (0..BURST)
            .map(|number| packet(pair.a(), pair.b(), 60 + (burst * BURST + number) as usize % 1400))
            .collect();
        packets.iter().for_each(|packet| client.send(packet).unwrap());
        for sent in packets {
            let len = client.recv(&mut buffer, PATIENCE).unwrap().expect("the echo");
            assert_eq!(buffer[..6], pair.a().mac());
            assert_eq!(buffer[6..12], pair.b().mac());
            assert_eq!(buffer[12..len], sent[12..]);
        }
    }

    let [sent, frames, stack, spare] = [(); 4].map(|()| lifo.line());
    assert_eq!(
        sent,
        format!("{PACKETS} packets sent back, 0 dropped because the tx ring was full")
    );
    let [user, rx, tx, retired] =
        ["user", "rx", "tx", "retired"].map(|party| number_before(&frames, party));
    assert_eq!((user + rx + tx + retired, tx, retired), (all, 0, 0), "{frames}");
    assert_eq!(number_before(&stack, "are"), user, "{stack}");
    assert!(number_before(&spare, "of") < user, "{spare}");
    assert!(lifo.child.wait().unwrap().success());
    assert_eq!(pair.b().xdp_attached().unwrap(), None);
}

#[test]
fn what_cannot_be_is_said() {
    let Some((pair, _turn)) = pair() else { return };
    for example in ["sniff", "lifo"] {
        for (arguments, status, said) in [
            (&[][..], 2, "--interface is missing"),
            (&["--interface"], 2, "--interface wants a value"),
            (&["--interface", "eth0", "--queue", "x"], 2, "--queue wants a number"),
            (&["--fast"], 2, "--fast is not an option"),
            (&["--interface", "nosuch0"], 1, "no interface nosuch0 in this network namespace"),
            (&["--interface", pair.b().name(), "--queue", "9"], 1, "it has 1, counted from 0"),
        ] {
            let Output { status: ended, stdout, stderr } = run(example, pair.b(), arguments);
            let text = String::from_utf8(stderr).unwrap();
            assert_eq!(ended.code(), Some(status), "{example} {arguments:?}: {text}");
            assert!(text.starts_with(&format!("{example}: ")) && text.contains(said), "{text}");
            assert_eq!(text.contains(&format!("usage: {example} --interface IF")), status == 2);
            assert!(stdout.is_empty());
        }
    }
}

/// It needs neither root nor Linux, but this file's other tests do.
#[cfg(feature = "simulator")]
#[test]
fn lossy_gets_every_packet_through_whatever_the_seed() {
    for seed in ["1", "2", "3"] {
        let Output { status, stdout, stderr } =
            Command::new(program("lossy")).arg(seed).output().unwrap();
        let (said, complained) =
            (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
        assert!(status.success(), "{complained}");
        assert!(said.starts_with("1000 packets arrived in order; "), "{said}");
        assert!(said.contains("retired = 4096"), "{said}");
    }
}

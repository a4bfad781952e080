//! What the tools are tried on: a veth pair, a foreign generator at one end, `fluxcap` at the other.

use std::ops::Range;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use fluxcapacitor_testbed::{End, NetNs, PacketSocket, VethPair, permitted};

use crate::tool::{Ended, PATIENCE, Tool, fluxcap};

/// Packets that may be on the wire: fewer than any queue of it holds.
const BURST: usize = 64;

/// Packets that may wait for the tool: fewer than its rings, and any queue before them, hold.
pub const AHEAD: u32 = 512;

/// The turn to use the kernel: namespaces and links are taken down under one lock, and packets are
/// counted in time.
pub type Turn = MutexGuard<'static, ()>;

/// `None`, after saying so, where it is not permitted.
pub fn turn() -> Option<Turn> {
    static TURN: Mutex<()> = Mutex::new(());
    permitted().then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A pair of one queue between two namespaces.
#[derive(Debug)]
pub struct Wire {
    pair: VethPair,
    peer: PacketSocket,
    _turn: Turn,
}

/// `None`, after saying so, where it is not permitted.
pub fn wire() -> Option<Wire> {
    let turn = turn()?;
    let (left, right) = (NetNs::new().unwrap(), NetNs::new().unwrap());
    let pair = VethPair::create(&left, &right, 1).unwrap();
    let peer = PacketSocket::open(pair.a()).unwrap();
    Some(Wire { pair, peer, _turn: turn })
}

impl Wire {
    /// The end of the foreign generator.
    pub fn peer(&self) -> &PacketSocket {
        &self.peer
    }

    /// The same, as an interface of its namespace.
    pub fn other_end(&self) -> &End {
        self.pair.a()
    }

    /// The end of the tool.
    pub fn end(&self) -> &End {
        self.pair.b()
    }

    /// Takes the wire away, both ends.
    pub fn delete(self) {
        self.pair.delete().unwrap();
    }

    /// The tool with these words behind it, on its end of the wire.
    pub fn command(&self, words: &str) -> Command {
        fluxcap(&format!("{words} --interface {}", self.end().name()))
    }

    /// Starts it, and waits until it says on what it runs.
    pub fn start(&self, words: &str) -> Tool {
        let mut command = self.command(words);
        let mut tool = self.end().namespace().run(|| Tool::start(&mut command)).unwrap();
        tool.stderr.wait_for("queue 0 of 1");
        tool
    }

    /// Runs it to its end.
    pub fn run(&self, words: &str) -> Ended {
        let mut command = self.command(words);
        self.end().namespace().run(|| Tool::run(&mut command)).unwrap()
    }

    /// A packet from the generator's end to the tool's, different for every number.
    pub fn packet(&self, number: u32) -> Vec<u8> {
        let (from, to) = (self.pair.a().mac(), self.pair.b().mac());
        let mut packet = [&to[..], &from[..], &[0x88, 0xb5]].concat();
        packet.extend(number.to_be_bytes());
        packet.resize(60 + number as usize % 1455, number as u8);
        packet
    }

    /// Sends so many packets, no faster than the wire carries them, and says how many bytes. They have left; the
    /// tool need not have seen them yet.
    pub fn send(&self, count: u32) -> u64 {
        self.send_all(0..count)
    }

    /// The same, but `ahead` packets at most wait for the tool: whether it has taken so many packets of so many
    /// bytes in all, `has_taken` says. It has taken all when this returns.
    pub fn send_as_taken(
        &self,
        count: u32,
        ahead: u32,
        mut has_taken: impl FnMut(u64, u64) -> bool,
    ) -> u64 {
        let (mut sent, mut bytes) = (0, 0);
        while sent < count {
            let next = sent..count.min(sent + ahead);
            sent = next.end;
            bytes += self.send_all(next);
            eventually("the packets are taken", PATIENCE, || has_taken(sent.into(), bytes));
        }
        bytes
    }

    fn send_all(&self, mut numbers: Range<u32>) -> u64 {
        let before = self.carried();
        let (mut sent, mut bytes) = (0, 0);
        while !numbers.is_empty() {
            for packet in numbers.by_ref().take(BURST).map(|number| self.packet(number)) {
                self.peer.send(&packet).unwrap();
                (sent, bytes) = (sent + 1, bytes + packet.len() as u64);
            }
            eventually("the packets arrive", PATIENCE, || self.carried() - before >= sent);
        }
        bytes
    }

    fn carried(&self) -> u64 {
        self.end().counters().unwrap().rx_packets
    }
}

/// Waits until it holds.
#[track_caller]
pub fn eventually(what: &str, within: Duration, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < within, "not so within {within:?}: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

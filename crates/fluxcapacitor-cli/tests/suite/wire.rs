//! What the tools are tried on: a veth pair, a foreign generator at one end, `fluxcap` at the other.

use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use fluxcapacitor_testbed::{End, NetNs, PacketSocket, VethPair, permitted};

use crate::tool::{Ended, PATIENCE, Tool, fluxcap};

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

    /// Sends so many packets, no faster than the wire carries them, and says how many bytes.
    pub fn send(&self, count: u32) -> u64 {
        let before = self.carried();
        let (mut sent, mut bytes) = (0, 0);
        while sent < count {
            let burst = (sent..count).take(64);
            sent += burst.len() as u32;
            for packet in burst.map(|number| self.packet(number)) {
                self.peer.send(&packet).unwrap();
                bytes += packet.len() as u64;
            }
            eventually("the packets arrive", PATIENCE, || {
                self.carried() - before >= u64::from(sent)
            });
        }
        // The kernel counts packets a moment before it hands them over.
        thread::sleep(Duration::from_millis(50));
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

/// Whether two counts of the same packets agree to a thousandth.
pub fn agree(told: u64, counted: u64) -> bool {
    told.abs_diff(counted) * 1000 <= counted
}

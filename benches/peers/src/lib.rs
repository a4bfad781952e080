//! What the programs have in common: arguments, a flag that stops them, and the line that they end with.
//!
//! Each drives queue 0 of one interface, in copy mode and native XDP, with rings and frames as `fluxcap` has them. Each
//! does what its crate's documentation and examples do, batch by batch, with no check of its own that the crate leaves
//! to its user.

#![forbid(unsafe_code)]

pub mod outside;

use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use clap::{Parser, ValueEnum};
use serde_json::json;

/// Slots of the rx, tx and completion ring; the fill ring has twice as many, where a crate wants room for all frames.
pub const RING: u32 = 2048;

/// Frames of packet memory.
pub const FRAMES: u32 = 4096;

/// Exit code that says: I cannot do that.
const USAGE: i32 = 2;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Receive and drop
    Rxdrop,
    /// Send
    Txonly,
    /// Swap MAC addresses, and send back
    L2fwd,
}

/// How to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Wait {
    /// Look again
    Spin,
    /// Sleep in poll(2)
    Poll,
    /// Nobody here does that
    Busy,
}

/// What every program takes.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// What to do
    pub scenario: Scenario,
    /// On which interface
    #[arg(long)]
    pub interface: String,
    /// How to wait for packets
    #[arg(long, default_value = "spin")]
    pub wait: Wait,
    /// Packets per batch
    #[arg(long, default_value_t = 64)]
    pub batch: usize,
    /// Bytes per packet that is sent
    #[arg(long, default_value_t = 64)]
    pub packet_size: usize,
    /// Processor of the worker, for programs that choose theirs by themselves
    #[arg(long, default_value_t = 0)]
    pub cpu: usize,
}

impl Arguments {
    /// Those of this process; ends it if it cannot do that.
    pub fn new() -> Self {
        let this = Self::parse();
        if this.wait == Wait::Busy || (this.wait, this.scenario) == (Wait::Poll, Scenario::Txonly) {
            this.refuse("that way to wait");
        }
        this
    }

    /// Ends the process: it cannot do that.
    pub fn refuse(&self, what: &str) -> ! {
        eprintln!("{what} is not done here: {self:?}");
        exit(USAGE)
    }

    /// The packet to send: IPv4, to a station that is not on the wire.
    pub fn packet(&self) -> Vec<u8> {
        let mut packet = vec![0; self.packet_size];
        packet[..16].copy_from_slice(&[2, 0, 0, 0, 0, 0xfe, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0]);
        packet
    }
}

impl Default for Arguments {
    fn default() -> Self {
        Self::new()
    }
}

/// Set by SIGINT and SIGTERM.
#[derive(Debug)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens from now on.
    pub fn new() -> anyhow::Result<Self> {
        let flag = Arc::<AtomicBool>::default();
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
        }
        Ok(Self(flag))
    }

    /// Whether to stop.
    #[inline]
    pub fn is_set(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// Swaps the MAC addresses of a packet.
#[inline]
pub fn swap_addresses(packet: &mut [u8]) {
    let Some((addresses, _)) = packet.split_first_chunk_mut::<12>() else { return };
    let (destination, source) = addresses.split_at_mut(6);
    destination.swap_with_slice(source);
}

/// Prints what was received and what was sent, as the last line.
pub fn report(rx_packets: u64, tx_packets: u64) {
    println!("{}", json!({ "rx_packets": rx_packets, "tx_packets": tx_packets }));
}

//! Taps: snapshots of the packets that go by, for another thread to look at.
//!
//! A loop that has a tap copies the first bytes of every nth packet into a queue that was allocated with it. When the
//! queue is full, snapshots are dropped and counted: the loop never waits, nor allocates or locks. Without a tap
//! nothing is done for a packet that is received or that an engine sends; [`FluxTx::send`](crate::FluxTx::send)
//! alone looks whether there is one.
//!
//! | given to | shows of what is received | and of what is sent |
//! |---|---|---|
//! | [`FluxEngine::tap`](crate::FluxEngine::tap) | each batch, before the callback has it | each packet, when it is put into the tx ring |
//! | [`FluxRx::tap`](crate::FluxRx::tap) | each batch, before `recv` returns | |
//! | [`FluxTx::tap`](crate::FluxTx::tap) | | each packet, with the next one or the flush |
//!
//! ```
//! # #[cfg(feature = "simulator")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use fluxcapacitor::simulator::control::{NicConfig, World};
//! # let world = World::new(1);
//! # let nic = world.nic(NicConfig::new("eth0"))?;
//! use fluxcapacitor::FluxBuilder;
//! use fluxcapacitor::proto::Summary;
//! use fluxcapacitor::tap::TapBuilder;
//!
//! # let eth0 = nic.name();
//! let (tap, mut snapshots) = TapBuilder::new().snaplen(128).build()?;
//! let mut engine = FluxBuilder::new(eth0).build_engine()?.tap(&tap);
//!
//! // This may be on another thread; here it is not.
//! # nic.inject(&[0; 60]);
//! engine.poll_once(|batch| batch.into_iter().for_each(|packet| packet.transmit()))?;
//! let mut seen = Vec::new();
//! while let Some(snapshot) = snapshots.pop() {
//!     println!("{} {}", snapshot.direction(), Summary::of(snapshot.data()));
//!     seen.push(snapshot.direction().to_string());
//! }
//! assert_eq!(seen, ["rx", "tx"]);
//! # Ok(()) }
//! # #[cfg(not(feature = "simulator"))]
//! # fn main() {}
//! ```

mod feed;
mod snapshots;

use std::fmt;
use std::sync::mpsc::{Sender, channel};

use fluxcapacitor_core::{Error, Result};

pub(crate) use feed::Feed;
pub use snapshots::{Snapshot, Snapshots};

use crate::granted::Granted;
use snapshots::Source;

/// Bytes of a packet that a snapshot holds, unless asked otherwise: headers, tunnels included.
pub const SNAPLEN: u32 = 256;

/// Snapshots that wait in each queue, unless asked otherwise.
pub const CAPACITY: u32 = 1024;

/// The longest packet, of as many segments as there can be.
const SNAPLEN_MAX: u32 = 1 << 16;

/// What the snapshots of one queue may take, in bytes.
const MEMORY_MAX: u64 = 1 << 30;

/// Which way a packet went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// It was received.
    Rx,
    /// It was put into the tx ring, to be sent.
    Tx,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Rx => "rx",
            Self::Tx => "tx",
        })
    }
}

/// What a tap is to see.
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is tapped before it is built and given to an engine or a half"]
pub struct TapBuilder {
    direction: Option<Direction>,
    one_in: u32,
    snaplen: u32,
    capacity: u32,
}

impl Default for TapBuilder {
    fn default() -> Self {
        Self { direction: None, one_in: 1, snaplen: SNAPLEN, capacity: CAPACITY }
    }
}

impl TapBuilder {
    /// Every packet, both ways.
    pub fn new() -> Self {
        Self::default()
    }

    /// Packets that go this way only; both ways by default.
    pub fn direction(mut self, direction: Direction) -> Self {
        self.direction = Some(direction);
        self
    }

    /// One packet in so many, of each queue and direction, beginning with the first; each by default.
    pub fn one_in(mut self, packets: u32) -> Self {
        self.one_in = packets;
        self
    }

    /// How many bytes of a packet to hold at most; 256 by default.
    pub fn snaplen(mut self, bytes: u32) -> Self {
        self.snaplen = bytes;
        self
    }

    /// How many snapshots may wait, or be looked at, of each queue and direction; 1024 by default.
    pub fn capacity(mut self, snapshots: u32) -> Self {
        self.capacity = snapshots;
        self
    }

    /// A tap to give to loops, and what reads it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for one packet in none, snapshots of no byte or more than 65536, or a queue of none or
    /// of more than a GiB.
    pub fn build(self) -> Result<(Tap, Snapshots)> {
        let Self { one_in, snaplen, capacity, .. } = self;
        if one_in == 0 {
            return Err(Error::invalid("sampling", "one packet in 0", "one in 1 is every packet"));
        }
        if !(1..=SNAPLEN_MAX).contains(&snaplen) {
            let why = format!("a snapshot has from 1 to {SNAPLEN_MAX} bytes");
            return Err(Error::invalid("snaplen", snaplen, why));
        }
        if capacity == 0 || u64::from(capacity) * u64::from(snaplen) > MEMORY_MAX {
            let most = MEMORY_MAX / u64::from(snaplen);
            let why = format!("a queue of snapshots of {snaplen} bytes has from 1 to {most}");
            return Err(Error::invalid("capacity", capacity, why));
        }
        let (sources, incoming) = channel();
        Ok((Tap { asked: self, sources }, Snapshots::new(incoming)))
    }
}

/// What is given to engines and halves, to as many as are to be read together. Clones are the same tap.
#[derive(Clone, Debug)]
pub struct Tap {
    asked: TapBuilder,
    sources: Sender<Source>,
}

impl Tap {
    /// What a loop puts snapshots of one queue and direction into; none if it is not to, or nobody reads.
    pub(crate) fn feed(&self, direction: Direction, granted: &Granted) -> Option<Feed> {
        let TapBuilder { direction: only, one_in, snaplen, capacity } = self.asked;
        if only.is_some_and(|only| only != direction) {
            return None;
        }
        let (feed, ends) = Feed::new(one_in, snaplen as usize, capacity as usize);
        let source = Source::new(direction, granted, ends);
        self.sources.send(source).is_ok().then_some(feed)
    }
}

//! Counters: what became of every packet, readable from any thread while the loop runs.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use fluxcapacitor_core::Result;
use fluxcapacitor_core::backend::Statistics;

use crate::raw::Device;

/// What is counted of one queue. Each is written by one thread only.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Counter {
    RxPackets,
    RxBytes,
    TxPackets,
    TxBytes,
    Unsettled,
    Discarded,
    Kept,
    TxFull,
    TxRefused,
    Rejected,
    RxKicks,
    TxKicks,
    KicksSaved,
    Refills,
    Starved,
    /// Frames posted, whose packets were not taken yet: the one that goes down, too.
    Out,
}

const COUNTERS: usize = Counter::Out as usize + 1;

/// The counters of one queue, on cache lines of their own.
///
/// The loop adds to them once a batch by a load and a store, which is enough where one thread writes
/// each; readers see whole numbers, if not of one moment.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Counters([AtomicU64; COUNTERS]);

impl Counters {
    #[inline]
    pub(crate) fn add(&self, counter: Counter, count: u64) {
        let cell = &self.0[counter as usize];
        cell.store(cell.load(Relaxed).wrapping_add(count), Relaxed);
    }

    /// Packets were taken, and frames posted.
    #[inline]
    pub(crate) fn moved(&self, taken: u64, posted: u64) {
        let cell = &self.0[Counter::Out as usize];
        // What was taken was posted before: the ledger knows.
        cell.store(cell.load(Relaxed).wrapping_add(posted.wrapping_sub(taken)), Relaxed);
    }

    /// Frames posted, whose packets were not taken yet.
    #[inline]
    pub(crate) fn out(&self) -> u64 {
        self.get(Counter::Out)
    }

    /// What was counted.
    pub(crate) fn get(&self, counter: Counter) -> u64 {
        self.0[counter as usize].load(Relaxed)
    }
}

/// What one queue has counted since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueStats {
    /// The interface.
    pub interface: String,
    /// The queue.
    pub queue: u32,
    /// Packets received.
    pub rx_packets: u64,
    /// Their bytes.
    pub rx_bytes: u64,
    /// Packets given to the kernel to send.
    pub tx_packets: u64,
    /// Their bytes.
    pub tx_bytes: u64,
    /// What became of packets that were neither sent nor kept.
    pub drops: Drops,
    /// Packets that a callback has kept.
    pub kept: u64,
    /// System calls made to have the kernel take frames or send, on the receiving and the sending side.
    pub kicks: u64,
    /// Flushes of packets for which the kernel asked for no system call.
    pub kicks_saved: u64,
    /// Times that frames were posted to the fill ring, other than a packet's own.
    pub refills: u64,
    /// Times that the fill ring was found empty and there was nothing to fill it with.
    pub starved: u64,
    /// Descriptors that could not be true, and were skipped; 0 with an honest kernel.
    pub rejected: u64,
    /// The socket's own counters (`XDP_STATISTICS`), as of now; none once it is closed.
    pub socket: Option<Statistics>,
}

/// Packets that ended in this program, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drops {
    /// Nothing was decided on them.
    pub unsettled: u64,
    /// The callback dropped them, and said so.
    pub discarded: u64,
    /// The tx ring was full.
    pub tx_full: u64,
    /// They could not be sent: no bytes, another UMEM, no such port.
    pub tx_refused: u64,
}

impl Drops {
    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.unsettled + self.discarded + self.tx_full + self.tx_refused
    }
}

/// What all queues have counted, as of about now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Queue by queue.
    pub queues: Vec<QueueStats>,
}

impl Stats {
    /// The sum over all queues, under no interface's name.
    #[must_use]
    pub fn total(&self) -> QueueStats {
        self.queues.iter().fold(QueueStats::default(), QueueStats::plus)
    }
}

impl QueueStats {
    fn plus(mut self, other: &Self) -> Self {
        self.rx_packets += other.rx_packets;
        self.rx_bytes += other.rx_bytes;
        self.tx_packets += other.tx_packets;
        self.tx_bytes += other.tx_bytes;
        self.drops.unsettled += other.drops.unsettled;
        self.drops.discarded += other.drops.discarded;
        self.drops.tx_full += other.drops.tx_full;
        self.drops.tx_refused += other.drops.tx_refused;
        self.kept += other.kept;
        self.kicks += other.kicks;
        self.kicks_saved += other.kicks_saved;
        self.refills += other.refills;
        self.starved += other.starved;
        self.rejected += other.rejected;
        if let Some(theirs) = &other.socket {
            let ours = self.socket.get_or_insert_default();
            ours.rx_dropped += theirs.rx_dropped;
            ours.rx_invalid_descs += theirs.rx_invalid_descs;
            ours.tx_invalid_descs += theirs.tx_invalid_descs;
            ours.rx_ring_full += theirs.rx_ring_full;
            ours.rx_fill_ring_empty_descs += theirs.rx_fill_ring_empty_descs;
            ours.tx_ring_empty_descs += theirs.tx_ring_empty_descs;
        }
        self
    }
}

impl fmt::Display for QueueStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.interface.is_empty() {
            write!(f, "{} queue {}: ", self.interface, self.queue)?;
        }
        let Self { rx_packets, tx_packets, drops, kept, kicks, starved, .. } = self;
        write!(f, "{rx_packets} received, {tx_packets} sent, {kept} kept, ")?;
        let Drops { unsettled, discarded, tx_full, tx_refused } = drops;
        write!(f, "{} dropped ({unsettled} unsettled, {discarded} discarded, ", drops.total())?;
        write!(f, "{tx_full} tx ring full, {tx_refused} not sendable), {kicks} kicks, ")?;
        write!(f, "{starved} times starved")?;
        match &self.socket {
            Some(socket) => {
                write!(f, ", {} lost in the kernel", socket.rx_dropped + socket.rx_ring_full)
            }
            None => Ok(()),
        }
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for queue in &self.queues {
            writeln!(f, "{queue}")?;
        }
        write!(f, "total: {}", self.total())
    }
}

/// Reads the counters of queues that may run on other threads. It does not keep them open.
#[derive(Clone, Debug, Default)]
pub struct StatsReader(pub(crate) Vec<Source>);

/// One queue to read.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) interface: Arc<str>,
    pub(crate) queue: u32,
    pub(crate) device: Weak<Device>,
    pub(crate) counters: Arc<Counters>,
}

impl StatsReader {
    /// Reads all queues: one system call each, none of which the loops wait for.
    ///
    /// # Errors
    /// [`Error::Sys`](crate::Error::Sys) if a socket does not tell its own counters.
    pub fn read(&self) -> Result<Stats> {
        Ok(Stats { queues: self.0.iter().map(Source::read).collect::<Result<_>>()? })
    }
}

impl Source {
    fn read(&self) -> Result<QueueStats> {
        let get = |counter| self.counters.get(counter);
        Ok(QueueStats {
            interface: self.interface.to_string(),
            queue: self.queue,
            rx_packets: get(Counter::RxPackets),
            rx_bytes: get(Counter::RxBytes),
            tx_packets: get(Counter::TxPackets),
            tx_bytes: get(Counter::TxBytes),
            drops: Drops {
                unsettled: get(Counter::Unsettled),
                discarded: get(Counter::Discarded),
                tx_full: get(Counter::TxFull),
                tx_refused: get(Counter::TxRefused),
            },
            kept: get(Counter::Kept),
            kicks: get(Counter::RxKicks) + get(Counter::TxKicks),
            kicks_saved: get(Counter::KicksSaved),
            refills: get(Counter::Refills),
            starved: get(Counter::Starved),
            rejected: get(Counter::Rejected),
            socket: self.device.upgrade().map(|device| device.statistics()).transpose()?,
        })
    }
}

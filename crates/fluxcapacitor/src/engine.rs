//! Mode A: a hot loop that lends each batch of packets to a callback.

mod batch;
mod cpu;
mod handle;
mod lend;
mod outlet;
mod stop;
mod turn;
mod worker;

use std::sync::Arc;
use std::time::Duration;

#[cfg(doc)]
use fluxcapacitor_core::Error;
use fluxcapacitor_core::Result;

pub use batch::{Drain, PacketBatch};
pub use cpu::Pin;
pub use handle::EngineHandle;
pub use stop::StopHandle;
pub(crate) use turn::Turn;
pub use worker::WorkerInfo;

use crate::granted::Granted;
use crate::poller::Poller;
use crate::raw::{FluxRaw, Group};
use crate::stats::{Stats, StatsReader};
use crate::tap::Tap;
use crate::umem::UmemRegion;
use worker::Worker;

/// Packets that are received at a time, unless asked otherwise: as many as the kernel's own budget.
pub const BATCH: u32 = 64;

/// What becomes of a packet that the tx ring has no room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TxFull {
    /// It is dropped and counted.
    #[default]
    Drop,
    /// The loop sends and waits until there is room, for 100 ms at most; then it is dropped and counted.
    Wait,
}

/// How the loop runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) batch: u32,
    pub(crate) poller: Poller,
    pub(crate) tx_full: TxFull,
    pub(crate) low_water: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            batch: BATCH,
            poller: Poller::default(),
            tx_full: TxFull::default(),
            low_water: BATCH,
        }
    }
}

/// A loop over queues that lends each batch of packets to a callback.
///
/// The callback settles each packet; one that it does not is dropped and counted. Frames are posted,
/// packets sent and completions taken in between, without an allocation or a copy.
///
/// ```
/// # #[cfg(feature = "simulator")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use fluxcapacitor::simulator::control::{LinkConfig, NicConfig, World};
/// # let world = World::new(1);
/// # let nic = world.nic(NicConfig::new("eth0"))?;
/// use fluxcapacitor::FluxBuilder;
///
/// # let eth0 = nic.name();
/// let mut engine = FluxBuilder::new(eth0).build_engine()?;
/// # nic.inject(&[0; 60]);
/// let stop = engine.stop_handle();
/// engine.run(|batch| {
///     for mut packet in batch {
///         // Swaps the hardware addresses, and sends it back.
///         if let Some(addresses) = packet.data_mut().get_mut(..12) {
///             addresses.rotate_left(6);
///             packet.transmit();
///         }
///     }
///     stop.stop();
/// })?;
/// assert_eq!(engine.stats()?.total().tx_packets, 1);
/// # Ok(()) }
/// # #[cfg(not(feature = "simulator"))]
/// # fn main() {}
/// ```
#[derive(Debug)]
pub struct FluxEngine {
    workers: Vec<Worker>,
    options: Options,
    pin: Pin,
    stop: StopHandle,
    reader: StatsReader,
}

impl FluxEngine {
    /// Of a queue that is open in raw mode.
    #[must_use]
    pub fn new(raw: FluxRaw) -> Self {
        let (lane, pool, umem, tx_reserve) = raw.into_lane();
        Self::of(vec![Group { lanes: vec![lane], pool, umem, tx_reserve }])
    }

    pub(crate) fn of(groups: Vec<Group>) -> Self {
        let mut reader = StatsReader::default();
        let workers = groups.into_iter().enumerate();
        let workers =
            workers.map(|(number, group)| Worker::new(number, group, &mut reader)).collect();
        let (options, pin) = (Options::default(), Pin::default());
        Self { workers, options, pin, stop: StopHandle::default(), reader }
    }

    /// How the loop waits for packets; [`Poller::Adaptive`] by default.
    #[must_use]
    pub fn poller(mut self, poller: Poller) -> Self {
        self.options.poller = poller;
        self
    }

    /// How many packets to receive at a time, from 1 on; 64 by default. More than a tx ring has slots take longer each.
    #[must_use]
    pub fn batch(mut self, packets: u32) -> Self {
        self.options.batch = packets.max(1);
        self.workers.iter_mut().for_each(|worker| worker.reserve(packets));
        self
    }

    /// What becomes of packets that a tx ring has no room for; dropped and counted by default.
    #[must_use]
    pub fn tx_full(mut self, policy: TxFull) -> Self {
        self.options.tx_full = policy;
        self
    }

    /// How many frames may be missing in a fill ring before it is refilled; 64 by default, and never more than
    /// half of the ring, or an eighth of the frames that there are to receive into.
    #[must_use]
    pub fn low_water(mut self, frames: u32) -> Self {
        self.options.low_water = frames.max(1);
        self
    }

    /// Which processors the threads of [`FluxEngine::spawn`] run on; near the interface by default.
    #[must_use]
    pub fn pin(mut self, pin: Pin) -> Self {
        self.pin = pin;
        self
    }

    /// Has `tap` see the packets that go by, all queues, as [`tap`](crate::tap) says; takes the place of an earlier
    /// one.
    #[must_use]
    pub fn tap(mut self, tap: &Tap) -> Self {
        self.workers.iter_mut().for_each(|worker| worker.tap(tap));
        self
    }

    /// What was granted, queue by queue.
    pub fn granted(&self) -> impl Iterator<Item = &Granted> {
        self.workers.iter().flat_map(Worker::granted)
    }

    /// The packet memory of each worker, to see who holds how many frames. A clone outlives the engine.
    pub fn umems(&self) -> impl Iterator<Item = &UmemRegion> {
        self.workers.iter().map(Worker::umem)
    }

    /// Stops the loop, from any thread or from a signal handler.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// What reads the counters, also while the loop runs and from any thread.
    #[must_use]
    pub fn stats_reader(&self) -> StatsReader {
        self.reader.clone()
    }

    /// What has been counted up to now.
    ///
    /// # Errors
    /// [`Error::Sys`] if a socket does not tell its own counters.
    pub fn stats(&self) -> Result<Stats> {
        self.reader.read()
    }

    /// Lends what has arrived, at most a batch of each queue, to `callback`, and says how many packets that
    /// were. Does not wait.
    ///
    /// A link that is down is no error: packets that were to be sent wait in the tx ring.
    ///
    /// # Errors
    /// [`Error::LinkGone`] if an interface has gone; [`Error::Ring`] if a ring is corrupt.
    #[inline]
    pub fn poll_once(&mut self, mut callback: impl FnMut(PacketBatch<'_>)) -> Result<usize> {
        worker::turn(&mut self.workers, &self.options, &mut callback)
    }

    /// Runs all queues on this thread, until it is stopped.
    ///
    /// # Errors
    /// As [`FluxEngine::poll_once`].
    ///
    /// # Panics
    /// If `callback` does. No frame is lost, and the engine can be run again.
    pub fn run(&mut self, mut callback: impl FnMut(PacketBatch<'_>)) -> Result<()> {
        worker::run(&mut self.workers, &self.options, &self.stop, &mut callback)
    }

    /// Runs each worker on a thread of its own. `make` is called on each of them, for the state that the
    /// worker alone has and the callback over it.
    ///
    /// ```no_run
    /// // It needs an interface with several queues.
    /// # use fluxcapacitor::{FluxBuilder, builder::Queues};
    /// let engine = FluxBuilder::new("eth0").queues(Queues::All).build_engine()?;
    /// let handle = engine.spawn(|_worker| {
    ///     let mut seen = 0;
    ///     move |batch| seen += batch.len()
    /// })?;
    /// std::thread::sleep(std::time::Duration::from_secs(1));
    /// println!("{}", handle.stats()?);
    /// handle.stop();
    /// handle.join()?;
    /// # Ok::<(), fluxcapacitor::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Sys`] if a thread cannot be started or pinned; [`Error::Invalid`] for processors that there are
    /// not.
    pub fn spawn<M, F>(self, make: M) -> Result<EngineHandle>
    where
        M: Fn(&WorkerInfo) -> F + Send + Sync + 'static,
        F: FnMut(PacketBatch<'_>),
    {
        handle::spawn(self, Arc::new(make))
    }
}

/// For how long [`TxFull::Wait`] waits for room.
pub(crate) const TX_PATIENCE: Duration = Duration::from_millis(100);

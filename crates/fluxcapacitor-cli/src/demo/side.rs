//! The two workers, and what they tell of themselves while they work.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use fluxcapacitor::raw::{Interest, Waited};
use fluxcapacitor::umem::{Census, UmemRegion};
use fluxcapacitor::{Error, FluxRaw};

use super::Options;
use super::forwarder::Forwarder;
use super::generator::Generator;
use super::wire::Addresses;

/// How often a worker tells of itself.
const TELL_EVERY: Duration = Duration::from_millis(50);

/// Turns without work before a worker sleeps instead of spinning.
const SPIN_TURNS: u32 = 2000;

/// Turns between looks at the clock.
const TURNS_PER_LOOK: u32 = 128;

/// How long packets may be under way before they count as lost.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// What a worker tells of itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Snapshot {
    pub sent: u64,
    pub received: u64,
    pub damaged: u64,
    pub out_of_order: u64,
    pub kicks: u64,
    /// Bytes per packet.
    pub packet_size: u32,
    /// Entries in the fill, rx, tx and completion ring.
    pub occupancy: [u32; 4],
}

impl Snapshot {
    /// Bytes sent, without the FCS.
    pub fn bytes(&self) -> u64 {
        self.sent * u64::from(self.packet_size)
    }
}

/// One side's work.
pub trait Work: Send + 'static {
    /// Moves what can be moved; says whether it moved anything.
    fn turn(&mut self, raw: &mut FluxRaw, stopping: bool) -> Result<bool, Error>;

    /// Whether all that it began has come to its end.
    fn is_done(&self) -> bool;

    /// What it has counted so far.
    fn counts(&self) -> Snapshot;
}

/// A worker's thread, as seen from outside.
#[derive(Debug)]
pub struct Side {
    stop: Arc<AtomicBool>,
    told: Arc<Mutex<Snapshot>>,
    umem: UmemRegion,
    thread: JoinHandle<anyhow::Result<Ended>>,
}

/// A worker that has ended, and its socket, still open.
#[derive(Debug)]
pub struct Ended {
    pub counts: Snapshot,
    pub raw: FluxRaw,
}

impl Side {
    fn start(name: &str, raw: FluxRaw, work: impl Work) -> anyhow::Result<Self> {
        let (stop, told) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Snapshot>>::default());
        let umem = raw.umem.clone();
        let (stopped, tell) = (Arc::clone(&stop), Arc::clone(&told));
        let thread = thread::Builder::new().name(name.to_owned());
        let thread = thread.spawn(move || drive(raw, work, &stopped, &tell))?;
        Ok(Self { stop, told, umem, thread })
    }

    /// What the worker told last.
    pub fn snapshot(&self) -> Snapshot {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who holds its frames.
    pub fn census(&self) -> Census {
        self.umem.census()
    }

    fn stop(self) -> anyhow::Result<Ended> {
        self.stop.store(true, Relaxed);
        self.thread.join().map_err(|_| anyhow::anyhow!("a worker panicked"))?
    }
}

/// Turns until it is told to stop, and then until the work is done or patience ends.
fn drive(
    mut raw: FluxRaw,
    mut work: impl Work,
    stop: &AtomicBool,
    told: &Mutex<Snapshot>,
) -> anyhow::Result<Ended> {
    let mut idle = 0;
    let (mut tell_at, mut stopped_at) = (Instant::now(), None);
    loop {
        let stopping = stopped_at.is_some();
        for _ in 0..TURNS_PER_LOOK {
            idle = if work.turn(&mut raw, stopping)? { 0 } else { idle + 1 };
        }
        if idle > SPIN_TURNS && raw.wait(Interest::Rx, TELL_EVERY)? == Waited::Ready {
            idle = 0;
        }
        let now = Instant::now();
        if now >= tell_at {
            *told.lock().unwrap_or_else(PoisonError::into_inner) = snapshot(&raw, &work);
            tell_at = now + TELL_EVERY;
        }
        if stop.load(Relaxed) {
            let since = *stopped_at.get_or_insert(now);
            if work.is_done() || now - since > PATIENCE {
                let counts = snapshot(&raw, &work);
                return Ok(Ended { counts, raw });
            }
        }
    }
}

fn snapshot(raw: &FluxRaw, work: &impl Work) -> Snapshot {
    let occupancy =
        [raw.fill.occupancy(), raw.rx.occupancy(), raw.tx.occupancy(), raw.completion.occupancy()];
    Snapshot { occupancy, kicks: raw.device().kicks(), ..work.counts() }
}

/// Both workers.
#[derive(Debug)]
pub struct Workers {
    pub generator: Side,
    pub forwarder: Side,
}

/// Both workers, ended.
#[derive(Debug)]
pub struct BothEnded {
    pub generator: Ended,
    pub forwarder: Ended,
}

impl Workers {
    /// Starts both.
    pub fn start(
        near: FluxRaw,
        far: FluxRaw,
        addresses: Addresses,
        options: &Options,
    ) -> anyhow::Result<Self> {
        let forwarder = Side::start("forwarder", far, Forwarder::new(options.packet_size))?;
        let generator = Generator::new(addresses, options.packet_size, options.in_flight);
        Ok(Self { generator: Side::start("generator", near, generator)?, forwarder })
    }

    /// Whether one of them has ended by itself, which is an error.
    pub fn is_ended(&self) -> bool {
        self.generator.thread.is_finished() || self.forwarder.thread.is_finished()
    }

    /// Stops the generator, waits for what is under way, and stops the forwarder.
    pub fn stop(self) -> anyhow::Result<BothEnded> {
        let generator = self.generator.stop();
        let forwarder = self.forwarder.stop();
        Ok(BothEnded { generator: generator?, forwarder: forwarder? })
    }
}

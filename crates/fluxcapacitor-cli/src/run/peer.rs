//! Whoever is at the other end of a simulated interface.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use fluxcapacitor::raw::{Interest, Waited};
use fluxcapacitor::{Error, FluxBuilder, FluxRaw};

use super::line::Partner;
use super::paced::Paced;
use super::rxdrop::RxDrop;
use super::{Tool, txonly};
use crate::cli::PortOptions;
use crate::report::Counts;
use crate::simulated::Pair;

/// Packets per batch.
pub const BATCH: u32 = 64;

/// Turns without work before it sleeps instead of spinning, and for how long then.
const SPIN_TURNS: u32 = 2000;
const NAP: Duration = Duration::from_millis(1);

/// How many packets a tool is through with: received, and sent on if it does that.
pub type Progress = AtomicU64;

/// The thread that drives the far end.
#[derive(Debug)]
pub struct Peer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), Error>>,
}

/// A tool that tells how far it is: at each turn, for its peer counts on it.
#[derive(Debug)]
pub struct Watched<T> {
    tool: T,
    progress: Arc<Progress>,
}

impl Peer {
    /// Opens the far end, and begins.
    pub fn start(
        pair: &Pair,
        partner: Partner,
        options: &PortOptions,
        progress: &Arc<Progress>,
    ) -> anyhow::Result<Self> {
        let raw = FluxBuilder::new(pair.far.name()).build_raw()?;
        let granted = raw.granted();
        let stop = Arc::<AtomicBool>::default();
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new().name("peer".to_owned());
        let thread = match partner {
            Partner::Drops => {
                let mut sink = RxDrop::new(BATCH);
                thread.spawn(move || work(raw, &stopped, |raw| sink.turn(raw)))?
            }
            Partner::Sends => {
                let (size, to) = (options.packet_size, pair.near.mac());
                let packet = txonly::packet(size, granted.frame_size, to)?;
                txonly::check_mtu(&packet, granted.mtu)?;
                let mut source = Paced::new(packet, Arc::clone(progress));
                thread.spawn(move || work(raw, &stopped, |raw| source.turn(raw)))?
            }
        };
        Ok(Self { stop, thread })
    }

    /// Stops it; fails if it did.
    pub fn stop(self) -> anyhow::Result<()> {
        self.stop.store(true, Relaxed);
        Ok(self.thread.join().map_err(|_| anyhow::anyhow!("the peer panicked"))??)
    }
}

/// Turns until it is told to stop.
fn work(
    mut raw: FluxRaw,
    stop: &AtomicBool,
    mut turn: impl FnMut(&mut FluxRaw) -> Result<u32, Error>,
) -> Result<(), Error> {
    let mut idle = 0;
    while !stop.load(Relaxed) {
        if turn(&mut raw)? > 0 {
            idle = 0;
        } else if idle < SPIN_TURNS {
            idle += 1;
            // The tool may be waiting for this very processor.
            thread::yield_now();
        } else if raw.wait(Interest::Rx, NAP)? == Waited::Ready {
            idle = 0;
        }
    }
    Ok(())
}

impl<T: Tool> Watched<T> {
    pub fn new(tool: T, progress: Arc<Progress>) -> Self {
        Self { tool, progress }
    }
}

impl<T: Tool> Tool for Watched<T> {
    const INTEREST: Interest = T::INTEREST;

    fn turn(&mut self, raw: &mut FluxRaw) -> Result<u32, Error> {
        let moved = self.tool.turn(raw)?;
        if moved > 0 {
            let received = self.tool.counts().rx_packets;
            self.progress.store(received.saturating_sub(self.tool.in_flight()), Relaxed);
        }
        Ok(moved)
    }

    fn drain(&mut self, raw: &mut FluxRaw) -> Result<(), Error> {
        self.tool.drain(raw)
    }

    fn in_flight(&self) -> u64 {
        self.tool.in_flight()
    }

    fn counts(&self) -> Counts {
        self.tool.counts()
    }
}

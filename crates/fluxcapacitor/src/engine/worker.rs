//! What one thread drives: the queue of one number of each interface, over one packet memory.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use fluxcapacitor_core::backend;
use fluxcapacitor_core::umem::{Home, SharedFrameState};
use fluxcapacitor_core::{Error, Result};

use super::turn::{Around, Outlet, Turn};
use super::{Options, PacketBatch, StopHandle};
use crate::granted::Granted;
use crate::half::{self, RxHalf};
use crate::poller::{NAP, Next, Pace, SLEEP_MAX};
use crate::raw::{Group, Interest};
use crate::stats::StatsReader;
use crate::tap::{Direction, Feed, Tap};
use crate::umem::{FramePool, UmemRegion};

/// Why an engine does without packets of several frames.
pub(crate) const MULTI_BUFFER: &str =
    "the engine lends packets of one frame; build_system() and build_raw() take longer ones";

/// Who a worker is, for the closure that makes its state.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WorkerInfo {
    /// Its number, from 0.
    pub number: usize,
    /// The queue that it drives, of each interface.
    pub queue: u32,
    /// The processor that it runs on, if it is pinned.
    pub cpu: Option<usize>,
    /// What was granted, interface by interface.
    pub granted: Vec<Granted>,
}

/// The queues that one thread drives.
#[derive(Debug)]
pub(crate) struct Worker {
    // Detached and closed first: fields drop in this order.
    rx: Vec<RxHalf>,
    outlets: Box<[Outlet]>,
    /// What sees the packets that come in, interface by interface; none without a tap.
    feeds: Box<[Feed]>,
    number: usize,
    spare: RefCell<FramePool>,
    shared: Arc<SharedFrameState>,
    umem: UmemRegion,
    /// How many frames each port has at most to receive into: so that none takes them all.
    share: u32,
    /// A callback is running, or has panicked; or this cannot be driven.
    interrupted: bool,
    /// Packets may have several frames.
    multi_buffer: bool,
}

impl Worker {
    pub(super) fn new(number: usize, group: Group, reader: &mut StatsReader) -> Self {
        let Group { lanes, pool, umem, tx_reserve: _ } = group;
        let (mut rx, mut outlets) = (Vec::new(), Vec::new());
        let ports = (lanes.len() as u32).max(1);
        // They were given equally many, and nothing has moved since, unless there is one.
        let (out, share) = (umem.census().rx / ports, (umem.layout().frames() / ports).max(1));
        let multi_buffer = lanes.iter().any(|lane| lane.granted.multi_buffer);
        for lane in lanes {
            let (receives, sends, source) = half::split(lane, out);
            rx.push(receives);
            outlets.push(Outlet::new(sends));
            reader.0.push(source);
        }
        let shared = SharedFrameState::new(&umem);
        let (outlets, feeds, spare) = (outlets.into(), [].into(), RefCell::new(pool));
        let interrupted = multi_buffer;
        Self { rx, outlets, feeds, number, spare, shared, umem, share, interrupted, multi_buffer }
    }

    pub(super) fn tap(&mut self, tap: &Tap) {
        let feeds = self.rx.iter().map(|half| tap.feed(Direction::Rx, &half.granted));
        self.feeds = feeds.collect::<Option<_>>().unwrap_or_default();
        self.outlets.iter_mut().for_each(|outlet| outlet.tap(tap));
    }

    pub(super) fn granted(&self) -> impl Iterator<Item = &Granted> {
        self.rx.iter().map(|half| &*half.granted)
    }

    pub(super) const fn umem(&self) -> &UmemRegion {
        &self.umem
    }

    pub(super) fn info(&self, cpu: Option<usize>) -> WorkerInfo {
        let queue = self.rx.first().map_or(0, |half| half.device.queue());
        WorkerInfo { number: self.number, queue, cpu, granted: self.granted().cloned().collect() }
    }

    /// One batch of each queue at most; says how many packets there were.
    #[inline]
    pub(super) fn turn(
        &mut self,
        options: &Options,
        callback: &mut impl FnMut(PacketBatch<'_>),
    ) -> Result<usize> {
        if self.interrupted {
            self.resume()?;
        }
        let mut packets = 0;
        for port in 0..self.rx.len() {
            packets += self.turn_of(port, options, callback)?;
        }
        Ok(packets)
    }

    #[inline]
    fn turn_of(
        &mut self,
        port: usize,
        options: &Options,
        callback: &mut impl FnMut(PacketBatch<'_>),
    ) -> Result<usize> {
        let (outlets, spare, shared) = (&*self.outlets, &self.spare, &self.shared);
        let RxHalf { device, rx, fill, out, granted, counters } = &mut self.rx[port];
        let exchange = rx.exchange(fill, spare, options.batch)?;
        let (mut packets, mut posted) = (0, 0);
        if !exchange.is_empty() {
            let (interface, queue) = (granted.interface.as_str(), device.queue());
            let tx_full = options.tx_full;
            let around =
                Around { outlets, spare, shared, interface, port, queue, tx_full, counters, out };
            if let Some(feed) = self.feeds.get_mut(port) {
                feed.see_batch(&exchange);
            }
            let turn = Turn::new(exchange, around);
            self.interrupted = true;
            callback(PacketBatch::new(&turn));
            (packets, posted) = turn.finish();
            self.interrupted = false;
        } else {
            drop(exchange);
        }
        for outlet in outlets {
            unless_down(outlet.flush())?;
        }
        posted += self.take_home(port, options.low_water)?;
        if posted > 0 {
            unless_down(self.rx[port].publish())?;
        }
        Ok(packets as usize)
    }

    /// Shows the kernel what there was to show when the callback panicked.
    #[cold]
    fn resume(&mut self) -> Result<()> {
        if self.multi_buffer {
            return Err(Error::invalid("multi_buffer", "of an engine", MULTI_BUFFER));
        }
        self.interrupted = false;
        self.rx.iter_mut().try_for_each(|half| unless_down(half.publish()))?;
        self.outlets.iter().try_for_each(|outlet| unless_down(outlet.flush()))
    }

    /// Posts frames that were sent, or dropped by whoever kept them, where `port` receives; says how many.
    #[inline]
    fn take_home(&mut self, port: usize, low_water: u32) -> Result<u32> {
        let (half, spare) = (&mut self.rx[port], self.spare.get_mut());
        let missing = half.missing()?;
        let want = missing.min(self.share.saturating_sub(half.out.load(Relaxed)));
        let mut posted = 0;
        for outlet in &*self.outlets {
            let mut sender = outlet.half();
            loop {
                let recycled = sender.completion.recycle(&mut half.fill, want - posted)?;
                posted += recycled;
                // It may end round the end of a ring, where another run begins.
                if recycled == 0 {
                    break;
                }
            }
            if posted == want {
                sender.reclaim(spare)?;
            }
        }
        half.out.store(half.out.load(Relaxed) + posted, Relaxed);
        if want > posted && half.is_low(missing - posted, low_water) {
            self.shared.take(Home::Rx, spare)?;
            posted += half.refill(spare, want - posted)?;
        }
        Ok(posted)
    }

    /// Turns until it is stopped.
    pub(super) fn run(
        &mut self,
        options: &Options,
        stop: &StopHandle,
        callback: &mut impl FnMut(PacketBatch<'_>),
    ) -> Result<()> {
        run_all(std::slice::from_mut(self), options, stop, callback)
    }

    /// An empty turn, where the kernel polls the queues from our system calls.
    fn busy_poll(&mut self) -> Result<()> {
        self.rx.iter_mut().try_for_each(|half| unless_down(half.busy_poll()))
    }
}

/// Turns of all workers, on this thread, until they are stopped.
pub(super) fn run_all(
    workers: &mut [Worker],
    options: &Options,
    stop: &StopHandle,
    callback: &mut impl FnMut(PacketBatch<'_>),
) -> Result<()> {
    let mut pace = Pace::new(options.poller);
    while !stop.is_stopped() {
        let mut packets = 0;
        for worker in &mut *workers {
            packets += worker.turn(options, callback)?;
        }
        if packets == 0 {
            workers.iter_mut().try_for_each(Worker::busy_poll)?;
        }
        let timeout = match pace.after(packets) {
            Next::Look => continue,
            Next::LookAtLinks => {
                for half in halves(workers) {
                    // No wait would say so of one that has packets.
                    unless_down(half.device.socket().kick_rx().map(drop))?;
                }
                continue;
            }
            Next::Probe => Duration::ZERO,
            Next::Sleep if halves(workers).any(RxHalf::is_starved) => NAP,
            Next::Sleep => SLEEP_MAX,
        };
        let sockets = halves(workers).map(|half| half.device.socket());
        backend::wait_any(sockets, Interest::Rx, timeout)?;
    }
    Ok(())
}

fn halves(workers: &[Worker]) -> impl Iterator<Item = &RxHalf> + Clone {
    workers.iter().flat_map(|worker| &worker.rx)
}

impl Drop for Worker {
    /// What was sent before a panic leaves.
    fn drop(&mut self) {
        if self.interrupted {
            let _nobody_asked = self.resume();
        }
    }
}

/// A link that is down is a state, and comes back.
#[inline]
fn unless_down(result: Result<()>) -> Result<()> {
    match result {
        Err(Error::LinkDown) => Ok(()),
        result => result,
    }
}

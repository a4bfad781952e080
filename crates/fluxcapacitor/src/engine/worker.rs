//! What one thread drives: the queue of one number of each interface, over one packet memory.

use std::slice;
use std::sync::Arc;
use std::time::Duration;

use fluxcapacitor_core::Result;
use fluxcapacitor_core::backend;
use fluxcapacitor_core::umem::{Home, SharedFrameState};

use super::lend::{decide, lend, lend_among};
use super::outlet::{Outlet, unless_down};
use super::turn::Place;
use super::{Options, PacketBatch, StopHandle};
use crate::granted::Granted;
use crate::half::{self, RxHalf};
use crate::poller::{NAP, Next, Pace, SLEEP_MAX};
use crate::raw::{Group, Interest};
use crate::stats::{Counter, StatsReader};
use crate::tap::{Direction, Feed, Tap};
use crate::umem::{FramePool, UmemRegion};

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
    inlets: Box<[Inlet]>,
    outlets: Box<[Outlet]>,
    /// Whether packets may have several frames.
    multi_buffer: bool,
    number: usize,
    spare: FramePool,
    umem: UmemRegion,
    /// How many frames each port has at most to receive into: so that none takes them all.
    share: u32,
}

/// What receives, and where.
#[derive(Debug)]
pub(super) struct Inlet {
    pub(super) half: RxHalf,
    pub(super) place: Place,
    /// What sees the packets that come in.
    pub(super) feed: Option<Feed>,
    /// How many times the ring had rejected something before.
    rejected_before: u64,
}

impl Inlet {
    /// Takes the frames of packets that were too long to be lent, and counts those.
    fn salvage(&mut self, spare: &mut FramePool) -> Result<()> {
        // What an exchange has rejected was counted with it, also if its callback has panicked.
        let counted = self.half.counters.get(Counter::Rejected);
        let more = self.half.rx.rejected().saturating_sub(self.rejected_before + counted);
        if more > 0 {
            self.half.counters.add(Counter::Rejected, more);
            let packets = self.half.rx.salvage();
            self.half.moved(packets.segments(), 0);
            spare.give_chain(packets)?;
        }
        Ok(())
    }
}

impl Worker {
    pub(super) fn new(number: usize, group: Group, reader: &mut StatsReader) -> Self {
        let Group { lanes, pool, umem, tx_reserve: _ } = group;
        let shared = SharedFrameState::new(&umem);
        let (mut inlets, mut outlets) = (Vec::new(), Vec::new());
        let ports = (lanes.len() as u32).max(1);
        // They were given equally many, and nothing has moved since, unless there is one.
        let (out, share) = (umem.census().rx / ports, (umem.layout().frames() / ports).max(1));
        let multi_buffer = lanes.iter().any(|lane| lane.granted.multi_buffer);
        for lane in lanes {
            let (receives, sends, source) = half::split(lane, out);
            let place = Place {
                shared: Arc::clone(&shared),
                granted: Arc::clone(&receives.granted),
                port: inlets.len(),
                queue: receives.device.queue(),
            };
            let rejected_before = receives.rx.rejected();
            inlets.push(Inlet { half: receives, place, feed: None, rejected_before });
            outlets.push(Outlet::new(sends, umem.census().tx));
            reader.0.push(source);
        }
        let (inlets, outlets) = (inlets.into(), outlets.into());
        let mut worker = Self { inlets, outlets, multi_buffer, number, spare: pool, umem, share };
        if multi_buffer {
            // A packet takes as many slots as it has frames.
            worker.reserve(u32::MAX);
        }
        worker
    }

    /// Makes room for batches of `packets`, where rings have none. There are no more in one than an rx ring has slots.
    pub(super) fn reserve(&mut self, packets: u32) {
        let sizes = self.inlets.iter().map(|inlet| inlet.half.rx.size());
        let most = sizes.max().unwrap_or(0).min(packets);
        self.inlets.iter_mut().for_each(|inlet| inlet.half.fill.reserve_aside(most));
        self.outlets.iter_mut().for_each(|outlet| outlet.half.tx.reserve_waiting(most));
    }

    pub(super) fn tap(&mut self, tap: &Tap) {
        for Inlet { half, feed, .. } in &mut self.inlets {
            *feed = tap.feed(Direction::Rx, &half.granted);
        }
        self.outlets.iter_mut().for_each(|outlet| outlet.tap(tap));
    }

    pub(super) fn granted(&self) -> impl Iterator<Item = &Granted> {
        self.inlets.iter().map(|inlet| &*inlet.half.granted)
    }

    pub(super) const fn umem(&self) -> &UmemRegion {
        &self.umem
    }

    pub(super) fn info(&self, cpu: Option<usize>) -> WorkerInfo {
        let queue = self.inlets.first().map_or(0, |inlet| inlet.place.queue);
        WorkerInfo { number: self.number, queue, cpu, granted: self.granted().cloned().collect() }
    }

    /// One batch of each queue at most; says how many packets there were.
    #[inline]
    pub(super) fn turn(
        &mut self,
        options: &Options,
        callback: &mut impl FnMut(PacketBatch<'_>),
    ) -> Result<usize> {
        let Self { inlets, outlets, multi_buffer, spare, share, .. } = self;
        if let ([inlet], [outlet], false) = (&mut **inlets, &mut **outlets, *multi_buffer) {
            let moved = lend(inlet, outlet, &mut [], (false, options.batch), callback)?;
            return settle(inlet, slice::from_mut(outlet), moved, options, (spare, *share));
        }
        // By a closure of its own, what there is for a single queue stays in one place, without a call.
        self.turn_all(options, &mut |batch| decide(batch, callback))
    }

    /// The same for several interfaces, or packets of several frames.
    #[inline(never)]
    fn turn_all(
        &mut self,
        options: &Options,
        callback: &mut impl FnMut(PacketBatch<'_>),
    ) -> Result<usize> {
        let Self { inlets, outlets, multi_buffer, spare, share, .. } = self;
        let mut packets = 0;
        for inlet in inlets {
            let moved = lend_among(inlet, outlets, options.batch, callback)?;
            packets += settle(inlet, outlets, moved, options, (spare, *share))?;
            if *multi_buffer {
                inlet.salvage(spare)?;
            }
        }
        Ok(packets)
    }

    /// An empty turn, where the kernel polls the queues from our system calls.
    fn busy_poll(&mut self) -> Result<()> {
        self.inlets.iter_mut().try_for_each(|inlet| unless_down(inlet.half.busy_poll()))
    }
}

/// After a batch of `lent` packets, with as many frames missing since as are said: sends, takes frames home and posts
/// them. Says how many packets there were.
#[inline(always)]
fn settle(
    inlet: &mut Inlet,
    outlets: &mut [Outlet],
    (lent, mut missing): (u32, u32),
    options: &Options,
    (spare, share): (&mut FramePool, u32),
) -> Result<usize> {
    let Inlet { half, place, .. } = inlet;
    let aside = half.fill.give_aside(spare)?;
    if aside > 0 {
        half.moved(aside, 0);
        // Also frames of a batch whose callback has panicked.
        missing += aside;
    }
    for outlet in outlets {
        if outlet.is_busy() {
            let posted = outlet.serve(options.tx_full, half, share, spare)?;
            missing = missing.saturating_sub(posted);
        }
    }
    if missing > 0 || lent == 0 || !place.shared.is_empty(Home::Rx) {
        half.top_up(&place.shared, spare, (options.low_water, share))?;
    }
    if half.fill.unpublished() > 0 {
        unless_down(half.publish())?;
    }
    Ok(lent as usize)
}

/// A turn of each worker, on this thread; says how many packets there were.
#[inline]
pub(super) fn turn(
    workers: &mut [Worker],
    options: &Options,
    callback: &mut impl FnMut(PacketBatch<'_>),
) -> Result<usize> {
    match workers {
        [worker] => worker.turn(options, callback),
        workers => turn_all(workers, options, &mut |batch| callback(batch)),
    }
}

/// The same for several.
#[inline(never)]
fn turn_all(
    workers: &mut [Worker],
    options: &Options,
    callback: &mut impl FnMut(PacketBatch<'_>),
) -> Result<usize> {
    let mut packets = 0;
    for worker in workers {
        packets += worker.turn(options, callback)?;
    }
    Ok(packets)
}

/// Turns of all workers, on this thread, until they are stopped.
pub(super) fn run(
    workers: &mut [Worker],
    options: &Options,
    stop: &StopHandle,
    callback: &mut impl FnMut(PacketBatch<'_>),
) -> Result<()> {
    let mut pace = Pace::new(options.poller);
    while !stop.is_stopped() {
        let packets = turn(workers, options, callback)?;
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
    workers.iter().flat_map(|worker| &worker.inlets).map(|inlet| &inlet.half)
}

impl Drop for Worker {
    /// What was sent before a panic leaves.
    fn drop(&mut self) {
        for outlet in &mut self.outlets {
            let _nobody_asked = outlet.flush_rest(&mut self.spare);
        }
    }
}

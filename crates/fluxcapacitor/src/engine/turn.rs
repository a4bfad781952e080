//! One turn of the loop: a batch of one queue, and where its packets may go.

use std::cell::{Cell, RefCell, RefMut};
use std::sync::Arc;
use std::time::Instant;

use fluxcapacitor_core::Result;
use fluxcapacitor_core::ring::{Exchange, Lent, PushError};
use fluxcapacitor_core::umem::SharedFrameState;

use super::{TX_PATIENCE, TxFull};
use crate::half::TxHalf;
use crate::stats::{Counter, Counters};
use crate::umem::FramePool;

/// The sending side of an interface, as a turn sees it.
#[derive(Debug)]
pub(crate) struct Outlet {
    half: RefCell<TxHalf>,
    /// Packets pushed and not published yet, and their bytes.
    packets: Cell<u64>,
    bytes: Cell<u64>,
    /// Packets that were published are still in the ring.
    unsent: Cell<bool>,
    /// There was no room in time, and will be none before the next flush.
    stuck: Cell<bool>,
}

impl Outlet {
    pub(super) fn new(half: TxHalf) -> Self {
        let (packets, bytes) = (Cell::new(0), Cell::new(0));
        let (unsent, stuck) = (Cell::new(false), Cell::new(false));
        Self { half: RefCell::new(half), packets, bytes, unsent, stuck }
    }

    /// A packet is about to be pushed.
    #[inline]
    fn pushed(&self, lent: &Lent<'_>) {
        count(&self.packets, 1);
        count(&self.bytes, u64::from(lent.len()));
    }

    pub(super) fn half(&self) -> RefMut<'_, TxHalf> {
        self.half.borrow_mut()
    }

    /// Has the kernel send what was pushed, or what it has left in the ring.
    #[inline]
    pub(super) fn flush(&self) -> Result<()> {
        let (packets, bytes) = (self.packets.take(), self.bytes.take());
        if packets == 0 && !self.unsent.get() {
            return Ok(());
        }
        let mut half = self.half();
        let sent = if packets > 0 { half.send(packets, bytes) } else { half.flush() };
        self.unsent.set(half.tx.occupancy() > 0);
        self.stuck.set(false);
        sent
    }
}

/// What the packets of one batch have in common.
pub(crate) struct Turn<'t> {
    exchange: Exchange<'t>,
    outlets: &'t [Outlet],
    spare: &'t RefCell<FramePool>,
    shared: &'t Arc<SharedFrameState>,
    interface: &'t str,
    port: usize,
    queue: u32,
    tx_full: TxFull,
    counters: &'t Counters,
    out: &'t Cell<u32>,
    tally: Tally,
}

/// What became of the packets of a batch.
#[derive(Debug, Default)]
struct Tally {
    bytes: Cell<u64>,
    kept: Cell<u64>,
    discarded: Cell<u64>,
    tx_full: Cell<u64>,
    tx_refused: Cell<u64>,
}

/// What a turn needs beside its exchange.
pub(super) struct Around<'t> {
    pub(super) outlets: &'t [Outlet],
    pub(super) spare: &'t RefCell<FramePool>,
    pub(super) shared: &'t Arc<SharedFrameState>,
    pub(super) interface: &'t str,
    pub(super) port: usize,
    pub(super) queue: u32,
    pub(super) tx_full: TxFull,
    pub(super) counters: &'t Counters,
    /// Frames posted where the packets came in.
    pub(super) out: &'t Cell<u32>,
}

impl<'t> Turn<'t> {
    #[inline]
    pub(super) fn new(exchange: Exchange<'t>, around: Around<'t>) -> Self {
        let Around { outlets, spare, shared, interface, port, queue, .. } = around;
        let Around { tx_full, counters, out, .. } = around;
        let tally = Tally::default();
        Self {
            exchange,
            outlets,
            spare,
            shared,
            interface,
            port,
            queue,
            tx_full,
            counters,
            out,
            tally,
        }
    }

    #[inline]
    pub(crate) const fn exchange(&self) -> &Exchange<'t> {
        &self.exchange
    }

    #[inline]
    pub(crate) const fn shared(&self) -> &'t Arc<SharedFrameState> {
        self.shared
    }

    #[inline]
    pub(crate) const fn interface(&self) -> &'t str {
        self.interface
    }

    #[inline]
    pub(crate) const fn port(&self) -> usize {
        self.port
    }

    #[inline]
    pub(crate) const fn queue(&self) -> u32 {
        self.queue
    }

    /// A packet is lent.
    #[inline]
    pub(crate) fn lent(&self, lent: &Lent<'_>) {
        count(&self.tally.bytes, u64::from(lent.len()));
    }

    #[inline]
    pub(crate) fn keep(&self) {
        count(&self.tally.kept, 1);
    }

    #[inline]
    pub(crate) fn discard(&self) {
        count(&self.tally.discarded, 1);
    }

    /// Sends a packet out of an interface.
    #[inline]
    pub(crate) fn send(&self, port: usize, lent: Lent<'_>) {
        let Some(outlet) = self.outlets.get(port) else { return count(&self.tally.tx_refused, 1) };
        let refused = match outlet.half.borrow_mut().tx.slot_for(&lent) {
            Ok(slot) => {
                outlet.pushed(&lent);
                return slot.put(lent);
            }
            Err(refused) => refused,
        };
        self.refused(outlet, lent, refused);
    }

    /// What the policy says of a packet that was refused.
    #[cold]
    fn refused(&self, outlet: &Outlet, lent: Lent<'_>, why: PushError<()>) {
        let PushError::Full(()) = why else { return count(&self.tally.tx_refused, 1) };
        // Once a turn: each packet of a batch would wait in vain.
        let waits = self.tx_full == TxFull::Wait && !outlet.stuck.get();
        let (started, mut half) = (Instant::now(), outlet.half());
        while waits && started.elapsed() < TX_PATIENCE {
            // A link that is lost ends the wait; the turn's own flush comes upon it, too.
            if half.make_room(&mut self.spare.borrow_mut()).is_err() {
                break;
            }
            if let Ok(slot) = half.tx.slot_for(&lent) {
                outlet.pushed(&lent);
                return slot.put(lent);
            }
        }
        outlet.stuck.set(true);
        count(&self.tally.tx_full, 1);
    }

    /// Drops what was not lent, and says how many packets the batch had, and how many frames are in the fill ring
    /// again.
    #[inline]
    pub(super) fn finish(self) -> (u32, u32) {
        for lent in self.exchange.lend() {
            self.lent(&lent);
        }
        self.moved()
    }

    /// How many packets were lent, and how many frames went back to the fill ring; at most a batch.
    #[inline]
    fn moved(&self) -> (u32, u32) {
        (self.exchange.taken().0 as u32, self.exchange.posted() as u32)
    }

    /// Counts what became of the packets that were lent.
    #[inline]
    fn count(&self) {
        let counters = self.counters;
        let Tally { bytes, kept, discarded, tx_full, tx_refused } = &self.tally;
        let (packets, rejected) = self.exchange.taken();
        let sent: u64 = self.outlets.iter().map(|outlet| outlet.packets.get()).sum();
        let settled = sent + kept.get() + discarded.get() + tx_full.get() + tx_refused.get();
        counters.add(Counter::RxPackets, packets);
        counters.add(Counter::RxBytes, bytes.get());
        if settled < packets {
            counters.add(Counter::Unsettled, packets - settled);
        }
        if settled > sent {
            counters.add(Counter::Kept, kept.get());
            counters.add(Counter::Discarded, discarded.get());
            counters.add(Counter::TxFull, tx_full.get());
            counters.add(Counter::TxRefused, tx_refused.get());
        }
        if rejected > 0 {
            counters.add(Counter::Rejected, rejected);
        }
    }
}

impl Drop for Turn<'_> {
    /// Also if the callback has panicked.
    #[inline]
    fn drop(&mut self) {
        let (taken, posted) = self.moved();
        self.out.set(self.out.get().saturating_sub(taken) + posted);
        self.count();
    }
}

#[inline]
fn count(cell: &Cell<u64>, by: u64) {
    cell.set(cell.get() + by);
}

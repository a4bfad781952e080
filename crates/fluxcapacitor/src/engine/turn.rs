//! One turn of the loop: a batch of one queue, and where its packets may go.

use std::cell::{Cell, RefCell, RefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Instant;

use fluxcapacitor_core::Result;
use fluxcapacitor_core::ring::{Exchange, Lent, PushError};
use fluxcapacitor_core::umem::SharedFrameState;

use super::{TX_PATIENCE, TxFull};
use crate::half::TxHalf;
use crate::stats::{Counter, Counters};
use crate::tap::{Direction, Feed, Tap};
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
    /// What sees the packets that are pushed.
    feed: Option<RefCell<Feed>>,
    /// There was no room in time, and will be none before the next flush.
    stuck: Cell<bool>,
}

impl Outlet {
    pub(super) fn new(half: TxHalf) -> Self {
        let (packets, bytes) = (Cell::new(0), Cell::new(0));
        let (unsent, stuck) = (Cell::new(false), Cell::new(false));
        Self { half: RefCell::new(half), packets, bytes, unsent, stuck, feed: None }
    }

    pub(super) fn tap(&mut self, tap: &Tap) {
        self.feed = tap.feed(Direction::Tx, &self.half.get_mut().granted).map(RefCell::new);
    }

    /// Whether each packet is to be seen.
    #[inline]
    fn is_tapped(&self) -> bool {
        self.feed.is_some()
    }

    /// Where it is tapped, a packet that is about to be pushed is seen.
    fn see(&self, lent: &Lent<'_>) {
        if let Some(feed) = &self.feed {
            feed.borrow_mut().see(lent.bytes());
        }
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
    /// The same, or none where they are tapped: it is not asked packet by packet.
    untapped: &'t [Outlet],
    spare: &'t RefCell<FramePool>,
    shared: &'t Arc<SharedFrameState>,
    interface: &'t str,
    port: usize,
    queue: u32,
    tx_full: TxFull,
    counters: &'t Counters,
    out: &'t AtomicU32,
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
    pub(super) out: &'t AtomicU32,
}

impl<'t> Turn<'t> {
    #[inline]
    pub(super) fn new(exchange: Exchange<'t>, around: Around<'t>) -> Self {
        let Around { outlets, spare, shared, interface, port, queue, .. } = around;
        let Around { tx_full, counters, out, .. } = around;
        let tally = Tally::default();
        // All are, or none.
        let is_tapped = outlets.first().is_some_and(Outlet::is_tapped);
        let untapped = if is_tapped { &[] } else { outlets };
        Self {
            exchange,
            outlets,
            untapped,
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
        if let Some(outlet) = self.untapped.get(port)
            && let Ok(slot) = outlet.half.borrow_mut().tx.slot_for(&lent)
        {
            outlet.pushed(&lent);
            return slot.put(lent);
        }
        self.send_slowly(port, lent);
    }

    /// The same for a packet that is to be seen, and for one that is refused: what the policy says of it.
    #[cold]
    fn send_slowly(&self, port: usize, lent: Lent<'_>) {
        let Some(outlet) = self.outlets.get(port) else { return count(&self.tally.tx_refused, 1) };
        // Once a turn: each packet of a batch would wait in vain.
        let waits = self.tx_full == TxFull::Wait && !outlet.stuck.get();
        let (mut started, mut half) = (None, outlet.half());
        loop {
            match half.tx.slot_for(&lent) {
                Ok(slot) => {
                    outlet.see(&lent);
                    outlet.pushed(&lent);
                    return slot.put(lent);
                }
                Err(PushError::Full(())) => {}
                Err(_) => return count(&self.tally.tx_refused, 1),
            }
            // A link that is lost ends the wait; the turn's own flush comes upon it, too.
            if !waits
                || started.get_or_insert_with(Instant::now).elapsed() >= TX_PATIENCE
                || half.make_room(&mut self.spare.borrow_mut()).is_err()
            {
                outlet.stuck.set(true);
                return count(&self.tally.tx_full, 1);
            }
        }
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
        self.out.store(self.out.load(Relaxed).saturating_sub(taken) + posted, Relaxed);
        self.count();
    }
}

#[inline]
fn count(cell: &Cell<u64>, by: u64) {
    cell.set(cell.get() + by);
}

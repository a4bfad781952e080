//! One turn of the loop: a batch of one queue, and what becomes of its packets.

use std::cell::Cell;
use std::sync::Arc;

use fluxcapacitor_core::ring::{Came, Exchange, Lent, LentChain, Outbox};
use fluxcapacitor_core::umem::{Origin, SharedFrameState};

use crate::granted::Granted;
use crate::stats::{Counter, Counters};

/// What the packets of one batch have in common.
pub(crate) struct Turn<'t> {
    pub(super) exchange: &'t Exchange<'t>,
    pub(super) place: &'t Place,
    pub(super) tally: Tally,
}

/// What is counted of a batch.
#[derive(Clone, Copy)]
pub(super) struct Account<'t> {
    pub(super) exchange: &'t Exchange<'t>,
    pub(super) counters: &'t Counters,
    pub(super) tally: &'t Tally,
}

/// Counts if the callback panics.
pub(super) struct OnPanic<'t>(pub(super) Account<'t>);

/// Where the packets of a queue come in.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) shared: Arc<SharedFrameState>,
    pub(super) granted: Arc<Granted>,
    pub(super) port: usize,
    pub(super) queue: u32,
}

/// What became of those packets of a batch that were neither sent nor just dropped.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// All of them; those that are not counted below were refused.
    settled: Cell<u64>,
    kept: Cell<u64>,
    discarded: Cell<u64>,
}

impl<'t> Turn<'t> {
    #[inline]
    pub(crate) const fn exchange(&self) -> &'t Exchange<'t> {
        self.exchange
    }

    #[inline]
    pub(crate) const fn shared(&self) -> &'t Arc<SharedFrameState> {
        &self.place.shared
    }

    #[inline]
    pub(crate) fn interface(&self) -> &'t str {
        &self.place.granted.interface
    }

    #[inline]
    pub(crate) const fn port(&self) -> usize {
        self.place.port
    }

    #[inline]
    pub(crate) const fn queue(&self) -> u32 {
        self.place.queue
    }

    #[inline]
    pub(crate) const fn origin(&self) -> Origin {
        // There are at most 8 ports, and the kernel counts queues in u16.
        Origin { queue: self.place.queue as u16, port: self.place.port as u8 }
    }

    #[inline]
    pub(crate) fn keep(&self) {
        count(&self.tally.kept);
        count(&self.tally.settled);
    }

    #[inline]
    pub(crate) fn discard(&self) {
        count(&self.tally.discarded);
        count(&self.tally.settled);
    }

    /// Sends a packet of several segments out of an interface.
    pub(crate) fn send_chain(&self, port: usize, lent: LentChain<'_>) {
        if !(if port == self.place.port { lent.send_back() } else { lent.send(port) }) {
            count(&self.tally.settled);
        }
    }

    /// Sends a packet out of the interface that it came in by.
    #[inline]
    pub(crate) fn send_back(&self, lent: Lent<'_>) {
        if !lent.send_back() {
            count(&self.tally.settled);
        }
    }

    /// Sends a packet out of an interface.
    #[inline]
    pub(crate) fn send(&self, port: usize, lent: Lent<'_>) {
        if !(if port == self.place.port { lent.send_back() } else { lent.send(port) }) {
            count(&self.tally.settled);
        }
    }
}

impl Account<'_> {
    /// Drops what was not lent, and says how many packets the batch had, and by how many frames fewer went back.
    #[inline(always)]
    pub(super) fn finish(self, others: &[Option<Outbox<'_>>]) -> (u32, u32) {
        if !self.exchange.is_empty() {
            drop_rest(self.exchange);
        }
        self.count(others)
    }

    /// Counts what became of the packets that were lent; says how many there were, and by how many frames fewer went
    /// back. `others` are the exchange's.
    #[inline(always)]
    fn count(&self, others: &[Option<Outbox<'_>>]) -> (u32, u32) {
        let Self { exchange, counters, .. } = self;
        let Came { packets, frames, rejected } = exchange.came();
        let recycled = exchange.recycled() as u64;
        counters.moved(frames, recycled);
        let (mut sent, mut bytes) = (exchange.sent_back(), exchange.bytes());
        for outbox in others.iter().flatten() {
            sent += outbox.count();
            bytes = bytes.wrapping_add(outbox.bytes());
        }
        counters.add(Counter::RxPackets, packets);
        counters.add(Counter::RxBytes, bytes);
        if sent < packets {
            self.tally.write(counters, packets - sent);
        }
        if rejected > 0 {
            counters.add(Counter::Rejected, rejected);
        }
        // They came out of a ring of u32 indices.
        (packets as u32, (frames - recycled) as u32)
    }
}

impl Drop for OnPanic<'_> {
    #[cold]
    fn drop(&mut self) {
        self.0.count(self.0.exchange.others());
    }
}

impl Tally {
    /// Adds it to the counters; `rest` packets were not sent.
    #[inline]
    fn write(&self, counters: &Counters, rest: u64) {
        let settled = self.settled.get();
        // A packet is settled once, and not sent then.
        counters.add(Counter::Unsettled, rest.wrapping_sub(settled));
        if settled > 0 {
            let (kept, discarded) = (self.kept.get(), self.discarded.get());
            counters.add(Counter::Kept, kept);
            counters.add(Counter::Discarded, discarded);
            counters.add(Counter::TxRefused, settled - kept - discarded);
        }
    }
}

/// In a function of its own: most callbacks ask for all packets.
#[inline(never)]
fn drop_rest(exchange: &Exchange<'_>) {
    exchange.lend().for_each(drop);
    exchange.lend_chains().for_each(drop);
}

#[inline]
fn count(cell: &Cell<u64>) {
    cell.set(cell.get() + 1);
}

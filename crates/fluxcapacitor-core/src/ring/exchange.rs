//! Received packets, lent to somebody who decides on each.
//!
//! Where [`RxRing::recycle`](super::RxRing::recycle) and [`forward`](super::RxRing::forward) know before what
//! becomes of all packets, here it is decided packet by packet; and one that nothing is decided on goes back
//! to the fill ring in the same step. Rings are checked and cut once a batch.
//!
//! # Safety
//! Owns `[slot-each]`: an exchange takes no more descriptors than each of its ways had slots when it began. A frame
//! that was lent takes one slot, of one of them, and ends there.
#![allow(unsafe_code)]

mod chains;
mod peek;

use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::{fmt, mem, ptr};

use super::consumer::Release;
use super::gathered::{Gathered, Whole};
use super::outbox::{Outbox, TxSlots};
use super::run::abreast;
use super::slots::Rest;
use super::way::Way;
use super::{ConsumerRing, Descriptor, Slot};
use crate::umem::{
    About, Frames, Holder, Home, Loan, Origin, Parcel, Segment, SharedFrameState, UmemRegion,
};
pub use chains::{LendingChains, LentChain};

/// A batch of received packets, each of which is lent once, and goes back to the fill ring unless it is
/// taken elsewhere.
///
/// Packets that were never lent stay in the rx ring, and so do those behind a descriptor that is rejected. Slots
/// of the rx ring are given back, and what was posted or sent is in its ring (to be published), when it ends.
#[must_use = "packets that are not taken out of it stay in the ring"]
pub struct Exchange<'r> {
    umem: &'r UmemRegion,
    /// No more packets than each of the ways has slots.
    cells: &'r [<Descriptor as Slot>::Cell],
    /// How many of them have not been lent, never more than there are; all of them are, while they are with a [`Lending`].
    left: Cell<usize>,
    received: Holder,
    /// Descriptors that were rejected, and how many lie behind the one that has ended the batch.
    rejected: Cell<u64>,
    behind: Cell<usize>,
    /// Bytes of packets that came to an end, but for those in outboxes, less those by which packets have grown.
    bytes: Cell<u64>,
    /// Back to be received into.
    back: Way<'r, u64>,
    /// Back where they came from.
    own: TxSlots<'r>,
    others: &'r [Option<Outbox<'r>>],
    rejected_before: &'r Cell<u64>,
    /// Those of packets of several segments, if the batch is one of these.
    chains: Option<Whole<'r>>,
    release: Release<'r>,
}

impl<'r> Exchange<'r> {
    /// Of as many packets as `back`, `own` and `others` each have slots for, out of `from`, which cuts the rx ring; or
    /// of those whose descriptors were gathered out of that. All are of the UMEM `umem`, and nobody else writes to
    /// their slots.
    #[inline(always)]
    pub(super) fn new(
        (umem, received): (&'r UmemRegion, Holder),
        (back, slots): (Way<'r, u64>, usize),
        (own, own_slots): (TxSlots<'r>, usize),
        others: &'r [Option<Outbox<'r>>],
        (from, gathered): (&'r mut ConsumerRing<Descriptor>, Option<&'r mut Gathered>),
        rejected_before: &'r mut u64,
    ) -> Self {
        let mut slots = slots.min(own_slots);
        for outbox in others.iter().flatten() {
            slots = slots.min(outbox.room());
        }
        // Of slots that a ring of u32 indices was cut to.
        let slots = slots as u32;
        let ((cells, release), chains) = match gathered {
            None => (from.run_by_hand(slots), None),
            Some(gathered) => {
                let (cells, chains) = gathered.begin(slots);
                ((cells, from.run_by_hand(0).1), chains)
            }
        };
        Self {
            umem,
            cells,
            left: Cell::new(cells.len()),
            received,
            rejected: Cell::new(0),
            behind: Cell::new(0),
            bytes: Cell::new(0),
            back,
            own,
            others,
            rejected_before: Cell::from_mut(rejected_before),
            chains,
            release,
        }
    }

    /// Lends the packets that have not been lent, one after the other, if they have one segment each. Those that it is
    /// not asked for can be lent later.
    #[inline]
    pub fn lend(&self) -> Lending<'_> {
        let (umem, received, home) = (self.umem.frames(), self.received, self.back.holder);
        let queued = self.own.holder();
        // SAFETY: [within-slots]: no more are left than there are.
        let rest = unsafe { Rest::last(self.cells, self.left.take()) };
        Lending { exchange: self, umem, received, home, queued, rest }
    }

    /// How many packets have not been lent yet, at most: what is rejected counts until it is seen.
    #[inline]
    pub fn len(&self) -> usize {
        self.left.get() + self.chains.map_or(0, |chains| chains.firsts().count())
    }

    /// Whether all packets have been lent.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.left.get() == 0 && self.chains.is_none_or(Whole::is_empty)
    }

    /// How many packets have been lent, and how many descriptors, or packets of several segments, were rejected in
    /// between.
    #[inline]
    pub fn taken(&self) -> (u64, u64) {
        let Came { packets, rejected, .. } = self.came();
        (packets, rejected)
    }

    /// What came out of the rx ring.
    #[inline]
    pub fn came(&self) -> Came {
        let rejected = self.rejected.get();
        match self.chains {
            None => {
                let packets = self.seen() as u64 - rejected;
                Came { packets, frames: packets, rejected }
            }
            Some(chains) => chains.came(rejected),
        }
    }

    /// Bytes of the packets that were lent, as they came in, once each has come to an end: was sent, taken or
    /// dropped. But for those in the other outboxes.
    #[inline]
    pub fn bytes(&self) -> u64 {
        self.bytes.get().wrapping_add(self.own.bytes())
    }

    /// How many frames went back to be received into.
    #[inline]
    pub fn recycled(&self) -> usize {
        self.back.slots.written()
    }

    /// How many packets went back where they came from.
    #[inline]
    pub fn sent_back(&self) -> u64 {
        self.own.count()
    }

    /// The other outboxes.
    #[inline]
    pub fn others(&self) -> &'r [Option<Outbox<'r>>] {
        self.others
    }

    /// Descriptors that are done with.
    #[inline]
    fn seen(&self) -> usize {
        match self.chains {
            None => self.cells.len() - self.left.get() - self.behind.get(),
            Some(chains) => chains.seen(),
        }
    }

    /// Rejects a descriptor, which ends the batch: a loop that went on there would be longer for every packet. So many
    /// lie behind it.
    #[inline]
    fn reject(&self, behind: usize) {
        self.rejected.set(self.rejected.get() + 1);
        self.rejected_before.set(self.rejected_before.get() + 1);
        self.behind.set(behind);
    }

    #[inline]
    fn count(&self, bytes: u64) {
        self.bytes.set(self.bytes.get().wrapping_add(bytes));
    }
}

impl Drop for Exchange<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        // Of slots that a ring of u32 indices was cut to.
        self.release.release(self.seen() as u32);
    }
}

/// What came out of the rx ring, by an exchange.
#[derive(Clone, Copy, Debug)]
pub struct Came {
    /// Packets that have been lent.
    pub packets: u64,
    /// Frames, of those and of packets that were rejected and have gone back.
    pub frames: u64,
    /// Descriptors, or packets of several segments, that were rejected.
    pub rejected: u64,
}

/// Lends the packets of an [`Exchange`] in the order of their arrival. It ends behind a descriptor that is rejected:
/// what is behind that comes with the next exchange.
#[derive(Debug)]
#[must_use = "it lends nothing unless it is asked"]
pub struct Lending<'x> {
    exchange: &'x Exchange<'x>,
    // As in the exchange, where a loop over packets would read them again for each.
    umem: Frames<'x>,
    received: Holder,
    home: Holder,
    queued: Holder,
    rest: Rest<'x, Descriptor>,
}

impl<'x> Lending<'x> {
    /// Lends what a descriptor says.
    #[inline]
    fn claim(&self, descriptor: Descriptor) -> Option<Lent<'x>> {
        let Self { exchange, home, queued, .. } = *self;
        let claim = self.umem.claim(descriptor.addr, descriptor.extent(), self.received)?;
        Some(Lent { loan: claim.into_loan(), home, queued, exchange })
    }
}

impl<'x> Iterator for Lending<'x> {
    type Item = Lent<'x>;

    #[inline]
    fn next(&mut self) -> Option<Lent<'x>> {
        let left = self.rest.len();
        let descriptor = self.rest.next()?;
        let Some(lent) = self.claim(descriptor) else {
            self.exchange.reject(left - 1);
            self.rest.take();
            return None;
        };
        Some(lent)
    }

    /// With several packets between two looks at the end.
    #[inline]
    fn fold<B, F: FnMut(B, Lent<'x>) -> B>(mut self, init: B, mut each: F) -> B {
        let cells = self.rest.take();
        let mut unread = Unread { exchange: self.exchange, cells, last: None };
        let one = |folded, cell| {
            unread.last = Some(cell);
            match self.claim(Descriptor::load(cell)) {
                Some(lent) => ControlFlow::Continue(each(folded, lent)),
                None => {
                    unread.exchange.reject(unread.count());
                    ControlFlow::Break(folded)
                }
            }
        };
        let folded = abreast(cells).try_fold(init, one);
        // Without it: nothing is left to be lent.
        mem::forget(unread);
        match folded {
            ControlFlow::Continue(folded) | ControlFlow::Break(folded) => folded,
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.rest.len()))
    }
}

/// What a loop has not read when it panics: it can be lent later. The loop counts nothing, but remembers where it is.
struct Unread<'x> {
    exchange: &'x Exchange<'x>,
    /// All that it goes over.
    cells: &'x [<Descriptor as Slot>::Cell],
    /// The last that it has read.
    last: Option<&'x <Descriptor as Slot>::Cell>,
}

impl Unread<'_> {
    #[cold]
    fn count(&self) -> usize {
        let Some(last) = self.last else { return self.cells.len() };
        let end = self.cells.as_ptr_range().end.addr();
        (end - ptr::from_ref(last).addr()) / size_of_val(last) - 1
    }
}

impl Drop for Unread<'_> {
    #[cold]
    fn drop(&mut self) {
        self.exchange.left.set(self.count());
    }
}

impl Drop for Lending<'_> {
    #[inline]
    fn drop(&mut self) {
        let left = self.rest.len();
        if left > 0 {
            self.exchange.left.set(left);
        }
    }
}

/// A received packet, lent: the right to its frame until it is taken elsewhere or dropped.
///
/// Dropped, its frame goes back to be received into. Forgotten, it is lost.
#[must_use = "dropped, it goes back to be received into"]
pub struct Lent<'x> {
    loan: Loan<'x>,
    // As in the exchange, which a loop over packets would read again for each.
    home: Holder,
    queued: Holder,
    exchange: &'x Exchange<'x>,
}

impl<'x> Lent<'x> {
    /// Its bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.loan.bytes()
    }

    /// Its bytes, to write.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.loan.bytes_mut()
    }

    /// Length in bytes.
    #[inline]
    pub fn len(&self) -> u32 {
        self.loan.len()
    }

    /// Whether it has no bytes.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of its frame in front of it, and behind it.
    #[inline]
    pub fn room(&self) -> (u32, u32) {
        self.exchange.umem.frames().room(&self.loan)
    }

    /// Moves its start by `head` and its end by `tail` bytes, if it stays within its frame; says whether it did.
    #[inline]
    pub fn adjust(&mut self, head: i64, tail: i64) -> bool {
        let before = u64::from(self.len());
        let adjusted = self.exchange.umem.frames().adjust(&mut self.loan, head, tail);
        // By as much as it is longer at its end than it came in, the end counts too much.
        self.exchange.count(before.wrapping_sub(u64::from(self.len())));
        adjusted
    }

    /// Puts it into the outbox by which it goes back where it came from; says whether it did, and drops one without
    /// bytes.
    #[inline]
    pub fn send_back(self) -> bool {
        let queued = self.queued;
        // SAFETY: [slot-each]: it is one of the exchange.
        unsafe { self.exchange.own.put(self, queued) }
    }

    /// Puts it into one of the other outboxes, by its number; says whether it did, and drops one without bytes, or
    /// if there is no such outbox.
    #[inline]
    pub fn send(self, other: usize) -> bool {
        match self.exchange.others.get(other) {
            // SAFETY: [slot-each]: it is one of the exchange.
            Some(Some(Outbox { slots, .. })) => unsafe { slots.put(self, slots.holder()) },
            _ => false,
        }
    }

    /// Takes it for good; its frame does not go back by itself.
    #[inline]
    pub fn into_segment(self) -> Segment {
        let umem = self.exchange.umem.frames();
        self.exchange.count(u64::from(self.len()));
        umem.segment(self.take())
    }

    /// Takes it for good; its frame goes home to the receiving half by `shared`, if that is of the same UMEM. If it is
    /// not, the frame is lost when the packet is dropped.
    #[inline]
    pub fn into_parcel(self, shared: &Arc<SharedFrameState>, origin: Origin) -> Parcel {
        let umem = self.exchange.umem;
        if shared.umem().id() != umem.id() {
            return self.into_parcel(&SharedFrameState::new(umem), origin);
        }
        self.exchange.count(u64::from(self.len()));
        // SAFETY: [held]: by this one, of the same UMEM.
        unsafe { self.take().into_parcel(&mut shared.hold(1, About::new(origin, Home::Rx))) }
    }

    /// Gives the frame to somebody: writes that down, and says what to write into the slot.
    #[inline]
    pub(super) fn give(self, to: Holder) -> Descriptor {
        let loan = self.take();
        let descriptor = Descriptor { addr: loan.addr(), len: loan.len(), options: 0 };
        loan.repay(to);
        descriptor
    }

    /// `[one-token]`: of the two, one is handed out and the other forgotten.
    #[inline]
    fn take(self) -> Loan<'x> {
        let loan = self.loan.hand_over();
        mem::forget(self);
        loan
    }
}

impl Drop for Lent<'_> {
    #[inline]
    fn drop(&mut self) {
        let exchange = self.exchange;
        exchange.count(u64::from(self.loan.len()));
        let base = self.loan.base();
        // [one-token]: what is left behind here is not looked at any more.
        self.loan.hand_over().repay(self.home);
        // SAFETY: [slot-each]: there is one for the packet, which ends here.
        unsafe { exchange.back.slots.write(base) };
    }
}

impl fmt::Debug for Exchange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("len", &self.len())
            .field("recycled", &self.recycled())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Lent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent").field("len", &self.len()).finish_non_exhaustive()
    }
}

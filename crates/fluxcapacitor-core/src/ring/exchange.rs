//! Received packets, lent to somebody who decides on each.
//!
//! Where [`RxRing::recycle`](super::RxRing::recycle) and [`forward`](super::RxRing::forward) know before what
//! becomes of all packets, here it is decided packet by packet; and one that nothing is decided on goes back
//! to the fill ring in the same step. Rings are checked and cut once a batch.

mod peek;

use std::cell::{Cell, RefCell};
use std::{fmt, mem};

use super::consumer::Released;
use super::producer::Written;
use super::{Descriptor, Slot};
use crate::sync::AtomicU64;
use crate::umem::{Frame, FramePool, Frames, Holder, Loan, Segment, UmemId};

/// A batch of received packets, each of which is lent once, and goes back to the fill ring unless it is
/// taken elsewhere.
///
/// Packets that were never lent stay in the rx ring. Slots of the rx ring are given back, and what
/// was posted is in the fill ring (to be published), when it is dropped.
#[must_use = "packets that are not taken out of it stay in the ring"]
pub struct Exchange<'r> {
    umem: Frames<'r>,
    base_mask: u64,
    cells: &'r [<Descriptor as Slot>::Cell],
    /// How many of `cells` were lent, or are about to be by an iterator.
    next: Cell<usize>,
    received: Holder,
    rejected: Cell<u64>,
    vacant: &'r [AtomicU64],
    /// How many of `vacant` are filled.
    filled: Cell<usize>,
    posted: Holder,
    /// For frames that the fill ring has no slot for.
    spare: &'r RefCell<FramePool>,
    rejected_before: &'r mut u64,
    released: Released<'r, Descriptor>,
    written: Written<'r>,
}

impl<'r> Exchange<'r> {
    #[inline]
    pub(super) fn new(
        umem: Frames<'r>,
        (cells, released): (&'r [<Descriptor as Slot>::Cell], Released<'r, Descriptor>),
        (vacant, written): (&'r [AtomicU64], Written<'r>),
        [received, posted]: [Holder; 2],
        spare: &'r RefCell<FramePool>,
        rejected_before: &'r mut u64,
    ) -> Self {
        let (next, rejected, filled) = (Cell::new(0), Cell::new(0), Cell::new(0));
        Self {
            umem,
            base_mask: umem.base_mask(),
            cells,
            next,
            received,
            rejected,
            vacant,
            filled,
            posted,
            spare,
            rejected_before,
            released,
            written,
        }
    }

    /// Lends the packets that have not been lent, one after the other. Those that it is not asked for
    /// can be lent later.
    #[inline]
    pub fn lend(&self) -> Lending<'_> {
        let rest = &self.cells[self.next.get()..];
        self.next.set(self.cells.len());
        let Self { umem, received, .. } = *self;
        Lending { exchange: self, umem, received, rest: rest.iter() }
    }

    /// How many packets have not been lent yet, at most: what is rejected counts until it is seen.
    #[inline]
    pub fn len(&self) -> usize {
        self.cells.len() - self.next.get()
    }

    /// Whether all packets have been lent.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many packets have been lent, and how many descriptors were rejected in between.
    #[inline]
    pub fn taken(&self) -> (u64, u64) {
        let rejected = self.rejected.get();
        (self.next.get() as u64 - rejected, rejected)
    }

    /// How many frames went back to the fill ring.
    #[inline]
    pub fn posted(&self) -> usize {
        self.filled.get()
    }

    /// Posts the frame of a loan again.
    #[inline]
    fn recycle(&self, loan: Loan<'_>) {
        let filled = self.filled.get();
        match self.vacant.get(filled) {
            Some(cell) => {
                (loan.addr() & self.base_mask).store(cell);
                loan.repay(self.posted);
                self.filled.set(filled + 1);
            }
            None => self.put_aside(self.umem.frame(loan)),
        }
    }

    /// The fill ring ends here in memory, or is full: a kernel shows a packet before it frees the slot.
    #[cold]
    #[inline(never)]
    fn put_aside(&self, frame: Frame) {
        let _same_umem = self.spare.borrow_mut().give(frame);
    }
}

impl Drop for Exchange<'_> {
    #[inline]
    fn drop(&mut self) {
        // Both are at most what the ring of u32 indices was cut to.
        self.released.count = self.next.get() as u32;
        self.written.count = self.filled.get() as u32;
        *self.rejected_before += self.rejected.get();
    }
}

/// Lends the packets of an [`Exchange`] in the order of their arrival.
#[derive(Debug)]
#[must_use = "it lends nothing unless it is asked"]
pub struct Lending<'x> {
    exchange: &'x Exchange<'x>,
    // As in the exchange, where a loop over packets would read them again for each.
    umem: Frames<'x>,
    received: Holder,
    rest: std::slice::Iter<'x, <Descriptor as Slot>::Cell>,
}

impl<'x> Iterator for Lending<'x> {
    type Item = Lent<'x>;

    #[inline]
    fn next(&mut self) -> Option<Lent<'x>> {
        let exchange = self.exchange;
        loop {
            let descriptor = Descriptor::load(self.rest.next()?);
            match self.umem.claim(descriptor.addr, descriptor.extent(), self.received) {
                Some(claim) => return Some(Lent { loan: claim.into_loan(), exchange }),
                None => exchange.rejected.set(exchange.rejected.get() + 1),
            }
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.rest.len()))
    }
}

impl Drop for Lending<'_> {
    #[inline]
    fn drop(&mut self) {
        self.exchange.next.set(self.exchange.next.get() - self.rest.len());
    }
}

/// A received packet, lent: the right to its frame until it is taken elsewhere or dropped.
///
/// Dropped, its frame is posted to the fill ring again. Forgotten, it is lost.
#[must_use = "dropped, it goes back to the fill ring"]
pub struct Lent<'x> {
    loan: Loan<'x>,
    exchange: &'x Exchange<'x>,
}

impl<'x> Lent<'x> {
    /// Its bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.exchange.umem.bytes(&self.loan)
    }

    /// Its bytes, to write.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.exchange.umem.bytes_mut(&mut self.loan)
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
        self.exchange.umem.room(&self.loan)
    }

    /// Moves its start by `head` and its end by `tail` bytes, if it stays within its frame; says whether it did.
    #[inline]
    pub fn adjust(&mut self, head: i64, tail: i64) -> bool {
        self.exchange.umem.adjust(&mut self.loan, head, tail)
    }

    /// Takes it for good; its frame does not go back by itself.
    #[inline]
    pub fn into_segment(self) -> Segment {
        let umem = self.exchange.umem;
        umem.segment(self.take())
    }

    /// The UMEM of its frame.
    #[inline]
    pub(super) fn umem(&self) -> UmemId {
        self.exchange.umem.id()
    }

    /// As it stands in the tx ring.
    #[inline]
    pub(super) fn descriptor(&self) -> Descriptor {
        Descriptor { addr: self.loan.addr(), len: self.loan.len(), options: 0 }
    }

    /// The frame goes elsewhere: writes that down.
    #[inline]
    pub(super) fn lend(self, to: Holder) {
        self.take().repay(to);
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
        // [one-token]: what is left behind here is not looked at any more.
        self.exchange.recycle(self.loan.hand_over());
    }
}

impl fmt::Debug for Exchange<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("len", &self.len())
            .field("posted", &self.posted())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Lent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent").field("len", &self.len()).finish_non_exhaustive()
    }
}

//! A tx ring that is open for packets that are lent.
//!
//! # Safety
//! Relies on `[slot-each]`, which [`Exchange`](super::Exchange) owns.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::fmt;

use super::Descriptor;
use super::exchange::Lent;
use super::way::Way;
use crate::umem::{Holder, UmemId};

/// Slots of a [`TxRing`](super::TxRing), for the packets of an [`Exchange`](super::Exchange): one for each of them.
///
/// What was put into it is in the tx ring, to be published, when it is dropped; or aside, if that had no room:
/// see [`TxRing::waiting`](super::TxRing::waiting). Forgotten, it takes those frames along.
pub struct Outbox<'r> {
    pub(super) slots: TxSlots<'r>,
    /// How many slots there were at the beginning.
    size: usize,
    umem: UmemId,
}

/// The slots of an outbox, and what is counted of the packets that are put there.
pub(super) struct TxSlots<'r> {
    way: Way<'r, Descriptor>,
    bytes: Cell<u64>,
    bytes_before: &'r mut u64,
}

impl<'r> Outbox<'r> {
    #[inline]
    pub(super) fn new((slots, size): (TxSlots<'r>, usize), umem: UmemId) -> Self {
        Self { slots, size, umem }
    }

    /// How many packets were put into it.
    #[inline]
    pub fn count(&self) -> u64 {
        self.slots.count()
    }

    /// Their bytes.
    #[inline]
    pub fn bytes(&self) -> u64 {
        self.slots.bytes()
    }

    /// How many slots are left.
    #[inline]
    pub(super) fn room(&self) -> usize {
        self.size - self.slots.way.slots.written()
    }

    #[inline]
    pub(super) fn umem(&self) -> UmemId {
        self.umem
    }
}

impl<'r> TxSlots<'r> {
    #[inline(always)]
    pub(super) fn new(way: Way<'r, Descriptor>, bytes_before: &'r mut u64) -> Self {
        Self { way, bytes: Cell::new(0), bytes_before }
    }

    #[inline]
    pub(super) fn count(&self) -> u64 {
        self.way.slots.written() as u64
    }

    #[inline]
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// Who has the frames that are put there.
    #[inline]
    pub(super) fn holder(&self) -> Holder {
        self.way.holder
    }

    /// Puts a packet there; says whether it did, and drops one without bytes: the kernel would not send it, and
    /// might not complete it.
    ///
    /// # Safety
    /// They are slots of the packet's exchange, and `holder` their own.
    #[inline]
    pub(super) unsafe fn put(&self, lent: Lent<'_>, holder: Holder) -> bool {
        if lent.is_empty() {
            return false;
        }
        self.bytes.set(self.bytes.get() + u64::from(lent.len()));
        let descriptor = lent.give(holder);
        // SAFETY: [slot-each]: there is one for the packet, which ends here.
        unsafe { self.way.slots.write(descriptor) };
        true
    }
}

impl Drop for TxSlots<'_> {
    #[inline]
    fn drop(&mut self) {
        *self.bytes_before = self.bytes_before.wrapping_add(self.bytes.get());
    }
}

impl fmt::Debug for Outbox<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("count", &self.count())
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

//! A way for frames out of an exchange: into a ring, or aside while that has no room.

use super::aside::Aside;
use super::producer::ProducerRing;
use super::slot::Slot;
use super::slots::Slots;
use crate::umem::Holder;

/// Slots for as many frames as an exchange lends, and who has those that are written there.
#[derive(Debug)]
pub(super) struct Way<'r, T: Slot> {
    pub(super) slots: Slots<'r, T>,
    pub(super) holder: Holder,
    /// Counts them.
    head: &'r mut u32,
}

impl<'r, T: Slot> Way<'r, T> {
    /// Up to `max` slots of `ring`, as far as they lie side by side, if it has `room` for all and at least `least` of
    /// them lie so; else of `aside`. And how many these are.
    #[inline(always)]
    pub(super) fn new(
        ring: &'r mut ProducerRing<T>,
        aside: &'r mut Aside<T>,
        holder: Holder,
        (room, least, max): (u32, u32, u32),
    ) -> (Self, usize) {
        let (cells, head) = ring.run_by_hand(max);
        let ((cells, head), holder) = if room >= max && cells.len() >= least as usize {
            ((cells, head), holder)
        } else {
            (aside.run(max), Holder::USER)
        };
        (Self { slots: Slots::new(cells), holder, head }, cells.len())
    }
}

impl<T: Slot> Way<'_, T> {
    /// Whether it leads aside.
    #[inline]
    pub(super) fn is_aside(&self) -> bool {
        self.holder == Holder::USER
    }
}

impl<T: Slot> Drop for Way<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        // Of slots that a ring of u32 indices was cut to.
        *self.head = self.head.wrapping_add(self.slots.written() as u32);
    }
}

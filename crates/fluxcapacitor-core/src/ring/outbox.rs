//! A tx ring that is open for packets that are lent.
//!
//! # Safety
//! Relies on `[slot-each]`, which [`Exchange`](super::Exchange) owns.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::fmt;

use super::exchange::{Lent, LentChain};
use super::way::Way;
use super::{Descriptor, XDP_PKT_CONTD};
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
    /// How many segments beyond the first of each packet were put here.
    further: Cell<u64>,
    chains: &'r Cell<Chains>,
}

/// What a tx ring knows of packets of several segments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chains {
    /// How many a packet may have: no more than the ring has slots.
    pub(super) segments_max: u32,
    /// How many beyond the first of each packet were pushed, of those that are counted.
    pub(super) further: u32,
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
    pub(super) fn new(
        way: Way<'r, Descriptor>,
        bytes_before: &'r mut u64,
        chains: &'r mut Chains,
    ) -> Self {
        let (bytes, further) = (Cell::new(0), Cell::new(0));
        Self { way, bytes, bytes_before, further, chains: Cell::from_mut(chains) }
    }

    #[inline]
    pub(super) fn count(&self) -> u64 {
        self.way.slots.written() as u64 - self.further.get()
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

    /// The same for a packet of several segments, or that has more than can be sent.
    ///
    /// # Safety
    /// They are slots of the packet's exchange.
    pub(super) unsafe fn put_chain(&self, lent: LentChain<'_>) -> bool {
        // A segment without bytes is as invalid as a packet without any.
        let mut chains = self.chains.get();
        if lent.segments() > chains.segments_max || lent.slices().any(<[u8]>::is_empty) {
            return false;
        }
        let (umem, mut packet) = lent.give();
        self.bytes.set(self.bytes.get() + u64::from(packet.len()));
        let further = packet.segments() - 1;
        self.further.set(self.further.get() + u64::from(further));
        if !self.way.is_aside() {
            chains.further = chains.further.wrapping_add(further);
            self.chains.set(chains);
        }
        // It is of this UMEM.
        while let Ok(Some(segment)) = umem.take_first(&mut packet) {
            let (start, len) = (segment.start(), segment.len());
            let options = if segment.continues() { XDP_PKT_CONTD } else { 0 };
            let addr = umem.frames().lend(segment.into_frame(), self.holder()) + u64::from(start);
            // SAFETY: [slot-each]: there is one for each segment of the packet, which ends here.
            unsafe { self.way.slots.write(Descriptor { addr, len, options }) };
        }
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

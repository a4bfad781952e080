//! The completion ring: frames that were sent.

use std::sync::Arc;

use super::consumer::Taken;
use super::{ConsumerRing, RingCorrupt};
use crate::umem::{Entries, Frame, Holder, Lane, Layout, Place, UmemId};

/// Frames on their way back from the wire.
///
/// What the kernel writes is input: an address becomes a frame only if that frame is out in the tx
/// ring of the same lane. Others are skipped and counted.
#[derive(Debug)]
pub struct CompletionRing {
    // The memory goes before the lane is closed: fields drop in this order.
    ring: ConsumerRing<u64>,
    queued: Holder,
    rejected: u64,
    lane: Arc<Lane>,
}

impl CompletionRing {
    pub(super) fn new(ring: ConsumerRing<u64>, lane: Arc<Lane>) -> Self {
        Self { ring, queued: lane.holder(Place::Queued), rejected: 0, lane }
    }

    /// Takes up to `max` frames back; none if none were sent. Their bytes are as they were.
    ///
    /// Frames that are not taken out of the batch stay in the ring. A batch that is forgotten
    /// (`mem::forget`) loses them.
    ///
    /// # Errors
    /// [`RingCorrupt`] if the kernel's index is out of its window.
    #[inline]
    pub fn complete(&mut self, max: u32) -> Result<Completed<'_>, RingCorrupt> {
        let umem = self.lane.umem();
        Ok(Completed {
            taken: self.ring.take(max)?,
            ledger: umem.entries(),
            layout: umem.layout(),
            id: umem.id(),
            queued: self.queued,
            rejected: &mut self.rejected,
        })
    }

    /// Takes one frame back.
    ///
    /// # Errors
    /// As [`CompletionRing::complete`].
    #[inline]
    pub fn pop(&mut self) -> Result<Option<Frame>, RingCorrupt> {
        Ok(self.complete(1)?.next())
    }

    /// How many frames are waiting.
    #[inline]
    pub fn occupancy(&self) -> u32 {
        self.ring.occupancy()
    }

    /// How many addresses were skipped because they could not be true; 0 with an honest kernel.
    #[inline]
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Number of slots.
    #[inline]
    pub fn size(&self) -> u32 {
        self.ring.size()
    }
}

/// A batch of frames out of the [`CompletionRing`].
#[derive(Debug)]
#[must_use = "frames that are not taken out of it stay in the ring"]
pub struct Completed<'r> {
    taken: Taken<'r, u64>,
    ledger: Entries<'r>,
    layout: Layout,
    id: UmemId,
    queued: Holder,
    rejected: &'r mut u64,
}

impl Iterator for Completed<'_> {
    type Item = Frame;

    #[inline]
    fn next(&mut self) -> Option<Frame> {
        loop {
            let (index, _start) = self.layout.split(self.taken.next()?);
            // Cleared before the token exists, so that the same address once more is refused.
            if let Some(index) = self.ledger.reclaim(index, self.queued) {
                return Some(Frame::new(index, self.id));
            }
            *self.rejected += 1;
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.taken.len()))
    }
}

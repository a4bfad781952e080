//! The producing end of a ring.

use super::RingCorrupt;
use super::memory::RingMemory;
use super::run::run;
use super::slot::Slot;
use crate::sync::Ordering::{Acquire, Relaxed, Release, SeqCst};
use crate::sync::fence;

/// `XDP_RING_NEED_WAKEUP`: the kernel sleeps and wants a system call (`if_xdp.h`).
const XDP_RING_NEED_WAKEUP: u32 = 1 << 0;

/// The end of a ring that puts values in: ours of fill and tx, the kernel's of rx and completion.
///
/// Values are written first and become visible together by [`ProducerRing::publish`].
#[derive(Debug)]
pub struct ProducerRing<T: Slot> {
    memory: RingMemory<T>,
    size: u32,
    /// Our index: the next slot to write.
    head: u32,
    /// Our index as the peer sees it.
    published: u32,
    /// How far we may write, as last seen: the peer's index, and once round the ring.
    limit: u32,
    corrupt: bool,
}

impl<T: Slot> ProducerRing<T> {
    pub(super) fn new(memory: RingMemory<T>) -> Self {
        let head = memory.producer().load(Relaxed);
        let size = memory.cells().len() as u32;
        Self { memory, size, head, published: head, limit: head.wrapping_add(size), corrupt: false }
    }

    /// Number of slots.
    #[inline]
    pub fn size(&self) -> u32 {
        self.size
    }

    /// How many values fit now; looks at the peer's index only when fewer than `want` are known to.
    ///
    /// # Errors
    /// [`RingCorrupt`] if the peer's index is out of its window, now or ever before.
    #[inline]
    pub fn room(&mut self, want: u32) -> Result<u32, RingCorrupt> {
        let known = self.limit.wrapping_sub(self.head);
        if known >= want { Ok(known) } else { self.look() }
    }

    /// Whether there is room for one more; none in a corrupt ring.
    #[inline]
    pub(super) fn has_room(&mut self) -> bool {
        self.limit != self.head || self.look().is_ok_and(|room| room > 0)
    }

    /// Writes what `next` makes, up to `max` values, until it makes no more or the ring is full; says
    /// how many it wrote. `next` is not asked for a value that would not fit.
    ///
    /// If `next` panics, what was written before is written.
    ///
    /// # Errors
    /// As [`ProducerRing::room`].
    #[inline]
    pub fn write_with(
        &mut self,
        max: u32,
        mut next: impl FnMut() -> Option<T>,
    ) -> Result<u32, RingCorrupt> {
        let count = self.room(max)?.min(max);
        let mut left = count;
        // Round the end of the ring it takes two runs.
        while left > 0 {
            let (cells, mut written) = self.run(left);
            for cell in cells {
                let Some(value) = next() else { return Ok(count - left + written.count) };
                value.store(cell);
                written.count += 1;
            }
            left -= written.count;
        }
        Ok(count)
    }

    /// Up to `count` vacant slots, and the guard that counts those that are written.
    ///
    /// `count` is at most what [`ProducerRing::room`] has said.
    #[inline]
    pub(super) fn run(&mut self, count: u32) -> (&[T::Cell], Written<'_>) {
        let cells = run(self.memory.cells(), self.head, count);
        (cells, Written { count: 0, head: &mut self.head })
    }

    /// As [`ProducerRing::run`], with the index to count on by hand.
    #[inline]
    pub(super) fn run_by_hand(&mut self, count: u32) -> (&[T::Cell], &mut u32) {
        (run(self.memory.cells(), self.head, count), &mut self.head)
    }

    /// Writes one value. There is [room](ProducerRing::has_room).
    #[inline]
    pub(super) fn write(&mut self, value: T) {
        let cells = self.memory.cells();
        // A ring has a power of two of slots: this is within them.
        if let Some(cell) = cells.get((self.head & (self.size - 1)) as usize) {
            value.store(cell);
            self.head = self.head.wrapping_add(1);
        }
    }

    /// Writes one value; gives it back if the ring is full.
    ///
    /// # Errors
    /// As [`ProducerRing::room`].
    #[inline]
    pub fn push(&mut self, value: T) -> Result<Result<(), T>, RingCorrupt> {
        let mut value = Some(value);
        self.write_with(1, || value.take())?;
        Ok(value.map_or(Ok(()), Err))
    }

    /// Shows the peer everything written so far: one store.
    #[inline]
    pub fn publish(&mut self) {
        if self.published != self.head {
            self.published = self.head;
            // Partner: the consumer's load-acquire in `__xskq_cons_peek` (xsk_queue.h, pair B): it
            // sees the slots as we wrote them.
            self.memory.producer().store(self.head, Release);
        }
    }

    /// How many values are written and not published.
    #[inline]
    pub const fn unpublished(&self) -> u32 {
        self.head.wrapping_sub(self.published)
    }

    /// Whether the peer sleeps and wants a system call. Publish first, then ask.
    #[doc(alias = "xsk_ring_prod__needs_wakeup")]
    #[inline]
    pub fn needs_wakeup(&self) -> bool {
        // Store (publish) before load (flag), against the peer's flag before its look at the ring:
        // without the fence both could miss each other, and a packet would wait for ever.
        fence(SeqCst);
        self.memory.flags().load(Relaxed) & XDP_RING_NEED_WAKEUP != 0
    }

    /// How many published values the peer has not taken yet, by what it says; never more than the
    /// ring holds.
    #[inline]
    pub fn occupancy(&self) -> u32 {
        let tail = self.memory.consumer().load(Relaxed);
        self.published.wrapping_sub(tail).min(self.size)
    }

    /// Moves the index that the peer sees, to a value that may be a lie. For hostile peers in tests:
    /// of what is behind the index, nothing is trusted either.
    pub fn forge_index(&mut self, by: u32) {
        let index = self.memory.producer().load(Relaxed).wrapping_add(by);
        self.memory.producer().store(index, Release);
    }

    fn look(&mut self) -> Result<u32, RingCorrupt> {
        // Partner: the consumer's store-release in `__xskq_cons_release` (xsk_queue.h, pair C→D): it
        // has read the slots that we are about to write over.
        let tail = self.memory.consumer().load(Acquire);
        let used = self.head.wrapping_sub(tail);
        if self.corrupt || used > self.size {
            self.corrupt = true;
            // Known room: none, so that every later call looks, and fails, again.
            self.limit = self.head;
            return Err(RingCorrupt { ours: self.head, theirs: tail, size: self.size });
        }
        self.limit = tail.wrapping_add(self.size);
        Ok(self.size - used)
    }
}

/// Counts the values that are written to a run: they are in the ring when it is dropped.
///
/// The peer sees them after [`ProducerRing::publish`].
#[derive(Debug)]
pub(super) struct Written<'r> {
    pub(super) count: u32,
    head: &'r mut u32,
}

impl Drop for Written<'_> {
    #[inline]
    fn drop(&mut self) {
        *self.head = self.head.wrapping_add(self.count);
    }
}

//! The producing end of a ring.

use std::marker::PhantomData;

use super::RingCorrupt;
use super::memory::RingMemory;
use super::slot::Slot;
use super::window::Window;
use crate::sync::Ordering::{Acquire, Relaxed, Release, SeqCst};
use crate::sync::fence;

/// `XDP_RING_NEED_WAKEUP`: the kernel sleeps and wants a system call (`if_xdp.h`).
const XDP_RING_NEED_WAKEUP: u32 = 1 << 0;

/// The end of a ring that puts values in: ours of fill and tx, the kernel's of rx and completion.
///
/// Values are written first and become visible together by [`ProducerRing::publish`].
#[derive(Debug)]
pub struct ProducerRing<T: Slot> {
    memory: RingMemory,
    /// Our index: the next slot to write.
    head: u32,
    /// Our index as the peer sees it.
    published: u32,
    /// The peer's index, as last seen: the first slot that it has not taken.
    tail_seen: u32,
    corrupt: bool,
    _slot: PhantomData<T>,
}

impl<T: Slot> ProducerRing<T> {
    pub(super) fn new(memory: RingMemory) -> Self {
        let head = memory.producer().load(Relaxed);
        Self { memory, head, published: head, tail_seen: head, corrupt: false, _slot: PhantomData }
    }

    /// Number of slots.
    #[inline]
    pub fn size(&self) -> u32 {
        self.cells().len() as u32
    }

    /// How many values fit now; looks at the peer's index only when fewer than `want` are known to.
    ///
    /// # Errors
    /// [`RingCorrupt`] if the peer's index is out of its window, now or ever before.
    #[inline]
    pub fn room(&mut self, want: u32) -> Result<u32, RingCorrupt> {
        let known = self.size() - self.head.wrapping_sub(self.tail_seen);
        if known >= want { Ok(known) } else { self.look() }
    }

    /// Up to `max` vacant slots to write into; none if the ring is full.
    ///
    /// # Errors
    /// As [`ProducerRing::room`].
    #[inline]
    pub fn reserve(&mut self, max: u32) -> Result<Vacant<'_, T>, RingCorrupt> {
        let count = self.room(max)?.min(max);
        Ok(Vacant {
            window: Window::new(T::cells(self.memory.words()), self.head, count),
            written: 0,
            head: &mut self.head,
        })
    }

    /// Writes one value; gives it back if the ring is full.
    ///
    /// # Errors
    /// As [`ProducerRing::room`].
    #[inline]
    pub fn push(&mut self, value: T) -> Result<Result<(), T>, RingCorrupt> {
        let mut value = Some(value);
        self.reserve(1)?.write_with(|| value.take());
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
        self.published.wrapping_sub(tail).min(self.size())
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
        if self.corrupt || used > self.size() {
            self.corrupt = true;
            // Known room: none, so that every later call looks, and fails, again.
            self.tail_seen = self.head.wrapping_sub(self.size());
            return Err(RingCorrupt { ours: self.head, theirs: tail, size: self.size() });
        }
        self.tail_seen = tail;
        Ok(self.size() - used)
    }

    #[inline]
    fn cells(&self) -> &[T::Cell] {
        T::cells(self.memory.words())
    }
}

/// Vacant slots of a [`ProducerRing`], to be written in order.
///
/// What was written counts when this is dropped, and is seen by the peer after
/// [`ProducerRing::publish`]. If this is forgotten (`mem::forget`), nothing was written.
#[derive(Debug)]
#[must_use = "nothing is written until a value is"]
pub struct Vacant<'r, T: Slot> {
    window: Window<'r, T::Cell>,
    /// Slots that hold a value; also right when the maker of values panics.
    written: u32,
    head: &'r mut u32,
}

impl<T: Slot> Vacant<'_, T> {
    /// How many slots there are.
    #[inline]
    pub fn len(&self) -> u32 {
        self.window.len()
    }

    /// Whether there is no slot: the ring is full.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes what `next` makes into the slots, until it makes no more or there is no slot left, and
    /// says how many it wrote. `next` is not asked for a value that would not fit.
    #[inline]
    pub fn write_with(mut self, mut next: impl FnMut() -> Option<T>) -> u32 {
        for run in self.window.runs() {
            for cell in run {
                let Some(value) = next() else { return self.written };
                value.store(cell);
                self.written += 1;
            }
        }
        self.written
    }
}

impl<T: Slot> Drop for Vacant<'_, T> {
    #[inline]
    fn drop(&mut self) {
        *self.head = self.head.wrapping_add(self.written);
    }
}

//! The consuming end of a ring.

use std::slice;

use super::RingCorrupt;
use super::memory::RingMemory;
use super::run::run;
use super::slot::Slot;
use crate::sync::Ordering::{self, Acquire, Relaxed};
use crate::sync::{AtomicU32, fence};

/// The end of a ring that takes values out: ours of rx and completion, the kernel's of fill and tx.
///
/// Indices count up for ever and wrap at 2³²; only their difference means anything. What the peer
/// says is looked at when what was seen before is used up, and held against the size of the ring.
#[derive(Debug)]
pub struct ConsumerRing<T: Slot> {
    memory: RingMemory<T>,
    size: u32,
    /// Our index: the next slot to take.
    tail: u32,
    /// The peer's index, as last seen: one past the last slot that holds a value.
    head_seen: u32,
    corrupt: bool,
}

impl<T: Slot> ConsumerRing<T> {
    pub(super) fn new(memory: RingMemory<T>) -> Self {
        let tail = memory.consumer().load(Relaxed);
        let size = memory.cells().len() as u32;
        Self { memory, size, tail, head_seen: tail, corrupt: false }
    }

    /// Number of slots.
    #[inline]
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Takes up to `max` values; their slots go back to the peer when the batch is dropped.
    ///
    /// A batch ends at the end of the ring's memory, so it may hold fewer than there are; an empty one
    /// means an empty ring. Values that were not taken out of the batch stay in the ring. A batch that
    /// is forgotten (`mem::forget`) takes its values along.
    ///
    /// # Errors
    /// [`RingCorrupt`] if the peer's index is out of its window, now or ever before.
    #[inline]
    pub fn take(&mut self, max: u32) -> Result<Taken<'_, T>, RingCorrupt> {
        let count = self.ready()?.min(max);
        let run = run(self.memory.cells(), self.tail, count);
        // Counted as taken before the first is handed out, so that a forgotten batch cannot have the
        // same value read twice.
        self.tail = self.tail.wrapping_add(run.len() as u32);
        let first = self.tail.wrapping_sub(run.len() as u32);
        Ok(Taken { cells: run.iter(), memory: &self.memory, first, tail: &mut self.tail })
    }

    /// Up to `count` slots that hold values, and the guard that counts those that are taken.
    ///
    /// `count` is at most what [`ConsumerRing::ready`] has said.
    #[inline]
    pub(super) fn run(&mut self, count: u32) -> (&[T::Cell], Released<'_, T>) {
        let cells = run(self.memory.cells(), self.tail, count);
        (cells, Released { count: 0, memory: &self.memory, tail: &mut self.tail })
    }

    /// The same, with the index to move on by hand, and what shows it to the peer.
    #[inline]
    pub(super) fn run_by_hand(&mut self, count: u32) -> (&[T::Cell], Release<'_>) {
        let cells = run(self.memory.cells(), self.tail, count);
        (cells, Release { shown: self.memory.consumer(), tail: &mut self.tail })
    }

    /// Takes one value.
    ///
    /// # Errors
    /// As [`ConsumerRing::take`].
    #[inline]
    pub fn pop(&mut self) -> Result<Option<T>, RingCorrupt> {
        Ok(self.take(1)?.next())
    }

    /// How many values are known to be there; looks at the peer's index only when there are none.
    ///
    /// # Errors
    /// As [`ConsumerRing::take`].
    #[inline]
    pub fn ready(&mut self) -> Result<u32, RingCorrupt> {
        match self.head_seen.wrapping_sub(self.tail) {
            0 => self.look(),
            known => Ok(known),
        }
    }

    /// How many values are there now, by what the peer says; never more than the ring holds.
    pub fn occupancy(&self) -> u32 {
        self.memory.producer().load(Relaxed).wrapping_sub(self.tail).min(self.size)
    }

    /// `RING_NEED_WAKEUP` as the producing end of a heap ring sees it: here the consumer sleeps.
    ///
    /// For whoever plays the kernel on a heap ring. Say it, then look once more whether the ring is
    /// still empty: the other end publishes first and reads the flag second.
    pub fn set_need_wakeup(&self, asleep: bool) {
        self.memory.flags().store(u32::from(asleep), Relaxed);
        // Pairs with the fence in `ProducerRing::needs_wakeup`.
        fence(Ordering::SeqCst);
    }

    /// Moves the index that the peer sees, to a value that may be a lie. For hostile peers in tests:
    /// of what is behind the index, nothing is trusted either.
    pub fn forge_index(&mut self, by: u32) {
        let index = self.memory.consumer().load(Relaxed).wrapping_add(by);
        self.memory.consumer().store(index, Ordering::Release);
    }

    /// How many values are known to be there, without looking.
    #[inline]
    pub(super) fn known(&self) -> u32 {
        self.head_seen.wrapping_sub(self.tail)
    }

    /// Reads the value `ahead` of the next one, and leaves it in the ring.
    ///
    /// `ahead` is below what [`ConsumerRing::known`] says.
    #[inline]
    pub(super) fn peek(&self, ahead: u32) -> T {
        let cells = self.memory.cells();
        // A ring has a power of two of slots: this is within them.
        let at = self.tail.wrapping_add(ahead) as usize & (cells.len() - 1);
        T::load(&cells[at])
    }

    /// Counts values as taken; their slots go back to the peer by [`ConsumerRing::release`].
    ///
    /// `count` is at most what [`ConsumerRing::known`] says.
    #[inline]
    pub(super) fn advance(&mut self, count: u32) {
        self.tail = self.tail.wrapping_add(count);
    }

    /// Gives the slots of all values that were taken back to the peer.
    #[inline]
    pub(super) fn release(&self) {
        release(&self.memory, self.tail);
    }

    /// Looks at the peer's index, and says how many values are there.
    ///
    /// # Errors
    /// As [`ConsumerRing::take`].
    pub(super) fn look(&mut self) -> Result<u32, RingCorrupt> {
        // Partner: the producer's store-release in `xskq_prod_submit` (xsk_queue.h, pair A→B of its
        // head comment): what it wrote into the slots is visible from here on.
        let head = self.memory.producer().load(Acquire);
        let ready = head.wrapping_sub(self.tail);
        if self.corrupt || ready > self.size {
            self.corrupt = true;
            return Err(RingCorrupt { ours: self.tail, theirs: head, size: self.size });
        }
        self.head_seen = head;
        Ok(ready)
    }
}

/// Values taken out of a [`ConsumerRing`], in order.
#[derive(Debug)]
#[must_use = "values that are not taken out of it stay in the ring"]
pub struct Taken<'r, T: Slot> {
    cells: slice::Iter<'r, T::Cell>,
    memory: &'r RingMemory<T>,
    first: u32,
    tail: &'r mut u32,
}

impl<T: Slot> Iterator for Taken<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.cells.next().map(T::load)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.cells.size_hint()
    }
}

impl<T: Slot> ExactSizeIterator for Taken<'_, T> {}

impl<T: Slot> Drop for Taken<'_, T> {
    #[inline]
    fn drop(&mut self) {
        *self.tail = self.tail.wrapping_sub(self.cells.len() as u32);
        if *self.tail != self.first {
            release(self.memory, *self.tail);
        }
    }
}

/// Counts the values that are taken out of a run, and gives their slots back when it is dropped.
#[derive(Debug)]
pub(super) struct Released<'r, T: Slot> {
    pub(super) count: u32,
    memory: &'r RingMemory<T>,
    tail: &'r mut u32,
}

impl<T: Slot> Drop for Released<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.count > 0 {
            *self.tail = self.tail.wrapping_add(self.count);
            release(self.memory, *self.tail);
        }
    }
}

/// Gives slots back to the peer, on demand.
#[derive(Debug)]
pub(super) struct Release<'r> {
    shown: &'r AtomicU32,
    tail: &'r mut u32,
}

impl Release<'_> {
    /// Gives the first `count` of the run back, once.
    #[inline]
    pub(super) fn release(&mut self, count: u32) {
        if count > 0 {
            *self.tail = self.tail.wrapping_add(count);
            show(self.shown, *self.tail);
        }
    }
}

/// Gives the slots before `tail` back to the peer. Not called for none: a poll of an empty ring leaves
/// the peer's cache line alone.
#[inline]
fn release<T: Slot>(memory: &RingMemory<T>, tail: u32) {
    show(memory.consumer(), tail);
}

#[inline]
fn show(index: &AtomicU32, tail: u32) {
    // Partner: the producer's load-acquire of the consumer index before it writes over the slots
    // (`__xskq_prod_nb_free`, pair C→D): our reads of them are done.
    index.store(tail, Ordering::Release);
}

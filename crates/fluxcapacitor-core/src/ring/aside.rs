//! Frames that a ring has no slot for at the moment.

use std::fmt;

use super::Descriptor;
use super::slot::Slot;
use crate::sync::AtomicU64;

/// How many of them there can be, unless asked otherwise.
const MOST: u32 = if cfg!(loom) { 1 } else { 64 };

/// Slots that look like those of a ring, but nobody else sees them: what stands in them are the tokens of frames
/// (`[one-token]`), which the ledger says are with the user.
pub(super) struct Aside<T: Slot> {
    words: Box<[AtomicU64]>,
    /// How many of them are taken.
    len: u32,
    /// How many of these were looked at.
    seen: u32,
    of: std::marker::PhantomData<T>,
}

impl<T: Slot> Aside<T> {
    pub(super) fn new() -> Self {
        Self { words: vacant::<T>(MOST), len: 0, seen: 0, of: std::marker::PhantomData }
    }

    /// Makes room for `most` frames, if there is none aside.
    pub(super) fn reserve(&mut self, most: u32) {
        if self.is_empty() && T::cells(&self.words).len() < most as usize {
            self.words = vacant::<T>(most);
        }
    }

    /// How many frames there are.
    #[inline]
    pub(super) const fn len(&self) -> u32 {
        self.len - self.seen
    }

    /// Whether there is none.
    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        // Both are 0 again when the last is taken.
        self.len == 0
    }

    /// Up to `max` vacant slots, and what counts those that are written.
    #[inline(always)]
    pub(super) fn run(&mut self, max: u32) -> (&[T::Cell], &mut u32) {
        let vacant = &T::cells(&self.words)[self.len as usize..];
        (&vacant[..vacant.len().min(max as usize)], &mut self.len)
    }

    /// The first, which stays.
    pub(super) fn peek(&self) -> Option<T> {
        T::cells(&self.words).get(self.seen as usize..self.len as usize)?.first().map(T::load)
    }

    /// Takes the first, which is handed out once.
    pub(super) fn pop(&mut self) -> Option<T> {
        let first = self.peek()?;
        self.seen += 1;
        if self.seen == self.len {
            (self.seen, self.len) = (0, 0);
        }
        Some(first)
    }
}

impl Aside<Descriptor> {
    /// How many segments the first packet has.
    pub(super) fn first_whole(&self) -> u32 {
        let waiting = &Descriptor::cells(&self.words)[self.seen as usize..self.len as usize];
        let last = waiting.iter().position(|cell| !Descriptor::load(cell).goes_on());
        // No more than there are slots.
        last.map_or(self.len(), |last| last as u32 + 1)
    }
}

fn vacant<T: Slot>(count: u32) -> Box<[AtomicU64]> {
    (0..count as usize * T::WORDS).map(|_| AtomicU64::new(0)).collect()
}

impl<T: Slot> fmt::Debug for Aside<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aside").field("len", &self.len()).finish_non_exhaustive()
    }
}

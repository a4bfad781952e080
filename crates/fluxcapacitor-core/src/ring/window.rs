//! A stretch of slots, as the one or two runs that it is in memory.

use std::slice;

/// The slots from one index to another, in order, round the end of the ring.
///
/// The window is checked and cut once a batch; walking it is a pointer and a bound.
#[derive(Debug)]
pub(crate) struct Window<'r, C> {
    run: slice::Iter<'r, C>,
    rest: slice::Iter<'r, C>,
}

impl<'r, C> Window<'r, C> {
    /// `count` slots of the ring `cells` from index `first` on.
    ///
    /// `cells` is a power of two long and `count` at most that; both are ours, not the peer's.
    #[inline]
    pub(crate) fn new(cells: &'r [C], first: u32, count: u32) -> Self {
        debug_assert!(cells.len().is_power_of_two() && count as usize <= cells.len());
        let at = first as usize & (cells.len() - 1);
        let (before, after) = cells.split_at(at);
        let run = after.len().min(count as usize);
        Self { run: after[..run].iter(), rest: before[..count as usize - run].iter() }
    }

    /// The slots not walked yet, as runs: a loop over each is as tight as over a slice.
    #[inline]
    pub(crate) fn runs(&self) -> [slice::Iter<'r, C>; 2] {
        [self.run.clone(), self.rest.clone()]
    }

    /// Slots not walked yet.
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        (self.run.len() + self.rest.len()) as u32
    }
}

impl<'r, C> Iterator for Window<'r, C> {
    type Item = &'r C;

    #[inline]
    fn next(&mut self) -> Option<&'r C> {
        if let Some(cell) = self.run.next() {
            return Some(cell);
        }
        self.run = std::mem::take(&mut self.rest);
        self.run.next()
    }
}

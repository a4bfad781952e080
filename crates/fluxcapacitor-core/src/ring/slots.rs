//! Slots of a ring, one after the other.
//!
//! # Safety
//! Owns `[within-slots]`: the pointers of [`Slots`] and [`Rest`] lie in, or one behind, one slice of slots that lives
//! for 'r: `first` not behind `next`, and as many slots behind `next` as is said beside it.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::slot::Slot;

/// Slots to write, from several places: what [`slice::IterMut`](std::slice::IterMut) would be behind a shared
/// reference. A cursor in one word, which is all that a loop over packets has to read and to write.
pub(super) struct Slots<'r, T: Slot> {
    first: NonNull<T::Cell>,
    next: Cell<NonNull<T::Cell>>,
    #[cfg(debug_assertions)]
    end: *const T::Cell,
    of: PhantomData<&'r [T::Cell]>,
}

impl<'r, T: Slot> Slots<'r, T> {
    #[inline]
    pub(super) fn new(cells: &'r [T::Cell]) -> Self {
        let first = NonNull::from(cells).cast::<T::Cell>();
        Self {
            first,
            next: Cell::new(first),
            #[cfg(debug_assertions)]
            end: cells.as_ptr_range().end,
            of: PhantomData,
        }
    }

    /// How many were written.
    #[inline]
    pub(super) fn written(&self) -> usize {
        // In steps of whole slots.
        (self.next.get().addr().get() - self.first.addr().get()) / size_of::<T::Cell>()
    }

    /// Writes the next one.
    ///
    /// # Safety
    /// There is one.
    #[inline]
    pub(super) unsafe fn write(&self, value: T) {
        #[cfg(debug_assertions)]
        assert!(self.next.get().as_ptr().cast_const() < self.end, "[slot-each]");
        // SAFETY: [within-slots]: the caller says that `next` is one of them.
        value.store(unsafe { self.next.get().as_ref() });
        // Read anew, which makes it one instruction.
        let next = self.next.get();
        // SAFETY: as above.
        self.next.set(unsafe { next.add(1) });
    }
}

/// Slots to read. Unlike [`slice::Iter`](std::slice::Iter) it counts, up to 0, so that who leaves a loop early does not
/// need to know where it was, and the loop needs no comparison.
pub(super) struct Rest<'r, T: Slot> {
    next: NonNull<T::Cell>,
    /// Less than 0 by as many as are left.
    at: isize,
    of: PhantomData<&'r [T::Cell]>,
}

impl<'r, T: Slot> Rest<'r, T> {
    #[inline]
    pub(super) fn new(cells: &'r [T::Cell]) -> Self {
        Self { next: NonNull::from(cells).cast(), at: -(cells.len() as isize), of: PhantomData }
    }

    /// Reads the next one, once.
    #[inline]
    pub(super) fn next(&mut self) -> Option<T> {
        if self.at == 0 {
            return None;
        }
        // SAFETY: [within-slots]: there is one left.
        Some(unsafe { self.next_unchecked() })
    }

    /// Reads the next one, once.
    ///
    /// # Safety
    /// There is one.
    #[inline]
    pub(super) unsafe fn next_unchecked(&mut self) -> T {
        debug_assert!(self.at < 0, "[within-slots]");
        self.at += 1;
        // SAFETY: [within-slots]: the caller says that there was one left.
        let value = T::load(unsafe { self.next.as_ref() });
        // SAFETY: as above.
        self.next = unsafe { self.next.add(1) };
        value
    }

    /// Whether so many are left.
    #[inline]
    pub(super) const fn has(&self, count: usize) -> bool {
        self.at <= -(count as isize)
    }

    /// How many are left.
    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.at.unsigned_abs()
    }

    /// Skips what is left.
    #[inline]
    pub(super) fn skip(&mut self) {
        self.at = 0;
    }
}

impl<T: Slot> fmt::Debug for Slots<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slots").field("written", &self.written()).finish_non_exhaustive()
    }
}

impl<T: Slot> fmt::Debug for Rest<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rest").field("len", &self.len()).finish_non_exhaustive()
    }
}

//! Slots of a ring, one after the other.
//!
//! # Safety
//! Owns `[within-slots]`: the pointers of [`Slots`] and [`Rest`] lie in, or one behind, one slice of slots that lives
//! for 'r: `first` not behind `next`, and as many bytes of slots before `end` as `at` says.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::slice;

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

/// Slots to read. Unlike [`slice::Iter`](std::slice::Iter) it counts, up to 0, so that a loop moves one number, and needs
/// no comparison.
pub(super) struct Rest<'r, T: Slot> {
    /// One behind the last.
    end: NonNull<T::Cell>,
    /// Where the next one is, from there: less than 0 by as many bytes as are left.
    at: isize,
    of: PhantomData<&'r [T::Cell]>,
}

impl<'r, T: Slot> Rest<'r, T> {
    /// The last `count` of `cells`.
    ///
    /// # Safety
    /// There are as many.
    #[inline]
    pub(super) unsafe fn last(cells: &'r [T::Cell], count: usize) -> Self {
        debug_assert!(count <= cells.len(), "[within-slots]");
        let first = NonNull::from(cells).cast::<T::Cell>();
        // SAFETY: [within-slots]: one behind them.
        let end = unsafe { first.add(cells.len()) };
        Self { end, at: -((count * size_of::<T::Cell>()) as isize), of: PhantomData }
    }

    /// Reads the next one, once.
    #[inline]
    pub(super) fn next(&mut self) -> Option<T> {
        if self.at == 0 {
            return None;
        }
        // SAFETY: [within-slots]: there is one left.
        let next = unsafe { self.end.byte_offset(self.at) };
        // SAFETY: as above.
        let value = T::load(unsafe { next.as_ref() });
        self.at += size_of::<T::Cell>() as isize;
        Some(value)
    }

    /// All that are left, which are none then.
    #[inline]
    pub(super) fn take(&mut self) -> &'r [T::Cell] {
        let len = self.len();
        // SAFETY: [within-slots]: as many are left.
        let next = unsafe { self.end.sub(len) };
        self.at = 0;
        // SAFETY: as above, and they live for 'r.
        unsafe { slice::from_raw_parts(next.as_ptr(), len) }
    }

    /// How many are left.
    #[inline]
    pub(super) const fn len(&self) -> usize {
        // Less than a slice has bytes.
        self.at.wrapping_neg() as usize / size_of::<T::Cell>()
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

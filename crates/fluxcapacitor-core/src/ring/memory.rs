//! The shared words of one ring, wherever they lie.
//!
//! A ring is two cursors, a word of flags and an array of slots, shared with a peer: the kernel, over
//! a mapping of the socket, or the other end of a heap ring. All of them are atomics, so whatever the
//! peer does at the same time is a value to be checked, not a data race.
//!
//! # Safety
//! Owns `[ring-mapped]`: the pointers of a [`RingMemory`] are aligned, lie inside memory that its
//! `owner` keeps alive and mapped, and that memory is only ever touched as atomics. Established in
//! the two constructors, relied upon in the accessors.
#![allow(unsafe_code)]

use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use super::slot::Slot;
use crate::sync::{AtomicU32, AtomicU64};
#[cfg(all(target_os = "linux", not(loom)))]
use crate::sys::mmap::RingMapping;

/// The words of one ring as seen from one of its ends.
pub(crate) struct RingMemory<T: Slot> {
    producer: NonNull<AtomicU32>,
    consumer: NonNull<AtomicU32>,
    flags: NonNull<AtomicU32>,
    cells: NonNull<[T::Cell]>,
    #[expect(dead_code, reason = "keeps the memory alive")]
    owner: Owner,
}

/// What keeps the memory of a ring alive.
enum Owner {
    /// Both ends hold the same allocation.
    #[expect(dead_code, reason = "keeps the memory alive")]
    Heap(Arc<HeapRing>),
    /// The kernel holds the other end.
    #[cfg(all(target_os = "linux", not(loom)))]
    #[expect(dead_code, reason = "keeps the memory alive")]
    Mapped(RingMapping),
}

/// Where the parts of a ring lie in its mapping: offsets in bytes, as the kernel gave them.
#[cfg(all(target_os = "linux", not(loom)))]
#[doc(alias = "xdp_ring_offset")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct RingOffsets {
    pub(crate) producer: usize,
    pub(crate) consumer: usize,
    pub(crate) flags: usize,
    pub(crate) slots: usize,
}

struct HeapRing {
    producer: AtomicU32,
    consumer: AtomicU32,
    flags: AtomicU32,
    words: Box<[AtomicU64]>,
}

impl<T: Slot> RingMemory<T> {
    /// Both ends of a ring on the heap.
    pub(crate) fn heap(slots: u32, start: u32) -> (Self, Self) {
        let ring = Arc::new(HeapRing {
            producer: AtomicU32::new(start),
            consumer: AtomicU32::new(start),
            flags: AtomicU32::new(0),
            words: (0..slots as usize * T::WORDS).map(|_| AtomicU64::new(0)).collect(),
        });
        // [ring-mapped]: references give aligned pointers into an allocation that `owner` keeps.
        let end = |ring: Arc<HeapRing>| Self {
            producer: NonNull::from(&ring.producer),
            consumer: NonNull::from(&ring.consumer),
            flags: NonNull::from(&ring.flags),
            cells: NonNull::from(T::cells(&ring.words)),
            owner: Owner::Heap(ring),
        };
        (end(ring.clone()), end(ring))
    }

    /// The user's end of a ring that the kernel shares by `mapping`.
    ///
    /// `None` if an offset does not fit the mapping: the kernel's numbers are input.
    #[cfg(all(target_os = "linux", not(loom)))]
    pub(crate) fn mapped(mapping: RingMapping, at: RingOffsets, slots: u32) -> Option<Self> {
        let base = mapping.base();
        // [ring-mapped]: `part` proves each part aligned (the base is page-aligned) and inside.
        let part = |offset: usize, size: usize, align: usize| {
            let inside = offset.checked_add(size).is_some_and(|end| end <= mapping.len());
            // SAFETY: `offset` lies within the mapping's single allocation.
            (inside && offset.is_multiple_of(align)).then(|| unsafe { base.add(offset) })
        };
        let slots = slots as usize;
        let cells =
            part(at.slots, slots.checked_mul(size_of::<T::Cell>())?, align_of::<T::Cell>())?;
        Some(Self {
            producer: part(at.producer, size_of::<AtomicU32>(), align_of::<AtomicU32>())?.cast(),
            consumer: part(at.consumer, size_of::<AtomicU32>(), align_of::<AtomicU32>())?.cast(),
            flags: part(at.flags, size_of::<AtomicU32>(), align_of::<AtomicU32>())?.cast(),
            cells: NonNull::slice_from_raw_parts(cells.cast(), slots),
            owner: Owner::Mapped(mapping),
        })
    }

    /// The producer's cursor.
    #[inline]
    pub(crate) fn producer(&self) -> &AtomicU32 {
        // SAFETY: [ring-mapped], and `owner` outlives `&self`.
        unsafe { self.producer.as_ref() }
    }

    /// The consumer's cursor.
    #[inline]
    pub(crate) fn consumer(&self) -> &AtomicU32 {
        // SAFETY: [ring-mapped], and `owner` outlives `&self`.
        unsafe { self.consumer.as_ref() }
    }

    /// The flags, of which `XDP_RING_NEED_WAKEUP` is the only one.
    #[inline]
    pub(crate) fn flags(&self) -> &AtomicU32 {
        // SAFETY: [ring-mapped], and `owner` outlives `&self`.
        unsafe { self.flags.as_ref() }
    }

    /// The slots: a power of two of them.
    #[inline]
    pub(crate) fn cells(&self) -> &[T::Cell] {
        // SAFETY: [ring-mapped], and `owner` outlives `&self`.
        unsafe { self.cells.as_ref() }
    }
}

// SAFETY: [ring-mapped]: nothing but atomics is reached through the pointers, and `owner` may be
// dropped on any thread (an `Arc` of atomics, or an munmap).
unsafe impl<T: Slot> Send for RingMemory<T> {}
// SAFETY: as for `Send`: `&RingMemory` gives nothing but references to atomics.
unsafe impl<T: Slot> Sync for RingMemory<T> {}

impl<T: Slot> fmt::Debug for RingMemory<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingMemory").field("slots", &self.cells.len()).finish_non_exhaustive()
    }
}

//! The shared words of one ring, wherever they lie.
//!
//! A ring is two cursors, a word of flags and an array of slots, shared with a peer: the kernel, over
//! a mapping of the socket, or the other end of a heap ring. All of them are atomics, so whatever the
//! peer does at the same time is a value to be checked, not a data race.
//!
//! # Safety
//! Owns `[ring-mapped]`: the pointers of a [`RingMemory`] are aligned, lie inside memory that its
//! `owner` keeps alive and mapped, and that memory is only ever touched as atomics. Established in
//! the two constructors, relied upon in the three accessors.
#![allow(unsafe_code)]

use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::sync::{AtomicU32, AtomicU64};
#[cfg(all(target_os = "linux", not(loom)))]
use crate::sys::mmap::RingMapping;

/// The words of one ring as seen from one of its ends.
pub(crate) struct RingMemory {
    producer: NonNull<AtomicU32>,
    consumer: NonNull<AtomicU32>,
    flags: NonNull<AtomicU32>,
    words: NonNull<[AtomicU64]>,
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

impl RingMemory {
    /// Both ends of a ring of `words` slot words on the heap.
    pub(crate) fn heap(words: usize, start: u32) -> (Self, Self) {
        let ring = Arc::new(HeapRing {
            producer: AtomicU32::new(start),
            consumer: AtomicU32::new(start),
            flags: AtomicU32::new(0),
            words: (0..words).map(|_| AtomicU64::new(0)).collect(),
        });
        // [ring-mapped]: references give aligned pointers into an allocation that `owner` keeps.
        let end = |ring: Arc<HeapRing>| Self {
            producer: NonNull::from(&ring.producer),
            consumer: NonNull::from(&ring.consumer),
            flags: NonNull::from(&ring.flags),
            words: NonNull::from(&*ring.words),
            owner: Owner::Heap(ring),
        };
        (end(ring.clone()), end(ring))
    }

    /// The user's end of a ring that the kernel shares by `mapping`.
    ///
    /// `None` if an offset does not fit the mapping: the kernel's numbers are input.
    #[cfg(all(target_os = "linux", not(loom)))]
    pub(crate) fn mapped(mapping: RingMapping, at: RingOffsets, words: usize) -> Option<Self> {
        let base = mapping.base();
        // [ring-mapped]: `part` proves each part aligned (the base is page-aligned) and inside.
        let part = |offset: usize, size: usize, align: usize| {
            let inside = offset.checked_add(size).is_some_and(|end| end <= mapping.len());
            // SAFETY: `offset` lies within the mapping's single allocation.
            (inside && offset.is_multiple_of(align)).then(|| unsafe { base.add(offset) })
        };
        let slots =
            part(at.slots, words.checked_mul(size_of::<AtomicU64>())?, align_of::<AtomicU64>())?;
        Some(Self {
            producer: part(at.producer, size_of::<AtomicU32>(), align_of::<AtomicU32>())?.cast(),
            consumer: part(at.consumer, size_of::<AtomicU32>(), align_of::<AtomicU32>())?.cast(),
            flags: part(at.flags, size_of::<AtomicU32>(), align_of::<AtomicU32>())?.cast(),
            words: NonNull::slice_from_raw_parts(slots.cast(), words),
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

    /// The words of all slots.
    #[inline]
    pub(crate) fn words(&self) -> &[AtomicU64] {
        // SAFETY: [ring-mapped], and `owner` outlives `&self`.
        unsafe { self.words.as_ref() }
    }
}

// SAFETY: [ring-mapped]: nothing but atomics is reached through the pointers, and `owner` may be
// dropped on any thread (an `Arc` of atomics, or an munmap).
unsafe impl Send for RingMemory {}
// SAFETY: as for `Send`: `&RingMemory` gives nothing but `&AtomicU32` and `&[AtomicU64]`.
unsafe impl Sync for RingMemory {}

impl fmt::Debug for RingMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingMemory").field("words", &self.words.len()).finish_non_exhaustive()
    }
}

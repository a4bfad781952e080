//! The bytes of a chain, a slice for each segment.
//!
//! # Safety
//! Relies on `[one-token]` and `[in-chunk]`: a [`Chain`] is the one token of each of its frames, which are
//! distinct for that reason, and what it has written down of them was taken from segments. So a chain that
//! is borrowed gives what each of its segments would give if that were borrowed.
#![allow(unsafe_code)]

use std::slice;

use super::chain::Place;
use super::{Chain, Foreign, UmemRegion};

/// The bytes of a packet, segment by segment.
#[derive(Clone, Debug)]
pub struct Slices<'c> {
    walk: Walk<'c>,
}

/// The bytes of a packet, segment by segment, to write.
///
/// Each slice is of another frame, so that all may be held at a time.
#[derive(Debug)]
pub struct SlicesMut<'c> {
    walk: Walk<'c>,
}

/// Where the segments of a chain lie, of which each is named once.
///
/// The chain is borrowed for `'c`: so nobody changes meanwhile what is written down of it.
#[derive(Clone, Debug)]
struct Walk<'c> {
    umem: &'c UmemRegion,
    next: Option<Place>,
    left: u32,
}

impl<'c> Slices<'c> {
    /// Those of `segments` segments, of which the first lies at `place`.
    ///
    /// # Safety
    /// `[one-token]`: what has their tokens, as a chain has, is borrowed for `'c`.
    pub(super) unsafe fn new(umem: &'c UmemRegion, place: Place, segments: u32) -> Self {
        Self { walk: Walk { umem, next: Some(place), left: segments } }
    }
}

impl<'c> SlicesMut<'c> {
    /// As [`Slices::new`].
    ///
    /// # Safety
    /// `[one-token]`: what has their tokens, as a chain has, is exclusively borrowed for `'c`.
    pub(super) unsafe fn new(umem: &'c UmemRegion, place: Place, segments: u32) -> Self {
        Self { walk: Walk { umem, next: Some(place), left: segments } }
    }
}

impl UmemRegion {
    /// The bytes of a packet, segment by segment.
    ///
    /// # Errors
    /// [`Foreign`] if the chain is of another UMEM.
    #[inline]
    pub fn slices<'c>(&'c self, chain: &'c Chain) -> Result<Slices<'c>, Foreign> {
        Ok(Slices { walk: self.walk(chain)? })
    }

    /// The bytes of a packet, segment by segment, to write.
    ///
    /// # Errors
    /// [`Foreign`] if the chain is of another UMEM.
    #[inline]
    pub fn slices_mut<'c>(&'c self, chain: &'c mut Chain) -> Result<SlicesMut<'c>, Foreign> {
        Ok(SlicesMut { walk: self.walk(chain)? })
    }

    /// Whether a packet of this region has no segments, or one without bytes.
    #[inline]
    pub(crate) fn has_gap(&self, chain: &Chain) -> bool {
        chain.is_empty() || self.walk(chain).is_ok_and(|mut walk| walk.any(|place| place.len == 0))
    }

    #[inline]
    fn walk<'c>(&'c self, chain: &'c Chain) -> Result<Walk<'c>, Foreign> {
        if chain.umem().is_some_and(|umem| umem != self.id()) {
            return Err(Foreign(()));
        }
        Ok(Walk { umem: self, next: chain.start(), left: chain.segments() })
    }
}

impl Iterator for Walk<'_> {
    type Item = Place;

    #[inline]
    fn next(&mut self) -> Option<Place> {
        let place = self.next.take()?;
        self.left -= 1;
        if self.left > 0 {
            self.next = Some(self.umem.links().behind(place.index));
        }
        Some(place)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl<'c> Iterator for Slices<'c> {
    type Item = &'c [u8];

    #[inline]
    fn next(&mut self) -> Option<&'c [u8]> {
        let place = self.walk.next()?;
        let first = self.walk.umem.byte_at(place);
        // SAFETY: [one-token]: the chain is the one token of this frame and borrowed for 'c, so there is
        // no `&mut` to its bytes and the kernel does not hold it; [in-chunk]: the bytes lie in the frame.
        Some(unsafe { slice::from_raw_parts(first.as_ptr(), place.len as usize) })
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.walk.size_hint()
    }
}

impl<'c> Iterator for SlicesMut<'c> {
    type Item = &'c mut [u8];

    #[inline]
    fn next(&mut self) -> Option<&'c mut [u8]> {
        let place = self.walk.next()?;
        let first = self.walk.umem.byte_at(place);
        // SAFETY: [one-token]: the chain is the one token of this frame and exclusively borrowed for 'c, and
        // the walk names each of its frames, which are distinct, once: so these bytes are in no other
        // slice; [in-chunk]: they lie in the frame.
        Some(unsafe { slice::from_raw_parts_mut(first.as_ptr(), place.len as usize) })
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.walk.size_hint()
    }
}

impl ExactSizeIterator for Slices<'_> {}
impl ExactSizeIterator for SlicesMut<'_> {}

//! A frame that has just come out of a ring: checked, cleared, and not yet anybody's.
//!
//! # Safety
//! Relies on `[one-token]`: a [`Claim`] is the frame's one token, in the shape that stays in registers.
//! It is made where the ledger has just been cleared, and ends as a [`Frame`], in a ring, or back where
//! it came from.
#![allow(unsafe_code)]

use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::slice;

use super::ledger::{Entries, Holder};
use super::{Frame, Layout, Segment, UmemId, UmemRegion};

/// A UMEM as a batch sees it: what every packet needs, borrowed once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frames<'u> {
    ledger: Entries<'u>,
    layout: Layout,
    id: UmemId,
    base: NonNull<u8>,
}

impl<'u> Frames<'u> {
    #[inline]
    pub(super) fn new(umem: &'u UmemRegion, ledger: Entries<'u>, base: NonNull<u8>) -> Self {
        Self { ledger, layout: umem.layout(), id: umem.id(), base }
    }

    /// Which UMEM it is.
    #[inline]
    pub(crate) fn id(self) -> UmemId {
        self.id
    }

    /// Where in a frame a packet to send begins, and how long it can be.
    #[inline]
    pub(crate) fn sendable(self) -> (u64, u64) {
        let headroom = self.layout.headroom();
        (u64::from(headroom), u64::from(self.layout.frame_size() - headroom))
    }

    /// The address of the first byte of the frame that holds the byte at `addr`.
    #[inline]
    pub(crate) fn base_of(self, addr: u64) -> u64 {
        addr & !u64::from(self.layout.frame_size() - 1)
    }

    /// The frame that holds the byte at `addr`, and `len` bytes from there on: if there is such a
    /// frame, the bytes lie within it, and it is out with `from`.
    ///
    /// `len` is whatever the ring says; it may be anything.
    #[inline]
    pub(crate) fn claim(self, addr: u64, len: u64, from: Holder) -> Option<Claim<'u>> {
        let (index, room) = self.layout.split(addr);
        if len > u64::from(room) {
            return None;
        }
        // Cleared before the claim exists, so that the same address once more is refused.
        let index = self.ledger.reclaim(index, from)?;
        // [in-chunk] holds from here on: `len` fits a frame, and so a u32.
        Some(Claim { frames: self, index, addr, len: len as u32, from })
    }

    /// Writes down that a frame goes to a lane, and gives its address. The token ends here; from here
    /// on the ledger stands for it.
    ///
    /// The caller has seen that the frame is of this UMEM.
    #[inline]
    pub(crate) fn lend(self, frame: Frame, to: Holder) -> u64 {
        debug_assert_eq!(frame.umem(), self.id);
        self.ledger.lend(frame.index() as usize, to);
        self.layout.base(frame.index() as usize)
    }
}

/// The exclusive right to a frame between two rings.
///
/// Dropped, also by a panic, the frame is out with the same holder as before.
#[derive(Debug)]
pub(crate) struct Claim<'u> {
    frames: Frames<'u>,
    index: usize,
    addr: u64,
    len: u32,
    from: Holder,
}

impl Claim<'_> {
    /// The bytes that it was claimed for.
    #[inline]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: the ledger has an entry for the frame of this address, so it lies within the region.
        let first = unsafe { self.frames.base.add(self.addr as usize) };
        // SAFETY: [one-token]: the claim is the frame's one token and exclusively borrowed;
        // [in-chunk]: `len` bytes from `addr` on lie in the frame. The region outlives 'u.
        unsafe { slice::from_raw_parts_mut(first.as_ptr(), self.len as usize) }
    }

    /// Hands the frame to a lane, and gives its address.
    #[inline]
    pub(crate) fn lend(self, to: Holder) -> u64 {
        let claim = ManuallyDrop::new(self);
        claim.frames.ledger.lend(claim.index, to);
        claim.frames.layout.base(claim.index)
    }

    /// Hands the frame to the user.
    #[inline]
    pub(crate) fn into_frame(self) -> Frame {
        let claim = ManuallyDrop::new(self);
        Frame::new(claim.index as u32, claim.frames.id)
    }

    /// Hands the frame to the user, with the bytes that it was claimed for.
    #[inline]
    pub(crate) fn into_segment(self, continues: bool) -> Segment {
        let (start, len) = (self.frames.layout.start(self.addr), self.len);
        Segment::new(self.into_frame(), start, len, continues)
    }
}

impl Drop for Claim<'_> {
    #[inline]
    fn drop(&mut self) {
        self.frames.ledger.lend(self.index, self.from);
    }
}

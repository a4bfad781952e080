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

use super::ledger::{Entries, Entry, Holder};
use super::parcel::Holds;
use super::{Frame, Layout, Parcel, Segment, UmemId, UmemRegion};

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

    /// How many frames there are: who holds something against it need not be held against the ledger once more.
    #[inline]
    pub(crate) fn count(self) -> usize {
        self.ledger.len()
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
        addr & self.layout.base_mask()
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

    /// Bytes of the frame in front of a loan's, and behind them.
    #[inline]
    pub(crate) fn room(&self, loan: &Loan<'_>) -> (u32, u32) {
        let start = self.layout.start(loan.addr);
        (start, self.layout.frame_size() - start - loan.len)
    }

    /// Moves the first of a loan's bytes by `head` and the end by `tail`, if they stay within the frame and in
    /// order; says whether it did.
    #[inline]
    pub(crate) fn adjust(&self, loan: &mut Loan<'_>, head: i64, tail: i64) -> bool {
        let adjusted = self.layout.adjust(self.layout.start(loan.addr), loan.len, head, tail);
        if let Some((start, len)) = adjusted {
            loan.addr = self.base_of(loan.addr) + u64::from(start);
            loan.len = len;
            // SAFETY: `adjust` has kept the address within the loan's frame, and so within the region.
            loan.first = unsafe { self.base.add(loan.addr as usize) };
        }
        adjusted.is_some()
    }

    /// The frame that holds the byte at `addr`. `[one-token]`: only of an address that is a token itself.
    #[inline]
    pub(crate) fn frame_at(&self, addr: u64) -> Frame {
        Frame::new(self.layout.index(addr), self.id)
    }

    /// The frame that holds the byte at `addr`, and `len` bytes from there on. `[one-token]`, `[in-chunk]`: only of
    /// what is a token itself.
    #[inline]
    pub(crate) fn segment_at(&self, addr: u64, len: u32) -> Segment {
        Segment::new(self.frame_at(addr), self.layout.start(addr), len, false)
    }

    /// Hands the frame of a loan to the user, with its bytes.
    #[inline]
    pub(crate) fn segment(&self, loan: Loan<'_>) -> Segment {
        self.segment_at(loan.addr, loan.len)
    }

    /// Writes down that a frame goes to a lane, and gives its address. `[one-token]`: its token ends there.
    #[inline]
    pub(crate) fn lend_index(self, index: u32, to: Holder) -> u64 {
        self.ledger.lend(index as usize, to);
        self.layout.base(index as usize)
    }

    /// Writes down that the frame that holds the byte at `addr` goes to a lane. `[one-token]`: its token ends there.
    #[inline]
    pub(crate) fn lend_at(self, addr: u64, to: Holder) {
        self.ledger.lend(self.layout.split(addr).0 as usize, to);
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

/// A claim without what it was claimed in, and without a way back. `[one-token]`: it is the frame's one
/// token; whoever has it must hold on to the [`Frames`] that it is of, and give it to no other.
///
/// Dropped, the frame is lost.
#[derive(Debug)]
pub(crate) struct Loan<'u> {
    entry: Entry<'u>,
    first: NonNull<u8>,
    /// The frame's number, and by how much that is shifted in an address: the compiler needs neither until somebody
    /// asks where the frame begins.
    index: usize,
    shift: u32,
    addr: u64,
    len: u32,
}

impl Loan<'_> {
    /// The bytes that it was claimed for.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: [one-token]: the loan is the frame's one token and borrowed, so nobody writes there;
        // [in-chunk]: `len` bytes from `first` on lie in the frame. The region outlives 'u.
        unsafe { slice::from_raw_parts(self.first.as_ptr(), self.len as usize) }
    }

    /// The bytes that it was claimed for, to write.
    #[inline]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: [one-token]: the loan is the frame's one token and exclusively borrowed;
        // [in-chunk]: `len` bytes from `first` on lie in the frame. The region outlives 'u.
        unsafe { slice::from_raw_parts_mut(self.first.as_ptr(), self.len as usize) }
    }

    /// The address of its first byte.
    #[inline]
    pub(crate) const fn addr(&self) -> u64 {
        self.addr
    }

    /// The address of its frame's first byte.
    #[inline]
    pub(crate) const fn base(&self) -> u64 {
        (self.index as u64) << self.shift
    }

    /// How many bytes it has.
    #[inline]
    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    /// Hands the frame to a lane.
    #[inline]
    pub(crate) fn repay(self, to: Holder) {
        self.entry.lend(to);
    }

    /// Hands the frame to the user, with a way home.
    ///
    /// # Safety
    /// There is a hold left, of the loan's UMEM.
    #[inline]
    pub(crate) unsafe fn into_parcel(self, holds: &mut Holds<'_>) -> Parcel {
        // SAFETY: [one-token]: the loan ends here; [in-chunk]: as it had it.
        unsafe { holds.parcel(self.first, self.len) }
    }

    /// The same once more, for a holder whose own copy ends here without being dropped.
    #[inline]
    pub(crate) const fn hand_over(&self) -> Self {
        let Self { entry, first, index, shift, addr, len } = *self;
        Self { entry, first, index, shift, addr, len }
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

impl<'u> Claim<'u> {
    /// The bytes that it was claimed for.
    #[inline]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: [one-token]: the claim is the frame's one token and exclusively borrowed;
        // [in-chunk]: `len` bytes from `addr` on lie in the frame. The region outlives 'u.
        unsafe { slice::from_raw_parts_mut(self.first().as_ptr(), self.len as usize) }
    }

    /// Where its bytes begin.
    #[inline]
    fn first(&self) -> NonNull<u8> {
        // SAFETY: the ledger has an entry for the frame of this address, so it lies within the region.
        unsafe { self.frames.base.add(self.addr as usize) }
    }

    /// Takes it out of the batch's hands, in the shape that is cheapest to hold for longer.
    #[inline]
    pub(crate) fn into_loan(self) -> Loan<'u> {
        let claim = ManuallyDrop::new(self);
        let entry = claim.frames.ledger.entry(claim.index);
        let shift = claim.frames.layout.shift();
        Loan {
            entry,
            first: claim.first(),
            index: claim.index,
            shift,
            addr: claim.addr,
            len: claim.len,
        }
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

    /// Hands the frame to the user, with the bytes that it was claimed for and a way home.
    ///
    /// # Safety
    /// There is a hold left, of the claim's UMEM.
    #[inline]
    pub(crate) unsafe fn into_parcel(self, holds: &mut Holds<'_>) -> Parcel {
        let claim = ManuallyDrop::new(self);
        // SAFETY: [one-token]: the claim ends here; [in-chunk]: as it had it.
        unsafe { holds.parcel(claim.first(), claim.len) }
    }

    /// Hands the frame to whoever writes down that it is on its way home.
    #[inline]
    pub(crate) fn into_index(self) -> usize {
        ManuallyDrop::new(self).index
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

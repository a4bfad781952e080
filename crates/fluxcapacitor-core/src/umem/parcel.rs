//! A packet that is owned, and knows the way home.
//!
//! # Safety
//! Relies on `[one-token]` and `[in-chunk]`: a [`Parcel`] is the one token of its frame, which is of the UMEM of its
//! way home. That keeps the region mapped.
#![allow(unsafe_code)]

use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;

use super::{Foreign, Frame, Home, Segment, SharedFrameState, UmemRegion};

/// A segment whose frame goes home by itself when it is dropped, on any thread and at any time.
///
/// Three words, so that many are moved quickly. Forgotten, it takes its frame along, and what it holds of
/// [`SharedFrameState`].
#[must_use = "dropped, its frame goes home"]
pub struct Parcel {
    /// Dropped once, with the parcel. By hand: what is dropped in place is kept in memory by the compiler, with all
    /// that is beside it.
    shared: ManuallyDrop<Arc<SharedFrameState>>,
    /// `[in-chunk]`: `len` bytes from here on lie within a frame of the UMEM.
    first: NonNull<u8>,
    len: u32,
    queue: u16,
    port: u8,
    marks: u8,
}

/// Where a packet has come from, for whoever wants to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The queue.
    pub queue: u16,
    /// The number of the interface.
    pub port: u8,
}

/// It goes home to the sending half.
const TO_TX: u8 = 1 << 0;
/// The packet goes on in another segment.
const CONTINUES: u8 = 1 << 1;

// SAFETY: [one-token]: the bytes are reached by it alone, wherever it is; the rest is `Send` by itself.
unsafe impl Send for Parcel {}
// SAFETY: as for `Send`; `&Parcel` gives no more than `&[u8]`.
unsafe impl Sync for Parcel {}

const _: () = assert!(size_of::<Option<Parcel>>() <= 24);

impl Parcel {
    /// Of a segment, whose frame goes home to `home` of `shared`.
    ///
    /// # Errors
    /// The segment itself, if it is of another UMEM.
    pub fn new(
        shared: &Arc<SharedFrameState>,
        home: Home,
        segment: Segment,
        origin: Origin,
    ) -> Result<Self, Foreign<Segment>> {
        if segment.frame().umem() != shared.umem().id() {
            return Err(Foreign(segment));
        }
        let (continues, len) = (segment.continues(), segment.len());
        let layout = shared.umem().layout();
        // Behind the last byte of a frame there is the next one, whose token this is not.
        let start = segment.start().min(layout.frame_size() - 1);
        let addr = layout.base(segment.frame().index() as usize) + u64::from(start);
        let first = shared.umem().byte_of(addr);
        Ok(Self::of(shared, home, (first, len), (continues, origin)))
    }

    /// `[one-token]`, `[in-chunk]`: a token of a frame of the same UMEM has just ended, whose bytes these are.
    #[inline]
    pub(super) fn of(
        shared: &Arc<SharedFrameState>,
        home: Home,
        (first, len): (NonNull<u8>, u32),
        (continues, origin): (bool, Origin),
    ) -> Self {
        let to = if home == Home::Tx { TO_TX } else { 0 };
        let marks = to | if continues { CONTINUES } else { 0 };
        let Origin { queue, port } = origin;
        let shared = ManuallyDrop::new(Arc::clone(shared));
        Self { shared, first, len, queue, port, marks }
    }

    /// Its bytes.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: [one-token]: the frame's one token is borrowed, so nobody writes there; [in-chunk]. The region
        // lives for as long as `shared`.
        unsafe { slice::from_raw_parts(self.first.as_ptr(), self.len as usize) }
    }

    /// Its bytes, to write.
    #[inline]
    #[must_use]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: [one-token]: the frame's one token is exclusively borrowed; [in-chunk]. The region lives for as
        // long as `shared`.
        unsafe { slice::from_raw_parts_mut(self.first.as_ptr(), self.len as usize) }
    }

    /// Length in bytes.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Whether it has no bytes.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the packet goes on in another segment.
    #[inline]
    #[must_use]
    pub const fn continues(&self) -> bool {
        self.marks & CONTINUES != 0
    }

    /// Where it has come from.
    #[inline]
    #[must_use]
    pub const fn origin(&self) -> Origin {
        Origin { queue: self.queue, port: self.port }
    }

    /// The UMEM that it is of.
    #[inline]
    #[must_use]
    pub fn umem(&self) -> &UmemRegion {
        self.shared.umem()
    }

    /// Bytes of its frame in front of it, and behind it.
    #[inline]
    #[must_use]
    pub fn room(&self) -> (u32, u32) {
        let layout = self.umem().layout();
        let start = layout.start(self.addr());
        (start, layout.frame_size() - start - self.len)
    }

    /// Moves its start by `head` and its end by `tail` bytes, if it stays within its frame; says whether it did.
    /// New bytes hold whatever was there before.
    #[inline]
    pub fn adjust(&mut self, head: i64, tail: i64) -> bool {
        let (layout, addr) = (self.umem().layout(), self.addr());
        match layout.adjust(layout.start(addr), self.len, head, tail) {
            Some((start, len)) => {
                let addr = layout.base(layout.index(addr) as usize) + u64::from(start);
                self.first = self.umem().byte_of(addr);
                self.len = len;
                true
            }
            None => false,
        }
    }

    /// Its frame and where its bytes lie, without the way home.
    pub fn into_segment(self) -> Segment {
        let (addr, len, continues) = (self.addr(), self.len, self.continues());
        let (layout, id) = (self.umem().layout(), self.umem().id());
        self.go();
        Segment::new(Frame::new(layout.index(addr), id), layout.start(addr), len, continues)
    }

    /// The same packet, in another place. What is to go to a function that is seldom called is moved there by
    /// this, for the compiler keeps what it passes by address in memory from the beginning.
    #[inline]
    pub(crate) fn moved(self) -> Self {
        let mut this = ManuallyDrop::new(self);
        let Self { first, len, queue, port, marks, .. } = *this;
        // SAFETY: it is not looked at again.
        let shared = ManuallyDrop::new(unsafe { ManuallyDrop::take(&mut this.shared) });
        Self { shared, first, len, queue, port, marks }
    }

    /// The address of its first byte.
    #[inline]
    pub(crate) fn addr(&self) -> u64 {
        self.umem().addr_of(self.first)
    }

    /// Whether it goes home by `shared`.
    #[inline]
    pub(crate) fn is_of(&self, shared: &Arc<SharedFrameState>) -> bool {
        Arc::ptr_eq(&self.shared, shared)
    }

    /// The token ends here: its frame goes elsewhere.
    #[inline]
    pub(crate) fn go(self) {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: it is not looked at again.
        drop(unsafe { ManuallyDrop::take(&mut this.shared) });
    }
}

impl Drop for Parcel {
    #[inline]
    fn drop(&mut self) {
        let home = if self.marks & TO_TX == 0 { Home::Rx } else { Home::Tx };
        let index = self.umem().layout().index(self.addr());
        // SAFETY: it is not looked at again.
        let shared = unsafe { ManuallyDrop::take(&mut self.shared) };
        // [one-token]: it ends here.
        shared.put(home, index, index);
    }
}

impl fmt::Debug for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parcel")
            .field("len", &self.len)
            .field("origin", &self.origin())
            .finish_non_exhaustive()
    }
}

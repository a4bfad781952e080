//! Tokens: the right to one frame.

use super::{UmemId, UmemRegion};

/// The exclusive right to one frame of one UMEM.
///
/// At most one exists for each frame: it cannot be copied, moves into a ring when it is submitted,
/// and is made again when the kernel gives the frame back. Its bytes are reached through its
/// [`UmemRegion`](super::UmemRegion).
///
/// A frame that is dropped or forgotten is lost to its UMEM until the UMEM goes; it is never unsound.
///
/// ```compile_fail,E0599
/// # fn f(frame: fluxcapacitor_core::umem::Frame) {
/// let twice = frame.clone();
/// # }
/// ```
#[doc(alias = "chunk")]
#[must_use = "a dropped frame is lost to its UMEM: give it to a pool or a ring"]
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    pub(super) index: u32,
    pub(super) umem: UmemId,
}

impl Frame {
    /// `[one-token]`: only where the ledger has just said that the frame is with the user, or
    /// for the first time in the life of a UMEM.
    #[inline]
    pub(crate) const fn new(index: u32, umem: UmemId) -> Self {
        Self { index, umem }
    }

    /// Its number in its UMEM, from 0.
    #[inline]
    pub const fn index(&self) -> u32 {
        self.index
    }

    /// The UMEM that it is of.
    #[inline]
    pub const fn umem(&self) -> UmemId {
        self.umem
    }
}

/// A frame and where in it the bytes of a packet lie.
///
/// *Invariant `[in-chunk]`:* the bytes lie within the frame.
#[must_use = "a dropped segment is lost to its UMEM: give its frame to a pool or a ring"]
#[derive(Debug, PartialEq, Eq)]
pub struct Segment {
    frame: Frame,
    start: u32,
    len: u32,
    continues: bool,
}

impl Segment {
    /// `[in-chunk]`: the caller has held `start` and `len` against the frame size.
    #[inline]
    pub(crate) const fn new(frame: Frame, start: u32, len: u32, continues: bool) -> Self {
        Self { frame, start, len, continues }
    }

    /// Its frame.
    #[inline]
    pub const fn frame(&self) -> &Frame {
        &self.frame
    }

    /// The same, saying so or not that the packet goes on behind it.
    #[inline]
    pub(super) const fn continuing(mut self, continues: bool) -> Self {
        self.continues = continues;
        self
    }

    #[inline]
    pub(super) const fn frame_mut(&mut self) -> &mut Frame {
        &mut self.frame
    }

    /// Gives the frame, and forgets where the bytes were.
    #[inline]
    pub fn into_frame(self) -> Frame {
        self.frame
    }

    /// Offset of the first byte from the start of the frame.
    #[inline]
    pub const fn start(&self) -> u32 {
        self.start
    }

    /// Length in bytes.
    #[inline]
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Whether it has no bytes. The tx ring refuses such a segment.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Moves the first of the bytes by `head` and the end by `tail`, if they stay within the frame and in
    /// order; says whether it did. New bytes hold whatever was there before.
    ///
    /// Nothing is moved if `umem` is another than its own.
    #[inline]
    pub fn adjust(&mut self, umem: &UmemRegion, head: i64, tail: i64) -> bool {
        if self.frame.umem != umem.id() {
            return false;
        }
        match umem.layout().adjust(self.start, self.len, head, tail) {
            Some((start, len)) => {
                (self.start, self.len) = (start, len);
                true
            }
            None => false,
        }
    }

    /// Whether the packet goes on in the next segment.
    #[doc(alias = "XDP_PKT_CONTD")]
    #[inline]
    pub const fn continues(&self) -> bool {
        self.continues
    }
}

const _: () = assert!(size_of::<Frame>() == 8);

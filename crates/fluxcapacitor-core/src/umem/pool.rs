//! A stack of frames that are with the user.

use std::fmt;

use super::{Foreign, Frame, UmemRegion};

/// Frames of one UMEM that nobody uses; last in, first out, so that warm memory is used again.
///
/// Taking and giving never allocate: there is room for every frame of the UMEM from the start.
pub struct FramePool {
    umem: UmemRegion,
    /// A place for each frame of the UMEM. The first `len` hold the indices of those that are here, whose tokens they
    /// are (`[one-token]`).
    frames: Box<[u32]>,
    len: usize,
}

impl FramePool {
    /// An empty pool for the frames of `umem`.
    pub fn new(umem: &UmemRegion) -> Self {
        let frames = (0..umem.layout().frames()).collect();
        Self { umem: umem.clone(), frames, len: 0 }
    }

    /// Takes a frame; `None` when all are out.
    #[inline]
    pub fn take(&mut self) -> Option<Frame> {
        let last = self.len.checked_sub(1)?;
        let index = *self.frames.get(last)?;
        self.len = last;
        Some(Frame::new(index, self.umem.id()))
    }

    /// Takes frames one after the other, for as long as there are some.
    #[inline]
    pub fn drain(&mut self) -> impl Iterator<Item = Frame> {
        std::iter::from_fn(|| self.take())
    }

    /// Gives a frame to the pool.
    ///
    /// # Errors
    /// The frame itself, if it is of another UMEM.
    #[inline]
    pub fn give(&mut self, frame: Frame) -> Result<(), Foreign<Frame>> {
        if frame.umem() != self.umem.id() {
            return Err(Foreign(frame));
        }
        // Tokens are unique, so there are never more of them than places.
        debug_assert!(self.len < self.frames.len(), "[one-token]");
        if let Some(place) = self.frames.get_mut(self.len) {
            *place = frame.index();
            self.len += 1;
        }
        Ok(())
    }

    /// Gives frames to the pool, up to the first that is of another UMEM.
    ///
    /// # Errors
    /// As [`FramePool::give`].
    #[inline]
    pub fn give_all(
        &mut self,
        frames: impl IntoIterator<Item = Frame>,
    ) -> Result<(), Foreign<Frame>> {
        frames.into_iter().try_for_each(|frame| self.give(frame))
    }

    /// How many frames are in the pool.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The vacant places, and what counts those that are taken from the first on: for the indices of frames of the same
    /// UMEM, each of them a token (`[one-token]`).
    #[inline]
    pub(crate) fn vacant(&mut self) -> (&mut [u32], &mut usize) {
        (self.frames.get_mut(self.len..).unwrap_or_default(), &mut self.len)
    }

    /// Whether all frames are out.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The UMEM of its frames.
    #[inline]
    pub const fn umem(&self) -> &UmemRegion {
        &self.umem
    }
}

impl fmt::Debug for FramePool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FramePool")
            .field("umem", &self.umem.id())
            .field("len", &self.len())
            .finish()
    }
}

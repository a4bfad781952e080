//! The fill ring: frames for the kernel to receive into.

use std::sync::Arc;

use super::aside::Aside;
use super::push::at_most;
use super::way::Way;
use super::{ProducerRing, PushError, RingCorrupt, Slot};
use crate::error::{Error, Result};
use crate::sync::Ordering::Relaxed;
use crate::umem::{Frame, FramePool, Holder, Home, Lane, Place, SharedFrameState, UmemId};

/// Frames on their way to the kernel, to be filled with received packets.
///
/// A frame that was pushed is gone: it cannot be pushed again, nor its bytes be seen.
/// ```compile_fail,E0382
/// # use fluxcapacitor_core::{ring::*, umem::*};
/// # fn f(fill: &mut FillRing, frame: Frame) {
/// fill.push(frame).unwrap();
/// fill.push(frame).unwrap();
/// # }
/// ```
/// ```compile_fail,E0382
/// # use fluxcapacitor_core::{ring::*, umem::*};
/// # fn f(umem: &UmemRegion, fill: &mut FillRing, frame: Frame) {
/// fill.push(frame).unwrap();
/// umem.frame(&frame).unwrap();
/// # }
/// ```
/// ```compile_fail,E0505
/// # use fluxcapacitor_core::{ring::*, umem::*};
/// # fn f(umem: &UmemRegion, fill: &mut FillRing, mut frame: Frame) {
/// let view = umem.frame_mut(&mut frame).unwrap();
/// fill.push(frame).unwrap();
/// view[0] = 1;
/// # }
/// ```
/// Seen first and pushed once, it may:
/// ```
/// # use fluxcapacitor_core::{ring::*, umem::*};
/// # fn f(umem: &UmemRegion, fill: &mut FillRing, mut frame: Frame) {
/// let view = umem.frame_mut(&mut frame).unwrap();
/// view[0] = 1;
/// fill.push(frame).unwrap();
/// # }
/// ```
#[derive(Debug)]
pub struct FillRing {
    // The memory goes before the lane is closed: fields drop in this order.
    ring: ProducerRing<u64>,
    posted: Holder,
    /// Frames out of an exchange that there was no room for: a kernel shows a packet before it frees the slot of
    /// its frame.
    aside: Aside<u64>,
    lane: Arc<Lane>,
}

impl FillRing {
    pub(super) fn new(ring: ProducerRing<u64>, lane: Arc<Lane>) -> Self {
        Self { ring, posted: lane.holder(Place::Posted), aside: Aside::new(), lane }
    }

    /// Pushes one frame; the kernel sees it after [`FillRing::publish`].
    ///
    /// A kernel may show a packet before it gives the slot of the packet's frame back, so a ring that was
    /// full can be full still when the frame of a packet just received is to go back: keep it, and try
    /// again later.
    ///
    /// # Errors
    /// [`PushError`] with the frame.
    #[inline]
    pub fn push(&mut self, frame: Frame) -> Result<(), PushError<Frame>> {
        let mut frame = Some(frame).into_iter();
        self.extend(frame.by_ref())?;
        frame.next().map_or(Ok(()), |frame| Err(PushError::Full(frame)))
    }

    /// Pushes frames while there is room and there are frames, and says how many it took.
    ///
    /// Room is looked for once, at the start; `frames` is never asked for more than fit. Frames that are
    /// left in an iterator that was given away are lost: lend it with `by_ref()` if there may be some.
    ///
    /// # Errors
    /// [`PushError`] with the frame that it stopped at; those before it were pushed.
    #[inline]
    pub fn extend(
        &mut self,
        frames: impl IntoIterator<Item = Frame>,
    ) -> Result<u32, PushError<Frame>> {
        let mut frames = frames.into_iter();
        let (umem, posted) = (self.lane.umem().frames(), self.posted);
        let mut foreign = None;
        let pushed = self.ring.write_with(at_most(&frames), || {
            let frame = frames.next()?;
            if frame.umem() != umem.id() {
                foreign = Some(frame);
                return None;
            }
            Some(umem.lend(frame, posted))
        });
        match (pushed, foreign) {
            (Ok(pushed), None) => Ok(pushed),
            (Ok(_), Some(frame)) => Err(PushError::Foreign(frame)),
            (Err(corrupt), _) => {
                frames.next().map_or(Ok(0), |frame| Err(PushError::Corrupt(frame, corrupt)))
            }
        }
    }

    /// Pushes up to `max` frames of a pool, as far as there is room, and says how many.
    ///
    /// # Errors
    /// [`Error::Ring`] if the ring is corrupt; [`Error::Foreign`] if the pool is of another UMEM. The pool
    /// is as it was.
    #[inline]
    pub fn refill(&mut self, pool: &mut FramePool, max: u32) -> Result<u32> {
        if pool.umem().id() != self.lane.umem().id() {
            return Err(Error::Foreign);
        }
        let count = self.ring.room(max)?.min(max);
        match self.extend(pool.drain().take(count as usize)) {
            Ok(pushed) => Ok(pushed),
            // Not after these checks; but no frame is lost by a mistake of ours either.
            Err(refused) => {
                let _same_umem = pool.give(refused.into_inner());
                Ok(0)
            }
        }
    }

    /// Pushes up to `max` frames that have come home, as far as there is room, and says how many. The rest goes into
    /// `pool`.
    ///
    /// # Errors
    /// [`Error::Ring`] if the ring is corrupt; [`Error::Foreign`] if the way home or the pool is of another UMEM.
    /// The frames are where they were.
    #[inline]
    pub fn take_home(
        &mut self,
        shared: &SharedFrameState,
        home: Home,
        pool: &mut FramePool,
        max: u32,
    ) -> Result<u32> {
        let umem = self.lane.umem();
        if shared.umem().id() != umem.id() || pool.umem().id() != umem.id() {
            return Err(Error::Foreign);
        }
        if shared.is_empty(home) {
            return Ok(0);
        }
        // A corrupt ring shows here.
        let count = self.ring.room(max)?.min(max);
        let (umem, posted) = (umem.frames(), self.posted);
        let (below, mut next) = shared.take_chain(home);
        let below = below.get(..umem.count()).unwrap_or_default();
        let mut left = count;
        // Round the end of the ring it takes two runs.
        while left > 0 {
            let (cells, mut written) = self.ring.run(left);
            for cell in cells {
                // None below the lowest.
                let Some(link) = below.get(next as usize) else { break };
                // Read while the token is ours: from the next line on, a peer may give the frame to whoever receives.
                let under = link.load(Relaxed);
                // [one-token]: it was a link of the chain, and the ledger stands for it now.
                umem.lend_index(next, posted).store(cell);
                next = under;
                written.count += 1;
            }
            left -= written.count;
            if written.count < cells.len() as u32 {
                break;
            }
        }
        let _same_umem = pool.give_all(shared.rest(home, next));
        Ok(count - left)
    }

    /// Has exchanges of up to `most` packets put all of their frames aside, if they must; 64 at first.
    pub fn reserve_aside(&mut self, most: u32) {
        // There are never more frames than there are.
        self.aside.reserve(most.min(self.lane.umem().layout().frames()));
    }

    /// Gives frames of an exchange that there was no room for to a pool, and says how many those were.
    ///
    /// # Errors
    /// [`Error::Foreign`] if the pool is of another UMEM; they are where they were.
    #[inline]
    pub fn give_aside(&mut self, pool: &mut FramePool) -> Result<u32> {
        if self.aside.is_empty() { Ok(0) } else { self.give_each_aside(pool) }
    }

    #[cold]
    fn give_each_aside(&mut self, pool: &mut FramePool) -> Result<u32> {
        let umem = self.lane.umem();
        if pool.umem().id() != umem.id() {
            return Err(Error::Foreign);
        }
        let mut given = 0;
        // `[one-token]`: what was put aside are tokens.
        while let Some(addr) = self.aside.pop() {
            let _same_umem = pool.give(umem.frames().frame_at(addr));
            given += 1;
        }
        Ok(given)
    }

    /// A way into it for up to `max` frames, and for how many: as [`Way::new`].
    #[inline(always)]
    pub(super) fn way(&mut self, slots: (u32, u32, u32)) -> (Way<'_, u64>, usize) {
        let Self { ring, aside, posted, .. } = self;
        Way::new(ring, aside, *posted, slots)
    }

    /// The cursor, for addresses whose frames have been written down.
    #[inline]
    pub(super) fn cursor(&mut self) -> &mut ProducerRing<u64> {
        &mut self.ring
    }

    /// The holder to write down for frames of its lane.
    #[inline]
    pub(super) const fn holder(&self) -> Holder {
        self.posted
    }

    /// The holder to write down for frames of the UMEM `umem`.
    #[inline]
    pub(super) fn holder_of(&self, umem: UmemId) -> Result<Holder> {
        if umem == self.lane.umem().id() { Ok(self.posted) } else { Err(Error::Foreign) }
    }

    /// Whether it is one of the rings of `lane`.
    #[inline]
    pub(super) fn is_of(&self, lane: &Arc<Lane>) -> bool {
        Arc::ptr_eq(&self.lane, lane)
    }

    /// Writes an address as it is, past the ledger, and says whether there was room: for tests of
    /// what the kernel does with one that no safe code can submit.
    #[cfg(fluxcap_doors)]
    pub fn forge(&mut self, addr: u64) -> bool {
        matches!(self.ring.push(addr), Ok(Ok(())))
    }

    /// Shows the kernel everything pushed so far.
    #[inline]
    pub fn publish(&mut self) {
        self.ring.publish();
    }

    /// How many frames fit now.
    ///
    /// # Errors
    /// [`RingCorrupt`] if the kernel's index is out of its window.
    #[inline]
    pub fn room(&mut self) -> Result<u32, RingCorrupt> {
        self.ring.room(u32::MAX)
    }

    /// How many frames fit; looks at the kernel's index only when fewer than `want` are known to.
    ///
    /// # Errors
    /// As [`FillRing::room`].
    #[inline]
    pub fn room_for(&mut self, want: u32) -> Result<u32, RingCorrupt> {
        self.ring.room(want)
    }

    /// How many frames were pushed and not published.
    #[inline]
    pub const fn unpublished(&self) -> u32 {
        self.ring.unpublished()
    }

    /// Whether the kernel sleeps and wants to be woken to take frames. Publish first, then ask.
    #[inline]
    pub fn needs_wakeup(&self) -> bool {
        self.ring.needs_wakeup()
    }

    /// How many published frames the kernel has not taken yet.
    #[inline]
    pub fn occupancy(&self) -> u32 {
        self.ring.occupancy()
    }

    /// Number of slots.
    #[inline]
    pub fn size(&self) -> u32 {
        self.ring.size()
    }
}

impl Drop for FillRing {
    /// Frames aside are the closed lane's, from where they can be recovered.
    fn drop(&mut self) {
        let umem = self.lane.umem().frames();
        // `[one-token]`: what was put aside are tokens.
        while let Some(addr) = self.aside.pop() {
            umem.lend_at(addr, self.posted);
        }
    }
}

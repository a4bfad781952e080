//! The completion ring: frames that were sent.

use std::sync::Arc;

use super::consumer::Taken;
use super::run::abreast;
use super::transfer::{Step, transfer};
use super::{ConsumerRing, Descriptor, FillRing, RingCorrupt, Slot, TxRing};
use crate::error::{Error, Result};
use crate::umem::{Frame, FramePool, Frames, Holder, Home, Lane, SharedFrameState};

/// Frames on their way back from the wire.
///
/// What the kernel writes is input: an address becomes a frame only if that frame is out in the tx
/// ring of the same lane. Others are skipped and counted.
#[derive(Debug)]
pub struct CompletionRing {
    // The memory goes before the lane is closed: fields drop in this order.
    ring: ConsumerRing<u64>,
    sent: Holder,
    rejected: u64,
    lane: Arc<Lane>,
}

impl CompletionRing {
    pub(super) fn new(ring: ConsumerRing<u64>, lane: Arc<Lane>) -> Self {
        Self { ring, sent: lane.sent(), rejected: 0, lane }
    }

    /// Takes up to `max` frames back; none if none were sent. Their bytes are as they were.
    ///
    /// Frames that are not taken out of the batch stay in the ring. A batch that is forgotten
    /// (`mem::forget`) loses them.
    ///
    /// # Errors
    /// [`RingCorrupt`] if the kernel's index is out of its window.
    #[inline]
    pub fn complete(&mut self, max: u32) -> Result<Completed<'_>, RingCorrupt> {
        Ok(Completed {
            taken: self.ring.take(max)?,
            umem: self.lane.umem().frames(),
            sent: self.sent,
            rejected: &mut self.rejected,
        })
    }

    /// Gives up to `max` frames that were sent to a pool, and says how many.
    ///
    /// # Errors
    /// [`Error::Ring`](crate::Error::Ring) if the ring is corrupt;
    /// [`Error::Foreign`](crate::Error::Foreign) if the pool is of another UMEM. The ring is as it was.
    #[inline]
    pub fn reclaim(&mut self, pool: &mut FramePool, max: u32) -> Result<u32> {
        if pool.umem().id() != self.lane.umem().id() {
            return Err(Error::Foreign);
        }
        self.all_runs(max, |ring, max| ring.reclaim_run(pool, max))
    }

    /// The same, as far as they lie side by side, up to one that is rejected. A loop of its own, with all registers for
    /// itself.
    #[inline(never)]
    fn reclaim_run(&mut self, pool: &mut FramePool, max: u32) -> Result<u32, RingCorrupt> {
        let count = self.ring.ready()?.min(max);
        let (umem, sent) = (self.lane.umem().frames(), self.sent);
        let (cells, mut released) = self.ring.run(count);
        let (vacant, len) = pool.vacant();
        let (mut places, mut done) = (vacant.iter_mut(), 0);
        // Each that is looked at is taken, also by a full pool, to which only a lie can be told: who calls goes on until
        // there is none.
        for cell in cells {
            let claim = umem.claim(u64::load(cell), 0, sent);
            let Some((claim, place)) = claim.and_then(|claim| Some((claim, places.next()?))) else {
                self.rejected += 1;
                released.count = 1;
                break;
            };
            *place = claim.into_index() as u32;
            done += 1;
        }
        *len += done as usize;
        released.count += done;
        Ok(done)
    }

    /// What `run` makes of all runs that are there, and of `max` frames at most: round the end of the ring it takes two,
    /// and one more behind each that is rejected.
    #[inline]
    fn all_runs(
        &mut self,
        max: u32,
        mut run: impl FnMut(&mut Self, u32) -> Result<u32, RingCorrupt>,
    ) -> Result<u32> {
        let mut done = 0;
        loop {
            done += run(self, max - done)?;
            if self.ring.known() == 0 || done == max {
                return Ok(done);
            }
        }
    }

    /// Sends up to `max` frames that were sent home, and says how many.
    ///
    /// # Errors
    /// [`Error::Ring`](crate::Error::Ring) if the ring is corrupt;
    /// [`Error::Foreign`](crate::Error::Foreign) if the way home is of another UMEM. The ring is as it was.
    #[inline]
    pub fn send_home(&mut self, shared: &SharedFrameState, home: Home, max: u32) -> Result<u32> {
        if shared.umem().id() != self.lane.umem().id() {
            return Err(Error::Foreign);
        }
        self.all_runs(max, |ring, max| ring.send_run_home(shared, home, max))
    }

    /// The same, as far as they lie side by side, up to one that is rejected. A loop of its own, with all registers for
    /// itself.
    #[inline(never)]
    fn send_run_home(
        &mut self,
        shared: &SharedFrameState,
        home: Home,
        max: u32,
    ) -> Result<u32, RingCorrupt> {
        let count = self.ring.ready()?.min(max);
        let (umem, sent, rejected) = (self.lane.umem().frames(), self.sent, &mut self.rejected);
        let (cells, mut released) = self.ring.run(count);
        let mut next = |cell| {
            let claim = umem.claim(u64::load(cell), 0, sent);
            released.count += 1;
            *rejected += u64::from(claim.is_none());
            claim
        };
        // Ends behind what is rejected: a loop that went on there would be longer for every frame.
        let Some((first, rest)) = cells.split_first() else { return Ok(0) };
        let Some(first) = next(first) else { return Ok(0) };
        let (mut pile, mut done) = (shared.pile(home, first.into_index(), umem.count()), 1);
        let _ended = abreast(rest).try_for_each(|cell| {
            pile.put(next(cell)?.into_index());
            done += 1;
            Some(())
        });
        Ok(done)
    }

    /// Posts up to `max` frames that were sent straight to `fill`, and says how many.
    ///
    /// Stops early where either ring ends in memory and behind what is rejected, and moves none if `fill`
    /// is full.
    ///
    /// # Errors
    /// [`Error::Ring`](crate::Error::Ring) if a ring is corrupt;
    /// [`Error::Foreign`](crate::Error::Foreign) if `fill` is of another UMEM.
    #[inline]
    pub fn recycle(&mut self, fill: &mut FillRing, max: u32) -> Result<u32> {
        let (umem, from, rejected) = (self.lane.umem().frames(), self.sent, &mut self.rejected);
        let to = fill.holder_of(umem.id())?;
        let moved = transfer(&mut self.ring, fill.cursor(), max, |addr| {
            let Some(claim) = umem.claim(addr, 0, from) else {
                *rejected += 1;
                return Step::Skip;
            };
            Step::Move(claim.lend(to))
        });
        Ok(moved?)
    }

    /// Sends up to `max` frames that were sent once more, each with the packet that `write` puts into
    /// it, and says how many. The shortest way to generate packets.
    ///
    /// `write` is lent the frame from the headroom on, with what was in it before, and gives the length
    /// of the packet, in bytes. At a length of 0, or beyond the frame, it stops, and the frame is still
    /// in the ring; so it is if `write` panics. It also stops where either ring ends in memory and behind
    /// what is rejected, and moves none if `tx` is full.
    ///
    /// # Errors
    /// [`Error::Ring`](crate::Error::Ring) if a ring is corrupt;
    /// [`Error::Foreign`](crate::Error::Foreign) if `tx` is of another UMEM.
    #[inline]
    pub fn resend(
        &mut self,
        tx: &mut TxRing,
        max: u32,
        mut write: impl FnMut(&mut [u8]) -> usize,
    ) -> Result<u32> {
        let (umem, from, rejected) = (self.lane.umem().frames(), self.sent, &mut self.rejected);
        let to = tx.holder_of(umem.id())?;
        let (headroom, room) = umem.sendable();
        let moved = transfer(&mut self.ring, tx.cursor(), max, |addr| {
            let first = umem.base_of(addr) + headroom;
            let Some(mut claim) = umem.claim(first, room, from) else {
                *rejected += 1;
                return Step::Skip;
            };
            let len = write(claim.bytes_mut()) as u64;
            if len == 0 || len > room {
                return Step::Stop;
            }
            claim.lend(to);
            // At most `room`, and so a u32.
            Step::Move(Descriptor { addr: first, len: len as u32, options: 0 })
        });
        Ok(moved?)
    }

    /// How many frames are known to wait; looks for more only when there are none.
    ///
    /// # Errors
    /// As [`CompletionRing::complete`].
    #[inline]
    pub fn ready(&mut self) -> Result<u32, RingCorrupt> {
        self.ring.ready()
    }

    /// How many frames are known to wait, without a look.
    #[inline]
    pub fn known(&self) -> u32 {
        self.ring.known()
    }

    /// Takes one frame back.
    ///
    /// # Errors
    /// As [`CompletionRing::complete`].
    #[inline]
    pub fn pop(&mut self) -> Result<Option<Frame>, RingCorrupt> {
        Ok(self.complete(1)?.next())
    }

    /// How many frames are waiting.
    #[inline]
    pub fn occupancy(&self) -> u32 {
        self.ring.occupancy()
    }

    /// How many addresses were skipped because they could not be true; 0 with an honest kernel.
    #[inline]
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Number of slots.
    #[inline]
    pub fn size(&self) -> u32 {
        self.ring.size()
    }
}

/// A batch of frames out of the [`CompletionRing`].
#[derive(Debug)]
#[must_use = "frames that are not taken out of it stay in the ring"]
pub struct Completed<'r> {
    taken: Taken<'r, u64>,
    umem: Frames<'r>,
    sent: Holder,
    rejected: &'r mut u64,
}

impl Iterator for Completed<'_> {
    type Item = Frame;

    #[inline]
    fn next(&mut self) -> Option<Frame> {
        loop {
            match self.umem.claim(self.taken.next()?, 0, self.sent) {
                Some(claim) => return Some(claim.into_frame()),
                None => *self.rejected += 1,
            }
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.taken.len()))
    }
}

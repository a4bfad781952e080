//! Packets that are lent, into the tx ring; or where they wait for room.

use std::mem;

use super::TxRing;
use crate::error::{Error, Result};
use crate::ring::outbox::TxSlots;
use crate::ring::way::Way;
use crate::ring::{Descriptor, Outbox, RingCorrupt};
use crate::umem::FramePool;

impl TxRing {
    /// Opens it for up to `max` packets that are lent; the kernel sees them after [`TxRing::publish`].
    ///
    /// If it has room for fewer, or [holds back](TxRing::hold_back), or some wait already, those that are put into it
    /// [wait](TxRing::waiting).
    ///
    /// # Errors
    /// [`RingCorrupt`] if the kernel's index is out of its window.
    #[inline]
    pub fn outbox(&mut self, max: u32) -> Result<Outbox<'_>, RingCorrupt> {
        let (room, umem) = (self.ring.room(max)?, self.lane.umem().id());
        Ok(Outbox::new(self.open(room, max), umem))
    }

    /// The same, where it has `room`, and how many slots these are.
    #[inline(always)]
    pub(in crate::ring) fn open(&mut self, room: u32, max: u32) -> (TxSlots<'_>, usize) {
        let Self { ring, queued, waiting, bytes, .. } = self;
        // Nothing overtakes what waits.
        let room = if self.held_back || !waiting.is_empty() { 0 } else { room };
        // Where nothing is sent, the ring stays where it is: batches must not be short for ever.
        let (way, size) = Way::new(ring, waiting, *queued, (room, max / 2, max));
        (TxSlots::new(way, bytes), size)
    }

    /// Has all packets out of an exchange wait, so that somebody may [see](TxRing::push_waiting) them.
    pub fn hold_back(&mut self, all: bool) {
        self.held_back = all;
    }

    /// Has up to `most` packets out of an exchange wait, if they must; 64 at first.
    pub fn reserve_waiting(&mut self, most: u32) {
        // There are never more frames than there are.
        self.waiting.reserve(most.min(self.lane.umem().layout().frames()));
    }

    /// How many packets wait for room.
    #[inline]
    pub fn waiting(&self) -> u32 {
        self.waiting.len()
    }

    /// Pushes packets that wait, as far as there is room, each after `see` has seen its bytes; says how many are
    /// left.
    ///
    /// # Errors
    /// [`RingCorrupt`] if the kernel's index is out of its window.
    pub fn push_waiting(&mut self, mut see: impl FnMut(&[u8])) -> Result<u32, RingCorrupt> {
        let Self { ring, queued, waiting, lane, .. } = self;
        let umem = lane.umem().frames();
        ring.write_with(waiting.len(), || {
            // `[one-token]`: what waits are tokens; if it panics now, the frame is lost.
            let Descriptor { addr, len, .. } = waiting.pop()?;
            let segment = umem.segment_at(addr, len);
            see(lane.umem().packet(&segment).unwrap_or_default());
            umem.lend(segment.into_frame(), *queued);
            Some(Descriptor { addr, len, options: 0 })
        })?;
        Ok(waiting.len())
    }

    /// Gives the frames of packets that wait to a pool, and says how many those were.
    ///
    /// # Errors
    /// [`Error::Foreign`] if the pool is of another UMEM; they wait as before.
    pub fn give_up_waiting(&mut self, pool: &mut FramePool) -> Result<u32> {
        let umem = self.lane.umem();
        if pool.umem().id() != umem.id() {
            return Err(Error::Foreign);
        }
        let mut given_up = 0;
        // `[one-token]`: what waits are tokens.
        while let Some(descriptor) = self.waiting.pop() {
            self.bytes = self.bytes.wrapping_sub(descriptor.len.into());
            let _same_umem = pool.give(umem.frames().frame_at(descriptor.addr));
            given_up += 1;
        }
        Ok(given_up)
    }

    /// Bytes of packets that were put into an outbox, less those of packets that were given up, and of packets that
    /// know their way home; since this was asked last, and modulo 2⁶⁴.
    #[inline]
    pub fn take_bytes(&mut self) -> u64 {
        mem::take(&mut self.bytes)
    }

    /// Whether packets wait for room, or for being published.
    #[inline]
    pub fn is_loaded(&self) -> bool {
        self.unpublished() > 0 || !self.waiting.is_empty()
    }
}

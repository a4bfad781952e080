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
        let least = if self.chains.segments_max > 1 { max } else { max / 2 };
        Ok(Outbox::new(self.open((room, least, max)), umem))
    }

    /// The same, of slots as [`Way::new`] says, and how many there are.
    #[inline(always)]
    pub(in crate::ring) fn open(
        &mut self,
        (room, least, max): (u32, u32, u32),
    ) -> (TxSlots<'_>, usize) {
        let Self { ring, queued, waiting, bytes, chains, .. } = self;
        // Nothing overtakes what waits.
        let room = if self.held_back || !waiting.is_empty() { 0 } else { room };
        let (way, size) = Way::new(ring, waiting, *queued, (room, least, max));
        (TxSlots::new(way, bytes, chains), size)
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

    /// How many packets wait for room, or segments of such.
    #[inline]
    pub fn waiting(&self) -> u32 {
        self.waiting.len()
    }

    /// Pushes packets that wait, as far as there is room, each whole and after `see` has seen its bytes, or those of its
    /// first segment; says how many are [left](TxRing::waiting).
    ///
    /// # Errors
    /// [`RingCorrupt`] if the kernel's index is out of its window.
    pub fn push_waiting(&mut self, mut see: impl FnMut(&[u8])) -> Result<u32, RingCorrupt> {
        let Self { ring, queued, waiting, chains, lane, .. } = self;
        let umem = lane.umem().frames();
        let mut room = ring.room(waiting.len())?;
        while let Some(Descriptor { addr, len, .. }) = waiting.peek() {
            let segments = waiting.first_whole();
            if segments > room {
                break;
            }
            // `[one-token]`: what waits are tokens; this one stays there, whatever `see` does.
            see(lane.umem().packet(&umem.segment_at(addr, len)).unwrap_or_default());
            room -= ring.write_with(segments, || {
                let descriptor = waiting.pop()?;
                umem.lend_at(descriptor.addr, *queued);
                Some(descriptor)
            })?;
            chains.further = chains.further.wrapping_add(segments - 1);
        }
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
            given_up += u32::from(!descriptor.goes_on());
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

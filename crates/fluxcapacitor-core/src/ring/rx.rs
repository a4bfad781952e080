//! The rx ring: packets received.

mod lent;
mod parcels;

use std::mem;
use std::sync::Arc;

use super::consumer::Taken;
use super::gathered::Gathered;
use super::transfer::{Step, transfer};
use super::whole::{Reassembly, WholePackets};
use super::{ConsumerRing, Descriptor, FillRing, RingCorrupt, TxRing, XDP_PKT_CONTD};
use crate::error::{Error, Result};
use crate::umem::{Chain, Frames, Holder, Lane, Segment};

/// Packets that the kernel has received.
///
/// What it writes is input: a descriptor becomes a packet only if its frame is out in the fill ring
/// of the same lane, and its bytes lie within that frame. Others are skipped and counted.
#[derive(Debug)]
pub struct RxRing {
    // The memory goes before the lane is closed: fields drop in this order.
    ring: ConsumerRing<Descriptor>,
    received: Holder,
    rejected: u64,
    whole: Reassembly,
    /// Of packets that are lent whole.
    gathered: Gathered,
    lane: Arc<Lane>,
}

impl RxRing {
    pub(super) fn new(ring: ConsumerRing<Descriptor>, lane: Arc<Lane>) -> Self {
        Self {
            ring,
            received: lane.received(),
            rejected: 0,
            whole: Reassembly::new(),
            gathered: Gathered::default(),
            lane,
        }
    }

    pub(super) fn set_segments_max(&mut self, most: u32) {
        self.whole.segments_max = most;
        self.gathered = Gathered::new(most, self.ring.size());
    }

    /// Receives up to `max` packets; none if there are none. Of a packet that goes on in further descriptors, each
    /// is one by itself ([`Segment::continues`]); [`RxRing::receive_whole`] puts them together.
    ///
    /// Packets that are not taken out of the batch stay in the ring. A batch that is forgotten
    /// (`mem::forget`) loses their frames; so does a loop over it that is left with a packet in hand,
    /// by `?` or `break`: give the packet's frame to a pool or a ring first.
    ///
    /// # Errors
    /// [`RingCorrupt`] if the kernel's index is out of its window.
    #[inline]
    pub fn receive(&mut self, max: u32) -> Result<Received<'_>, RingCorrupt> {
        Ok(Received {
            taken: self.ring.take(max)?,
            umem: self.lane.umem().frames(),
            received: self.received,
            rejected: &mut self.rejected,
        })
    }

    /// Receives up to `max` whole packets, of as many segments as each has; none if there are none.
    ///
    /// Descriptors of a packet whose end has not come yet stay in the ring, as do packets that are not taken
    /// out of the batch. Unlike other batches, it goes on round the end of the ring.
    ///
    /// A packet is rejected if one of its descriptors could not be true, or if it has more than
    /// [`RxRing::segments_max`] segments, or more than the ring has slots. What frames it has are kept for
    /// [`RxRing::salvage`]. Ask for whole packets on a ring of multi-buffer packets always, or never:
    /// [`RxRing::receive`] does not know of a packet that this has begun to reject.
    ///
    /// # Errors
    /// [`RingCorrupt`] if the kernel's index is out of its window.
    #[inline]
    pub fn receive_whole(&mut self, max: u32) -> Result<WholePackets<'_>, RingCorrupt> {
        if mem::take(&mut self.whole.awaits_end) {
            self.ring.look()?;
        } else {
            self.ring.ready()?;
        }
        let (region, received) = (self.lane.umem(), self.received);
        let (ring, kept, rejected) = (&mut self.ring, &mut self.whole, &mut self.rejected);
        Ok(WholePackets::new(ring, region, received, kept, rejected, max))
    }

    /// The frames of packets that were received whole and rejected since this was last asked for, to
    /// be given to a pool; with an honest kernel there are none.
    ///
    /// Frames that are not asked for are the closed lane's when the ring is dropped.
    #[inline]
    pub fn salvage(&mut self) -> Chain {
        mem::take(&mut self.whole.salvage)
    }

    /// How many segments a whole packet may have; 1 unless the socket takes packets of several.
    #[inline]
    pub fn segments_max(&self) -> u32 {
        self.whole.segments_max
    }

    /// Lends up to `max` packets to `look`, posts the frame of each straight back to `fill`, and says
    /// how many. The shortest way to look at packets and drop them.
    ///
    /// It is for packets of one segment: a descriptor of one that goes on is rejected, and its frame stays
    /// out. Stops early where either ring ends in memory and behind what is rejected, and moves none if
    /// `fill` is full: leave room in it for what has been received. If `look` panics, its packet is
    /// still in the ring.
    ///
    /// # Errors
    /// [`Error::Ring`] if a ring is corrupt; [`Error::Invalid`] if `fill` is not of the same lane.
    #[inline]
    pub fn recycle(
        &mut self,
        fill: &mut FillRing,
        max: u32,
        mut look: impl FnMut(&mut [u8]),
    ) -> Result<u32> {
        self.check(fill)?;
        let (umem, from, rejected) = (self.lane.umem().frames(), self.received, &mut self.rejected);
        // Of the same lane, and so of the same UMEM.
        let to = fill.holder();
        let mut step = |descriptor: Descriptor, to| {
            let Some(mut claim) = umem.claim(descriptor.addr, descriptor.extent(), from) else {
                *rejected += 1;
                return Step::Skip;
            };
            look(claim.bytes_mut());
            Step::Move(claim.lend(to))
        };
        // On a kernel's lane both are one: a register less in the loop.
        let moved = if from == to {
            transfer(&mut self.ring, fill.cursor(), max, |descriptor| step(descriptor, from))
        } else {
            transfer(&mut self.ring, fill.cursor(), max, |descriptor| step(descriptor, to))
        };
        Ok(moved?)
    }

    /// Lends up to `max` packets to `edit`, pushes each to `tx` as it is then, and says how many. The
    /// shortest way to change packets and send them on.
    ///
    /// Stops early where either ring ends in memory and behind what is rejected, and moves none if `tx`
    /// is full. What cannot be sent, a packet of length 0 or one that goes on in another descriptor, is
    /// counted as rejected. If `edit` panics, its packet is still in the ring.
    ///
    /// # Errors
    /// [`Error::Ring`] if a ring is corrupt; [`Error::Foreign`] if `tx` is of another UMEM.
    #[inline]
    pub fn forward(
        &mut self,
        tx: &mut TxRing,
        max: u32,
        mut edit: impl FnMut(&mut [u8]),
    ) -> Result<u32> {
        let (umem, from, rejected) = (self.lane.umem().frames(), self.received, &mut self.rejected);
        let to = tx.holder_of(umem.id())?;
        let moved = transfer(&mut self.ring, tx.cursor(), max, |descriptor: Descriptor| {
            // A packet of length 0 is nothing that can be sent.
            let claim = umem.claim(descriptor.addr, descriptor.extent(), from);
            let Some(mut claim) = claim.filter(|_| descriptor.len > 0) else {
                *rejected += 1;
                return Step::Skip;
            };
            edit(claim.bytes_mut());
            claim.lend(to);
            Step::Move(descriptor)
        });
        Ok(moved?)
    }

    /// Whether frames go back to `fill`.
    #[inline]
    fn check(&self, fill: &FillRing) -> Result<()> {
        if fill.is_of(&self.lane) {
            return Ok(());
        }
        Err(of_another_lane("fill ring"))
    }

    /// How many packets are known to wait; looks for more only when there are none.
    ///
    /// # Errors
    /// As [`RxRing::receive`].
    #[inline]
    pub fn ready(&mut self) -> Result<u32, RingCorrupt> {
        self.ring.ready()
    }

    /// How many packets are known to wait, without a look.
    #[inline]
    pub fn known(&self) -> u32 {
        self.ring.known()
    }

    /// Receives one packet.
    ///
    /// # Errors
    /// As [`RxRing::receive`].
    #[inline]
    pub fn pop(&mut self) -> Result<Option<Segment>, RingCorrupt> {
        Ok(self.receive(1)?.next())
    }

    /// How many packets are waiting.
    #[inline]
    pub fn occupancy(&self) -> u32 {
        self.ring.occupancy()
    }

    /// How many descriptors were skipped because they could not be true, and packets because they had too
    /// many; 0 with an honest kernel. Frames that a descriptor did not rightly name stay out.
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

#[cold]
fn of_another_lane(ring: &'static str) -> Error {
    Error::invalid(ring, "of another lane", "packets go back where they came from")
}

impl Drop for RxRing {
    fn drop(&mut self) {
        let mut salvage = self.salvage();
        let umem = self.lane.umem();
        while let Ok(Some(segment)) = umem.take_first(&mut salvage) {
            umem.frames().lend(segment.into_frame(), self.received);
        }
    }
}

/// A batch of packets out of the [`RxRing`], in the order of arrival.
///
/// It borrows the ring, so it cannot outlive it, nor be two of it at a time:
/// ```compile_fail,E0505
/// # use fluxcapacitor_core::{ring::*, umem::*};
/// # fn f(mut rx: RxRing) -> Result<(), RingCorrupt> {
/// let mut batch = rx.receive(64)?;
/// drop(rx);
/// batch.next();
/// # Ok(()) }
/// ```
/// ```compile_fail,E0499
/// # use fluxcapacitor_core::{ring::*, umem::*};
/// # fn f(mut rx: RxRing) -> Result<(), RingCorrupt> {
/// let mut batch = rx.receive(64)?;
/// let more = rx.receive(64)?;
/// batch.next();
/// # Ok(()) }
/// ```
/// One after the other they can be; and the packets, being owned, outlive both:
/// ```
/// # use fluxcapacitor_core::{ring::*, umem::*};
/// # fn f(mut rx: RxRing) -> Result<(), RingCorrupt> {
/// let packets: Vec<Segment> = rx.receive(64)?.collect();
/// let more = rx.receive(64)?;
/// drop(more);
/// drop(rx);
/// drop(packets);
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "packets that are not taken out of it stay in the ring"]
pub struct Received<'r> {
    taken: Taken<'r, Descriptor>,
    umem: Frames<'r>,
    received: Holder,
    rejected: &'r mut u64,
}

impl Iterator for Received<'_> {
    type Item = Segment;

    #[inline]
    fn next(&mut self) -> Option<Segment> {
        loop {
            let Descriptor { addr, len, options } = self.taken.next()?;
            match self.umem.claim(addr, u64::from(len), self.received) {
                Some(claim) => return Some(claim.into_segment(options & XDP_PKT_CONTD != 0)),
                None => *self.rejected += 1,
            }
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.taken.len()))
    }
}

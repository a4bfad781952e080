//! The rx ring: packets received.

use std::sync::Arc;

use super::consumer::Taken;
use super::{ConsumerRing, Descriptor, RingCorrupt, XDP_PKT_CONTD};
use crate::umem::{Entries, Frame, Holder, Lane, Layout, Place, Segment, UmemId};

/// Packets that the kernel has received.
///
/// What it writes is input: a descriptor becomes a packet only if its frame is out in the fill ring
/// of the same lane, and its bytes lie within that frame. Others are skipped and counted.
#[derive(Debug)]
pub struct RxRing {
    // The memory goes before the lane is closed: fields drop in this order.
    ring: ConsumerRing<Descriptor>,
    posted: Holder,
    rejected: u64,
    lane: Arc<Lane>,
}

impl RxRing {
    pub(super) fn new(ring: ConsumerRing<Descriptor>, lane: Arc<Lane>) -> Self {
        Self { ring, posted: lane.holder(Place::Posted), rejected: 0, lane }
    }

    /// Receives up to `max` packets; none if there are none.
    ///
    /// Packets that are not taken out of the batch stay in the ring. A batch that is forgotten
    /// (`mem::forget`) loses their frames.
    ///
    /// # Errors
    /// [`RingCorrupt`] if the kernel's index is out of its window.
    #[inline]
    pub fn receive(&mut self, max: u32) -> Result<Received<'_>, RingCorrupt> {
        let umem = self.lane.umem();
        Ok(Received {
            taken: self.ring.take(max)?,
            ledger: umem.entries(),
            layout: umem.layout(),
            id: umem.id(),
            posted: self.posted,
            rejected: &mut self.rejected,
        })
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

    /// How many descriptors were skipped because they could not be true; 0 with an honest kernel.
    /// Their frames stay out.
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
    ledger: Entries<'r>,
    layout: Layout,
    id: UmemId,
    posted: Holder,
    rejected: &'r mut u64,
}

impl Iterator for Received<'_> {
    type Item = Segment;

    #[inline]
    fn next(&mut self) -> Option<Segment> {
        loop {
            let Descriptor { addr, len, options } = self.taken.next()?;
            let (index, start) = self.layout.split(addr);
            if u64::from(start) + u64::from(len) <= u64::from(self.layout.frame_size()) {
                // Cleared before the token exists, so that the same address once more is refused.
                if let Some(index) = self.ledger.reclaim(index, self.posted) {
                    let frame = Frame::new(index, self.id);
                    return Some(Segment::new(frame, start, len, options & XDP_PKT_CONTD != 0));
                }
            }
            *self.rejected += 1;
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.taken.len()))
    }
}

//! The tx ring: packets to send.

mod lent;
mod parcels;

use std::sync::Arc;

use super::aside::Aside;
use super::outbox::Chains;
use super::push::at_most;
use super::{Descriptor, ProducerRing, PushError, RingCorrupt, XDP_PKT_CONTD};
use crate::error::{Error, Result};
use crate::umem::{Chain, Holder, Lane, Owed, Place, Segment, UmemId};

/// Packets on their way to the wire.
///
/// Only what the kernel will send and complete gets in: an invalid descriptor is refused and handed
/// back, because kernels differ on whether they complete one.
///
/// A packet that was pushed is gone: it cannot be sent twice, nor written to while it is sent.
/// ```compile_fail,E0382
/// # use fluxcapacitor_core::{ring::*, umem::*};
/// # fn f(tx: &mut TxRing, packet: Segment) {
/// tx.push(packet).unwrap();
/// tx.push(packet).unwrap();
/// # }
/// ```
/// ```compile_fail,E0505
/// # use fluxcapacitor_core::{ring::*, umem::*};
/// # fn f(umem: &UmemRegion, tx: &mut TxRing, mut packet: Segment) {
/// let bytes = umem.packet_mut(&mut packet).unwrap();
/// tx.push(packet).unwrap();
/// bytes[0] = 1;
/// # }
/// ```
/// Written first and pushed once, it may:
/// ```
/// # use fluxcapacitor_core::{ring::*, umem::*};
/// # fn f(umem: &UmemRegion, tx: &mut TxRing, mut packet: Segment) {
/// let bytes = umem.packet_mut(&mut packet).unwrap();
/// bytes[0] = 1;
/// tx.push(packet).unwrap();
/// # }
/// ```
#[derive(Debug)]
pub struct TxRing {
    // The memory goes before the lane is closed: fields drop in this order.
    ring: ProducerRing<Descriptor>,
    queued: Holder,
    /// Packets out of an exchange that there was no room for, or that were held back.
    waiting: Aside<Descriptor>,
    /// Whether all packets out of an exchange are to wait.
    held_back: bool,
    /// Bytes of packets out of an exchange, or that know their way home.
    bytes: u64,
    /// Of packets of several segments, and how many more segments than packets of these were pushed.
    chains: Chains,
    /// What packets that were pushed have held.
    owed: Owed,
    lane: Arc<Lane>,
}

impl TxRing {
    pub(super) fn new(ring: ProducerRing<Descriptor>, lane: Arc<Lane>) -> Self {
        let (queued, waiting) = (lane.holder(Place::Queued), Aside::new());
        Self {
            ring,
            queued,
            waiting,
            held_back: false,
            bytes: 0,
            chains: Chains { segments_max: 1, further: 0 },
            owed: Owed::default(),
            lane,
        }
    }

    pub(super) fn set_segments_max(&mut self, most: u32) {
        self.chains.segments_max = most.min(self.ring.size());
    }

    /// Pushes one packet; the kernel sees it after [`TxRing::publish`].
    ///
    /// # Errors
    /// [`PushError`] with the packet.
    #[inline]
    pub fn push(&mut self, packet: Segment) -> Result<(), PushError<Segment>> {
        let mut packet = Some(packet).into_iter();
        self.extend(packet.by_ref())?;
        packet.next().map_or(Ok(()), |packet| Err(PushError::Full(packet)))
    }

    /// Pushes packets while there is room and there are packets, and says how many it took.
    ///
    /// Room is looked for once, at the start; `packets` is never asked for more than fit. Packets that are
    /// left in an iterator that was given away are lost: lend it with `by_ref()` if there may be some.
    ///
    /// # Errors
    /// [`PushError`] with the packet that it stopped at; those before it were pushed.
    #[inline]
    pub fn extend(
        &mut self,
        packets: impl IntoIterator<Item = Segment>,
    ) -> Result<u32, PushError<Segment>> {
        let mut packets = packets.into_iter();
        let (umem, queued) = (self.lane.umem().frames(), self.queued);
        let mut refused = None;
        let pushed = self.ring.write_with(at_most(&packets), || {
            let packet = packets.next()?;
            // [in-chunk] holds already: what is left to refuse is another UMEM's, empty or a chain.
            if packet.frame().umem() != umem.id() || packet.is_empty() || packet.continues() {
                refused = Some(packet);
                return None;
            }
            let (start, len) = (packet.start(), packet.len());
            let addr = umem.lend(packet.into_frame(), queued) + u64::from(start);
            Some(Descriptor { addr, len, options: 0 })
        });
        match (pushed, refused) {
            (Ok(pushed), None) => Ok(pushed),
            (Ok(_), Some(packet)) if packet.frame().umem() != umem.id() => {
                Err(PushError::Foreign(packet))
            }
            (Ok(_), Some(packet)) if packet.is_empty() => Err(PushError::Empty(packet)),
            (Ok(_), Some(packet)) => Err(PushError::Continued(packet)),
            (Err(corrupt), _) => {
                packets.next().map_or(Ok(0), |packet| Err(PushError::Corrupt(packet, corrupt)))
            }
        }
    }

    /// How many packets were pushed and not published.
    #[inline]
    pub const fn unpublished(&self) -> u32 {
        self.ring.unpublished()
    }

    /// Whether it is one of the rings of `lane`.
    #[inline]
    pub(super) fn is_of(&self, lane: &Arc<Lane>) -> bool {
        Arc::ptr_eq(&self.lane, lane)
    }

    /// Pushes a packet of one or more segments, whole or not at all; the kernel sees it after
    /// [`TxRing::publish`]. Each segment is completed by itself.
    ///
    /// A packet that was pushed is gone:
    /// ```compile_fail,E0382
    /// # use fluxcapacitor_core::{ring::*, umem::*};
    /// # fn f(tx: &mut TxRing, packet: Chain) {
    /// tx.push_chain(packet).unwrap();
    /// tx.push_chain(packet).unwrap();
    /// # }
    /// ```
    /// Handed back, it is as it was:
    /// ```
    /// # use fluxcapacitor_core::{ring::*, umem::*};
    /// # fn f(tx: &mut TxRing, pool: &mut FramePool, packet: Chain) {
    /// if let Err(refused) = tx.push_chain(packet) {
    ///     pool.give_chain(refused.into_inner()).unwrap();
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`PushError`] with the packet, all of it.
    #[inline]
    pub fn push_chain(&mut self, packet: Chain) -> Result<(), PushError<Chain>> {
        match packet.into_segment() {
            // As most are.
            Ok(segment) => self.push(segment).map_err(|refused| refused.map(Chain::from)),
            Err(packet) => self.push_segments(packet),
        }
    }

    fn push_segments(&mut self, mut packet: Chain) -> Result<(), PushError<Chain>> {
        let (region, queued) = (self.lane.umem(), self.queued);
        let umem = region.frames();
        let segments = packet.segments();
        if packet.umem().is_some_and(|of| of != umem.id()) {
            return Err(PushError::Foreign(packet));
        }
        if segments > self.chains.segments_max {
            return Err(PushError::TooManySegments(packet));
        }
        // A segment without bytes is as invalid as a packet without any.
        if region.has_gap(&packet) {
            return Err(PushError::Empty(packet));
        }
        match self.ring.room(segments) {
            Ok(room) if room >= segments => {}
            Ok(_) => return Err(PushError::Full(packet)),
            Err(corrupt) => return Err(PushError::Corrupt(packet, corrupt)),
        }
        let pushed = self.ring.write_with(segments, || {
            let segment = region.take_first(&mut packet).ok().flatten()?;
            let (start, len) = (segment.start(), segment.len());
            let options = if segment.continues() { XDP_PKT_CONTD } else { 0 };
            let addr = umem.lend(segment.into_frame(), queued) + u64::from(start);
            Some(Descriptor { addr, len, options })
        });
        // There is room, and a room that was seen does not shrink.
        pushed.map_or_else(|corrupt| Err(PushError::Corrupt(packet, corrupt)), |_| Ok(()))
    }

    /// How many segments a packet may have; 1 unless the socket sends packets of several.
    #[inline]
    pub fn segments_max(&self) -> u32 {
        self.chains.segments_max
    }

    /// The cursor, for addresses whose frames have been written down.
    #[inline]
    pub(super) fn cursor(&mut self) -> &mut ProducerRing<Descriptor> {
        &mut self.ring
    }

    /// The holder to write down for frames of the UMEM `umem`.
    #[inline]
    pub(super) fn holder_of(&self, umem: UmemId) -> Result<Holder> {
        if umem == self.lane.umem().id() { Ok(self.queued) } else { Err(Error::Foreign) }
    }

    /// Writes a descriptor as it is, past the ledger, and says whether there was room: for tests of
    /// what the kernel does with one that no safe code can submit.
    #[cfg(fluxcap_doors)]
    pub fn forge(&mut self, descriptor: Descriptor) -> bool {
        matches!(self.ring.push(descriptor), Ok(Ok(())))
    }

    /// Pushes a segment with whatever options, by the ledger but past the checks, if there is room: for tests of
    /// what the kernel does with packets that no safe code can submit.
    #[cfg(fluxcap_doors)]
    pub fn forge_segment(&mut self, segment: Segment, options: u32) -> bool {
        if !self.ring.room(1).is_ok_and(|room| room > 0) {
            return false;
        }
        let (start, len) = (segment.start(), segment.len());
        let addr = self.lane.umem().frames().lend(segment.into_frame(), self.queued);
        self.forge(Descriptor { addr: addr + u64::from(start), len, options })
    }

    /// Shows the kernel everything pushed so far.
    #[inline]
    pub fn publish(&mut self) {
        self.ring.publish();
    }

    /// How many packets fit now.
    ///
    /// # Errors
    /// [`RingCorrupt`] if the kernel's index is out of its window.
    #[inline]
    pub fn room(&mut self) -> Result<u32, RingCorrupt> {
        self.ring.room(u32::MAX)
    }

    /// Whether the kernel wants a system call to send. Publish first, then ask.
    #[inline]
    pub fn needs_wakeup(&self) -> bool {
        self.ring.needs_wakeup()
    }

    /// How many published packets the kernel has not taken yet.
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

impl Drop for TxRing {
    /// Packets that wait are the closed lane's, from where their frames can be recovered.
    fn drop(&mut self) {
        let umem = self.lane.umem().frames();
        // `[one-token]`: what waits are tokens.
        while let Some(descriptor) = self.waiting.pop() {
            umem.lend_at(descriptor.addr, self.queued);
        }
    }
}

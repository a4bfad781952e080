//! The tx ring: packets to send.

use std::sync::Arc;

use super::aside::Aside;
use super::push::at_most;
use super::way::Way;
use super::{Descriptor, Outbox, ProducerRing, PushError, RingCorrupt, Slot, XDP_PKT_CONTD};
use crate::error::{Error, Result};
use crate::umem::{Chain, FramePool, Holder, Lane, Parcel, Place, Segment, UmemId};

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
    segments_max: u32,
    /// Packets out of an exchange that there was no room for, or that were held back.
    waiting: Aside<Descriptor>,
    /// Than which a ring never has more room; or 0.
    held_back: u32,
    /// Bytes of packets out of an exchange.
    bytes: u64,
    lane: Arc<Lane>,
}

impl TxRing {
    pub(super) fn new(ring: ProducerRing<Descriptor>, lane: Arc<Lane>) -> Self {
        let (queued, waiting) = (lane.holder(Place::Queued), Aside::new());
        Self { ring, queued, segments_max: 1, waiting, held_back: 0, bytes: 0, lane }
    }

    pub(super) fn set_segments_max(&mut self, most: u32) {
        self.segments_max = most;
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

    /// Pushes one packet that knows its way home; the kernel sees it after [`TxRing::publish`].
    ///
    /// # Errors
    /// [`PushError`] with the packet.
    #[inline]
    pub fn push_parcel(&mut self, parcel: Parcel) -> Result<(), PushError<Parcel>> {
        let sendable = parcel.umem().id() == self.lane.umem().id()
            && !parcel.is_empty()
            && !parcel.continues()
            && self.ring.has_room();
        if !sendable {
            return Err(self.refuse(parcel.moved()));
        }
        let (addr, len) = (parcel.addr(), parcel.len());
        let (cells, mut written) = self.ring.run(1);
        // Always: there is room.
        if let Some(cell) = cells.first() {
            // [one-token]: from here on the ledger stands for it.
            self.lane.umem().frames().lend_at(addr, self.queued);
            parcel.go();
            Descriptor { addr, len, options: 0 }.store(cell);
            written.count = 1;
        }
        Ok(())
    }

    /// Says why a packet is not sent.
    #[cold]
    #[inline(never)]
    fn refuse(&self, parcel: Parcel) -> PushError<Parcel> {
        match () {
            () if parcel.umem().id() != self.lane.umem().id() => PushError::Foreign(parcel),
            () if parcel.is_empty() => PushError::Empty(parcel),
            () if parcel.continues() => PushError::Continued(parcel),
            () => match self.ring.corruption() {
                Some(corrupt) => PushError::Corrupt(parcel, corrupt),
                None => PushError::Full(parcel),
            },
        }
    }

    /// Opens it for up to `max` packets that are lent; the kernel sees them after [`TxRing::publish`].
    ///
    /// If it has room for fewer, or [holds back](TxRing::hold_back), those that are put into it
    /// [wait](TxRing::waiting).
    ///
    /// # Errors
    /// [`RingCorrupt`] if the kernel's index is out of its window.
    #[inline]
    pub fn outbox(&mut self, max: u32) -> Result<Outbox<'_>, RingCorrupt> {
        let room = self.ring.room(max)?;
        Ok(self.open(room, max))
    }

    /// The same, where it has `room`.
    #[inline(always)]
    pub(super) fn open(&mut self, room: u32, max: u32) -> Outbox<'_> {
        let Self { ring, queued, waiting, bytes, lane, .. } = self;
        let way = Way::new(ring, waiting, *queued, (room, max | self.held_back, max));
        Outbox::new(way, bytes, lane)
    }

    /// Has all packets out of an exchange wait, so that somebody may [see](TxRing::push_waiting) them.
    pub fn hold_back(&mut self, all: bool) {
        self.held_back = if all { u32::MAX } else { 0 };
    }

    /// Has up to `most` packets out of an exchange wait, if they must; 64 at first.
    pub fn reserve_waiting(&mut self, most: u32) {
        self.waiting.reserve(most);
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

    /// Bytes of packets that were put into an outbox, less those of packets that were given up, since this was asked
    /// last; modulo 2⁶⁴.
    #[inline]
    pub fn take_bytes(&mut self) -> u64 {
        std::mem::take(&mut self.bytes)
    }

    /// How many packets were pushed and not published.
    #[inline]
    pub const fn unpublished(&self) -> u32 {
        self.ring.unpublished()
    }

    /// Whether packets wait for room, or for being published.
    #[inline]
    pub fn is_loaded(&self) -> bool {
        self.unpublished() > 0 || !self.waiting.is_empty()
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
        if segments > self.segments_max.min(self.ring.size()) {
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
        self.segments_max
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

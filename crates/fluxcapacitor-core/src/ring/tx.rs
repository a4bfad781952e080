//! The tx ring: packets to send.

use std::sync::Arc;

use super::push::at_most;
use super::{Descriptor, ProducerRing, PushError, RingCorrupt};
use crate::error::{Error, Result};
use crate::umem::{Holder, Lane, Place, Segment, UmemId};

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
    lane: Arc<Lane>,
}

impl TxRing {
    pub(super) fn new(ring: ProducerRing<Descriptor>, lane: Arc<Lane>) -> Self {
        Self { ring, queued: lane.holder(Place::Queued), lane }
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

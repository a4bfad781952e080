//! Packets that know their way home, into the tx ring.

use std::mem;
use std::sync::Arc;

use super::TxRing;
use crate::error::{Error, Result};
use crate::ring::{Descriptor, PushError, Slot};
use crate::umem::{Owed, Parcel, SharedFrameState};

impl TxRing {
    /// Has holds on `shared`, by which packets know their way home, let go together with [`TxRing::settle`]: quicker
    /// than one by one.
    ///
    /// # Errors
    /// [`Error::Foreign`] if it is of another UMEM.
    pub fn expect_from(&mut self, shared: &Arc<SharedFrameState>) -> Result<()> {
        if shared.umem().id() != self.lane.umem().id() {
            return Err(Error::Foreign);
        }
        self.owed = Owed::new(shared);
        Ok(())
    }

    /// Lets go what packets that were [pushed](TxRing::push_parcel) have held.
    #[inline]
    pub fn settle(&mut self) {
        self.owed.settle();
    }

    /// Pushes one packet that knows its way home, whole or not at all; the kernel sees it after [`TxRing::publish`].
    ///
    /// # Errors
    /// [`PushError`] with the packet.
    #[inline]
    pub fn push_parcel(&mut self, parcel: Parcel) -> Result<(), PushError<Parcel>> {
        // What is expected is of this UMEM.
        let Some(len) = self.owed.usual_len(&parcel).filter(|_| self.ring.has_room()) else {
            return self.push_unusual(parcel.moved());
        };
        // [one-token]: from here on the ledger stands for it.
        let addr = parcel.addr();
        self.lane.umem().frames().lend_at(addr, self.queued);
        self.owed.go(parcel);
        self.bytes = self.bytes.wrapping_add(len.into());
        self.ring.write(Descriptor { addr, len, options: 0 });
        Ok(())
    }

    /// Pushes packets out of the first of `slots`, which hold what `make` makes of packets that know their way home, as far as
    /// there is room, and up to the first that has to be [pushed](TxRing::push_parcel) by itself; says how many.
    #[inline]
    pub fn push_parcels<T>(
        &mut self,
        slots: &mut [Option<T>],
        take: impl Fn(T) -> Parcel,
        make: impl Fn(Parcel) -> T,
    ) -> u32 {
        let Self { ring, lane, owed, .. } = self;
        let (umem, queued, mut bytes) = (lane.umem().frames(), self.queued, 0);
        let most = u32::try_from(slots.len()).unwrap_or(u32::MAX);
        // A corrupt ring shows where a packet is pushed by itself.
        let room = ring.room(most).unwrap_or_default().min(most);
        let (cells, mut written) = ring.run(room);
        for (slot, cell) in slots.iter_mut().zip(cells) {
            let Some(parcel) = slot.take().map(&take) else { break };
            let Some(len) = owed.usual_len(&parcel) else {
                *slot = Some(make(parcel.moved()));
                break;
            };
            let addr = parcel.addr();
            // [one-token]: from here on the ledger stands for it.
            owed.go(parcel);
            umem.lend_at(addr, queued);
            Descriptor { addr, len, options: 0 }.store(cell);
            bytes += u64::from(len);
            written.count += 1;
        }
        let count = written.count;
        drop(written);
        self.bytes = self.bytes.wrapping_add(bytes);
        count
    }

    /// Pushes what is not of one segment, goes home another way, or cannot be pushed.
    #[cold]
    #[inline(never)]
    fn push_unusual(&mut self, parcel: Parcel) -> Result<(), PushError<Parcel>> {
        if parcel.umem().id() != self.lane.umem().id() {
            return Err(PushError::Foreign(parcel));
        }
        let (shared, made) = (parcel.way_home(), parcel.made_of());
        let (segments, bytes) = (parcel.segments(), parcel.len());
        match self.push_chain(parcel.into_chain()) {
            Ok(()) => {
                self.bytes = self.bytes.wrapping_add(bytes.into());
                self.chains.further = self.chains.further.wrapping_add(segments - 1);
                Ok(())
            }
            // The chain is the same.
            Err(refused) => Err(refused.map(|chain| Parcel::again(&shared, chain, made))),
        }
    }

    /// How many segments beyond the first of each packet were pushed that knows its way home, or out of an exchange;
    /// since this was asked last.
    #[inline]
    pub fn take_further(&mut self) -> u32 {
        mem::take(&mut self.chains.further)
    }
}

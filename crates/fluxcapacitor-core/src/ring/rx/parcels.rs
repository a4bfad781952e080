//! Packets that know their way home, out of the rx ring.
//!
//! # Safety
//! Relies on `[held]`: a hold is taken for each descriptor before the first becomes a parcel.
#![allow(unsafe_code)]

use std::mem;
use std::sync::Arc;

use super::{Descriptor, RxRing};
use crate::error::{Error, Result};
use crate::ring::Slot;
use crate::umem::{About, Home, Origin, Parcel, SharedFrameState};

impl RxRing {
    /// Receives packets, which go home to the receiving half by `shared`, into `slots`, as `make` makes of them, first
    /// to last; says how many, and their bytes. What was in these slots before is forgotten.
    ///
    /// It is for packets of one segment: a descriptor of one that goes on is rejected, and its frame stays out.
    /// Receives fewer than there are where the ring ends in memory, and ends behind a descriptor that is rejected.
    ///
    /// # Errors
    /// [`Error::Ring`] if the kernel's index is out of its window; [`Error::Foreign`] if `shared` is of another UMEM.
    #[inline]
    pub fn receive_into<T>(
        &mut self,
        slots: &mut [Option<T>],
        (shared, origin): (&Arc<SharedFrameState>, Origin),
        make: impl Fn(Parcel) -> T,
    ) -> Result<(u32, u64)> {
        let umem = self.lane.umem().frames();
        if shared.umem().id() != umem.id() {
            return Err(Error::Foreign);
        }
        let count = self.ring.ready()?.min(u32::try_from(slots.len()).unwrap_or(u32::MAX));
        let (received, rejected) = (self.received, &mut self.rejected);
        let (cells, mut released) = self.ring.run(count);
        // A hold for each of them.
        let mut holds = shared.hold(cells.len() as u32, About::new(origin, Home::Rx));
        let mut bytes = 0;
        for (slot, cell) in slots.iter_mut().zip(cells) {
            let descriptor = Descriptor::load(cell);
            let Some(claim) = umem.claim(descriptor.addr, descriptor.extent(), received) else {
                *rejected += 1;
                released.count += 1;
                return Ok((released.count - 1, bytes));
            };
            bytes += descriptor.extent();
            // Counted before it is made: it is nobody else's if that panics.
            released.count += 1;
            // SAFETY: [held]: there is a hold for each cell.
            let parcel = unsafe { claim.into_parcel(&mut holds) };
            // No drop in a loop that is as short as this.
            mem::forget(slot.replace(make(parcel)));
        }
        Ok((released.count, bytes))
    }
}

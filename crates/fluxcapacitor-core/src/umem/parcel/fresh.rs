//! Parcels of frames that nobody uses.
//!
//! # Safety
//! Relies on `[one-token]`, and on `[held]`: a hold is taken for each frame before the first becomes a parcel.
#![allow(unsafe_code)]

use std::mem;
use std::sync::Arc;

use super::{About, Origin, Parcel};
use crate::error::{Error, Result};
use crate::umem::chain::Place;
use crate::umem::{FramePool, Home, SharedFrameState};

impl FramePool {
    /// Takes as many frames as there are, but no more than `slots`, and puts into these what `make` makes of each, as a
    /// packet of `len` bytes at offset `start`, which hold whatever was there before; says how many. They go home to
    /// `home` of `shared`. What was in these slots before is forgotten.
    ///
    /// # Errors
    /// [`Error::Foreign`] if `shared` is of another UMEM; [`Error::Invalid`] if the bytes do not lie within a frame.
    #[inline]
    pub fn take_parcels<T>(
        &mut self,
        slots: &mut [Option<T>],
        (start, len): (u32, u32),
        (shared, home, origin): (&Arc<SharedFrameState>, Home, Origin),
        make: impl Fn(Parcel) -> T,
    ) -> Result<u32> {
        let region = shared.umem();
        if self.umem().id() != region.id() {
            return Err(Error::Foreign);
        }
        let size = region.layout().frame_size();
        if start >= size || len > size - start {
            return Err(Error::invalid("packet length", len, "it does not fit a frame"));
        }
        // No more than there are frames.
        let count = slots.len().min(self.len());
        let mut holds = shared.hold(count as u32, About::new(origin, home));
        for slot in slots.iter_mut().take(count) {
            let Some(frame) = self.take() else { break };
            let first = region.byte_at(Place { index: frame.index(), start, len });
            // SAFETY: [held]: there is one for each of them; [one-token]: the frame's token ends here; [in-chunk]: as
            // was looked at above.
            let parcel = unsafe { holds.parcel(first, len) };
            // No drop in a loop that is as short as this.
            mem::forget(slot.replace(make(parcel)));
        }
        Ok(count as u32)
    }
}

//! Parcels that end together.
//!
//! # Safety
//! Relies on `[held]`: the holds of those that end together are let go behind the last of them; and on `[one-token]`.
#![allow(unsafe_code)]

use std::mem::ManuallyDrop;

use super::{About, GOES_ON, Parcel, TO_TX};
use crate::umem::SharedFrameState;

impl Parcel {
    /// Drops packets out of the first of `slots`, up to an empty one: those that go home by the same way one after the
    /// other do so together, which is quicker than each by itself.
    pub fn drop_all<T>(
        slots: &mut [Option<T>],
        look: impl Fn(&T) -> &Self,
        take: impl Fn(T) -> Self,
    ) {
        let mut left = slots;
        while let Some(Some(_)) = left.first() {
            let dropped = Self::drop_alike(left, &look, &take);
            left = &mut left[dropped..];
        }
    }

    /// Drops the first, and those behind it that end alike; says how many.
    #[inline]
    fn drop_alike<T>(
        slots: &mut [Option<T>],
        look: impl Fn(&T) -> &Self,
        take: impl Fn(T) -> Self,
    ) -> usize {
        let mut slots = slots.iter_mut();
        let Some(first) = slots.next().and_then(Option::take).map(&take) else { return 0 };
        if !first.is_linear() {
            return 1;
        }
        let first = ManuallyDrop::new(first).0;
        // SAFETY: [held]: by that of the first, which is let go below.
        let shared = unsafe { first.shared.as_ref() };
        let index_of = shared.indices();
        let frames = shared.umem().layout().frames() as usize;
        // [one-token]: that of the first ends here, and those of the others where they are put.
        let mut pile = shared.pile(first.about.home(), index_of(first.first) as usize, frames);
        let mut count = 1;
        for slot in slots {
            // It stays where it is, unless it ends here.
            let is_alike = |parcel: &Self| {
                parcel.0.shared == first.shared && parcel.0.about.ends_as(first.about)
            };
            if !slot.as_ref().is_some_and(|packet| is_alike(look(packet))) {
                break;
            }
            let Some(parcel) = slot.take().map(&take) else { break };
            // Its hold is let go below.
            let parcel = ManuallyDrop::new(parcel);
            pile.put(index_of(parcel.0.first) as usize);
            count += 1;
        }
        drop(pile);
        // SAFETY: [held]: of the first, and of each that was put.
        unsafe { SharedFrameState::let_go(first.shared, count) };
        count as usize
    }
}

impl About {
    /// Whether packets of both, the second of one segment, go home to the same half, and the first has one, too.
    #[inline]
    const fn ends_as(self, Self(linear): Self) -> bool {
        (self.0 ^ linear) & (TO_TX | GOES_ON) == 0
    }
}

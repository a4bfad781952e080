//! What keeps the way home of parcels.
//!
//! # Safety
//! Owns `[held]`: a [`SharedFrameState`] lives, and keeps the region mapped, for as long as there is a hold on it, and
//! each parcel has one. They are counted apart from the references of an [`Arc`], of which they have one together, so
//! that a batch of packets is counted at once. In 64 bits, which no program counts through: also those of packets that
//! were sent and never settled count.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::mem;
use std::ptr::NonNull;
use std::sync::Arc;

use super::{About, GOES_ON, Parcel, Words};
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::sync::fence;
use crate::umem::SharedFrameState;

/// Holds on a [`SharedFrameState`] for parcels that are to be made. Those that are left when it is dropped are let go.
pub(crate) struct Holds<'s> {
    shared: NonNull<SharedFrameState>,
    left: u32,
    about: About,
    of: PhantomData<&'s Arc<SharedFrameState>>,
}

impl SharedFrameState {
    /// Takes `count` holds, for parcels of which `about` is true.
    #[inline]
    pub(crate) fn hold(self: &Arc<Self>, count: u32, about: About) -> Holds<'_> {
        // Relaxed, as for a reference: whoever counts has one.
        if count > 0 && self.held.fetch_add(count.into(), Relaxed) == 0 {
            // One for all of them, until the last is let go.
            mem::forget(Arc::clone(self));
        }
        Holds { shared: self.pointer(), left: count, about, of: PhantomData }
    }

    /// Lets `count` holds go.
    ///
    /// # Safety
    /// There are as many, for which no parcel stands any more.
    #[inline]
    pub(super) unsafe fn let_go(this: NonNull<Self>, count: u64) {
        // SAFETY: [held]: it lives until the last hold is let go.
        let held = unsafe { &this.as_ref().held };
        // Release: all that was done by it comes before its end (partner: the fence of whoever is last).
        if held.fetch_sub(count, Release) == count {
            fence(Acquire);
            // SAFETY: [held]: the reference that the first of these holds has left behind, made by an `Arc`; the next
            // first one leaves another.
            drop(unsafe { Arc::from_raw(this.as_ptr()) });
        }
    }

    /// As parcels point to it.
    #[inline]
    fn pointer(self: &Arc<Self>) -> NonNull<Self> {
        // SAFETY: an `Arc` points to something.
        unsafe { NonNull::new_unchecked(Arc::as_ptr(self).cast_mut()) }
    }
}

impl Holds<'_> {
    /// A parcel of one segment.
    ///
    /// # Safety
    /// `[held]`: there is a hold left. `[one-token]`, `[in-chunk]`: a token of a frame of the same UMEM has just ended,
    /// of which these are bytes, and `first` is not behind its end.
    #[inline]
    pub(in crate::umem) unsafe fn parcel(&mut self, first: NonNull<u8>, len: u32) -> Parcel {
        debug_assert!(self.left > 0, "[held]");
        self.left -= 1;
        Parcel(Words { shared: self.shared, first, len, about: self.about })
    }
}

impl Drop for Holds<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.left > 0 {
            // SAFETY: they were taken and not given away.
            unsafe { SharedFrameState::let_go(self.shared, self.left.into()) };
        }
    }
}

/// Holds of parcels that were sent, to be let go together.
#[derive(Debug, Default)]
pub(crate) struct Owed {
    shared: Option<Arc<SharedFrameState>>,
    /// Where that is, as parcels point to it.
    address: usize,
    count: u64,
}

impl Owed {
    /// For the parcels that go home by `shared`.
    pub(crate) fn new(shared: &Arc<SharedFrameState>) -> Self {
        let address = shared.pointer().addr().get();
        Self { shared: Some(Arc::clone(shared)), address, count: 0 }
    }

    /// The length of a parcel that goes home that way, as most do, and has bytes in one segment.
    #[inline]
    pub(crate) fn usual_len(&self, Parcel(words): &Parcel) -> Option<u32> {
        let is_usual = self.address == words.shared.addr().get() && !words.about.is(GOES_ON);
        (is_usual && words.len > 0).then_some(words.len)
    }

    /// The token of a [usual](Owed::usual_len) parcel ends here; its frame goes elsewhere.
    #[inline]
    pub(crate) fn go(&mut self, parcel: Parcel) {
        debug_assert!(self.usual_len(&parcel).is_some(), "[held]");
        mem::forget(parcel);
        self.count += 1;
    }

    /// Lets go what has come together.
    #[inline]
    pub(crate) fn settle(&mut self) {
        let count = mem::take(&mut self.count);
        if let (1.., Some(shared)) = (count, &self.shared) {
            // SAFETY: of parcels that have ended in `go`, with the holds that they had on this one.
            unsafe { SharedFrameState::let_go(shared.pointer(), count) };
        }
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        self.settle();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::Origin;
    use super::*;
    use crate::umem::{Home, Layout, PageSize, UmemRegion};

    #[test]
    fn more_holds_than_32_bits_count_are_held() {
        let layout = Layout::new(2048, 1, 0).unwrap();
        let (umem, _pool) = UmemRegion::new(layout, PageSize::Base).unwrap();
        let shared = SharedFrameState::new(&umem);
        let about = About::new(Origin::default(), Home::Rx);
        let hold = |count| mem::forget(shared.hold(count, about));
        (0..3).for_each(|_| hold(u32::MAX));
        hold(4);
        assert_eq!(Arc::strong_count(&shared), 2, "one reference for all of them");
        let let_go = |count| {
            // SAFETY: [held]: they were taken above, for no parcel.
            unsafe { SharedFrameState::let_go(shared.pointer(), count) }
        };
        let_go(3 << 32);
        assert_eq!(Arc::strong_count(&shared), 2, "one is left");
        let_go(1);
        assert_eq!(Arc::strong_count(&shared), 1);
    }
}

//! The ledger: who holds each frame.
//!
//! One atomic word per frame. A frame is with the user, or out with one lane in one of four states.
//! An address that comes out of a ring becomes a token only if the ledger says that this very ring
//! may give it; so no address, however wrong, can make a second token.
//!
//! *Invariant `[one-clearer]`:* each state of each lane is cleared by exactly one ring (or, once
//! they are all gone, by the sweep of the closed lane). That is why loads and stores are enough.

use crate::sync::AtomicU16;
use crate::sync::Ordering::{Acquire, Relaxed, Release};

/// Who holds a frame, as the ledger writes it: 0 is the user, the rest are lanes and states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holder(u16);

/// Where in a lane a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the fill ring, or with the kernel to receive into.
    Posted = 0,
    /// In the rx ring of a simulated lane.
    Delivered = 1,
    /// In the tx ring, or with the kernel to send.
    Queued = 2,
    /// In the completion ring of a simulated lane.
    Completed = 3,
}

const PLACES: u16 = 4;

/// How many lanes the ledger can tell apart.
pub(crate) const LANES_MAX: usize = ((u16::MAX - 1) / PLACES) as usize;

impl Holder {
    pub(crate) const USER: Self = Self(0);

    #[inline]
    pub(crate) const fn lane(lane: u16, place: Place) -> Self {
        Self(1 + lane * PLACES + place as u16)
    }

    /// The lane, unless it is the user.
    pub(crate) const fn lane_of(self) -> Option<u16> {
        match self.0 {
            0 => None,
            code => Some((code - 1) / PLACES),
        }
    }

    /// Whether it is out to be received into, rather than to be sent.
    pub(crate) const fn is_rx(self) -> bool {
        self.0 != 0 && (self.0 - 1) % PLACES < Place::Queued as u16
    }
}

/// One entry for each frame of a UMEM.
#[derive(Debug)]
pub(crate) struct Ledger(Box<[AtomicU16]>);

impl Ledger {
    /// All frames with the user.
    pub(crate) fn new(frames: u32) -> Self {
        Self((0..frames).map(|_| AtomicU16::new(Holder::USER.0)).collect())
    }

    /// The entries, for a batch that looks at many.
    #[inline]
    pub(crate) fn entries(&self) -> Entries<'_> {
        Entries(&self.0)
    }
}

/// The ledger, borrowed for a batch: two words that stay in registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entries<'l>(&'l [AtomicU16]);

/// The entry of one frame that is with the user.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'l>(&'l AtomicU16);

impl Entry<'_> {
    /// As [`Entries::lend`].
    #[inline]
    pub(crate) fn lend(self, to: Holder) {
        // Release: whoever finds this state, on any thread, sees all we did with the frame before
        // (partner: the Acquire in `reclaim`).
        self.0.store(to.0, Release);
    }
}

impl<'l> Entries<'l> {
    /// One for each frame.
    #[inline]
    pub(crate) const fn len(self) -> usize {
        self.0.len()
    }

    /// The entry of a frame that is with the user.
    #[inline]
    pub(crate) fn entry(self, index: usize) -> Entry<'l> {
        // A token's index is one that the ledger has: this never panics.
        Entry(&self.0[index])
    }

    /// Writes down that the user's frame goes `to` a lane. Comes before its address is written into
    /// a ring.
    #[inline]
    pub(crate) fn lend(self, index: usize, to: Holder) {
        self.entry(index).lend(to);
    }

    /// Takes a frame back, if it exists and is out with `from`.
    ///
    /// Comes before a token or a view of the frame exists.
    #[inline]
    pub(crate) fn reclaim(self, index: u64, from: Holder) -> Option<usize> {
        let index = usize::try_from(index).ok()?;
        let entry = self.0.get(index)?;
        if entry.load(Acquire) != from.0 && cfg!(not(fluxcap_ledger_unchecked)) {
            return None;
        }
        entry.store(Holder::USER.0, Relaxed);
        Some(index)
    }

    /// Who holds each frame at about this moment, in the order of the frames.
    pub(crate) fn holders(self) -> impl Iterator<Item = Holder> {
        self.0.iter().map(|entry| Holder(entry.load(Relaxed)))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_lane_and_place_has_a_code_of_its_own() {
        let mut seen = std::collections::HashSet::from([Holder::USER.0]);
        for lane in [0, 1, 2, LANES_MAX as u16 - 1] {
            for place in [Place::Posted, Place::Delivered, Place::Queued, Place::Completed] {
                let holder = Holder::lane(lane, place);
                assert!(seen.insert(holder.0));
                assert_eq!(holder.lane_of(), Some(lane));
                assert_eq!(holder.is_rx(), matches!(place, Place::Posted | Place::Delivered));
            }
        }
    }

    #[cfg(not(fluxcap_ledger_unchecked))]
    #[test]
    fn a_frame_comes_back_once_and_only_from_where_it_went() {
        let ledger = Ledger::new(2);
        let (posted, queued) = (Holder::lane(0, Place::Posted), Holder::lane(0, Place::Queued));
        ledger.entries().lend(1, posted);
        let reclaims = |index, from| ledger.entries().reclaim(index, from).is_some();
        assert!(!reclaims(0, posted), "with the user");
        assert!(!reclaims(1, queued), "from elsewhere");
        assert!(!reclaims(2, posted), "no such frame");
        assert!(!reclaims(1 << 32 | 1, posted), "no such frame");
        assert!(reclaims(1, posted));
        assert!(!reclaims(1, posted), "twice");
    }
}

//! Packets of several segments, lent whole.
//!
//! # Safety
//! Relies on `[slot-each]`: each segment had a descriptor, and ends by a slot.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::sync::Arc;
use std::{fmt, mem};

use super::Exchange;
use crate::ring::gathered::{Whole, Words};
use crate::ring::{Descriptor, Outbox, Slot};
use crate::umem::{About, Chain, ChainStart, Home, Origin, Parcel, SharedFrameState, UmemRegion};

impl<'r> Exchange<'r> {
    /// Lends the packets that have not been lent, one after the other, if they have several segments each. Those that it
    /// is not asked for can be lent later.
    #[inline]
    pub fn lend_chains(&self) -> LendingChains<'_> {
        LendingChains { exchange: self }
    }

    /// Takes a packet, or rejects it.
    fn take_chain(&self, chains: Whole<'_>, cells: &[Words]) -> Option<Chain> {
        let (umem, mut chain, mut impossible) = (self.umem, Chain::new(), 0);
        for Descriptor { addr, len, .. } in cells.iter().map(Descriptor::load) {
            match umem.frames().claim(addr, len.into(), self.received) {
                // It is of this UMEM, and so few frames have fewer than 2^32 bytes.
                Some(claim) => drop(umem.append(&mut chain, claim.into_segment(false))),
                None => impossible += 1,
            }
        }
        let segments = cells.len() as u64;
        if impossible == 0 && chain.segments() <= chains.segments_max() {
            chains.count(segments - 1, 0);
            return Some(chain);
        }
        let rejected = impossible.max(1);
        add(&self.rejected, rejected);
        add(self.rejected_before, rejected);
        chains.count(segments - rejected, rejected - impossible);
        self.send_home(chain);
        None
    }

    /// Posts the frames of a packet that was taken.
    fn send_home(&self, mut chain: Chain) {
        // It is of this UMEM.
        while let Ok(Some(segment)) = self.umem.take_first(&mut chain) {
            let base = self.umem.frames().lend(segment.into_frame(), self.back.holder);
            // SAFETY: [slot-each]: there is one for each segment, which ends here.
            unsafe { self.back.slots.write(base) };
        }
    }
}

/// Lends packets of several segments of an [`Exchange`] in the order of their arrival.
#[derive(Debug)]
#[must_use = "it lends nothing unless it is asked"]
pub struct LendingChains<'x> {
    exchange: &'x Exchange<'x>,
}

impl<'x> Iterator for LendingChains<'x> {
    type Item = LentChain<'x>;

    fn next(&mut self) -> Option<LentChain<'x>> {
        let exchange = self.exchange;
        loop {
            let chains = exchange.chains?;
            let chain = exchange.take_chain(chains, chains.next()?);
            if let Some((start, chain)) = chain.and_then(|chain| Some((chain.start()?, chain))) {
                return Some(LentChain { chain, start, exchange });
            }
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.exchange.chains.map_or(0, |chains| chains.firsts().count())))
    }
}

/// A received packet of several segments, lent: as [`Lent`](super::Lent) is.
///
/// Dropped, its frames go back to be received into. Forgotten, they are lost.
#[must_use = "dropped, it goes back to be received into"]
pub struct LentChain<'x> {
    /// Of the exchange's UMEM; empty, once it was taken.
    chain: Chain,
    start: ChainStart,
    exchange: &'x Exchange<'x>,
}

impl<'x> LentChain<'x> {
    /// How many segments it has.
    #[inline]
    pub fn segments(&self) -> u32 {
        self.chain.segments()
    }

    /// Length in bytes, all segments together.
    #[inline]
    pub fn len(&self) -> u32 {
        self.chain.len()
    }

    /// Whether it has no bytes.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.chain.is_empty()
    }

    /// Its bytes, segment by segment.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        // It is of this UMEM.
        self.exchange.umem.slices(&self.chain).into_iter().flatten()
    }

    /// Its bytes, segment by segment, to write; all may be held at a time.
    pub fn slices_mut(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.exchange.umem.slices_mut(&mut self.chain).into_iter().flatten()
    }

    /// Puts it into the outbox by which it goes back where it came from; says whether it did, and drops one that has
    /// a segment without bytes, or more segments than can be sent.
    pub fn send_back(self) -> bool {
        // SAFETY: [slot-each]: it is one of the exchange.
        unsafe { self.exchange.own.put_chain(self) }
    }

    /// Puts it into one of the other outboxes, by its number; says whether it did. As [`LentChain::send_back`], and drops
    /// it if there is no such outbox.
    pub fn send(self, other: usize) -> bool {
        match self.exchange.others.get(other) {
            // SAFETY: [slot-each]: it is one of the exchange.
            Some(Some(Outbox { slots, .. })) => unsafe { slots.put_chain(self) },
            _ => false,
        }
    }

    /// Takes it for good; its frames do not go back by themselves.
    pub fn into_chain(self) -> Chain {
        self.exchange.count(self.len().into());
        self.give().1
    }

    /// Takes it for good; its frames go home to the receiving half by `shared`, if that is of the same UMEM. If it is
    /// not, they are lost when the packet is dropped.
    pub fn into_parcel(self, shared: &Arc<SharedFrameState>, origin: Origin) -> Parcel {
        let umem = self.exchange.umem;
        if shared.umem().id() != umem.id() {
            return self.into_parcel(&SharedFrameState::new(umem), origin);
        }
        let made_of = (self.start, About::new(origin, Home::Rx));
        Parcel::again(shared, self.into_chain(), made_of)
    }

    /// The same, for somebody who counts it.
    pub(in crate::ring) fn give(mut self) -> (&'x UmemRegion, Chain) {
        (self.exchange.umem, mem::take(&mut self.chain))
    }
}

impl Drop for LentChain<'_> {
    fn drop(&mut self) {
        self.exchange.count(self.len().into());
        self.exchange.send_home(mem::take(&mut self.chain));
    }
}

fn add(count: &Cell<u64>, more: u64) {
    count.set(count.get() + more);
}

impl fmt::Debug for LentChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LentChain")
            .field("len", &self.len())
            .field("segments", &self.segments())
            .finish_non_exhaustive()
    }
}

//! Whole packets out of the rx ring.

use super::{ConsumerRing, Descriptor, XDP_PKT_CONTD};
use crate::umem::{Chain, Frames, Holder, UmemRegion};

/// What is kept from one batch of whole packets to the next.
#[derive(Debug)]
pub(super) struct Reassembly {
    /// How many segments a packet may have.
    pub(super) segments_max: u32,
    /// Whether the next descriptors are the rest of a packet that was rejected before its end had come.
    pub(super) is_discarding: bool,
    /// Whether the last batch ended at a packet whose end had not come: the peer's index is to be looked at
    /// although there are descriptors.
    pub(super) awaits_end: bool,
    /// Frames of packets that were rejected, as segments of no bytes.
    pub(super) salvage: Chain,
}

impl Reassembly {
    pub(super) const fn new() -> Self {
        let salvage = Chain::new();
        Self { segments_max: 1, is_discarding: false, awaits_end: false, salvage }
    }
}

/// A batch of whole packets out of the [`RxRing`](super::RxRing), in the order of arrival.
#[derive(Debug)]
#[must_use = "packets that are not taken out of it stay in the ring"]
pub struct WholePackets<'r> {
    ring: &'r mut ConsumerRing<Descriptor>,
    region: &'r UmemRegion,
    umem: Frames<'r>,
    received: Holder,
    kept: &'r mut Reassembly,
    rejected: &'r mut u64,
    /// How many packets may still be given.
    left: u32,
    has_taken: bool,
}

/// What stands next in the ring.
enum Next {
    Packet(Chain),
    Rejected,
    /// Nothing, or the beginning of a packet only.
    NotYet,
}

impl<'r> WholePackets<'r> {
    #[inline]
    pub(super) fn new(
        ring: &'r mut ConsumerRing<Descriptor>,
        region: &'r UmemRegion,
        received: Holder,
        kept: &'r mut Reassembly,
        rejected: &'r mut u64,
        max: u32,
    ) -> Self {
        let umem = region.frames();
        Self { ring, region, umem, received, kept, rejected, left: max, has_taken: false }
    }

    /// The next packet, if it has one segment, as most have; else the first descriptor of what is there.
    #[inline]
    fn linear(&mut self) -> Result<Chain, Option<Descriptor>> {
        if self.kept.is_discarding || self.ring.known() == 0 {
            return Err(None);
        }
        let first = self.ring.peek(0);
        if first.options & XDP_PKT_CONTD != 0 {
            return Err(Some(first));
        }
        let claim = self.umem.claim(first.addr, u64::from(first.len), self.received);
        let claim = claim.ok_or(Some(first))?;
        self.take(1);
        Ok(claim.into_segment(false).into())
    }

    /// Rejects what stands next, which is no packet, or the rest of one; says whether there is more to look at.
    pub(super) fn reject(mut self) -> bool {
        match self.other(None) {
            Next::Rejected => true,
            // It has changed its mind.
            Next::Packet(chain) => {
                *self.rejected += 1;
                self.salvage(chain);
                true
            }
            Next::NotYet => false,
        }
    }

    /// What is not a packet of one segment.
    #[inline(never)]
    fn other(&mut self, first: Option<Descriptor>) -> Next {
        if self.kept.is_discarding && !self.discard() {
            return Next::NotYet;
        }
        match self.ring.known() {
            0 => Next::NotYet,
            ready => {
                let first = first.unwrap_or_else(|| self.ring.peek(0));
                self.chain(first, ready)
            }
        }
    }

    /// A packet of one or several segments, of which this is the first.
    fn chain(&mut self, first: Descriptor, ready: u32) -> Next {
        // A packet that fills the ring, and has no end there, has none.
        let most = self.kept.segments_max.min(self.ring.size());
        let (mut chain, mut impossible, mut count) = (Chain::new(), 0, 0);
        while count < ready {
            let descriptor = if count == 0 { first } else { self.ring.peek(count) };
            count += 1;
            impossible += u64::from(!self.add(&mut chain, descriptor));
            let goes_on = descriptor.options & XDP_PKT_CONTD != 0;
            if goes_on && count < most {
                continue;
            }
            self.take(count);
            if !goes_on && impossible == 0 && count <= most {
                return Next::Packet(chain);
            }
            *self.rejected += impossible.max(1);
            self.kept.is_discarding = goes_on;
            self.salvage(chain);
            return Next::Rejected;
        }
        self.put_back(chain);
        self.kept.awaits_end = true;
        Next::NotYet
    }

    /// Adds what a descriptor names to a packet, if that can be true.
    fn add(&mut self, chain: &mut Chain, Descriptor { addr, len, .. }: Descriptor) -> bool {
        let Some(claim) = self.umem.claim(addr, u64::from(len), self.received) else {
            return false;
        };
        match self.region.append(chain, claim.into_segment(false)) {
            Ok(()) => true,
            // More than 2^32 bytes.
            Err(refused) => {
                self.salvage(refused.0.into());
                false
            }
        }
    }

    /// Takes the rest of a rejected packet out, and says whether its end was there.
    fn discard(&mut self) -> bool {
        while self.ring.known() > 0 {
            let descriptor = self.ring.peek(0);
            self.take(1);
            let mut rest = Chain::new();
            let is_possible = self.add(&mut rest, descriptor);
            *self.rejected += u64::from(!is_possible);
            self.salvage(rest);
            if descriptor.options & XDP_PKT_CONTD == 0 {
                self.kept.is_discarding = false;
                return true;
            }
        }
        false
    }

    /// Keeps the frames of a packet for whoever asks for them.
    fn salvage(&mut self, mut chain: Chain) {
        while let Ok(Some(segment)) = self.region.take_first(&mut chain) {
            let (frame, kept) = (segment.into_frame(), &mut self.kept.salvage);
            // No bytes: so it always fits.
            let Ok(segment) = self.region.segment(frame, 0, 0) else { return };
            let Ok(()) = self.region.append(kept, segment) else { return };
        }
    }

    /// Writes down that the frames are still in the ring.
    fn put_back(&mut self, mut chain: Chain) {
        while let Ok(Some(segment)) = self.region.take_first(&mut chain) {
            self.umem.lend(segment.into_frame(), self.received);
        }
    }

    /// Descriptors count as taken before what they name is handed out, so that a forgotten batch cannot
    /// have them read twice.
    #[inline]
    fn take(&mut self, count: u32) {
        self.ring.advance(count);
        self.has_taken = true;
    }
}

impl Iterator for WholePackets<'_> {
    type Item = Chain;

    #[inline]
    fn next(&mut self) -> Option<Chain> {
        while self.left > 0 {
            let first = match self.linear() {
                Ok(packet) => {
                    self.left -= 1;
                    return Some(packet);
                }
                Err(first) => first,
            };
            match self.other(first) {
                Next::Packet(chain) => {
                    self.left -= 1;
                    return Some(chain);
                }
                Next::Rejected => {}
                Next::NotYet => break,
            }
        }
        None
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.ring.known().min(self.left) as usize))
    }
}

impl Drop for WholePackets<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.has_taken {
            self.ring.release();
        }
    }
}

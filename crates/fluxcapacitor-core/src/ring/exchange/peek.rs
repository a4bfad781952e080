//! A look at packets that are about to be lent.

use std::cell::Cell;

use super::Exchange;
use crate::ring::{Descriptor, Slot};

impl Exchange<'_> {
    /// Shows the bytes of packets that have not been lent: of the one behind the first `skip`, and of every
    /// `step`th from there on; of one of several segments, those of the first. The ring is as it was, and so is who holds
    /// each frame.
    ///
    /// Each is claimed, shown and put back; what would be rejected is not shown. [`Exchange::lend`] reads and checks
    /// each descriptor anew and relies on nothing that was seen here: so if a peer writes in between, another
    /// packet is lent than was shown, and if it names a frame twice, that is shown twice, but no token more made.
    #[inline]
    pub fn peek(&self, skip: usize, step: usize, mut look: impl FnMut(&[u8])) {
        let umem = self.umem.frames();
        // Meanwhile none is lent, whatever `look` asks for: what it is shown would be refused as not true.
        let restored = Restored { left: &self.left, count: self.left.take() };
        let waiting = self.cells[self.cells.len() - restored.count..].iter();
        let mut show = |addr, extent| {
            // [one-clearer]: the rx ring is borrowed by this exchange, so nobody else clears the entry meanwhile.
            if let Some(mut claim) = umem.claim(addr, extent, self.received) {
                look(claim.bytes_mut());
            }
        };
        let (step, waiting) = (step.max(1), waiting.map(Descriptor::load));
        // A batch has packets of one kind.
        waiting.skip(skip).step_by(step).for_each(|one| show(one.addr, one.extent()));
        if let Some(chains) = self.chains {
            let firsts = chains.firsts().skip(skip).step_by(step);
            firsts.for_each(|first| show(first.addr, first.len.into()));
        }
    }
}

/// Has the packets that were left be left again, also after a panic.
struct Restored<'x> {
    left: &'x Cell<usize>,
    count: usize,
}

impl Drop for Restored<'_> {
    #[inline]
    fn drop(&mut self) {
        self.left.set(self.count);
    }
}

//! Packets out of the rx ring, lent.

use std::mem;

use super::{RxRing, of_another_lane};
use crate::error::{Error, Result};
use crate::ring::gathered::Found;
use crate::ring::{Exchange, FillRing, Outbox, RingCorrupt, TxRing, WholePackets};

impl RxRing {
    /// Lends up to `max` packets to `decide`, which does so for each, and may look at `others` meanwhile: they go into
    /// `tx`, by which they go back where they came from, or into one of `others`; those that nothing is decided on go back
    /// to `fill`. Says what `decide` says, or its default if nothing was received.
    ///
    /// It is for packets of one segment; [`RxRing::exchange_whole`] lends others, too. Lends fewer where one of the rings
    /// ends in memory, or few have room. Where there is none, frames go aside: see [`FillRing::give_aside`] and
    /// [`TxRing::waiting`].
    ///
    /// # Errors
    /// [`Error::Ring`] if a ring is corrupt; [`Error::Invalid`] if `fill` or `tx` is not of the same lane, and
    /// [`Error::Foreign`] if one of `others` is of another UMEM.
    #[inline(always)]
    pub fn exchange<T: Default>(
        &mut self,
        fill: &mut FillRing,
        tx: &mut TxRing,
        others: &mut [Option<Outbox<'_>>],
        max: u32,
        decide: impl FnOnce(&Exchange<'_>, &[Option<Outbox<'_>>]) -> T,
    ) -> Result<T> {
        let count = self.ring.ready()?.min(max);
        self.exchange_of(false, (fill, tx, others), count, decide)
    }

    /// The same of whole packets, as [`RxRing::receive_whole`] receives them: those that are lent at a time have all one
    /// segment, or all several.
    ///
    /// A packet takes a slot for each of its segments, and is not lent if there are not so many: have there be
    /// [as many aside](FillRing::reserve_aside), and for those that [wait](TxRing::reserve_waiting), as the rx ring has.
    ///
    /// # Errors
    /// As [`RxRing::exchange`].
    pub fn exchange_whole<T: Default>(
        &mut self,
        fill: &mut FillRing,
        tx: &mut TxRing,
        others: &mut [Option<Outbox<'_>>],
        max: u32,
        decide: impl FnOnce(&Exchange<'_>, &[Option<Outbox<'_>>]) -> T,
    ) -> Result<T> {
        let count = self.expect_whole(max)?;
        self.exchange_of(true, (fill, tx, others), count, decide)
    }

    /// How many slots an exchange of up to `max` whole packets takes of each ring; none if there is none.
    ///
    /// # Errors
    /// As [`RxRing::receive`].
    pub fn expect_whole(&mut self, max: u32) -> Result<u32, RingCorrupt> {
        if mem::take(&mut self.whole.awaits_end) {
            self.ring.look()?;
        } else {
            self.ring.ready()?;
        }
        let (region, received) = (self.lane.umem(), self.received);
        let Self { ring, rejected, whole, gathered, .. } = self;
        while ring.known() > 0 && max > 0 {
            if !whole.is_discarding {
                match gathered.gather(ring, max) {
                    Found::Packets(slots) => return Ok(slots),
                    Found::NoEnd => {
                        whole.awaits_end = true;
                        return Ok(0);
                    }
                    Found::TooLong => {}
                }
            }
            if !WholePackets::new(ring, region, received, whole, rejected, 1).reject() {
                break;
            }
        }
        Ok(0)
    }

    /// An exchange of the first `count` descriptors, or of the first that were gathered, `whole`.
    #[inline(always)]
    fn exchange_of<T: Default>(
        &mut self,
        whole: bool,
        (fill, tx, others): (&mut FillRing, &mut TxRing, &mut [Option<Outbox<'_>>]),
        count: u32,
        decide: impl FnOnce(&Exchange<'_>, &[Option<Outbox<'_>>]) -> T,
    ) -> Result<T> {
        if count == 0 {
            return Ok(T::default());
        }
        self.check(fill)?;
        if !tx.is_of(&self.lane) {
            return Err(of_another_lane("tx ring"));
        }
        let umem = self.lane.umem();
        if others.iter().flatten().any(|outbox| outbox.umem() != umem.id()) {
            return Err(Error::Foreign);
        }
        let others = &*others;
        // Apart from what can fail: that is large, too.
        let (back, own) = (fill.room_for(count)?, tx.cursor().room(count)?);
        // A packet of several segments needs all of its slots. Else: where nothing is sent, the tx ring stays where it is,
        // and batches must not be short for ever.
        let (back_least, own_least) = if whole { (count, count) } else { (0, count / 2) };
        // Made where it stays: it is large.
        let exchange = Exchange::new(
            (umem, self.received),
            fill.way((back, back_least, count)),
            tx.open((own, own_least, count)),
            others,
            (&mut self.ring, whole.then_some(&mut self.gathered)),
            &mut self.rejected,
        );
        Ok(decide(&exchange, others))
    }
}

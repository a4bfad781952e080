//! What receives.

use std::sync::Arc;

use fluxcapacitor_core::Result;
use fluxcapacitor_core::umem::{Home, SharedFrameState};

use crate::granted::{BusyPollGrant, Granted};
use crate::raw::Device;
use crate::ring::{FillRing, RxRing};
use crate::stats::{Counter, Counters};
use crate::umem::FramePool;

/// The rx and the fill ring of a queue.
#[derive(Debug)]
pub(crate) struct RxHalf {
    // Detached and closed first: fields drop in this order.
    pub(crate) device: Arc<Device>,
    pub(crate) rx: RxRing,
    pub(crate) fill: FillRing,
    pub(crate) granted: Arc<Granted>,
    pub(crate) counters: Arc<Counters>,
}

impl RxHalf {
    /// How many frames are missing in the fill ring, less those whose packets are waiting: they will want to
    /// go back.
    #[inline]
    pub(crate) fn missing(&mut self) -> Result<u32> {
        Ok(self.fill.room()?.saturating_sub(self.rx.occupancy()))
    }

    /// The same, but no matter how many more than `want` there are.
    #[inline]
    pub(crate) fn missing_of(&mut self, want: u32) -> Result<u32> {
        let waiting = self.rx.occupancy();
        Ok(self.fill.room_for(want + waiting)?.saturating_sub(waiting))
    }

    /// Posts frames that have come home, or else of the pool, once enough are missing; but so that there are `share`
    /// to receive into at most. Says how many.
    #[inline]
    pub(crate) fn top_up(
        &mut self,
        shared: &SharedFrameState,
        pool: &mut FramePool,
        (low_water, share): (u32, u32),
    ) -> Result<u32> {
        // Of what is missing, a part may be waiting in the rx ring.
        let enough = self.enough(low_water, share);
        if self.fill.room_for(enough)? < enough {
            return Ok(0);
        }
        self.post_missing(shared, pool, (low_water, share))
    }

    #[inline(never)]
    fn post_missing(
        &mut self,
        shared: &SharedFrameState,
        pool: &mut FramePool,
        (low_water, share): (u32, u32),
    ) -> Result<u32> {
        let want = self.wanted(share)?;
        if want < self.enough(low_water, share) {
            return Ok(0);
        }
        self.take_home(shared, pool, want)
    }

    /// Posts up to `want` frames that have come home, or else of the pool, and says how many.
    #[inline]
    pub(crate) fn take_home(
        &mut self,
        shared: &SharedFrameState,
        pool: &mut FramePool,
        want: u32,
    ) -> Result<u32> {
        let posted = self.fill.take_home(shared, Home::Rx, pool, want)?;
        if posted == 0 || (posted < want && !pool.is_empty()) {
            self.moved(0, posted);
            return Ok(posted + self.refill(pool, want - posted)?);
        }
        self.counters.add(Counter::Refills, 1);
        self.moved(0, posted);
        Ok(posted)
    }

    /// How many frames are to be posted, if there are to be `share` to receive into.
    #[inline]
    pub(crate) fn wanted(&mut self, share: u32) -> Result<u32> {
        Ok(self.missing()?.min(share.saturating_sub(self.out())))
    }

    /// How many must be wanted before some are posted: `low_water`, or less of a ring or a share that is too small for
    /// that many to be missing before there is none left.
    #[inline]
    pub(crate) fn enough(&self, low_water: u32, share: u32) -> u32 {
        low_water.min(self.fill.size() / 2).min(share / 8).max(1)
    }

    /// How many frames are posted whose packets were not taken yet.
    #[inline]
    pub(crate) fn out(&self) -> u32 {
        // A ring of u32 indices has no more.
        self.counters.out() as u32
    }

    /// Packets were taken, and frames posted.
    #[inline]
    pub(crate) fn moved(&self, taken: u32, posted: u32) {
        self.counters.moved(taken.into(), posted.into());
    }

    /// Whether there is no frame to receive into, so that nothing will come.
    #[inline]
    pub(crate) fn is_starved(&self) -> bool {
        self.out() == 0
    }

    /// Posts up to `want` frames of the pool, and says how many.
    #[inline]
    pub(crate) fn refill(&mut self, pool: &mut FramePool, want: u32) -> Result<u32> {
        let posted = self.fill.refill(pool, want)?;
        self.moved(0, posted);
        if posted > 0 {
            self.counters.add(Counter::Refills, 1);
        } else if self.fill.occupancy() == 0 && self.rx.occupancy() == 0 {
            self.counters.add(Counter::Starved, 1);
        }
        Ok(posted)
    }

    /// Shows the kernel what was posted, and wakes it if it sleeps for want of some.
    #[inline]
    pub(crate) fn publish(&mut self) -> Result<()> {
        self.fill.publish();
        if self.fill.needs_wakeup() { self.kick() } else { Ok(()) }
    }

    /// Has the kernel look at the queue, if it polls it from our system calls.
    #[inline]
    pub(crate) fn busy_poll(&mut self) -> Result<()> {
        match self.granted.busy_poll {
            BusyPollGrant::Real { .. } => self.kick(),
            _ => Ok(()),
        }
    }

    fn kick(&mut self) -> Result<()> {
        self.counters.add(Counter::RxKicks, 1);
        self.device.kick_rx()?;
        Ok(())
    }
}

//! What receives.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use fluxcapacitor_core::Result;

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
    /// Frames posted, whose packets were not taken yet. One thread writes it; so loads and stores do.
    pub(crate) out: AtomicU32,
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

    /// Whether so many missing frames are enough to post some: `low_water` of them, or half of a ring that is
    /// too short for that many to be missing before there is none left.
    #[inline]
    pub(crate) fn is_low(&self, missing: u32, low_water: u32) -> bool {
        missing >= low_water.min(self.fill.size() / 2).max(1)
    }

    /// Whether there is no frame to receive into, so that nothing will come.
    #[inline]
    pub(crate) fn is_starved(&self) -> bool {
        self.out.load(Relaxed) == 0
    }

    /// Posts up to `want` frames of the pool, and says how many.
    #[inline]
    pub(crate) fn refill(&mut self, pool: &mut FramePool, want: u32) -> Result<u32> {
        let posted = self.fill.refill(pool, want)?;
        self.out.store(self.out.load(Relaxed) + posted, Relaxed);
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

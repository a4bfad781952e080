//! IRQs kept off while the program polls.

use std::time::Duration;

use fluxcapacitor_core::{Error, Result};

/// How long a queue's hard IRQ is to stay off while the program polls: [`BusyPoll::deferral`](super::BusyPoll).
///
/// Without it, the card interrupts between any two polls, and the kernel's own polling takes packets that busy
/// polling was to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NapiDeferral {
    /// How many polls in a row have to find no packet before the IRQ is let in again: 1 up to 2³¹ − 1
    /// (`napi_defer_hard_irqs`).
    pub hard_irqs: u32,
    /// How long nobody may poll before the kernel does it by itself: 1 ns up to 1 s, in whole nanoseconds
    /// (`gro_flush_timeout`). Where the program sleeps or is slow, this is how late packets come; it should be
    /// longer than the program takes from one poll to the next.
    pub timeout: Duration,
}

impl NapiDeferral {
    /// Longer than any program should leave a queue alone.
    const TIMEOUT_MAX: Duration = Duration::from_secs(1);

    /// Refuses what the kernel would, and what would do nothing.
    pub(super) fn check(&self) -> Result<()> {
        let Self { hard_irqs, timeout } = *self;
        if !(1..=i32::MAX as u32).contains(&hard_irqs) {
            let why = "1 up to 2147483647 will do, 2 is usual; to defer none, ask for no deferral";
            return Err(Error::invalid("number of hard IRQs to defer", hard_irqs, why));
        }
        if timeout.is_zero() || timeout > Self::TIMEOUT_MAX {
            let why = "1 ns up to 1 s will do, 200 µs is usual; to defer none, ask for no deferral";
            return Err(Error::invalid("timeout of IRQ deferral", format!("{timeout:?}"), why));
        }
        Ok(())
    }
}

impl Default for NapiDeferral {
    /// 2 polls and 200 µs, as DPDK's driver for AF_XDP recommends.
    fn default() -> Self {
        Self { hard_irqs: 2, timeout: Duration::from_micros(200) }
    }
}

//! How a loop waits for packets.

use std::time::{Duration, Instant};

/// How a loop waits for packets when there are none.
///
/// | | processor, idle | latency |
/// |---|---|---|
/// | `Busy` | one core, always | least |
/// | `Wait` | next to none | that of a wake-up by the kernel |
/// | `Adaptive` | next to none | as `Busy` while packets come, as `Wait` for the first after a pause |
///
/// Kernel busy polling ([`FluxBuilder::busy_poll`](crate::FluxBuilder::busy_poll)) goes with each: where
/// it was granted, an empty turn is a system call that polls the queue.
///
/// In a simulated world whose time is virtual, `Busy` sees next to nothing of what only time brings: nothing
/// there moves it. Run such a world live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Poller {
    /// Looks again at once.
    Busy,
    /// Sleeps in the kernel until there is something.
    Wait,
    /// Spins for 50 µs after the last packet ([`SPIN`]), then sleeps as `Wait` does.
    #[default]
    Adaptive,
}

/// For how long [`Poller::Adaptive`] spins after the last packet: some times what a sleep and a wake-up
/// take.
pub const SPIN: Duration = Duration::from_micros(50);

/// How long one sleep lasts at most: then the loop looks whether it is to stop.
pub const SLEEP_MAX: Duration = Duration::from_millis(100);

/// How long one sleep lasts where nothing can come, because all frames are in somebody's hands: nothing tells
/// when one comes home.
pub(crate) const NAP: Duration = Duration::from_millis(1);

/// How many turns with packets there are between two looks at the links.
const TURNS_A_CHECK: u32 = 256;

/// How many empty turns there are between two looks at the clock, where the answer matters at once.
const TURNS_A_LOOK: u32 = 16;

/// How many empty turns of [`Poller::Busy`] there are between two looks at the link, which looks at the clock first.
const TURNS_A_PROBE: u32 = 1 << 14;

/// What a loop knows of its waiting.
#[derive(Debug)]
pub(crate) struct Pace {
    poller: Poller,
    /// Turns with packets.
    full_turns: u32,
    /// Empty turns since the last packet.
    idle_turns: u32,
    /// When spinning began, once the clock was looked at.
    since: Option<Instant>,
    /// It has slept since the last packet.
    asleep: bool,
}

/// What a loop is to do after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The next turn, at once.
    Look,
    /// Sleep before it.
    Sleep,
    /// See whether the link is still there: nothing else has told for a while.
    Probe,
    /// The same while packets come: there may be another link.
    LookAtLinks,
}

impl Pace {
    pub(crate) const fn new(poller: Poller) -> Self {
        Self { poller, full_turns: 0, idle_turns: 0, since: None, asleep: false }
    }

    /// What to do after a turn that has brought `packets`.
    #[inline]
    pub(crate) fn after(&mut self, packets: usize) -> Next {
        if packets > 0 {
            self.full_turns = self.full_turns.wrapping_add(1);
            if self.idle_turns > 0 {
                (self.idle_turns, self.since, self.asleep) = (0, None, false);
            }
            let check = self.full_turns.is_multiple_of(TURNS_A_CHECK);
            return if check { Next::LookAtLinks } else { Next::Look };
        }
        match self.poller {
            Poller::Busy => {
                std::hint::spin_loop();
                self.idle_turns = self.idle_turns.wrapping_add(1);
                if self.idle_turns.is_multiple_of(TURNS_A_PROBE) { Next::Probe } else { Next::Look }
            }
            Poller::Wait => Next::Sleep,
            Poller::Adaptive => self.spin(),
        }
    }

    fn spin(&mut self) -> Next {
        if self.asleep {
            return Next::Sleep;
        }
        std::hint::spin_loop();
        self.idle_turns = self.idle_turns.wrapping_add(1);
        if !self.idle_turns.is_multiple_of(TURNS_A_LOOK) {
            return Next::Look;
        }
        self.asleep = self.since.get_or_insert_with(Instant::now).elapsed() >= SPIN;
        if self.asleep { Next::Sleep } else { Next::Look }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_poller_waits_in_its_own_way() {
        let mut busy = Pace::new(Poller::Busy);
        assert!((0..100_000).all(|_| busy.after(0) != Next::Sleep));
        assert_eq!(Pace::new(Poller::Wait).after(0), Next::Sleep);
        assert_eq!(Pace::new(Poller::Wait).after(1), Next::Look);
    }

    #[test]
    fn an_adaptive_one_spins_for_a_while_after_each_packet_and_only_then() {
        let mut pace = Pace::new(Poller::Adaptive);
        for _ in 0..2 {
            let started = Instant::now();
            assert_eq!(pace.after(1), Next::Look);
            while pace.after(0) == Next::Look {}
            assert!(started.elapsed() >= SPIN);
            assert!((0..1000).all(|_| pace.after(0) == Next::Sleep), "woken for nothing");
        }
    }
}

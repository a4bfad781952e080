//! The time of a world, and what is to happen when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// A moment, in nanoseconds since the world began.
pub(super) type Moment = u64;

/// What happens, in which order.
///
/// The time stands still unless somebody moves it: a wait, a call into the simulated kernel, whoever
/// holds the world; or, in a world that runs live, this machine's clock.
#[derive(Debug)]
pub(super) struct Clock<E> {
    now: Moment,
    /// When the world began to run live, and at which of its moments.
    live: Option<(Instant, Moment)>,
    queue: BinaryHeap<Reverse<Entry<E>>>,
    /// Events of one moment happen in the order in which they were made.
    next: u64,
}

#[derive(Debug)]
struct Entry<E> {
    at: Moment,
    number: u64,
    event: E,
}

impl<E> Clock<E> {
    pub(super) fn new() -> Self {
        Self { now: 0, live: None, queue: BinaryHeap::new(), next: 0 }
    }

    pub(super) fn now(&self) -> Moment {
        self.now
    }

    /// Whether this machine's clock moves it.
    pub(super) fn is_live(&self) -> bool {
        self.live.is_some()
    }

    pub(super) fn set_live(&mut self, live: bool) {
        if live != self.is_live() {
            self.live = live.then(|| (Instant::now(), self.now));
        }
    }

    /// In a world that runs live: catches up with this machine's clock.
    pub(super) fn catch_up(&mut self) {
        if let Some((since, base)) = self.live {
            self.now = self.now.max(base.saturating_add(nanoseconds(since.elapsed())));
        }
    }

    /// Moves the time on to `moment`; never back, and not in a world that runs live.
    pub(super) fn advance(&mut self, moment: Moment) {
        if !self.is_live() {
            self.now = self.now.max(moment);
        }
    }

    /// The moment that is `time` after now, as far as there is one.
    pub(super) fn after(&self, time: Duration) -> Moment {
        self.now.saturating_add(nanoseconds(time))
    }

    pub(super) fn schedule(&mut self, at: Moment, event: E) {
        self.queue.push(Reverse(Entry { at, number: self.next, event }));
        self.next += 1;
    }

    /// When the next event is due.
    pub(super) fn next_at(&self) -> Option<Moment> {
        self.queue.peek().map(|Reverse(entry)| entry.at)
    }

    /// The next event, if it is due.
    pub(super) fn due(&mut self) -> Option<E> {
        if self.next_at()? > self.now {
            return None;
        }
        self.queue.pop().map(|Reverse(entry)| entry.event)
    }
}

/// The longest time that anything takes: 208 days. A world ends after a thousand of those.
const FOREVER: Moment = 1 << 54;

/// As many as there are, up to [`FOREVER`].
pub(super) fn nanoseconds(duration: Duration) -> Moment {
    u64::try_from(duration.as_nanos()).map_or(FOREVER, |nanoseconds| nanoseconds.min(FOREVER))
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

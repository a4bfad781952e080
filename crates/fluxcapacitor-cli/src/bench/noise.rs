//! What else the machine did meanwhile.

use std::fs;
use std::hint::spin_loop;
use std::sync::atomic::{AtomicU32, Ordering::Acquire, Ordering::Release};
use std::thread;
use std::time::{Duration, Instant};

use fluxcapacitor_core::sys::cpu;
use nix::unistd::Pid;

/// Beyond this share of its time that it waited for a processor, a run is disturbed.
pub const WAITED_MAX: f64 = 0.05;

/// Beyond so many times what it takes as a rule, a round trip between the processors says that they have moved: those
/// of a virtual machine do.
pub const ROUND_TRIP_MAX: f64 = 3.0;

/// Beyond this share of their median, runs are too far apart to say anything.
pub const SPREAD_MAX: f64 = 0.2;

/// For so many runs of a case one may be made again, because the machine was busy with something else.
pub const RUNS_A_REPEAT: u32 = 2;

/// Round trips a try, and tries: the shortest counts.
const ROUND_TRIPS: u32 = 2000;
const TRIES: u32 = 5;

/// Whether a cache line took much longer than as a rule: then the processors have moved.
pub fn is_far(round_trip: Option<Duration>, usual: Option<Duration>) -> bool {
    let pair = round_trip.zip(usual);
    pair.is_some_and(|(taken, usual)| taken > usual.mul_f64(ROUND_TRIP_MAX))
}

/// Round trips between the processors, before and after each run.
#[derive(Clone, Debug, Default)]
pub struct RoundTrips(Vec<Duration>);

impl RoundTrips {
    /// A few of them.
    pub fn measured(cpus: (usize, usize)) -> Self {
        Self((0..TRIES).filter_map(|_| round_trip(cpus)).collect())
    }

    pub fn note(&mut self, round_trip: Option<Duration>) {
        self.0.extend(round_trip);
    }

    /// What one takes as a rule: the middle one. None on one processor.
    pub fn usual(&self) -> Option<Duration> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }
}

/// A word on cache lines of its own: processors fetch them in pairs.
#[derive(Default)]
#[repr(align(128))]
struct Line(AtomicU32);

/// How long a cache line takes from one processor to the other and back; none where there is only one.
pub fn round_trip(cpus: (usize, usize)) -> Option<Duration> {
    let (here, there) = cpus;
    if here == there {
        return None;
    }
    let (ask, answer) = (Line::default(), Line::default());
    let rounds = ROUND_TRIPS * TRIES;
    thread::scope(|scope| {
        let answering = scope.spawn(|| {
            cpu::pin(there).ok()?;
            for round in 1..=rounds {
                wait_for(&ask, round);
                answer.0.store(round, Release);
            }
            Some(())
        });
        let asking = scope.spawn(|| {
            let pinned = cpu::pin(here).ok();
            let tries = (0..TRIES).map(|number| {
                let started = Instant::now();
                for round in 1..=ROUND_TRIPS {
                    let round = number * ROUND_TRIPS + round;
                    ask.0.store(round, Release);
                    wait_for(&answer, round);
                }
                started.elapsed() / ROUND_TRIPS
            });
            let shortest = tries.min();
            pinned.and(shortest)
        });
        answering.join().ok()??;
        asking.join().ok()?
    })
}

fn wait_for(line: &Line, round: u32) {
    let mut looks = 0_u32;
    while line.0.load(Acquire) < round {
        looks += 1;
        // The other may be waiting for this very processor.
        if looks.is_multiple_of(1 << 16) { thread::yield_now() } else { spin_loop() }
    }
}

/// Time that threads have had of a processor, and time that they have waited for one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Schedule {
    ran: Duration,
    waited: Duration,
}

impl Schedule {
    /// Of a thread of this process, by its number.
    pub fn of_thread(id: Pid) -> Self {
        Self::read(&format!("/proc/self/task/{id}/schedstat"))
    }

    /// Of a process and its children.
    pub fn of_process(id: u32) -> Self {
        let tasks = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
        tasks.fold(Self::default(), |sum, task| {
            let task = task.path();
            let children = fs::read_to_string(task.join("children")).unwrap_or_default();
            let children = children.split_whitespace().filter_map(|id| id.parse().ok());
            let own = Self::read(&task.join("schedstat").to_string_lossy());
            children.map(Self::of_process).fold(sum.plus(own), Self::plus)
        })
    }

    /// Nothing where the kernel does not say.
    fn read(path: &str) -> Self {
        let text = fs::read_to_string(path).unwrap_or_default();
        let mut times = text.split_whitespace().map(|ns| ns.parse().unwrap_or(0));
        let mut next = || Duration::from_nanos(times.next().unwrap_or(0));
        Self { ran: next(), waited: next() }
    }

    fn plus(self, other: Self) -> Self {
        Self { ran: self.ran + other.ran, waited: self.waited + other.waited }
    }

    /// The time since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        let (ran, waited) = (self.ran, self.waited);
        Self { ran: ran.saturating_sub(earlier.ran), waited: waited.saturating_sub(earlier.waited) }
    }

    /// Time of a processor.
    pub const fn ran(&self) -> Duration {
        self.ran
    }

    /// For which share of its time it waited.
    pub fn waited(&self) -> f64 {
        let (ran, waited) = (self.ran.as_secs_f64(), self.waited.as_secs_f64());
        if waited > 0.0 { waited / (waited + ran) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use nix::unistd::gettid;

    use super::*;

    #[test]
    fn a_round_trip_takes_time_between_two_processors_only() {
        let cpus = cpu::allowed().unwrap();
        assert_eq!(round_trip((cpus[0], cpus[0])), None);
        if let [one, other, ..] = *cpus {
            assert!(round_trip((one, other)).unwrap() > Duration::ZERO);
        }
    }

    #[test]
    fn what_a_round_trip_takes_as_a_rule_is_neither_the_best_nor_the_worst() {
        let mut round_trips = RoundTrips::default();
        assert_eq!(round_trips.usual(), None);
        for ns in [29, 100, 410] {
            round_trips.note(Some(Duration::from_nanos(ns)));
        }
        round_trips.note(None);
        assert_eq!(round_trips.usual(), Some(Duration::from_nanos(100)));
        assert!(is_far(Some(Duration::from_nanos(410)), round_trips.usual()));
        assert!(!is_far(Some(Duration::from_nanos(29)), round_trips.usual()));
    }

    #[test]
    fn a_thread_that_spins_has_run() {
        let this = gettid();
        let before = Schedule::of_thread(this);
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(20) {}
        let after = Schedule::of_thread(this);
        let since = after.since(&before);
        assert!(since.ran() > Duration::ZERO, "{since:?}");
        assert!((0.0..1.0).contains(&since.waited()));
        assert!(Schedule::of_process(std::process::id()).ran() >= after.ran());
    }
}

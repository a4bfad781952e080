//! What came of all runs of one contestant in one case.

use std::time::Duration;

use serde::Serialize;

use super::case::{Case, name};
use super::noise::{SPREAD_MAX, WAITED_MAX, is_far};
use super::spread::Spread;
use super::trial::{Found, Trial};

/// A row of the table, and a line of JSON. The names are stable.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub scenario: String,
    pub wait: String,
    pub batch: u32,
    pub packet_size: u32,
    pub contestant: String,
    pub rounds: usize,
    /// Packets that the contestant has counted in all rounds, from beginning to end of each.
    pub packets: u64,
    /// Packets a second, in millions; as the interface counts them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mpps: Option<Spread>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_us: Option<Latency>,
    /// Share of the packets offered that were not received.
    pub lost: f64,
    /// None if the contestant does not tell.
    pub kicks_per_packet: Option<f64>,
    /// Nanoseconds of a processor that a packet took the contestant, its system calls included. None if no packet
    /// moved, or the kernel does not say.
    pub cpu_ns_per_packet: Option<Spread>,
    pub counts_agree: bool,
    /// How they differ, in the first round in which they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<String>,
    /// Why this row says little.
    pub noise: Vec<String>,
    /// Whether all its runs were better, or all worse, than those of the first contestant; that one has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_apart: Option<bool>,
    #[serde(skip)]
    pub case: Case,
}

/// Percentiles, each over all rounds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Latency {
    pub p50: Spread,
    pub p90: Spread,
    pub p99: Spread,
    pub p99_9: Spread,
}

impl Row {
    /// None if there were no runs. Round trips are held against what they take as a rule.
    pub fn new(
        case: Case,
        contestant: &str,
        trials: &[Trial],
        usual: Option<Duration>,
    ) -> Option<Self> {
        let mpps = trials.iter().filter_map(|trial| match trial.found {
            Found::Mpps(mpps) => Some(mpps),
            Found::Latency(_) => None,
        });
        let mpps = Spread::of(mpps.collect());
        let latency_us = latency(trials);
        let difference = trials.iter().find_map(|trial| trial.difference.clone());
        let median = |of: &dyn Fn(&Trial) -> Option<f64>| {
            Spread::of(trials.iter().filter_map(of).collect()).map(|spread| spread.median)
        };
        let main = mpps.or(latency_us.map(|latency| latency.p50))?;
        Some(Self {
            scenario: name(&case.scenario),
            wait: name(&case.wait),
            batch: case.batch,
            packet_size: case.packet_size,
            contestant: contestant.to_owned(),
            rounds: trials.len(),
            packets: trials.iter().map(|trial| trial.packets).sum(),
            mpps,
            latency_us,
            lost: median(&|trial| Some(trial.lost)).unwrap_or(0.0),
            kicks_per_packet: median(&|trial| trial.kicks_per_packet),
            cpu_ns_per_packet: Spread::of(trials.iter().filter_map(|trial| trial.cpu_ns).collect()),
            counts_agree: difference.is_none(),
            difference,
            noise: noise(&main, trials, usual),
            is_apart: None,
            case,
        })
    }

    /// What contestants are compared by: packets a second, or the median latency.
    pub fn main(&self) -> Option<Spread> {
        self.mpps.or(self.latency_us.map(|latency| latency.p50))
    }

    /// Notes whether it can be told from the first contestant of its case.
    pub fn compare(&mut self, first: &Self) {
        let (ours, theirs) = (self.main(), first.main());
        self.is_apart = ours.zip(theirs).map(|(ours, theirs)| ours.is_apart_from(&theirs));
    }
}

fn latency(trials: &[Trial]) -> Option<Latency> {
    let found = trials.iter().filter_map(|trial| match trial.found {
        Found::Latency(percentiles) => Some(percentiles),
        Found::Mpps(_) => None,
    });
    let found: Vec<_> = found.collect();
    Some(Latency {
        p50: Spread::of(found.iter().map(|times| times.p50).collect())?,
        p90: Spread::of(found.iter().map(|times| times.p90).collect())?,
        p99: Spread::of(found.iter().map(|times| times.p99).collect())?,
        p99_9: Spread::of(found.iter().map(|times| times.p99_9).collect())?,
    })
}

fn noise(main: &Spread, trials: &[Trial], usual: Option<Duration>) -> Vec<String> {
    let mut noise = Vec::new();
    if main.width() > SPREAD_MAX {
        noise.push(format!("its runs are {:.0} % apart", main.width() * 100.0));
    }
    let waited = trials.iter().map(|trial| trial.waited).fold(0.0, f64::max);
    if waited > WAITED_MAX {
        noise.push(format!("it waited for its processor {:.0} % of the time", waited * 100.0));
    }
    let longest = trials.iter().filter_map(|trial| trial.round_trip).max();
    if is_far(longest, usual)
        && let Some((longest, usual)) = longest.zip(usual)
    {
        noise.push(format!(
            "a cache line took up to {} ns between the processors, {} as a rule",
            longest.as_nanos(),
            usual.as_nanos()
        ));
    }
    noise
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::case::Scenario;
    use crate::cli::{DeferralOption, Wait};

    fn trial(mpps: f64) -> Trial {
        Trial {
            found: Found::Mpps(mpps),
            packets: 1000,
            lost: 0.0,
            kicks_per_packet: None,
            difference: None,
            cpu_ns: None,
            waited: 0.0,
            round_trip: Some(Duration::from_nanos(100)),
            granted: None,
        }
    }

    fn row(trials: &[Trial]) -> Row {
        let case = Case {
            scenario: Scenario::Rxdrop,
            wait: Wait::Spin,
            deferral: DeferralOption::default(),
            batch: 64,
            packet_size: 64,
        };
        Row::new(case, "raw", trials, Some(Duration::from_nanos(100))).unwrap()
    }

    #[test]
    fn quiet_runs_are_not_called_noisy() {
        let quiet = row(&[trial(1.0), trial(1.01), trial(0.99)]);
        assert_eq!(quiet.noise, [""; 0]);
        assert!(quiet.counts_agree);
    }

    #[test]
    fn noise_is_said_by_its_cause() {
        let apart = row(&[trial(1.0), trial(1.5)]);
        assert_eq!(apart.noise, ["its runs are 40 % apart"]);
        let waited = row(&[Trial { waited: 0.5, ..trial(1.0) }]);
        assert_eq!(waited.noise, ["it waited for its processor 50 % of the time"]);
        let moved = row(&[Trial { round_trip: Some(Duration::from_nanos(500)), ..trial(1.0) }]);
        assert!(moved.noise[0].contains("500 ns"), "{:?}", moved.noise);
    }

    #[test]
    fn a_run_is_disturbed_by_other_work_and_not_by_its_result() {
        let usual = Some(Duration::from_nanos(100));
        let (quiet, moved) = (trial(1.0), Some(Duration::from_nanos(301)));
        assert!(!quiet.is_disturbed(usual) && !quiet.is_disturbed(None));
        assert!(Trial { waited: 0.06, ..trial(1.0) }.is_disturbed(None));
        assert!(Trial { round_trip: moved, ..trial(1.0) }.is_disturbed(usual));
        assert!(!Trial { round_trip: None, ..trial(1.0) }.is_disturbed(usual), "one processor");
    }

    #[test]
    fn rows_that_overlap_are_not_apart() {
        let (first, mut same) = (row(&[trial(1.0), trial(1.1)]), row(&[trial(1.05), trial(1.2)]));
        same.compare(&first);
        assert_eq!(same.is_apart, Some(false));
        let mut better = row(&[trial(1.2), trial(1.3)]);
        better.compare(&first);
        assert_eq!(better.is_apart, Some(true));
    }

    #[test]
    fn one_round_with_other_counts_is_enough() {
        let other = Trial { difference: Some("differs".to_owned()), ..trial(1.0) };
        let row = row(&[trial(1.0), other]);
        assert!(!row.counts_agree);
        assert_eq!(row.difference.as_deref(), Some("differs"));
    }
}

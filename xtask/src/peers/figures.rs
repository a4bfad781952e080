//! What was found, as `fluxcap bench` tells it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::contestant::Contestant;

/// Scenarios whose instructions are counted.
pub const SCENARIOS: [&str; 3] = ["rxdrop", "txonly", "l2fwd"];

/// A line of `fluxcap bench --output json`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Row(Row),
    Verdict(Verdict),
}

/// One contestant in one case.
#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    scenario: String,
    wait: String,
    contestant: String,
    pub mpps: Option<Spread>,
    pub latency_us: Option<Latency>,
    pub cpu_ns_per_packet: Option<Spread>,
    counts_agree: bool,
    pub noise: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Latency {
    pub p50: Spread,
    pub p99: Spread,
}

/// The conditions.
#[derive(Clone, Debug, Deserialize)]
pub struct Verdict {
    pub version: String,
    pub kernel: String,
    pub cpu: String,
    pub driver: String,
    pub granted: Option<String>,
    pub seconds: f64,
    pub rounds: u32,
    pub repeated_runs: u32,
    pub round_trip_ns: Option<u64>,
    pub rows: u32,
    pub noisy_rows: u32,
}

/// All figures.
#[derive(Debug, Default)]
pub struct Figures {
    rows: Vec<Row>,
    pub verdicts: Vec<Verdict>,
    counts: BTreeMap<(String, String), String>,
}

impl Figures {
    /// Takes what the command has printed.
    pub fn take(&mut self, printed: &str) -> Result<()> {
        for line in printed.lines() {
            match serde_json::from_str(line).with_context(|| format!("no figures: {line}"))? {
                Line::Row(row) => self.rows.push(row),
                Line::Verdict(verdict) => self.verdicts.push(verdict),
            }
        }
        Ok(())
    }

    /// Notes how many instructions a packet took.
    pub fn count(&mut self, contestant: &str, scenario: &str, count: String) {
        self.counts.insert((contestant.to_owned(), scenario.to_owned()), count);
    }

    /// The row of a contestant, if it does that.
    pub fn row(&self, contestant: &str, scenario: &str, wait: &str) -> Option<&Row> {
        self.rows.iter().find(|row| {
            (&*row.contestant, &*row.scenario, &*row.wait) == (contestant, scenario, wait)
        })
    }

    /// Instructions a packet.
    pub fn counted(&self, contestant: &str, scenario: &str) -> &str {
        let key = (contestant.to_owned(), scenario.to_owned());
        self.counts.get(&key).map_or("–", String::as_str)
    }

    /// Fails for a contestant that has no figure where it should have one, or other counts than the interface.
    pub fn check(&self, contestants: &[Contestant]) -> Result<()> {
        for Contestant { name, polls, sends, .. } in contestants {
            for scenario in ["rxdrop", "txonly", "l2fwd", "ping-pong"] {
                for wait in ["spin", "poll"] {
                    let lacks = wait == "poll" && (!polls || scenario == "txonly");
                    if lacks || (scenario == "txonly" && !sends) {
                        continue;
                    }
                    let row = self.row(name, scenario, wait);
                    let row = row
                        .with_context(|| format!("{name} has no figure for {scenario}, {wait}"))?;
                    ensure!(
                        row.counts_agree,
                        "{name} has other counts than the interface: {row:?}"
                    );
                }
            }
            for scenario in SCENARIOS {
                let is_counted = self.counted(name, scenario).parse::<f64>().is_ok();
                let must = scenario != "txonly" || *sends;
                ensure!(is_counted || !must, "{name} has no instructions counted for {scenario}");
            }
        }
        ensure!(!self.verdicts.is_empty(), "nothing was measured");
        Ok(())
    }
}

//! The table, as it stands in the document.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::contestant::Contestant;
use super::debian;
use super::figures::{Figures, Latency, Row, Spread, Verdict};
use crate::document::today;
use crate::workspace;

/// All of it.
pub fn text(figures: &Figures, contestants: &[Contestant]) -> Result<String> {
    let first = figures.verdicts.first().context("nothing was measured")?;
    let mut text = conditions(first, &figures.verdicts)?;
    text += "\n| Mpps | rxdrop | rxdrop, poll | txonly | l2fwd | l2fwd, poll |\n|---|---|---|---|---|---|\n";
    let rate = |row: &Row| Some(cell(row.mpps?, row));
    for Contestant { name, .. } in contestants {
        text += &format!("| {name} |");
        for (scenario, wait) in [
            ("rxdrop", "spin"),
            ("rxdrop", "poll"),
            ("txonly", "spin"),
            ("l2fwd", "spin"),
            ("l2fwd", "poll"),
        ] {
            let found = figures.row(name, scenario, wait).and_then(rate);
            text += &format!(" {} |", found.unwrap_or_else(none));
        }
        text += "\n";
    }
    text += "\n| µs, ping-pong | p50 | p99 | p50, poll | p99, poll |\n|---|---|---|---|---|\n";
    for Contestant { name, .. } in contestants {
        text += &format!("| {name} |");
        for wait in ["spin", "poll"] {
            let row = figures.row(name, "ping-pong", wait);
            let found = row.and_then(|row| Some((row, row.latency_us?)));
            let [p50, p99] = found.map_or_else(
                || [none(), none()],
                |(row, Latency { p50, p99 })| [cell(p50, row), cell(p99, row)],
            );
            text += &format!(" {p50} | {p99} |");
        }
        text += "\n";
    }
    text += "\n| ns of a processor a packet, poll | rxdrop | l2fwd |\n|---|---|---|\n";
    for Contestant { name, .. } in contestants.iter().filter(|contestant| contestant.polls) {
        text += &format!("| {name} |");
        for scenario in ["rxdrop", "l2fwd"] {
            let row = figures.row(name, scenario, "poll");
            let found = row.and_then(|row| Some(cell(row.cpu_ns_per_packet?, row)));
            text += &format!(" {} |", found.unwrap_or_else(none));
        }
        text += "\n";
    }
    text += "\n| instructions a packet | rxdrop | txonly | l2fwd |\n|---|---|---|---|\n";
    for Contestant { name, .. } in contestants {
        let counts = ["rxdrop", "txonly", "l2fwd"].map(|scenario| figures.counted(name, scenario));
        if counts.iter().any(|count| *count != none()) {
            text += &format!("| {name} | {} |\n", counts.join(" | "));
        }
    }
    Ok(text)
}

fn conditions(verdict: &Verdict, all: &[Verdict]) -> Result<String> {
    let Verdict { version, kernel, cpu, driver, granted, seconds, rounds, round_trip_ns, .. } =
        verdict;
    let mode = granted.as_deref().and_then(|granted| granted.split_once(": "));
    let mode = mode.map_or("?", |(_, mode)| mode);
    let trip = round_trip_ns.map_or_else(String::new, |ns| {
        format!(", a cache line from one to the other and back in {ns} ns as a rule")
    });
    let noisy: u32 = all.iter().map(|verdict| verdict.noisy_rows).sum();
    let rows: u32 = all.iter().map(|verdict| verdict.rows).sum();
    let repeated: u32 = all.iter().map(|verdict| verdict.repeated_runs).sum();
    let noise = match noisy {
        0 => "No row was noisy.".to_owned(),
        some => {
            format!("**The machine was noisy: {some} of {rows} figures, marked `?`, say little.**")
        }
    };
    Ok(format!(
        "Measured on {}: Linux {kernel}, {cpu}{trip}; driver {driver}, {mode}; batch 64, packets of 64 bytes; medians of \
         {rounds} rounds of {seconds} s, in brackets the least and the most; {repeated} runs made again, when the \
         machine was busy with something else. {noise}\n\n\
         fluxcapacitor {version} (raw, engine, owned), {}.\n",
        today()?,
        versions()?
    ))
}

fn none() -> String {
    "–".to_owned()
}

fn cell(Spread { median, min, max }: Spread, row: &Row) -> String {
    let mark = if row.noise.is_empty() { "" } else { " ?" };
    format!("{median:.2} ({min:.2}–{max:.2}){mark}")
}

/// Those of the peers.
fn versions() -> Result<String> {
    #[derive(Deserialize)]
    struct Lock {
        package: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
        version: String,
    }
    let lock = workspace::root().join("benches/peers/Cargo.lock");
    let lock: Lock = toml::from_str(&fs::read_to_string(lock)?)?;
    let known: BTreeMap<_, _> =
        lock.package.into_iter().map(|package| (package.name, package.version)).collect();
    let crates = ["xsk-rs", "xdp", "xdpilone"]
        .map(|name| format!("{name} {}", known.get(name).map_or("?", String::as_str)));
    Ok(format!(
        "{}, DPDK {} (testpmd, no huge pages)",
        crates.join(", "),
        debian::version("dpdk-dev")?
    ))
}

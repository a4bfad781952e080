//! Other crates, DPDK's testpmd and xdpsock beside this library, on one wire.
//!
//! `fluxcap bench` runs them all in turns and holds their counts against the interface's; `instructions`, of the
//! workspace `benches/peers`, single-steps each. What they find becomes the table of `docs/performance.md`.

mod contestant;
mod debian;
mod figures;
mod table;

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::document::Marks;
use crate::workspace;
use contestant::Contestant;
use figures::{Figures, SCENARIOS};

/// Where the table stands.
pub const TABLE: (&str, Marks) = (
    "docs/performance.md",
    Marks { begin: "<!-- peers: written by `cargo xtask peers` -->", end: "<!-- /peers -->" },
);

/// A peer's XDP program is attached as it is, without another that dispatches: nothing is pinned, and nothing is left.
const WITHOUT_DISPATCHER: (&str, &str) = ("LIBXDP_SKIP_DISPATCHER", "1");

#[derive(Debug, Args)]
pub struct Options {
    /// How long to measure in each run
    #[arg(long, value_name = "S", default_value_t = 0.5)]
    seconds: f64,

    /// How often to run each contestant
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: u32,

    /// Run these contestants only, and do not write the table
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,

    /// Print the table, and do not write it
    #[arg(long)]
    print: bool,
}

/// Builds, runs, checks, and writes the table.
pub fn run(options: &Options) -> Result<()> {
    debian::install()?;
    let programs = build()?;
    let mut contestants = Contestant::all(&programs);
    if !options.only.is_empty() {
        contestants.retain(|contestant| options.only.iter().any(|name| name == contestant.name));
        ensure!(!contestants.is_empty(), "there is no contestant of such a name");
    }

    let mut figures = Figures::default();
    // Nobody but us waits in poll to send.
    for (scenarios, waits) in [("rxdrop,l2fwd,ping-pong", "spin,poll"), ("txonly", "spin")] {
        figures.take(&bench(options, &programs, &contestants, scenarios, waits)?)?;
    }
    for contestant in &contestants {
        for scenario in SCENARIOS {
            let count = instructions(&programs, contestant, scenario)?;
            println!("{}, {scenario}: {count} instructions a packet", contestant.name);
            figures.count(contestant.name, scenario, count);
        }
    }

    figures.check(&contestants)?;
    let table = table::text(&figures, &contestants)?;
    if options.print || !options.only.is_empty() {
        println!("{table}");
        return Ok(());
    }
    let (document, marks) = TABLE;
    marks.write(&workspace::root().join(document), &table)?;
    println!("{document} is written");
    Ok(())
}

/// Where the programs are.
#[derive(Debug)]
pub struct Programs {
    fluxcap: PathBuf,
    peers: PathBuf,
}

/// Builds the command, and the peers in their own workspace.
fn build() -> Result<Programs> {
    let (root, target) = (workspace::root(), workspace::target());
    let peers = target.join("peers");
    let mut cargo = workspace::cargo();
    cargo.args(["build", "--locked", "--release", "--package", "fluxcapacitor-cli"]);
    workspace::run(cargo.current_dir(root))?;
    let mut cargo = workspace::cargo();
    cargo.args(["build", "--locked", "--release"]).current_dir(root.join("benches/peers"));
    workspace::run(cargo.env("CARGO_TARGET_DIR", &peers))?;
    Ok(Programs { fluxcap: target.join("release/fluxcap"), peers: peers.join("release") })
}

/// What `fluxcap bench` prints of these scenarios.
fn bench(
    options: &Options,
    programs: &Programs,
    contestants: &[Contestant],
    scenarios: &str,
    waits: &str,
) -> Result<String> {
    let mut fluxcap = Command::new(&programs.fluxcap);
    fluxcap.args(["bench", "--output", "json", "--batch", "64", "--packet-size", "64"]);
    fluxcap.args(["--scenario", scenarios, "--wait", waits]);
    fluxcap.args(["--seconds", &options.seconds.to_string()]);
    fluxcap.args(["--rounds", &options.rounds.to_string()]);
    let modes: Vec<_> = contestants.iter().filter_map(|contestant| contestant.mode).collect();
    if !modes.is_empty() {
        fluxcap.args(["--mode", &modes.join(",")]);
    }
    for contestant in contestants.iter().filter(|contestant| contestant.mode.is_none()) {
        let mut argument = OsString::from(format!("{}=", contestant.name));
        argument.push(contestant.words.join(" "));
        fluxcap.arg("--contestant").arg(argument);
    }
    let (variable, value) = WITHOUT_DISPATCHER;
    fluxcap.env(variable, value).stderr(Stdio::inherit());
    for (name, _) in
        env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FLUXCAP_"))
    {
        fluxcap.env_remove(name);
    }
    println!("{scenarios}: {} contestants, {} rounds", contestants.len(), options.rounds);
    workspace::read(&mut fluxcap)
}

/// Instructions a packet, if the contestant does that.
fn instructions(programs: &Programs, contestant: &Contestant, scenario: &str) -> Result<String> {
    let Some(words) = contestant.counted(scenario) else { return Ok("–".to_owned()) };
    let mut command = Command::new(programs.peers.join("instructions"));
    let (variable, value) = WITHOUT_DISPATCHER;
    command.arg(scenario).arg("--").args(words).env(variable, value);
    let said = workspace::read(&mut command)
        .with_context(|| format!("counting what {} takes for {scenario}", contestant.name))?;
    Ok(said.trim().to_owned())
}

//! The command line.

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use fluxcapacitor_conformance::backend::Backend;
use fluxcapacitor_conformance::cases::{CASES, Case};
use fluxcapacitor_conformance::expected::{COMMITTED, Expected};
use fluxcapacitor_conformance::run;

use crate::report;

/// Runs the cases that every backend must pass, and holds what comes out against expected.toml.
///
/// Exit codes: 0 all as expected, 1 a difference, 2 wrong usage, 3 not permitted. Standard output is data,
/// standard error is talk.
#[derive(Debug, Parser)]
#[command(name = "conformance", version)]
struct Cli {
    /// What to run on: simulator, simulator-zero-copy, veth-native, veth-generic; several, or none for all
    /// that there are
    #[arg(short, long, value_name = "B", value_delimiter = ',', env = "FLUXCAP_BACKEND")]
    backend: Vec<Backend>,

    /// Only these cases
    #[arg(short, long, value_name = "CASE", value_delimiter = ',')]
    case: Vec<String>,

    /// How to print the result
    #[arg(short, long, default_value = "table", env = "FLUXCAP_OUTPUT")]
    output: Output,

    /// How many packets the cases that count them (SPLIT_THREADS…) send, instead of their own number
    #[arg(short, long, value_name = "N")]
    packets: Option<u32>,

    /// Print the names of the cases, and run nothing
    #[arg(short, long)]
    list: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Output {
    /// For people
    Table,
    /// For programs: one JSON array
    Json,
}

/// Runs the command that was given.
pub fn run() -> ExitCode {
    let Cli { mut backend, case, output, packets, list } = Cli::parse();
    if let Some(stranger) = case.iter().find(|name| !CASES.iter().any(|case| case.name == **name)) {
        eprintln!("no case {stranger}; --list names them");
        return ExitCode::from(2);
    }
    let chosen: Vec<&Case> = CASES
        .iter()
        .filter(|found| case.is_empty() || case.iter().any(|name| name == found.name))
        .collect();
    if list {
        return report::list(&chosen, output);
    }
    if backend.is_empty() {
        backend = Backend::available().collect();
    }
    if let Some(missing) = backend.iter().find(|asked| !Backend::available().any(|b| b == **asked))
    {
        eprintln!("{missing}: this build or this system has no such backend");
        return ExitCode::from(2);
    }
    #[cfg(target_os = "linux")]
    if backend.iter().any(|backend| backend.is_kernel()) && !fluxcapacitor_testbed::permitted() {
        return ExitCode::from(3);
    }
    execute(&backend, &chosen, packets, output)
}

fn execute(
    backends: &[Backend],
    cases: &[&Case],
    packets: Option<u32>,
    output: Output,
) -> ExitCode {
    let (expected, program) = match (Expected::parse(COMMITTED), std::env::current_exe()) {
        (Ok(expected), Ok(program)) => (expected, program),
        (Err(error), _) => return failed(&error),
        (_, Err(error)) => return failed(&error.to_string()),
    };
    let options = run::Options { program, packets };
    let mut runs = Vec::new();
    for backend in backends {
        let cases = cases.iter().copied();
        runs.extend(run::run(*backend, cases, &expected, options.clone(), report::progress));
    }
    let strangers = run::strangers(&expected);
    report::print(&runs, &strangers, backends, output)
}

fn failed(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::FAILURE
}

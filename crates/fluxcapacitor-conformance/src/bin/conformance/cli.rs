//! The command line.

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use fluxcapacitor_conformance::backend::Backend;
use fluxcapacitor_conformance::cases::{CASES, Case};
use fluxcapacitor_conformance::expected::{COMMITTED, Expected};
use fluxcapacitor_conformance::run::{self, Options};

use crate::report;

/// Runs the cases that every backend must pass, and holds what comes out against expected.toml.
///
/// Exit codes: 0 all as expected, 1 a difference, 2 wrong usage, 3 not permitted. Standard output is data,
/// standard error is talk.
#[derive(Debug, Parser)]
#[command(name = "conformance", version)]
struct Cli {
    /// What to run on: simulator, simulator-zero-copy, veth-native, veth-generic, qemu-virtio, qemu-igb;
    /// several, or none for all that need nothing but this machine
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

    /// Two interfaces on one wire, that nothing else is done with, for the backends that want them
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    ports: Vec<String>,

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
    let Cli { mut backend, case, output, packets, ports, list } = Cli::parse();
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
    let ports = match <[String; 2]>::try_from(ports) {
        Ok(ports) => Some(ports),
        Err(none) if none.is_empty() => None,
        Err(ports) => {
            eprintln!("--ports {}: there must be two", ports.join(","));
            return ExitCode::from(2);
        }
    };
    let is_there = |asked: Backend| {
        Backend::available().any(|backend| backend == asked)
            || asked.wants_ports() && ports.is_some()
    };
    if let Some(missing) = backend.iter().find(|asked| !is_there(**asked)) {
        let why = if missing.wants_ports() {
            "it wants two interfaces (--ports), of a virtual machine (cargo xtask vm)"
        } else {
            "this build or this system has no such backend"
        };
        eprintln!("{missing}: {why}");
        return ExitCode::from(2);
    }
    #[cfg(target_os = "linux")]
    if backend.iter().any(|backend| backend.is_kernel()) && !fluxcapacitor_testbed::permitted() {
        return ExitCode::from(3);
    }
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return failed(&error.to_string()),
    };
    execute(&backend, &chosen, &Options { program, packets, ports }, output)
}

fn execute(backends: &[Backend], cases: &[&Case], options: &Options, output: Output) -> ExitCode {
    let expected = match Expected::parse(COMMITTED) {
        Ok(expected) => expected,
        Err(error) => return failed(&error),
    };
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

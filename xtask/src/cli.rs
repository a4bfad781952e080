//! The command line. A subcommand is a module: its options, and a `run` that takes them.

use clap::{Parser, Subcommand};

use crate::mutants;

/// What a maintainer runs besides `cargo test`.
///
/// Exit codes: 0 all is well, 1 something is not, 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Break the library in small ways, and see that the tests notice each
    Mutants(mutants::Options),
}

/// Runs the task that was named.
pub fn run() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Mutants(options) => mutants::run(&options),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}

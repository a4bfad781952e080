//! The command line. A subcommand is a module: its options, and a `run` that takes them.

use clap::{Parser, Subcommand};

use crate::{cross, growth, mutants, peers, seeds, vm};

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
    ///
    /// A mutant is a file in xtask/mutants: what is replaced, what goes wrong then, and which tests must fail.
    /// It is built from a copy of the workspace in the target directory.
    Mutants(mutants::Options),
    /// Check or test the library for another system, on this one
    ///
    /// Wants nightly, a Debian's apt, and root or unprivileged user namespaces. What it fetches is kept in
    /// CROSS_HOME (~/.cache/fluxcapacitor-cross), up to 2 GB for a system; nothing else is changed.
    Cross(cross::Options),
    /// Measure how cost grows, build all from nothing, and write the curves of docs/performance.md
    ///
    /// Wants root for what the kernel tells, and 1024 huge pages of 2 MiB for one curve, which are not reserved by it:
    /// what it has not is left out, and said. Takes some ten minutes; a machine without other work tells more.
    Growth(growth::Options),
    /// Measure other crates, DPDK's testpmd and xdpsock beside this library, and write the table of docs/performance.md
    ///
    /// Wants root on a Debian: what it takes to build and run them is installed by apt-get. XDPSOCK=/path/to/xdpsock in
    /// the environment puts the kernel's xdpsock beside them. Takes ten minutes; a machine without other work tells more.
    Peers(peers::Options),
    /// Run faulty simulated networks, one a seed: no leak, no hang, no panic
    ///
    /// `cargo xtask seeds --count 10000`; what fails says how to repeat it.
    Seeds(seeds::Options),
    /// Run the conformance suite in virtual machines: real zero-copy drivers, kernels old and new
    ///
    /// Wants QEMU 8, a Debian's apt and an x86-64 machine; neither root nor /dev/kvm. Kernels are fetched, and kept in
    /// target/vm; nothing else is changed.
    Vm(vm::Options),
}

/// Runs the task that was named.
pub fn run() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Mutants(options) => mutants::run(&options),
        Task::Cross(options) => cross::run(&options),
        Task::Growth(options) => growth::run(&options),
        Task::Peers(options) => peers::run(&options),
        Task::Seeds(options) => seeds::run(&options),
        Task::Vm(options) => vm::run(&options),
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

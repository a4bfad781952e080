//! Faulty networks, one a seed.

use anyhow::Result;
use clap::Args;

use crate::workspace;

#[derive(Debug, Args)]
pub struct Options {
    /// What goes to `seeds`: `--count N`, `--first SEED`, `--seed SEED`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
    options: Vec<String>,
}

/// Builds the program with all optimizations, and runs it.
pub fn run(Options { options }: &Options) -> Result<()> {
    let mut cargo = workspace::cargo();
    cargo.args(["run", "--quiet", "--release", "--package", "fluxcapacitor-conformance"]);
    cargo.args(["--bin", "seeds", "--"]).args(options).current_dir(workspace::root());
    workspace::run(&mut cargo)
}

//! `cargo xtask`: what a maintainer runs besides `cargo test`.
#![forbid(unsafe_code)]

mod cli;
mod cross;
mod debian;
mod document;
mod growth;
mod mutants;
mod peers;
mod seeds;
mod vm;
mod workspace;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run().map_or_else(
        |error| {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

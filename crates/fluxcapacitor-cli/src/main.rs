//! `fluxcap`: try, measure and debug AF_XDP.
#![forbid(unsafe_code)]

mod bench;
mod cli;
mod demo;
mod exit;
mod report;
mod run;
mod simulated;
mod stop;

fn main() -> std::process::ExitCode {
    exit::code(cli::run())
}

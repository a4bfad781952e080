//! `conformance`: runs the cases on a backend, and holds what comes out against `expected.toml`.
#![forbid(unsafe_code)]

mod cli;
mod report;

fn main() -> std::process::ExitCode {
    #[cfg(target_os = "linux")]
    if let Some(code) = fluxcapacitor_conformance::victim::be_if_asked() {
        return code;
    }
    cli::run()
}

//! The first program of a virtual machine: it mounts what programs expect, loads modules, runs what it is told to,
//! and switches the machine off.
//!
//! What it is told stands in `/plan`, a line each: `module FILE`, and `run PROGRAM ARGUMENT…`. Standard error of a
//! program is the console; its standard output goes to the second serial line, and after it how it has ended:
//! `{"program": NAME, "code": CODE}`.
#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
mod plan;

/// Process 1 has nobody to report to: what goes wrong is said on the console, and the report ends before its end.
#[cfg(target_os = "linux")]
fn main() {
    if let Err(error) = plan::carry_out() {
        eprintln!("init: {error}");
    }
    plan::switch_off();
}

#[cfg(not(target_os = "linux"))]
fn main() {}

//! The command as its users have it: a process, what it prints, and how it ends.
//!
//! One binary, a module for each subject. Without root, tests of the kernel say that they were
//! skipped; with `FLUXCAP_REQUIRE_KERNEL=1` they fail instead. Those of the simulator run on every system.
#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
mod bench;
#[cfg(target_os = "linux")]
mod closed_output;
#[cfg(target_os = "linux")]
mod demo;
mod dump;
#[cfg(target_os = "linux")]
mod dump_wire;
#[cfg(target_os = "linux")]
mod environment;
#[cfg(target_os = "linux")]
mod exit_codes;
#[cfg(unix)]
mod help;
#[cfg(target_os = "linux")]
mod l2fwd;
#[cfg(target_os = "linux")]
mod link;
#[cfg(target_os = "linux")]
mod privilege;
#[cfg(target_os = "linux")]
mod rxdrop;
mod simulator;
mod tool;
#[cfg(target_os = "linux")]
mod txonly;
mod verdict;
#[cfg(target_os = "linux")]
mod wire;

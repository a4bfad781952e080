//! The command as its users have it: a process, what it prints, and how it ends.
//!
//! One binary, a module for each subject. Without root, tests of the kernel say that they were
//! skipped; with `FLUXCAP_REQUIRE_KERNEL=1` they fail instead.
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

mod closed_output;
mod demo;
mod environment;
mod exit_codes;
mod help;
mod l2fwd;
mod link;
mod privilege;
mod rxdrop;
mod tool;
mod txonly;
mod verdict;
mod wire;

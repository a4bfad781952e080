//! Each error, provoked on a real kernel: which it is, and that its text says what was asked, what was
//! found and what to do.
//!
//! Without root each test says that it was skipped; with `FLUXCAP_REQUIRE_KERNEL=1` it fails instead.
#![cfg(target_os = "linux")]

mod asked;
mod capability;
mod link;
mod memory;
mod other;
#[path = "../shared/soon.rs"]
mod soon;
mod taken;
mod wire;

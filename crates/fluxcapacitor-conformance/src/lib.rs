//! What every backend must pass: one body a case, written once, run on each.
//!
//! A case is a function over a [`Bench`](bench::Bench): two connected ports, A and B, that a
//! [`Fixture`](fixture::Fixture) has made for it alone. It fails by a panic or by an error; whatever it does,
//! no frame may be missing afterwards. `expected.toml` says of each case what each backend makes of it,
//! and every difference is a failure, also that a case passes which was not to run.
//!
//! ```text
//! cargo run -p fluxcapacitor-conformance -- --backend veth-native
//! RUSTFLAGS="--cfg fluxcap_doors" cargo run -p fluxcapacitor-conformance -- --backend veth-native --case STAT_TX_INVALID
//! ```
//!
//! - [`backend`]: what it can run on
//! - [`fixture`]: two connected ports, for each kind of backend
//! - [`bench`](mod@bench): what a case is given; [`traffic`] packets, and the two ways that they cross
//! - [`cases`]: the table of all cases, and their bodies by group
//! - [`run`](mod@run): runs cases, each with a watchdog
//! - [`storm`]: a faulty network by seed
//! - [`verdict`]: how a case ended; [`expected`]: how it was to end
//! - [`grants`]: what is granted of what is asked for
//! - `victim`: a process that is killed in the middle (Linux)
//!
//! The simulator runs everywhere; the other backends need Linux.

#![forbid(unsafe_code)]

pub mod backend;
pub mod bench;
pub mod cases;
pub mod expected;
pub mod fixture;
pub mod grants;
pub mod run;
pub mod storm;
pub mod traffic;
pub mod verdict;
#[cfg(target_os = "linux")]
pub mod victim;

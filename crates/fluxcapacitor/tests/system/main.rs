//! Mode B: halves and owned packets, through the calls that a user makes. No privilege, any system.
#![cfg(feature = "simulator")]

mod bench;
mod drops;
mod halves;
mod home;
mod jumbo;
mod receive;
mod send;
#[path = "../shared/soon.rs"]
mod soon;
mod threads;

//! Mode A: engines, through the calls that a user makes. On the simulator, no privilege, any system; links that go,
//! also on the kernel.
#![cfg(feature = "simulator")]

mod batches;
mod bench;
mod buffer;
mod full;
mod jumbo;
mod link;
mod memory;
mod panics;
mod pollers;
mod queues;
mod raw;
mod settle;
#[path = "../shared/soon.rs"]
mod soon;
mod stats;
#[cfg(target_os = "linux")]
mod wire;

//! The kernel's interfaces: one file each, over rustix where it has the call.

pub mod bpf;
pub mod cpu;
mod memory_lock;
pub(crate) mod mmap;
pub mod netdev;
pub(crate) mod netlink;
pub mod socket;

//! The kernel's interfaces: one file each, over rustix where it has the call.

pub mod mmap;

//! smoltcp over simulated interfaces: on every system, without privilege.

mod bench;
mod device;
mod flush;
mod room;
mod transfer;

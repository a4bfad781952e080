//! What only a kernel has: lanes without a program, other people's programs, namespaces, processes.

mod busy;
mod deferral;
mod link;
mod netlink;
mod reset;

pub(super) use busy::{killed, program, queue};
pub(super) use deferral::deferral;
pub(super) use link::namespace_gone;
pub(super) use reset::reset;

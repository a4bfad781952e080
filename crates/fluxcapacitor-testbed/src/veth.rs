//! Veth pairs: two links that are each other's wire.

mod builder;
mod counters;
mod end;
mod identity;

use rtnetlink::Handle;

pub use self::{
    builder::VethBuilder,
    counters::Counters,
    end::{End, Queues},
    identity::LINK_NAME_PREFIX,
};
use crate::{error::Result, namespace::NetNs, netlink};

/// A veth pair, deleted when it is dropped.
///
/// Both links are made inside their namespaces and are never seen outside. With an anonymous namespace at one end at
/// least, the pair goes with that namespace even when the process is killed.
///
/// What an XDP user should know about veth:
/// - Packets that one end sends on tx queue `q` arrive at rx queue `q` of the other, when that has as many.
/// - An end receives frames that the other's XDP program sends only while its own NAPI is on: with an XDP program
///   attached, or after [`End::set_gro`]. With `set_gro` alone that holds for redirected frames; those of `XDP_TX` are
///   queued, but nothing wakes the end to take them (`veth_xdp_flush` wants a program there; seen on 6.18).
/// - Checksums are left to a receiver that never computes them: turn `tx-checksum-ip-generic` off with
///   [`End::set_feature`] at the sender where the bytes must be right.
#[derive(Debug)]
#[must_use = "dropping the pair deletes both links"]
pub struct VethPair {
    a: End,
    b: End,
    deleted: bool,
}

impl VethPair {
    /// Makes a pair with `queues` rx and tx queues at each end, both ends up.
    ///
    /// # Errors
    ///
    /// As [`VethBuilder::build`].
    pub fn create(a: &NetNs, b: &NetNs, queues: u32) -> Result<Self> {
        Self::builder(a, b).queues(queues).build()
    }

    /// Makes a pair with other settings than [`create`](Self::create).
    pub fn builder(a: &NetNs, b: &NetNs) -> VethBuilder {
        VethBuilder::new(a.clone(), b.clone())
    }

    /// The end in the first namespace.
    #[must_use]
    pub fn a(&self) -> &End {
        &self.a
    }

    /// The end in the second namespace.
    #[must_use]
    pub fn b(&self) -> &End {
        &self.b
    }

    /// Deletes both links now and says whether that worked; a plain drop does not.
    ///
    /// # Errors
    ///
    /// [`TestbedError::Gone`](crate::TestbedError::Gone) when something else has deleted them before.
    pub fn delete(mut self) -> Result<()> {
        self.deleted = true;
        self.remove()
    }

    fn remove(&self) -> Result<()> {
        let End { name, index, .. } = &self.a;
        netlink::within(self.a.namespace(), async |rtnl: Handle| {
            let request = rtnl.link().del(*index).execute();
            request.await.map_err(|error| {
                netlink::refused("deleting a veth pair (RTM_DELLINK)", name, error)
            })
        })
    }
}

impl Drop for VethPair {
    fn drop(&mut self) {
        if !self.deleted {
            // There is nobody to tell; the end of either namespace deletes the pair too.
            let _ = self.remove();
        }
    }
}

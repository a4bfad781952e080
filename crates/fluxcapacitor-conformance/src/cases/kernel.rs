//! What only a kernel has: lanes without a program, other people's programs, namespaces, processes.

mod busy;
mod link;
mod netlink;
mod reconnect;

use fluxcapacitor::ring::RingSizes;
use fluxcapacitor::umem::{FramePool, UmemRegion};
use fluxcapacitor::{Error, Result};
use fluxcapacitor_core::backend::BindMode;
use fluxcapacitor_core::lane::{self, LaneOptions, OpenLane, Port};
use fluxcapacitor_testbed::End;

pub(super) use busy::{killed, program, queue};
pub(super) use link::namespace_gone;
pub(super) use reconnect::lanes;

use crate::verdict::Outcome;

/// How many frames of a lane are not posted.
const RESERVE: u32 = 32;

/// Opens a queue of `end` without a program.
fn try_open(end: &End, queue: u32, umem: &UmemRegion, pool: &mut FramePool) -> Result<OpenLane> {
    let options = LaneOptions {
        port: Port::Kernel { ifindex: end.index() },
        interface: end.name(),
        driver: "veth",
        queue,
        sizes: RingSizes { fill: 32, rx: 32, tx: 32, completion: 32 },
        mode: BindMode { zero_copy: false, need_wakeup: true },
        tx_reserve: RESERVE,
    };
    let opened = end.namespace().run(|| lane::open(umem, pool, &options));
    opened.map_err(|error| Error::sys("setns", std::io::Error::other(error)))?
}

#[track_caller]
fn open(end: &End, queue: u32, umem: &UmemRegion, pool: &mut FramePool) -> Outcome<OpenLane> {
    Ok(try_open(end, queue, umem, pool)?)
}

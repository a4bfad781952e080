//! A program put on an interface over netlink, as `ip link` does: no link holds it.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use fluxcapacitor_core::sys::bpf::{Program, XdpMode};
use fluxcapacitor_testbed::End;
use rtnetlink::LinkUnspec;
use rtnetlink::packet_route::link::{LinkAttribute, LinkXdp};

use crate::verdict::Outcome;

/// `XDP_FLAGS_SKB_MODE` and `XDP_FLAGS_DRV_MODE` (`include/uapi/linux/if_link.h`).
const fn flags(mode: XdpMode) -> u32 {
    match mode {
        XdpMode::Native => 1 << 2,
        _ => 1 << 1,
    }
}

/// What takes a program off.
const NONE: i32 = -1;

/// Puts `program` on `end`, or takes off the one that is there.
pub(super) fn set(end: &End, program: Option<&Program>, mode: XdpMode) -> Outcome {
    let fd = program.map_or(NONE, |program| program.as_fd().as_raw_fd());
    let xdp = LinkAttribute::Xdp(vec![LinkXdp::Fd(fd), LinkXdp::Flags(flags(mode))]);
    let link = LinkUnspec::new_with_index(end.index()).append_extra_attribute(xdp).build();
    let set = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        runtime.block_on(async {
            let (connection, handle, _) = rtnetlink::new_connection()?;
            tokio::spawn(connection);
            handle.link().set(link).execute().await.map_err(io::Error::other)
        })
    };
    Ok(end.namespace().run(set)??)
}

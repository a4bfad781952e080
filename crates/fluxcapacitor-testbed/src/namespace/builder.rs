//! Settings of a new namespace.

use std::{fs, io};

use nix::sched::{CloneFlags, unshare};
use rtnetlink::LinkUnspec;

use super::{NetNs, on_thread};
use crate::{
    error::{Result, TestbedError},
    netlink,
};

/// The kernel gives the loopback link of each namespace this index.
const LOOPBACK_INDEX: u32 = 1;

/// Settings of a new namespace; ends in [`build`](Self::build).
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is made before `build`"]
pub struct NetNsBuilder {
    ipv6: bool,
}

impl NetNsBuilder {
    /// Whether links get IPv6 addresses. Default: false.
    ///
    /// With IPv6 on, each link sends some packets by itself as it comes up (router solicitations, multicast
    /// listener reports, duplicate address detection), which disturbs packet counts.
    pub fn ipv6(mut self, on: bool) -> Self {
        self.ipv6 = on;
        self
    }

    /// Makes the namespace, with `lo` up.
    ///
    /// # Errors
    ///
    /// [`TestbedError::NotPermitted`] without `CAP_SYS_ADMIN`. [`TestbedError::Sys`] when `/proc` is not mounted,
    /// when `/proc/sys` is read-only and IPv6 is to be off, or when no more namespaces are allowed
    /// (`/proc/sys/user/max_net_namespaces`).
    pub fn build(self) -> Result<NetNs> {
        on_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET).map_err(|source| {
                TestbedError::refused("unshare(CLONE_NEWNET)", "CAP_SYS_ADMIN", source)
            })?;
            let namespace = NetNs::current()?;
            if !self.ipv6 {
                disable_ipv6().map_err(|source| {
                    TestbedError::sys(
                        "turning IPv6 off through /proc/sys (where that is read-only, ask for ipv6(true))",
                        source,
                    )
                })?;
            }
            netlink::here(async |rtnl| {
                netlink::set_link(&rtnl, "lo", LinkUnspec::new_with_index(LOOPBACK_INDEX).up())
                    .await
            })?;
            Ok(namespace)
        })
    }
}

/// Turns IPv6 off for the links that are and that will be in the calling thread's namespace.
///
/// `/proc/sys/net` shows the namespace of the thread that looks, so this needs no mount.
fn disable_ipv6() -> io::Result<()> {
    for scope in ["all", "default"] {
        match fs::write(format!("/proc/sys/net/ipv6/conf/{scope}/disable_ipv6"), "1\n") {
            // A kernel without IPv6.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
    }
    Ok(())
}

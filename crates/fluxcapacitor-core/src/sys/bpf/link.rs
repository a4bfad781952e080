//! Links, which attach a program to an interface for as long as they live.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::{Program, command};

/// Where an XDP program is to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum XdpMode {
    /// In the driver, which must support it.
    #[doc(alias = "XDP_FLAGS_DRV_MODE")]
    Native,
    /// In the stack, for any driver, on packets that are socket buffers.
    #[doc(alias = "XDP_FLAGS_SKB_MODE")]
    Generic,
}

impl XdpMode {
    /// `XDP_FLAGS_*` of `include/uapi/linux/if_link.h`.
    fn flags(self) -> u32 {
        match self {
            Self::Native => 1 << 2,
            Self::Generic => 1 << 1,
        }
    }
}

/// An XDP program attached to an interface.
///
/// Dropping it detaches the program, also where a forked child has a copy of
/// the descriptor. If the process ends without dropping it, closing the last
/// copy does. Nobody can replace the program by netlink meanwhile; if the
/// interface goes away, the link stays without effect.
#[derive(Debug)]
#[must_use = "the program is detached when the link is dropped"]
pub struct Link {
    fd: OwnedFd,
}

impl Link {
    /// Attaches a program to the interface with index `ifindex`.
    ///
    /// The interface is looked up in the network namespace of the calling
    /// thread.
    ///
    /// # Errors
    ///
    /// `EBUSY` if another program is attached, or `EEXIST` if one is in the
    /// other mode; `EOPNOTSUPP` if the driver has no native mode; `ERANGE`
    /// from veth, and other errors from other drivers, if the MTU is too long
    /// for a program without `XDP_HAS_FRAGS`; `EINVAL` if there is no such
    /// interface; `EPERM` without `CAP_NET_ADMIN` and `CAP_BPF`
    /// (`net/core/dev.c`, `dev_xdp_attach`).
    #[doc(alias = "BPF_LINK_CREATE")]
    pub fn attach_xdp(program: &Program, ifindex: u32, mode: XdpMode) -> io::Result<Self> {
        let fd = command::link_create_xdp(program.as_fd(), ifindex, mode.flags())?;
        Ok(Self { fd })
    }

    /// Puts `program` in the place of the attached one, between two packets.
    ///
    /// # Errors
    ///
    /// `ENOLINK` if the interface is gone; the driver's errors, after which
    /// the old program is still attached.
    #[doc(alias = "BPF_LINK_UPDATE")]
    pub fn update(&self, program: &Program) -> io::Result<()> {
        command::link_update(self.fd.as_fd(), program.as_fd())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Before Linux 5.9 there is no such command, nor XDP links; where the
        // interface is gone, nothing is left to detach from.
        let _detached = command::link_detach(self.fd.as_fd());
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

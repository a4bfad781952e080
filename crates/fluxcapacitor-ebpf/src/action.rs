//! What an XDP program returns: the fate of the packet.

/// The fate of a packet, as an XDP program returns it in R0.
///
/// Source: `enum xdp_action`, `include/uapi/linux/bpf.h`.
#[doc(alias = "xdp_action")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum XdpAction {
    /// The program failed: drop the packet and fire the tracepoint `xdp:xdp_exception`.
    #[doc(alias = "XDP_ABORTED")]
    Aborted = 0,
    /// Drop the packet.
    #[doc(alias = "XDP_DROP")]
    Drop = 1,
    /// Pass the packet to the kernel's network stack.
    #[doc(alias = "XDP_PASS")]
    Pass = 2,
    /// Send the packet out of the interface that it came in by.
    #[doc(alias = "XDP_TX")]
    Tx = 3,
    /// Hand the packet to where a helper pointed: a socket, an interface, a CPU.
    #[doc(alias = "XDP_REDIRECT")]
    Redirect = 4,
}

impl XdpAction {
    /// The action for what a program returned, or `None` for no known action.
    ///
    /// The kernel drops the packet on any other code and warns once (`bpf_warn_invalid_xdp_action`,
    /// `net/core/filter.c`).
    #[must_use]
    pub const fn from_code(code: u32) -> Option<Self> {
        match code {
            0 => Some(Self::Aborted),
            1 => Some(Self::Drop),
            2 => Some(Self::Pass),
            3 => Some(Self::Tx),
            4 => Some(Self::Redirect),
            _ => None,
        }
    }

    /// The number that a program returns for this action.
    #[must_use]
    pub const fn code(self) -> u32 {
        self as u32
    }
}

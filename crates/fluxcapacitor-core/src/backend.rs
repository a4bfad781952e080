//! The one seam between library and platform: what stands behind four rings.
//!
//! The rings are the same everywhere. What a system call does on Linux, a simulated kernel does
//! elsewhere; either is called at most once a batch, and so may be behind a pointer.

mod wait;

use std::fmt;
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

pub use wait::{SOCKETS_MAX, wait_any};

use crate::error::Result;
use crate::umem::UmemRegion;

/// A bound socket, of Linux or of the simulator. Sealed: there are these two.
///
/// All calls take `&self`: one socket serves an rx and a tx thread.
pub trait Backend: fmt::Debug + Send + Sync + sealed::Sealed {
    /// Makes the kernel send what is in the tx ring: one `sendto`.
    ///
    /// # Errors
    /// [`Error::LinkDown`](crate::Error::LinkDown) and [`Error::LinkGone`](crate::Error::LinkGone); and any
    /// other that the kernel may come up with.
    fn kick_tx(&self) -> Result<Kick>;

    /// Wakes the driver to send, where busy polling keeps [`Backend::kick_tx`] from doing so; otherwise nothing. One
    /// `poll`.
    ///
    /// With busy polling, `sendto` polls the NAPI instance that the queue receives by, and wakes nobody
    /// (`xsk_no_wakeup`, `net/xdp/xsk.c`). A driver that sends by another instance (virtio_net) then sends nothing:
    /// it is for a tx ring that is as full after a kick as it was before.
    ///
    /// # Errors
    /// [`Error::Sys`](crate::Error::Sys).
    fn wake_tx(&self) -> Result<()> {
        Ok(())
    }

    /// Makes the kernel take frames from the fill ring, and busy poll where that is on: one
    /// `recvfrom`, or before Linux 5.11 what does the same.
    ///
    /// # Errors
    /// As [`Backend::kick_tx`].
    fn kick_rx(&self) -> Result<Kick>;

    /// Sleeps until there is what `interest` names, or the time is up.
    ///
    /// # Errors
    /// [`Error::LinkGone`](crate::Error::LinkGone) at most 100 ms after the interface has gone.
    fn wait(&self, interest: Interest, timeout: Duration) -> Result<Waited>;

    /// The counters of the socket.
    ///
    /// # Errors
    /// [`Error::Sys`](crate::Error::Sys).
    fn statistics(&self) -> Result<Statistics>;

    /// Whether the socket is bound without copying (`XDP_OPTIONS`).
    ///
    /// # Errors
    /// [`Error::Sys`](crate::Error::Sys).
    fn is_zero_copy(&self) -> Result<bool>;

    /// How many segments a packet may have to be sent: 1 unless it is bound to take more
    /// ([`BindMode::segments_max`]).
    fn segments_max(&self) -> u32;

    /// The NAPI instance behind the socket's queue, if the driver has told: without one, the kernel's
    /// busy polling options succeed and do nothing.
    ///
    /// # Errors
    /// [`Error::Sys`](crate::Error::Sys).
    fn napi_id(&self) -> Result<Option<u32>>;

    /// Turns the kernel's busy polling on: `SO_PREFER_BUSY_POLL`, `SO_BUSY_POLL` in microseconds and
    /// `SO_BUSY_POLL_BUDGET` in packets.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) before Linux 5.11;
    /// [`Error::MissingCapability`](crate::Error::MissingCapability) for a larger budget than the default
    /// without `CAP_NET_ADMIN`.
    fn busy_poll(&self, busy_poll_us: u32, budget: u32) -> Result<()>;

    /// Sets how many packets one `sendto` may send in copy mode (`XDP_MAX_TX_SKB_BUDGET`): at least
    /// 32, which is what it is without this, and at most the size of the tx ring.
    ///
    /// # Errors
    /// [`Error::Unsupported`](crate::Error::Unsupported) before Linux 6.17;
    /// [`Error::Invalid`](crate::Error::Invalid) outside of the bounds.
    fn tx_budget(&self, packets: u32) -> Result<()>;

    /// The packet memory that it was made with.
    fn umem(&self) -> &UmemRegion;

    /// A descriptor to poll for packets.
    #[cfg(unix)]
    fn fd(&self) -> BorrowedFd<'_>;

    /// The socket, if it is a simulated one.
    #[cfg(all(feature = "simulator", not(loom)))]
    #[doc(hidden)]
    fn as_simulated(&self) -> Option<&crate::simulator::SimSocket> {
        None
    }
}

/// What became of a system call that makes the kernel send or receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kick {
    /// It did all there was.
    Done,
    /// It stopped before the end: its budget was used up, the completion ring is full, or memory is
    /// short for now. Take completions and kick again while it makes progress.
    Again,
}

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Packets in the rx ring.
    Rx,
    /// Room in the tx ring: the kernel says so when it is half empty.
    Tx,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Waited {
    /// What was waited for is there.
    Ready,
    /// The time is up.
    TimedOut,
    /// The interface is switched off. It may come back: wait again. (A carrier that is lost is not told.)
    LinkDown,
}

/// The counters of a socket (`XDP_STATISTICS`), since it was made.
///
/// With the kernel's quirks: a packet that finds no frame in the fill ring counts in both
/// [`rx_dropped`](Self::rx_dropped) and
/// [`rx_fill_ring_empty_descs`](Self::rx_fill_ring_empty_descs).
#[doc(alias = "xdp_statistics")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Packets dropped for other reasons than a full rx ring.
    pub rx_dropped: u64,
    /// Invalid descriptors in the fill ring.
    pub rx_invalid_descs: u64,
    /// Invalid descriptors in the tx ring.
    pub tx_invalid_descs: u64,
    /// Packets dropped because the rx ring was full.
    pub rx_ring_full: u64,
    /// Packets that found no frame in the fill ring.
    pub rx_fill_ring_empty_descs: u64,
    /// Times that the kernel looked for a packet to send and found none.
    pub tx_ring_empty_descs: u64,
}

/// How to bind: flags of `sockaddr_xdp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindMode {
    /// Force zero-copy; otherwise force copying.
    pub zero_copy: bool,
    /// Let the kernel say when it wants to be woken (`XDP_USE_NEED_WAKEUP`).
    pub need_wakeup: bool,
    /// How many segments a packet may have; with more than 1, packets may have several (`XDP_USE_SG`).
    ///
    /// The kernel is told no number: it drops a packet that has too many. Copying, it sends
    /// [`SEGMENTS_MAX`]; what a driver sends without copies, the netdev family says
    /// (`NETDEV_A_DEV_XDP_ZC_MAX_SEGS`).
    pub segments_max: u32,
}

/// How many segments a kernel that copies sends as one packet, whatever the driver: `MAX_SKB_FRAGS` where it is
/// smallest (`CONFIG_MAX_SKB_FRAGS`).
///
/// Most drivers have room for the first segment beside these (`xsk_build_skb`, net/xdp/xsk.c); those that take
/// packets without a linear part, such as virtio_net, do not.
pub const SEGMENTS_MAX: u32 = 17;

#[cfg(unix)]
impl AsFd for dyn Backend + '_ {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd()
    }
}

mod sealed {
    pub trait Sealed {}
    #[cfg(all(target_os = "linux", not(loom)))]
    impl Sealed for crate::sys::socket::XdpSocket {}
    #[cfg(all(feature = "simulator", not(loom)))]
    impl Sealed for crate::simulator::SimSocket {}
}

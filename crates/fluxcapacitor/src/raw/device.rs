//! What stands behind the rings: the socket and the program that feeds it.

#[cfg(unix)]
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use fluxcapacitor_core::Result;
use fluxcapacitor_core::backend::{Backend, Interest, Kick, Statistics, Waited};

use crate::hook::Hook;
use crate::port::Deferral;
use crate::trace;

/// The socket of a queue, and the XDP program if it is ours.
///
/// Dropping it closes the socket, and detaches the program if no other queue is fed by it; the queue is
/// free when its four rings are gone too. All calls take `&self`: in an `Arc` it serves an rx and a tx thread.
#[derive(Debug)]
pub struct Device {
    // Put back first: from now on nobody polls, so IRQs are wanted. And the NAPI instance is what it was: drivers restart
    // it, some under another id, when a program is detached or a socket closed.
    _deferral: Option<Deferral>,
    // Detached before the socket is closed: fields drop in this order.
    hook: Option<Arc<Hook>>,
    interface: String,
    queue: u32,
    socket: Box<dyn Backend>,
    kicks: AtomicU64,
}

impl Device {
    pub(crate) fn new(
        deferral: Option<Deferral>,
        hook: Option<Arc<Hook>>,
        interface: String,
        queue: u32,
        socket: Box<dyn Backend>,
    ) -> Self {
        Self { _deferral: deferral, hook, interface, queue, socket, kicks: AtomicU64::new(0) }
    }

    /// Makes the kernel send what is in the tx ring. One system call.
    ///
    /// With busy polling it may leave the ring as it is: then [`Device::wake_tx`].
    ///
    /// # Errors
    /// [`Error::LinkDown`](crate::Error::LinkDown), [`Error::LinkGone`](crate::Error::LinkGone),
    /// [`Error::Sys`](crate::Error::Sys).
    #[inline]
    pub fn kick_tx(&self) -> Result<Kick> {
        self.kicks.fetch_add(1, Relaxed);
        self.socket.kick_tx()
    }

    /// Wakes a driver that busy polling does not have send: for a tx ring that is as full after a kick as it was before.
    /// One system call, with busy polling; otherwise none. [`FluxRaw::flush`](crate::FluxRaw::flush) does it by itself.
    ///
    /// # Errors
    /// [`Error::Sys`](crate::Error::Sys).
    #[inline]
    pub fn wake_tx(&self) -> Result<()> {
        self.socket.wake_tx()
    }

    /// Makes the kernel look at the fill ring, and busy poll where that is on. One system call.
    ///
    /// # Errors
    /// As [`Device::kick_tx`].
    #[inline]
    pub fn kick_rx(&self) -> Result<Kick> {
        self.kicks.fetch_add(1, Relaxed);
        self.socket.kick_rx()
    }

    /// Sleeps until there is what `interest` names, or the time is up; looks at the link ten times a
    /// second meanwhile.
    ///
    /// # Errors
    /// [`Error::LinkGone`](crate::Error::LinkGone) at most 100 ms after the interface has gone.
    #[inline]
    pub fn wait(&self, interest: Interest, timeout: Duration) -> Result<Waited> {
        self.socket.wait(interest, timeout)
    }

    /// The socket's counters.
    ///
    /// # Errors
    /// [`Error::Sys`](crate::Error::Sys).
    pub fn statistics(&self) -> Result<Statistics> {
        self.socket.statistics()
    }

    /// How many system calls were made to kick the kernel; looks at the link while waiting apart.
    #[must_use]
    pub fn kicks(&self) -> u64 {
        self.kicks.load(Relaxed)
    }

    /// The XDP program, if it is ours. It feeds all queues of its interface that this process has opened
    /// together.
    #[must_use]
    pub fn hook(&self) -> Option<&Hook> {
        self.hook.as_deref()
    }

    /// The name that the interface had when it was opened.
    #[must_use]
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// The queue.
    #[must_use]
    pub const fn queue(&self) -> u32 {
        self.queue
    }

    pub(crate) fn socket(&self) -> &dyn Backend {
        &*self.socket
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // Out of the map first: a forked child may have a copy of the socket, which would then go on
        // to take packets that nobody reads.
        if let Some(hook) = &self.hook {
            let _removed = hook.map().remove(self.queue);
        }
        trace::closed(&self.interface, self.queue);
    }
}

#[cfg(unix)]
impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.fd()
    }
}

#[cfg(unix)]
impl AsRawFd for Device {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

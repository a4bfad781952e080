//! What stands behind the rings: the socket and the program that feeds it.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use fluxcapacitor_core::sys::socket::{Interest, Kick, Statistics, XdpSocket};
use fluxcapacitor_core::{Error, Result};

use crate::hook::Hook;

/// How long one `poll` may last before the link is looked at: the kernel does not say in `poll` that
/// it is lost.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The socket of a queue, and the XDP program if it is ours.
///
/// Dropping it detaches the program and closes the socket; the queue is free when its four rings are
/// gone too. All calls take `&self`: in an `Arc` it serves an rx and a tx thread.
#[derive(Debug)]
pub struct Device {
    // Detached before the socket is closed: fields drop in this order.
    hook: Option<Hook>,
    queue: u32,
    socket: XdpSocket,
    kicks: AtomicU64,
    opened: Instant,
    /// When the link was last looked at, in milliseconds since the opening.
    looked_ms: AtomicU64,
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

impl Device {
    pub(crate) fn new(hook: Option<Hook>, queue: u32, socket: XdpSocket) -> Self {
        let (kicks, looked_ms) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { hook, queue, socket, kicks, opened: Instant::now(), looked_ms }
    }

    /// Makes the kernel send what is in the tx ring. One system call.
    ///
    /// # Errors
    /// [`Error::LinkDown`], [`Error::LinkGone`], [`Error::Sys`].
    #[inline]
    pub fn kick_tx(&self) -> Result<Kick> {
        self.kicks.fetch_add(1, Relaxed);
        self.socket.kick_tx()
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
    /// [`Error::LinkGone`] at most 100 ms after the interface has gone.
    pub fn wait(&self, interest: Interest, timeout: Duration) -> Result<Waited> {
        let started = Instant::now();
        loop {
            let left = timeout.saturating_sub(started.elapsed());
            if self.socket.poll(interest, left.min(LOOK_EVERY))? {
                return Ok(Waited::Ready);
            }
            if self.is_link_down()? {
                return Ok(Waited::LinkDown);
            }
            if started.elapsed() >= timeout {
                return Ok(Waited::TimedOut);
            }
        }
    }

    /// Looks at the link, if the last look was long enough ago; also over many short waits.
    fn is_link_down(&self) -> Result<bool> {
        let now_ms = self.opened.elapsed().as_millis() as u64;
        if now_ms < self.looked_ms.load(Relaxed) + LOOK_EVERY.as_millis() as u64 {
            return Ok(false);
        }
        self.looked_ms.store(now_ms, Relaxed);
        match self.socket.kick_tx() {
            Ok(_) => Ok(false),
            Err(Error::LinkDown) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// The socket's counters.
    ///
    /// # Errors
    /// [`Error::Sys`].
    pub fn statistics(&self) -> Result<Statistics> {
        self.socket.statistics()
    }

    /// How many system calls were made to kick the kernel; looks at the link while waiting apart.
    #[must_use]
    pub fn kicks(&self) -> u64 {
        self.kicks.load(Relaxed)
    }

    /// The XDP program, if it is ours.
    #[must_use]
    pub const fn hook(&self) -> Option<&Hook> {
        self.hook.as_ref()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // Out of the map first: a forked child may have a copy of the socket, which would then go on
        // to take packets that nobody reads.
        if let Some(hook) = &self.hook {
            let _removed = hook.map().remove(self.queue);
        }
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for Device {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

//! What wakes a task when packets come.

use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use fluxcapacitor_core::{Error, Result};
#[cfg(unix)]
use tokio::io::unix::AsyncFd;

use super::Timer;
use crate::raw::{Device, Interest, Waited};

/// How often the link of a socket is looked at: the kernel does not tell that it is lost.
#[cfg(unix)]
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long a simulated world is left alone at first, and at most, while nobody is there for whom its time moves.
#[cfg(feature = "simulator")]
const SIMULATED: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(20)];

/// What wakes a task when packets come.
#[derive(Debug)]
pub(super) struct Source {
    kind: Kind,
    device: Arc<Device>,
    timer: Timer,
}

#[derive(Debug)]
enum Kind {
    /// The descriptor of the socket. It is told once for each change: what was seen has to be forgotten
    /// before one waits for more.
    #[cfg(unix)]
    Descriptor(AsyncFd<Arc<Device>>),
    /// A simulated socket, which wakes the task itself; and how long its world's time stands still.
    #[cfg(feature = "simulator")]
    Simulated(Duration),
}

impl Source {
    /// # Errors
    /// [`Error::Invalid`] outside of a runtime of tokio; [`Error::Sys`] if the descriptor cannot be watched.
    pub(super) fn new(device: &Arc<Device>) -> Result<Self> {
        let timer = Timer::new()?;
        let (kind, device) = (Self::kind(device)?, Arc::clone(device));
        Ok(Self { kind, device, timer })
    }

    fn kind(device: &Arc<Device>) -> Result<Kind> {
        #[cfg(feature = "simulator")]
        if device.socket().as_simulated().is_some() {
            return Ok(Kind::Simulated(SIMULATED[0]));
        }
        Self::watch(device)
    }

    #[cfg(unix)]
    #[allow(
        deprecated,
        reason = "what its successor asks for by `unsafe` holds: a device has one descriptor for all its life, \
                  and lives as long as the registration that holds it"
    )]
    fn watch(device: &Arc<Device>) -> Result<Kind> {
        AsyncFd::with_interest(Arc::clone(device), tokio::io::Interest::READABLE)
            .map(Kind::Descriptor)
            .map_err(|source| Error::sys("epoll_ctl", source))
    }

    #[cfg(not(unix))]
    fn watch(device: &Arc<Device>) -> Result<Kind> {
        Err(Error::NotOnThisSystem { interface: format!("queue {}", device.queue()) })
    }

    /// Ready when there may be packets: to be asked when there are none. Pending, the task is woken when there
    /// are, or a while later, and asks again.
    ///
    /// # Errors
    /// [`Error::LinkGone`] at most 100 ms after the interface has gone.
    pub(super) fn poll_packets(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        match &mut self.kind {
            #[cfg(unix)]
            Kind::Descriptor(descriptor) => {
                // Ready from a time before the ring was found empty, at first: forgotten, unless it is told anew.
                while let Poll::Ready(ready) = descriptor.poll_read_ready(context) {
                    let mut ready = ready.map_err(|source| Error::sys("epoll_wait", source))?;
                    ready.clear_ready();
                    if self.device.wait(Interest::Rx, Duration::ZERO)? == Waited::Ready {
                        return Poll::Ready(Ok(()));
                    }
                }
                ready!(self.timer.poll_every(context, LOOK_EVERY));
                // The link is looked at; the timer is set again by the next poll.
                let waited = self.device.wait(Interest::Rx, Duration::ZERO);
                self.ask_again(context, waited)
            }
            #[cfg(feature = "simulator")]
            Kind::Simulated(pause) => {
                let Some(socket) = self.device.socket().as_simulated() else {
                    return Poll::Ready(Ok(()));
                };
                if socket.wake_on_packets(context.waker()) {
                    *pause = SIMULATED[0];
                    return Poll::Ready(Ok(()));
                }
                let slept = *pause;
                ready!(self.timer.poll_every(context, slept));
                *pause = (slept * 2).min(SIMULATED[1]);
                socket.let_pass(slept);
                let waited = self.device.wait(Interest::Rx, Duration::ZERO);
                self.ask_again(context, waited)
            }
        }
    }

    /// Packets have come.
    pub(super) fn rest(&mut self) {
        self.timer.unset();
    }

    fn ask_again(&mut self, context: &mut Context<'_>, waited: Result<Waited>) -> Poll<Result<()>> {
        match waited {
            Ok(Waited::Ready) => Poll::Ready(Ok(())),
            Ok(_) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

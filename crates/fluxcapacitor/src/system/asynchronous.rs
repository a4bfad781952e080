//! The halves as tasks of tokio have them (feature `async`).
//!
//! What the kernel tells by a descriptor wakes the receiving half. What it does not tell, that a link is lost,
//! that frames were sent, is looked for by timers, each of which has a bound.

mod rx;
mod source;
mod tx;

pub use rx::AsyncFluxRx;
pub use tx::AsyncFluxTx;

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use fluxcapacitor_core::{Error, Result};
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep};

/// A timer that is made once and set again and again.
#[derive(Debug)]
struct Timer {
    sleep: Pin<Box<Sleep>>,
    is_set: bool,
}

impl Timer {
    /// One that is not set.
    ///
    /// # Errors
    /// [`Error::Invalid`] outside of a runtime of tokio.
    fn new() -> Result<Self> {
        if Handle::try_current().is_err() {
            let why = "make it inside of a runtime of tokio, which drives it";
            return Err(Error::invalid("asynchronous half", "outside of a runtime", why));
        }
        Ok(Self { sleep: Box::pin(sleep(Duration::ZERO)), is_set: false })
    }

    /// Ready when `time` has passed since it was polled first; from then on, again.
    fn poll_every(&mut self, context: &mut Context<'_>, time: Duration) -> Poll<()> {
        if !self.is_set {
            self.sleep.as_mut().reset(Instant::now() + time);
            self.is_set = true;
        }
        let passed = self.sleep.as_mut().poll(context);
        if passed.is_ready() {
            self.is_set = false;
        }
        passed
    }

    /// The next poll begins anew.
    fn unset(&mut self) {
        self.is_set = false;
    }
}

/// Takes part in the sharing of a thread: pending, and woken again, when it is the turn of others.
fn poll_turn(context: &mut Context<'_>) -> Poll<()> {
    tokio::task::coop::poll_proceed(context).map(|turn| turn.made_progress())
}

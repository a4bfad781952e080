//! Stopping a loop from elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Stops a loop, from any thread.
///
/// [`StopHandle::stop`] is one store, which a signal handler may make. The loop ends after the turn that it is
/// in, at most 100 ms later. What was told once, holds: a loop that is started later ends at once, until
/// somebody clears the [flag](StopHandle::flag).
#[derive(Clone, Debug, Default)]
pub struct StopHandle(Arc<AtomicBool>);

impl StopHandle {
    /// Has the loop end.
    #[inline]
    pub fn stop(&self) {
        self.0.store(true, Relaxed);
    }

    /// Whether it was told to.
    #[inline]
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.load(Relaxed)
    }

    /// The flag itself, for those who want one: `signal_hook::flag::register`.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

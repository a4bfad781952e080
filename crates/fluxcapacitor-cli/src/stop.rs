//! When to stop: at a signal, or when the time is up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Set by SIGINT and SIGTERM, or when the time is up. A second signal ends the process at once.
#[derive(Debug)]
pub struct Stop {
    signalled: Arc<AtomicBool>,
    started: Instant,
    after: Option<Duration>,
}

impl Stop {
    /// Counts from now.
    pub fn new(after: Option<Duration>) -> anyhow::Result<Self> {
        let signalled = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            // The order matters: the first signal sets the flag that has the second one end it all.
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&signalled))?;
            signal_hook::flag::register(signal, Arc::clone(&signalled))?;
        }
        Ok(Self { signalled, started: Instant::now(), after })
    }

    /// Counts from now, with the signals that have come.
    pub fn restarted(self) -> Self {
        Self { started: Instant::now(), ..self }
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Whether to stop; looks at no clock.
    pub fn is_signalled(&self) -> bool {
        self.signalled.load(Relaxed)
    }

    /// Whether to stop, `elapsed` after the start.
    pub fn is_due(&self, elapsed: Duration) -> bool {
        self.is_signalled() || self.after.is_some_and(|after| elapsed >= after)
    }
}

//! A world, as everybody who is in it holds it.

use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::registry::SOCKETS;
use super::state::State;

/// One simulated world: its state under one lock.
pub(crate) struct Shared {
    pub(super) name: String,
    pub(super) id: u64,
    state: Mutex<State>,
    /// Told when something has arrived, for those who wait in real time.
    changed: Condvar,
}

impl Shared {
    pub(super) fn new(name: String, id: u64, state: State) -> Self {
        Self { name, id, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// A panic while it was locked leaves packets half way, and nothing unsound: go on.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something, and tells those who wait in real time to look again.
    pub(super) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let changed = change(&mut state);
        if state.clock.is_live() {
            self.tell();
        }
        changed
    }

    /// Tells those who wait in real time to look again.
    pub(super) fn tell(&self) {
        self.changed.notify_all();
    }

    /// Waits in real time until somebody tells, or `timeout` is over.
    pub(super) fn wait<'s>(
        &self,
        state: MutexGuard<'s, State>,
        timeout: Duration,
    ) -> MutexGuard<'s, State> {
        self.changed.wait_timeout(state, timeout).unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        SOCKETS.leave(&self.name);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("world", &self.name).finish_non_exhaustive()
    }
}

//! A world, as everybody who is in it holds it.

use std::fmt;
use std::panic::resume_unwind;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::thread;
use std::time::Duration;

use super::registry::SOCKETS;
use super::state::State;

/// How long the thread of a live world sleeps at most.
const NAP: Duration = Duration::from_millis(10);

/// What is not worth sleeping for: waking takes as long.
const SHORT: Duration = Duration::from_micros(60);

/// One simulated world: its state under one lock, and who waits for it in real time.
pub(crate) struct Shared {
    pub(super) name: String,
    pub(super) id: u64,
    state: Mutex<State>,
    /// Sockets wait here for something to happen.
    stirred: Condvar,
    /// The thread of a live world waits here for something to be due.
    due: Condvar,
}

impl Shared {
    pub(super) fn new(name: String, id: u64, state: State) -> Self {
        let (stirred, due) = (Condvar::new(), Condvar::new());
        Self { name, id, state: Mutex::new(state), stirred, due }
    }

    /// A panic while it was locked leaves packets half way, and nothing unsound: go on.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something, and tells those who wait in real time if it concerns them.
    pub(super) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let changed = change(&mut state);
        self.tell(&mut state);
        let woken = std::mem::take(&mut state.woken);
        go_on(state);
        woken.into_iter().for_each(Waker::wake);
        changed
    }

    /// Tells sockets that something has happened since this was asked last, and the clock's thread that
    /// something is due before it would wake. Nobody is woken for nothing.
    pub(super) fn tell(&self, state: &mut State) {
        if !state.clock.is_live() {
            return;
        }
        if std::mem::take(&mut state.has_stirred) {
            self.stirred.notify_all();
        }
        if state.clock.next_at().is_some_and(|at| at < state.wakes_at) {
            // Once: it says anew until when it sleeps.
            state.wakes_at = 0;
            self.due.notify_all();
        }
    }

    /// Wakes the tasks for which there is something. Unlocks for that: what a waker does, or drops, may come back
    /// to this world.
    pub(super) fn wake<'s>(&'s self, mut state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        if state.woken.is_empty() {
            return state;
        }
        let woken = std::mem::take(&mut state.woken);
        drop(state);
        woken.into_iter().for_each(Waker::wake);
        self.lock()
    }

    /// A socket waits in real time until something has happened, or `timeout` is over.
    pub(super) fn wait_stirred<'s>(
        &self,
        state: MutexGuard<'s, State>,
        timeout: Duration,
    ) -> MutexGuard<'s, State> {
        self.stirred.wait_timeout(state, timeout).unwrap_or_else(PoisonError::into_inner).0
    }

    /// The clock's thread waits in real time until something is due.
    pub(super) fn wait_due<'s>(
        &'s self,
        mut state: MutexGuard<'s, State>,
    ) -> MutexGuard<'s, State> {
        let now = state.clock.now();
        let next = state.clock.next_at().unwrap_or(u64::MAX).min(state.clock.after(NAP));
        let sleep = Duration::from_nanos(next.saturating_sub(now));
        if sleep < SHORT {
            drop(state);
            thread::yield_now();
            return self.lock();
        }
        state.wakes_at = next;
        let mut state =
            self.due.wait_timeout(state, sleep).unwrap_or_else(PoisonError::into_inner).0;
        state.wakes_at = 0;
        state
    }

    /// The clock has stopped, or begun to go with this machine's.
    pub(super) fn tell_all(&self) {
        self.stirred.notify_all();
        self.due.notify_all();
    }
}

/// Unlocks; and has a panic of a rule's closure go on, unless this is a drop in the course of one.
pub(super) fn go_on(mut state: MutexGuard<'_, State>) {
    if thread::panicking() {
        return;
    }
    if let Some(payload) = state.panic.take() {
        drop(state);
        resume_unwind(payload);
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

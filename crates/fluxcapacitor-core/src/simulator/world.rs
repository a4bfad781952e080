//! A simulated world, as whoever made it holds it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::clock::nanoseconds;
use super::fault::{Rule, Strikes};
use super::nic::{Nic, NicConfig, Wire};
use super::registry::SOCKETS;
use super::shared::Shared;
use super::state::State;
use crate::error::{Error, Result};

/// The environment variable that [`World::from_env`] reads.
const SEED: &str = "FLUXCAP_SEED";

/// Simulated NICs, the wires between them, and their time.
///
/// What happens in it is a function of its seed and of the calls that are made, as long as they come from
/// one thread. Time stands still but for waits, which pass at once, for a microsecond per call into the
/// simulated kernel, and for [`World::step`] and [`World::run_for`]; or it goes with this machine's
/// clock, while it [runs live](World::run_live). So measure time by [`World::now`]; and a loop that only looks at
/// rings, or flushes to a driver that is awake, waits for ever in a world where nobody moves time.
///
/// It lives for as long as it, one of its NICs or a socket in it does. If it is dropped by a panic, it says
/// which seed it had.
#[derive(Debug)]
pub struct World {
    shared: Arc<Shared>,
    seed: u64,
}

/// What connects two NICs.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct LinkConfig {
    /// How long a packet takes; by default it is there at once.
    pub delay: Duration,
}

impl LinkConfig {
    /// How long a packet takes.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

impl World {
    /// A world whose chance comes from `seed`, with a name of its own.
    pub fn new(seed: u64) -> Self {
        let shared = SOCKETS.enter(|name, id| Shared::new(name, id, State::new(seed)));
        Self { shared, seed }
    }

    /// A world of this name, for interface names that are known beforehand: `sim:NAME/NIC`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is one of that name, or it is no name.
    pub fn named(name: &str, seed: u64) -> Result<Self> {
        let shared = SOCKETS.enter_as(name, |name, id| Shared::new(name, id, State::new(seed)))?;
        Ok(Self { shared, seed })
    }

    /// A world with the seed that the environment variable `FLUXCAP_SEED` names, or else `seed`: so that
    /// a run that failed can be had again.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the variable is set and is no number.
    pub fn from_env(seed: u64) -> Result<Self> {
        let seed = match std::env::var(SEED) {
            Ok(text) => parse(&text)
                .ok_or_else(|| Error::invalid(SEED, text, "a number is wanted, in hex after 0x"))?,
            Err(_) => seed,
        };
        Ok(Self::new(seed))
    }

    /// Its name, as it stands in the names of its NICs.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Its seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Makes a NIC, linked to nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`], saying what of the configuration cannot be.
    pub fn nic(&self, config: NicConfig) -> Result<Nic> {
        Nic::make(&self.shared, config)
    }

    /// Links two NICs, each of which is linked to none.
    ///
    /// # Errors
    /// [`Error::Invalid`] if one is linked already or of another world, or they are the same.
    pub fn link(&self, one: &Nic, other: &Nic, config: LinkConfig) -> Result<()> {
        let ends = [one, other];
        let name = format!("{} to {}", one.name(), other.name());
        let refuse = |why: &str| Err(Error::invalid("link from", &name, why));
        if ends.iter().any(|nic| !nic.is_in(&self.shared)) {
            return refuse("both NICs have to be of this world");
        }
        if one.id() == other.id() {
            return refuse("a NIC cannot be linked to itself");
        }
        let mut state = self.shared.lock();
        // The wire to a NIC that was removed is loose.
        let is_linked = |nic: &&Nic| match state.nics[nic.id()].wire {
            Wire::Open => false,
            Wire::Linked { peer, .. } => !state.nics[peer].removed,
        };
        if ends.iter().any(is_linked) {
            return refuse("a NIC has one link");
        }
        let delay = nanoseconds(config.delay);
        state.nics[one.id()].wire = Wire::Linked { peer: other.id(), delay };
        state.nics[other.id()].wire = Wire::Linked { peer: one.id(), delay };
        Ok(())
    }

    /// From here on, something goes wrong; how often it has, can be asked of what this gives.
    pub fn fault(&self, rule: Rule) -> Strikes {
        let strikes = rule.strikes_so_far();
        self.shared.lock().rules.push(rule);
        strikes
    }

    /// From here on, nothing goes wrong any more; what is under way stays as it is.
    pub fn clear_faults(&self) {
        // What their closures hold is dropped when the lock is free.
        let _rules = std::mem::take(&mut self.shared.lock().rules);
    }

    /// How much time has passed in it.
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.shared.lock().clock.now())
    }

    /// Moves on to the next thing that happens; says whether there was one.
    pub fn step(&self) -> bool {
        self.shared.with(|state| state.step(u64::MAX))
    }

    /// Lets time pass, and all happen that is due; in a world that runs live, it sleeps so long.
    pub fn run_for(&self, time: Duration) {
        if self.shared.lock().clock.is_live() {
            return thread::sleep(time);
        }
        self.shared.with(|state| {
            let until = state.clock.after(time);
            state.run_until(until);
        });
    }

    /// Has its time go with this machine's clock until the guard is dropped: waits take their time, and
    /// packets arrive at programs that never call.
    pub fn run_live(&self) -> Live {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        state.live_guards += 1;
        state.clock.set_live(true);
        drop(state);
        let is_over = Arc::<AtomicBool>::default();
        let stop = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let mut state = shared.lock();
            while !stop.load(Relaxed) {
                state.clock.catch_up();
                state.run_due();
                shared.tell(&mut state);
                state = shared.wait_due(shared.wake(state));
            }
        });
        Live { shared: Arc::clone(&self.shared), is_over, thread: Some(thread) }
    }
}

/// A world's time goes with this machine's clock for as long as this lives.
#[derive(Debug)]
#[must_use = "dropping it stops the clock"]
pub struct Live {
    shared: Arc<Shared>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Live {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.live_guards -= 1;
        if state.live_guards == 0 {
            state.clock.set_live(false);
        }
        self.is_over.store(true, Relaxed);
        drop(state);
        self.shared.tell_all();
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if thread::panicking() {
            let Self { shared, seed } = self;
            eprintln!(
                "simulated world {}: its seed was {seed:#x}; to repeat: \
                 World::new({seed:#x}), or {SEED}={seed:#x} where it is made by World::from_env",
                shared.name
            );
        }
    }
}

/// A number, in hex after `0x`.
fn parse(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

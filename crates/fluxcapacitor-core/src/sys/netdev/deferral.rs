//! IRQs kept off while a program polls, for as long as a guard lives.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::napi::QueueNapi;
use super::sysfs::Attributes;
use super::{Interface, NapiSettings};
use crate::error::{Error, Result};
use crate::sys::socket::namespace;

/// What was set in this process, and has to be put back.
static HELD: Mutex<Vec<Held>> = Mutex::new(Vec::new());

/// Settings of NAPI that this process has made, once for each place.
#[derive(Debug)]
struct Held {
    number: u64,
    namespace: (u64, u64),
    place: Place,
    /// How many guards there are.
    guards: u32,
    before: NapiSettings,
    ours: NapiSettings,
}

/// Where settings are made.
#[derive(Debug)]
enum Place {
    Napi(QueueNapi),
    Interface(Attributes),
}

/// For what settings are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeferralScope {
    /// For one NAPI instance.
    Napi {
        /// The id that it had then.
        id: u32,
    },
    /// For all NAPI instances of the interface.
    Interface,
}

/// IRQs deferred. What was set before is set again when the last guard for the
/// same NAPI instance, or interface, is dropped.
///
/// It is left alone if somebody else has set something else meanwhile; and if
/// the interface is gone, there is nothing to do. A process that is killed
/// leaves its settings behind.
#[derive(Debug)]
#[must_use = "dropping it puts the settings back"]
pub struct Deferral {
    number: u64,
    scope: DeferralScope,
    found: bool,
}

impl Deferral {
    /// Sets what is wanted for the NAPI instance that receives for a queue; for all of the interface where the
    /// kernel knows no settings of one (before Linux 6.13). The id counts where the driver does not say which
    /// instance that is.
    ///
    /// Nothing is set, and no capability needed, where all is as wanted.
    ///
    /// # Errors
    ///
    /// [`Error::Sys`] if the kernel refuses; [`Error::Invalid`] if another guard of this process wants
    /// something else in the same place.
    pub fn new(
        interface: &Interface,
        queue: u32,
        napi_id: u32,
        wanted: NapiSettings,
    ) -> Result<Self> {
        let napi = QueueNapi::find(interface.index, queue, napi_id)
            .map_err(|source| Error::sys("netlink(NETDEV_CMD_NAPI_GET)", source))?;
        match napi {
            Some(napi) => Self::at(Place::Napi(napi), wanted),
            None => Self::of_interface(interface, wanted),
        }
    }

    /// Sets what is wanted for all NAPI instances of the interface, by sysfs, also where that could be
    /// done for one.
    ///
    /// # Errors
    ///
    /// As [`Deferral::new`]; also [`Error::Sys`] if `/sys` shows another network namespace.
    pub fn of_interface(interface: &Interface, wanted: NapiSettings) -> Result<Self> {
        let attributes = Attributes::of(interface)
            .map_err(|source| Error::sys("looking the interface up in sysfs", source))?;
        Self::at(Place::Interface(attributes), wanted)
    }

    fn at(mut place: Place, wanted: NapiSettings) -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let namespace = namespace()?;
        // Until all is done: who drops the last guard meanwhile would put back what is to stay.
        let mut held = held();
        let now = place.settings()?;
        let scope = place.scope();
        let at = held.iter_mut().position(|held| held.is_at(namespace, &place));
        if let Some(shared) = at.map(|at| &held[at]).filter(|shared| shared.ours != wanted) {
            return Err(shared.is_not(wanted));
        }
        if now != wanted {
            place.set(wanted)?;
        }
        let at = at.unwrap_or_else(|| {
            let number = NEXT.fetch_add(1, Relaxed);
            held.push(Held { number, namespace, place, guards: 0, before: now, ours: wanted });
            held.len() - 1
        });
        let shared = &mut held[at];
        if now != wanted {
            shared.before = now;
        }
        shared.guards += 1;
        Ok(Self { number: shared.number, scope, found: shared.before == shared.ours })
    }

    /// For what it is set.
    #[must_use]
    pub const fn scope(&self) -> DeferralScope {
        self.scope
    }

    /// Whether all was set before, by somebody else: then nothing will be put back.
    #[must_use]
    pub const fn was_found(&self) -> bool {
        self.found
    }
}

impl Drop for Deferral {
    fn drop(&mut self) {
        let mut all = held();
        let Some(at) = all.iter().position(|held| held.number == self.number) else { return };
        all[at].guards -= 1;
        if all[at].guards == 0 {
            // Still under the lock: whoever asks for the same place next has to find it done.
            all.swap_remove(at).put_back();
        }
    }
}

impl Held {
    fn is_at(&mut self, namespace: (u64, u64), place: &Place) -> bool {
        self.namespace == namespace
            && match (&mut self.place, place) {
                (Place::Napi(ours), Place::Napi(theirs)) => ours.is(theirs),
                (Place::Interface(ours), Place::Interface(theirs)) => {
                    ours.index() == theirs.index()
                }
                _ => false,
            }
    }

    /// Two cannot have different things in one place.
    fn is_not(&self, wanted: NapiSettings) -> Error {
        let NapiSettings { hard_irqs, timeout_ns } = self.ours;
        let asked = format!("{} and {} ns", wanted.hard_irqs, wanted.timeout_ns);
        let why = format!(
            "another queue of this process that shares the setting has {hard_irqs} and {timeout_ns} ns; \
             ask for the same"
        );
        Error::invalid("IRQ deferral of", asked, why)
    }

    /// Puts back what was there, if what is there is ours.
    fn put_back(mut self) {
        let is_ours = self.place.settings().is_ok_and(|now| now == self.ours);
        if is_ours && self.before != self.ours {
            // The interface may go at any time, and the settings with it.
            let _gone = self.place.set(self.before);
        }
    }
}

impl Place {
    const fn scope(&self) -> DeferralScope {
        match self {
            Self::Napi(napi) => DeferralScope::Napi { id: napi.id() },
            Self::Interface(_) => DeferralScope::Interface,
        }
    }

    fn settings(&mut self) -> Result<NapiSettings> {
        match self {
            Self::Napi(napi) => napi.settings().map_err(refused("netlink(NETDEV_CMD_NAPI_GET)")),
            Self::Interface(attributes) => attributes
                .settings()
                .map_err(refused("reading napi_defer_hard_irqs and gro_flush_timeout in sysfs")),
        }
    }

    fn set(&mut self, settings: NapiSettings) -> Result<()> {
        match self {
            Self::Napi(napi) => napi.set(settings).map_err(refused("netlink(NETDEV_CMD_NAPI_SET)")),
            Self::Interface(attributes) => attributes
                .set(settings)
                .map_err(refused("writing napi_defer_hard_irqs and gro_flush_timeout in sysfs")),
        }
    }
}

fn refused(call: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::sys(call, source)
}

fn held() -> MutexGuard<'static, Vec<Held>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

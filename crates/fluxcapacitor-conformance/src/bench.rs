//! What a case is given: two ports, and an eye on every frame.

mod modes;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fluxcapacitor::builder::BusyPoll;
use fluxcapacitor::granted::BusyPollGrant;
use fluxcapacitor::simulator::control::World;
use fluxcapacitor::umem::UmemRegion;
use fluxcapacitor::{Error, FluxBuilder, FluxRaw, Granted, Result};
#[cfg(target_os = "linux")]
use fluxcapacitor_testbed::End;

use crate::backend::Backend;
use crate::fixture::{Fixture, Port, Side};
use crate::run::Options;
use crate::verdict::{Outcome, Reason, Stop};

/// For how long something that must happen is waited for: a machine with other work is slow.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at it.
const PAUSE: Duration = Duration::from_micros(200);

/// Two connected ports, made for one run of one case.
#[derive(Debug)]
pub struct Bench<'f> {
    fixture: &'f dyn Fixture,
    backend: Backend,
    busy: bool,
    options: &'f Options,
    umems: Mutex<Vec<UmemRegion>>,
    /// Forged descriptors that may come back completed.
    forged: AtomicU64,
    notes: Mutex<Vec<String>>,
}

impl<'f> Bench<'f> {
    pub(crate) fn new(
        fixture: &'f dyn Fixture,
        backend: Backend,
        busy: bool,
        options: &'f Options,
    ) -> Self {
        let (umems, notes) = (Mutex::default(), Mutex::default());
        Self { fixture, backend, busy, options, umems, forged: AtomicU64::new(0), notes }
    }

    /// What the ports are made of.
    #[must_use]
    pub const fn fixture(&self) -> &dyn Fixture {
        self.fixture
    }

    /// What the case runs on.
    #[must_use]
    pub const fn backend(&self) -> Backend {
        self.backend
    }

    /// The program that `victim::be_if_asked` stands at the beginning of.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.options.program
    }

    /// How it was asked to run.
    pub(crate) const fn options(&self) -> &Options {
        self.options
    }

    /// How many packets to send, and how much longer than usual that may take: `usual`, unless another number
    /// was asked for.
    #[must_use]
    pub fn packets_or(&self, usual: u32) -> (u32, Duration) {
        (self.options.packets.unwrap_or(usual), self.options.more_time())
    }

    /// One of the ports.
    #[must_use]
    pub fn port(&self, side: Side) -> &dyn Port {
        self.fixture.port(side)
    }

    /// Opens a queue of a port, 0 unless `configure` says otherwise, as the backend promises it.
    ///
    /// # Errors
    /// [`Stop::NotRun`] if busy polling was asked for and is not real, or the driver cannot do without copies what is
    /// asked for; else [`Stop::Failed`].
    #[track_caller]
    pub fn open(
        &self,
        side: Side,
        configure: impl FnOnce(FluxBuilder) -> FluxBuilder,
    ) -> Outcome<FluxRaw> {
        let raw = match self.try_open(side, configure) {
            Ok(raw) => raw,
            // It says so itself, and `expected.toml` where that may be.
            Err(error @ Error::NoZeroCopy { .. }) => {
                self.note(error.to_string());
                return Err(Stop::NotRun(Reason::Driver));
            }
            Err(error) => return Err(Stop::failed(error)),
        };
        self.promised(side, raw.granted())?;
        Ok(raw)
    }

    /// Whether a socket was granted what it was to be; and packets flow.
    fn promised(&self, side: Side, granted: &Granted) -> Outcome {
        self.port(side).is_as_promised(granted)?;
        self.port(side).settle()?;
        match &granted.busy_poll {
            BusyPollGrant::NoNapi => Err(Stop::NotRun(Reason::NoNapiId)),
            BusyPollGrant::Refused(why) if why.contains("this kernel has no") => {
                Err(Stop::NotRun(Reason::OldKernel))
            }
            BusyPollGrant::Refused(why) => Err(Stop::failed(format!("no busy polling: {why}"))),
            _ => Ok(()),
        }
    }

    /// Whether the kernel has the options of busy polling, which tells those since 5.11 from older ones.
    ///
    /// # Errors
    /// [`Stop::NotRun`] if it has not.
    pub fn has_busy_polling(&self) -> Outcome {
        let raw = self.try_open(Side::B, |builder| builder.busy_poll(BusyPoll::default()))?;
        match &raw.granted().busy_poll {
            BusyPollGrant::Refused(_) => Err(Stop::NotRun(Reason::OldKernel)),
            _ => Ok(()),
        }
    }

    /// As [`Bench::open`], where it matters how it fails.
    ///
    /// # Errors
    /// Those of [`FluxBuilder::build_raw`].
    pub fn try_open(
        &self,
        side: Side,
        configure: impl FnOnce(FluxBuilder) -> FluxBuilder,
    ) -> Result<FluxRaw> {
        let raw = self.port(side).build(configure(self.builder(side)))?;
        self.watch(&raw.umem);
        Ok(raw)
    }

    /// A builder for a port.
    fn builder(&self, side: Side) -> FluxBuilder {
        let builder = self.port(side).builder();
        if self.busy { builder.busy_poll(BusyPoll::default()) } else { builder }
    }

    /// Has the frames of a UMEM counted after the case.
    pub fn watch(&self, umem: &UmemRegion) {
        self.umems.lock().unwrap_or_else(PoisonError::into_inner).push(umem.clone());
    }

    /// Has it pass that so many addresses are in a ring that no frame is out for, and come out of one:
    /// kernels differ on whether they complete a descriptor that they do not send.
    pub fn forged(&self, descriptors: u64) {
        self.forged.fetch_add(descriptors, Relaxed);
    }

    /// How many such addresses there may be.
    pub(crate) fn forgiven(&self) -> u64 {
        self.forged.load(Relaxed)
    }

    /// Says something about a run that passes: what it did not do, or how much it did.
    pub fn note(&self, text: impl Into<String>) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(text.into());
    }

    /// Says so, if what safe code cannot do cannot be done here either.
    #[must_use]
    pub fn doors_are_open(&self) -> bool {
        let open = cfg!(fluxcap_doors);
        if !open {
            self.note("no forged descriptors: built without --cfg fluxcap_doors");
        }
        open
    }

    /// The kernel's side of a port.
    ///
    /// # Errors
    /// [`Stop::NotRun`] where there is none.
    #[cfg(target_os = "linux")]
    pub fn kernel(&self, side: Side) -> Outcome<&End> {
        self.port(side).end().ok_or(Stop::NotRun(Reason::KernelOnly))
    }

    /// The world that the ports are in.
    ///
    /// # Errors
    /// [`Stop::NotRun`] where that is this one.
    pub fn world(&self) -> Outcome<&World> {
        self.fixture.world().ok_or(Stop::NotRun(Reason::SimulatorOnly))
    }

    /// Waits until `condition` holds.
    ///
    /// # Errors
    /// [`Stop::Failed`] with `what` if it does not within thirty seconds; those of `condition`.
    #[track_caller]
    pub fn until(&self, what: &str, mut condition: impl FnMut() -> Outcome<bool>) -> Outcome {
        let give_up = Stop::failed(format!("after {PATIENCE:?}, not yet {what}"));
        let started = self.fixture.now();
        while !condition()? {
            if self.fixture.now() - started > PATIENCE {
                return Err(give_up);
            }
            self.fixture.settle(PAUSE);
        }
        Ok(())
    }

    /// What the run has noted.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Conservation, after the case: all lanes are closed, so no frame is out, and none is missing.
    pub(crate) fn settle_accounts(&self) -> Outcome {
        for umem in self.umems.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let (census, all) = (umem.census(), umem.layout().frames());
            if census.total() != all || census.rx + census.tx != 0 {
                return Err(Stop::failed(format!(
                    "CONSERVATION, all closed, {all} frames: {census}"
                )));
            }
        }
        Ok(())
    }
}

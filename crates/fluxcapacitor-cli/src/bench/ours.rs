//! Contestants of this library: a thread that drives the queue in one of its modes.

mod engine;
mod owned;
mod raw;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use fluxcapacitor::granted::BusyPollGrant;
use fluxcapacitor::{FluxBuilder, FluxEngine, FluxRaw, Result};
use fluxcapacitor_core::sys::cpu;
use nix::unistd::{Pid, gettid};

use super::Mode;
use super::case::{Case, Scenario};
use super::noise::Schedule;
use super::trial::Ended;
use super::wire::{NOBODY, Wire};
use crate::cli::Wait;
use crate::run::packet;

/// How long packets in flight have to come home at the end.
const DRAIN_MAX: Duration = Duration::from_secs(1);

/// How long to sleep at most before the flag that stops it is looked at.
const NAP: Duration = Duration::from_millis(10);

/// A contestant that runs.
#[derive(Debug)]
pub struct Ours {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Ended>>,
    /// The number of the thread.
    id: Pid,
    /// What the kernel gave, and what it did not.
    pub granted: Granted,
}

/// The part of it that a reader of figures wants to know.
#[derive(Clone, Debug)]
pub struct Granted {
    /// In a line.
    pub shown: String,
    /// Whether busy polling was asked for and does nothing.
    pub busy_poll_is_void: bool,
}

/// What it has moved, packets that it has sent and received, kicks, and packets that the kernel lost for want of a frame
/// or a slot.
#[derive(Clone, Copy, Debug, Default)]
struct Moved {
    rx: u64,
    tx: u64,
    kicks: u64,
    lost: u64,
}

/// A queue, ready to be driven until the flag is set.
enum Way {
    Raw(FluxRaw, Vec<u8>, Arc<AtomicBool>),
    Engine(FluxEngine),
    Owned(FluxRaw, Vec<u8>, Arc<AtomicBool>),
}

impl Way {
    fn new(raw: FluxRaw, mode: Mode, case: Case, packet: Vec<u8>) -> Self {
        match mode {
            Mode::Raw => Self::Raw(raw, packet, Arc::default()),
            Mode::Engine => Self::Engine(engine::prepare(raw, case)),
            Mode::Owned => Self::Owned(raw, packet, Arc::default()),
        }
    }

    fn stop(&self) -> Arc<AtomicBool> {
        match self {
            Self::Raw(_, _, stop) | Self::Owned(_, _, stop) => Arc::clone(stop),
            Self::Engine(engine) => engine.stop_handle().flag(),
        }
    }

    fn drive(self, case: Case) -> Result<Moved> {
        match self {
            Self::Raw(raw, packet, stop) => raw::drive(raw, case, packet, &stop),
            Self::Engine(engine) => engine::drive(engine, case),
            Self::Owned(raw, packet, stop) => owned::drive(raw, case, &packet, &stop),
        }
    }
}

impl Ours {
    /// Opens the contestant's end, and begins; none for what the mode does not do.
    pub fn start(
        wire: &Wire,
        mode: Mode,
        case: Case,
        queue: u32,
        on: usize,
    ) -> anyhow::Result<Option<Self>> {
        if mode == Mode::Engine && case.scenario == Scenario::Txonly {
            return Ok(None);
        }
        let (tell, told) = sync_channel(1);
        let interface = wire.interface().to_owned();
        let packet = packet(case.packet_size, case.packet_size, NOBODY)?;
        let thread = wire.spawn("contestant", move || {
            cpu::pin(on).context("pinning the contestant")?;
            let mut builder = FluxBuilder::new(&*interface).queue(queue);
            if case.scenario != Scenario::Txonly {
                // It sends what it has received, if anything.
                builder = builder.tx_reserve(0);
            }
            if case.wait == Wait::Busy {
                builder = builder.busy_poll(case.deferral.busy_poll(case.batch));
            }
            let raw = builder.build_raw().with_context(|| format!("opening {interface}"))?;
            let granted = Granted::of(&raw);
            let way = Way::new(raw, mode, case, packet);
            // Nobody listens any more if the other side has given up.
            let _ = tell.send((way.stop(), gettid(), granted));
            let Moved { rx, tx, kicks, lost } = way.drive(case)?;
            Ok(Ended { rx, tx, lost: Some(lost), kicks: Some(kicks) })
        })?;
        match told.recv() {
            Ok((stop, id, granted)) => Ok(Some(Self { stop, thread, id, granted })),
            // It has not come that far.
            Err(_) => Err(joined(thread).err().context("it ended before it began")?),
        }
    }

    /// Time that its thread has had.
    pub fn schedule(&self) -> Schedule {
        Schedule::of_thread(self.id)
    }

    /// Whether it has ended by itself, which is an error.
    pub fn is_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Has it bring its packets home and end.
    pub fn stop(self) -> anyhow::Result<Ended> {
        self.stop.store(true, Relaxed);
        joined(self.thread)
    }
}

fn joined(thread: JoinHandle<anyhow::Result<Ended>>) -> anyhow::Result<Ended> {
    thread.join().map_err(|_| anyhow::anyhow!("the contestant panicked"))?
}

impl Granted {
    fn of(raw: &FluxRaw) -> Self {
        let granted = raw.granted();
        let first_line = granted.to_string();
        let shown = first_line.lines().next().unwrap_or_default().to_owned();
        let busy_poll_is_void = match granted.busy_poll {
            BusyPollGrant::NotAsked | BusyPollGrant::Real { .. } => false,
            BusyPollGrant::NoNapi | BusyPollGrant::Refused(_) | _ => true,
        };
        Self { shown, busy_poll_is_void }
    }
}

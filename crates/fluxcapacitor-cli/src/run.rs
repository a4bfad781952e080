//! The tools that drive one queue: rxdrop, txonly and l2fwd, the loop that they share, and dump.

mod dump;
mod l2fwd;
mod line;
mod paced;
mod peer;
mod rxdrop;
mod txonly;

pub use dump::dump;
pub use l2fwd::L2Fwd;
pub use rxdrop::RxDrop;
pub use txonly::{TxOnly, packet};

use std::thread;
use std::time::Duration;

use fluxcapacitor::raw::{Interest, Waited};
use fluxcapacitor::{Error, FluxRaw};

use crate::cli::{RunOptions, TxOptions, Wait};
use crate::report::{Counts, Reporter};
use crate::stop::Stop;
use line::{Line, Partner};

/// How many turns to take between looks at the clock, and how many packets in them: large batches take
/// their time.
pub const TURNS_PER_LOOK: u32 = 256;
pub const PACKETS_PER_LOOK: u32 = 16 * 1024;

/// How long to sleep at most before the clock and the signals are looked at.
const NAP: Duration = Duration::from_millis(100);

/// How long to sleep at most while packets are in flight: their completion wakes nobody.
pub const SHORT_NAP: Duration = Duration::from_millis(1);

/// How long the packets in flight have to come home at the end.
const DRAIN_MAX: Duration = Duration::from_secs(1);

/// One way to drive a queue.
pub trait Tool {
    /// What it waits for.
    const INTEREST: Interest;

    /// Moves at most a batch each way; says how many packets it moved.
    fn turn(&mut self, raw: &mut FluxRaw) -> Result<u32, Error>;

    /// As `turn`, but takes on nothing new.
    fn drain(&mut self, raw: &mut FluxRaw) -> Result<(), Error>;

    /// How many packets were submitted and are not completed.
    fn in_flight(&self) -> u64;

    /// What was moved so far.
    fn counts(&self) -> Counts;
}

/// Receives and drops.
pub fn rxdrop(options: &RunOptions) -> anyhow::Result<()> {
    let (line, stop) = open::<RxDrop>(options)?;
    line.drive(options, stop, RxDrop::new(options.batch), Partner::Sends)
}

/// Swaps MAC addresses and sends back.
pub fn l2fwd(options: &RunOptions) -> anyhow::Result<()> {
    let (line, stop) = open::<L2Fwd>(options)?;
    line.drive(options, stop, L2Fwd::new(options.batch), Partner::Sends)
}

/// Sends.
pub fn txonly(options: &TxOptions) -> anyhow::Result<()> {
    let TxOptions { run, destination } = options;
    let packet = packet(run.port.packet_size, run.port.frame_size, *destination)?;
    let (line, stop) = open::<TxOnly>(run)?;
    txonly::check_mtu(&packet, line.mtu())?;
    line.drive(run, stop, TxOnly::new(run.batch, packet), Partner::Drops)
}

/// Opens what was asked for. From before that, signals end it in good order: they would leave IRQs deferred.
fn open<T: Tool>(options: &RunOptions) -> anyhow::Result<(Line, Stop)> {
    options.check()?;
    let stop = Stop::new(options.port.seconds)?;
    let line = Line::open(&options.port, |builder| match T::INTEREST {
        // It sends what it has received, if anything.
        Interest::Rx => options.builder(builder).tx_reserve(0),
        Interest::Tx => options.builder(builder),
    })?;
    Ok((line, stop.restarted()))
}

/// Turns until it is time to stop, drains, and tells how far it is.
fn drive<T: Tool>(
    options: &RunOptions,
    stop: Stop,
    mut raw: FluxRaw,
    mut tool: T,
) -> anyhow::Result<()> {
    let reporter = Reporter::start(options.output, options.port.simulator.is_some())?;
    let turns = (PACKETS_PER_LOOK / options.batch).clamp(1, TURNS_PER_LOOK);
    let mut next_look = NAP;

    loop {
        for _ in 0..turns {
            let slept = match tool.turn(&mut raw) {
                Ok(0) => rest(options.wait, &raw, &tool)?,
                Ok(_) => false,
                Err(error) => stand(error)?,
            };
            if slept {
                break;
            }
        }
        let elapsed = stop.elapsed();
        // Nobody reads any more: `fluxcap rxdrop | head`.
        let is_read = reporter.tell(counts(&tool, &raw));
        if stop.is_due(elapsed) || !is_read {
            break;
        }
        // A spinning loop makes no system call that would tell that the link is lost.
        if elapsed >= next_look {
            raw.wait(T::INTEREST, Duration::ZERO)?;
            next_look = elapsed + NAP;
        }
    }

    let stopped = stop.elapsed();
    loop {
        tool.drain(&mut raw).or_else(|error| stand(error).map(drop))?;
        if tool.in_flight() == 0 || stop.elapsed() - stopped >= DRAIN_MAX {
            break;
        }
    }
    reporter.end(stop.elapsed(), counts(&tool, &raw))?;
    Ok(())
}

/// Waits, not in a loop of ours; says whether it has slept, so that the clock should be looked at.
pub fn rest<T: Tool>(wait: Wait, raw: &FluxRaw, tool: &T) -> Result<bool, Error> {
    match wait {
        Wait::Spin => Ok(false),
        Wait::Busy => raw.device().kick_rx().map(|_| false).or_else(stand),
        Wait::Poll => {
            // The nap was cut short by packets: they come first.
            let nap = if tool.in_flight() > 0 { SHORT_NAP } else { NAP };
            let waited = raw.wait(T::INTEREST, nap)?;
            Ok(waited != Waited::Ready)
        }
    }
}

/// A link that is down may come back: it is waited for.
fn stand(error: Error) -> Result<bool, Error> {
    match error {
        Error::LinkDown => {
            thread::sleep(NAP);
            Ok(true)
        }
        error => Err(error),
    }
}

fn counts<T: Tool>(tool: &T, raw: &FluxRaw) -> Counts {
    Counts { kicks: raw.device().kicks(), ..tool.counts() }
}

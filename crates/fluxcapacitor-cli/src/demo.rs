//! `fluxcap demo`: packets across two AF_XDP sockets, and where each of them went.

mod display;
mod forwarder;
mod generator;
mod packet;
mod platform;
mod side;
mod verdict;
mod wire;

use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::cli::seconds;
use crate::report::{self, Output};
use crate::simulated;
use crate::stop::Stop;
use display::Display;
use platform::Ran;
use side::Workers;
use verdict::Verdict;
use wire::{Opened, Wire};

/// See packets cross two AF_XDP sockets on this machine, and not one lost
///
/// Makes two network namespaces and a veth pair between them, sends numbered packets from one side,
/// swaps their MAC addresses on the other, and checks what comes back: contents, order and count,
/// against its own books and the interfaces' counters. Nothing is left behind, however it ends.
///
/// Where the kernel is out of reach, for want of a privilege or because it is not Linux, two simulated
/// interfaces take the place of the veth pair. It says which of the two it ran on.
#[derive(Debug, Args)]
pub struct Options {
    /// For how long to send
    #[arg(short, long, value_name = "S", default_value = "5", value_parser = seconds,
        env = "FLUXCAP_SECONDS")]
    seconds: Duration,

    /// Packets under way at a time
    #[arg(long, value_name = "N", default_value_t = 128, env = "FLUXCAP_IN_FLIGHT",
        value_parser = clap::value_parser!(u32).range(1..=256))]
    in_flight: u32,

    /// Bytes per packet, without the FCS
    #[arg(short, long, value_name = "P", default_value_t = 60, env = "FLUXCAP_PACKET_SIZE",
        value_parser = clap::value_parser!(u32).range(60..=1514))]
    packet_size: u32,

    /// What to run on
    #[arg(long, default_value = "auto", env = "FLUXCAP_BACKEND")]
    backend: Backend,

    /// What to print
    #[arg(short, long, value_name = "FORM", default_value = "table", env = "FLUXCAP_OUTPUT")]
    output: Output,
}

/// What to run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Backend {
    /// This machine's kernel, where that is permitted; elsewhere the simulator
    Auto,
    /// This machine's kernel, or not at all
    Kernel,
    /// Simulated interfaces, on every system, without privilege
    Simulator,
}

/// Runs the demo; fails if a packet or a frame is missing.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let Opened { wire, near, far, platform } = Wire::open(options.backend)?;
    if let Some(why) = &platform.why_not_kernel {
        report::say(format!("not on this machine's kernel: {why}"));
    }
    if platform.backend == Ran::Simulator {
        report::say(simulated::WORTH);
    }

    let mut display = Display::new(options.output, &platform)?;
    let before = wire.counters()?;
    let stop = Stop::new(Some(options.seconds))?;
    let workers = Workers::start(near, far, wire.addresses(), options)?;
    while !workers.is_ended() && !stop.is_due(stop.elapsed()) {
        std::thread::sleep(display.pause().min(options.seconds.saturating_sub(stop.elapsed())));
        display.show(stop.elapsed(), &workers, &platform)?;
    }
    let sent_for = stop.elapsed();
    let ended = workers.stop()?;
    let counted = wire.counters()?.since(&before);
    let verdict = Verdict::new(&ended, counted, sent_for, platform);
    display.verdict(&verdict)?;
    if !verdict.passed() {
        anyhow::bail!("packets or frames are missing");
    }
    Ok(())
}

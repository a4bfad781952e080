//! `fluxcap bench`: what a packet costs on this machine, by each mode and by programs of others.

#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "nothing is measured there"))]
mod case;
#[cfg(target_os = "linux")]
mod command;
#[cfg(target_os = "linux")]
mod contestant;
#[cfg(target_os = "linux")]
mod generator;
#[cfg(target_os = "linux")]
mod noise;
#[cfg(target_os = "linux")]
mod ours;
#[cfg(target_os = "linux")]
mod pinger;
#[cfg(target_os = "linux")]
mod plot;
#[cfg(target_os = "linux")]
mod row;
#[cfg(target_os = "linux")]
mod session;
#[cfg(target_os = "linux")]
mod show;
#[cfg(target_os = "linux")]
mod spread;
#[cfg(target_os = "linux")]
mod trial;
#[cfg(target_os = "linux")]
mod wire;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::cli::{DeferralOption, Wait, seconds};
use crate::report::Output;
use case::Scenario;

/// Measure receiving, sending, forwarding and latency, mode against mode
///
/// Without --interface it makes two network namespaces and a veth pair, generates the packets in the kernel on one
/// processor and runs the contestants in turns on another, each run over a pair of its own. Nothing is left behind,
/// however it ends. Rates on veth are those of a driver that copies: they tell contestants apart, not what a
/// network card does.
///
/// The first of each list of waits, batches and sizes is the base: one thing at a time is varied from there. All
/// as it is by default takes two minutes; `--wait spin --batch 64 --packet-size 64` takes half of one.
///
/// Counts are held against the interface's: if they differ, it fails. Where runs of one contestant are further
/// apart than contestants are, or the processors were wanted by others, it says so.
#[derive(Debug, Args)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "it refuses to run there"))]
pub struct Options {
    /// What to measure
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        env = "FLUXCAP_SCENARIO",
        default_value = "rxdrop,txonly,l2fwd,ping-pong"
    )]
    scenario: Vec<Scenario>,

    /// Modes of this library to measure
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        env = "FLUXCAP_MODE",
        default_value = "raw,engine,owned"
    )]
    mode: Vec<Mode>,

    /// Another program to measure, as NAME=COMMAND; may be given again
    ///
    /// In the command, {interface}, {queue}, {scenario} (rxdrop, txonly or l2fwd), {wait}, {batch}, {packet_size},
    /// {destination} and {cpu} stand for what it is to do. It runs until SIGINT, and the last line that it prints is JSON, as of
    /// `fluxcap l2fwd --output json`, with rx_packets and tx_packets. With exit code 2 it says that it cannot do that.
    #[arg(long, value_name = "NAME=COMMAND")]
    contestant: Vec<String>,

    /// How contestants wait
    #[arg(
        short,
        long,
        value_name = "LIST",
        value_delimiter = ',',
        env = "FLUXCAP_WAIT",
        default_value = "spin,poll,busy"
    )]
    wait: Vec<Wait>,

    #[command(flatten)]
    deferral: DeferralOption,

    /// Packets per batch
    #[arg(short, long, value_name = "LIST", value_delimiter = ',', env = "FLUXCAP_BATCH",
        default_value = "64,1,8,256", value_parser = clap::value_parser!(u32).range(1..=256))]
    batch: Vec<u32>,

    /// Bytes per packet, without the FCS
    #[arg(short, long, value_name = "LIST", value_delimiter = ',', env = "FLUXCAP_PACKET_SIZE",
        default_value = "64,1500", value_parser = clap::value_parser!(u32).range(60..=1514))]
    packet_size: Vec<u32>,

    /// How long to measure in each run
    #[arg(short, long, value_name = "S", default_value = "0.3", value_parser = seconds,
        env = "FLUXCAP_SECONDS")]
    seconds: Duration,

    /// How often to run each contestant
    #[arg(short, long, value_name = "N", default_value_t = 3, env = "FLUXCAP_ROUNDS",
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,

    /// Run contestants on this interface, which something else sends packets to; not for ping-pong
    #[arg(short, long, value_name = "IF", env = "FLUXCAP_INTERFACE")]
    interface: Option<String>,

    /// Queue of that interface
    #[arg(
        short,
        long,
        value_name = "N",
        default_value_t = 0,
        env = "FLUXCAP_QUEUE",
        requires = "interface"
    )]
    queue: u32,

    /// Processors of the generator and of the contestants; by default the first two that there are
    #[arg(long, value_name = "G,C", value_delimiter = ',', num_args = 1..=2, env = "FLUXCAP_CPUS")]
    cpus: Vec<usize>,

    /// What to print, as it is measured
    #[arg(short, long, value_name = "FORM", default_value = "table", env = "FLUXCAP_OUTPUT")]
    output: Output,

    /// Draw batch against Mpps, and the percentiles of latency, into this file
    #[arg(long, value_name = "FILE.svg", env = "FLUXCAP_PLOT")]
    plot: Option<PathBuf>,
}

/// A way to drive a queue with this library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// The four rings
    Raw,
    /// The loop that lends packets to a callback; it does not send by itself
    Engine,
    /// Packets that are owned, both halves on one thread
    Owned,
}

/// Measures what was asked for.
#[cfg(target_os = "linux")]
pub fn run(options: &Options) -> anyhow::Result<()> {
    session::run(options)
}

/// There is nothing to measure.
#[cfg(not(target_os = "linux"))]
pub fn run(_: &Options) -> anyhow::Result<()> {
    anyhow::bail!(
        "this system's kernel has no AF_XDP to measure; `cargo bench -p fluxcapacitor --features simulator` measures \
         the simulator"
    )
}

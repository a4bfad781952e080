//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use fluxcapacitor::Error;
use fluxcapacitor::builder::{BusyPoll, FluxBuilder, NapiDeferral, ZeroCopy};
use fluxcapacitor::hook::Attach;

use crate::report::Output;
use crate::{bench, demo, run};

/// Try, measure and debug AF_XDP.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not permitted. Standard output is data, standard error
/// is talk.
#[derive(Debug, Parser)]
#[command(name = "fluxcap", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Bench(bench::Options),
    Demo(demo::Options),
    Dump(DumpOptions),
    /// Receive and drop
    Rxdrop(RunOptions),
    /// Send, as fast as the interface takes it
    Txonly(TxOptions),
    /// Swap the MAC addresses of what arrives, and send it back
    L2fwd(RunOptions),
}

/// Runs the command that was given.
pub fn run() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Bench(options) => bench::run(&options),
        Command::Demo(options) => demo::run(&options),
        Command::Dump(options) => run::dump(&options),
        Command::Rxdrop(options) => run::rxdrop(&options),
        Command::Txonly(options) => run::txonly(&options),
        Command::L2fwd(options) => run::l2fwd(&options),
    }
}

/// The queue to open.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("port").args(["interface", "simulator"]).required(true)))]
pub struct PortOptions {
    /// Network interface
    #[arg(
        short,
        long,
        value_name = "IF",
        env = "FLUXCAP_INTERFACE",
        required_unless_present = "simulator"
    )]
    pub interface: Option<String>,

    /// Drive a simulated interface instead, with a peer at its other end that sends what is received
    /// here, or takes what is sent; by copying, if nothing else is asked for
    #[arg(long, value_name = "PROFILE", env = "FLUXCAP_SIMULATOR", num_args = 0..=1,
        require_equals = true, default_missing_value = "copy")]
    pub simulator: Option<SimulatedProfile>,

    /// Queue of the interface, from 0
    #[arg(short, long, value_name = "N", default_value_t = 0, env = "FLUXCAP_QUEUE")]
    pub queue: u32,

    /// Stop after this many seconds; without it, at SIGINT
    #[arg(short, long, value_name = "S", value_parser = seconds, env = "FLUXCAP_SECONDS")]
    pub seconds: Option<Duration>,

    /// Bytes per frame of packet memory: 2048 or 4096
    #[arg(long, value_name = "F", default_value_t = 2048, env = "FLUXCAP_FRAME_SIZE")]
    pub frame_size: u32,

    /// Bytes per packet that is sent, by txonly or a simulated peer, without the FCS
    #[arg(short, long, value_name = "P", default_value_t = 60, env = "FLUXCAP_PACKET_SIZE")]
    pub packet_size: u32,

    /// Whether to go without copies
    #[arg(short, long, value_name = "MODE", default_value = "prefer", env = "FLUXCAP_ZERO_COPY")]
    pub zero_copy: ZeroCopyMode,

    /// Where to run the XDP program
    #[arg(short, long, value_name = "MODE", default_value = "auto", env = "FLUXCAP_ATTACH")]
    pub attach: AttachTo,
}

/// What rxdrop, txonly and l2fwd have in common.
#[derive(Debug, Args)]
pub struct RunOptions {
    #[command(flatten)]
    pub port: PortOptions,

    /// Packets per batch
    #[arg(short, long, value_name = "B", default_value_t = 64, env = "FLUXCAP_BATCH",
        value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub batch: u32,

    /// How to wait when there is nothing to do
    #[arg(short, long, default_value = "spin", env = "FLUXCAP_WAIT")]
    pub wait: Wait,

    #[command(flatten)]
    pub deferral: DeferralOption,

    /// What to print, once a second and at the end
    #[arg(short, long, value_name = "FORM", default_value = "table", env = "FLUXCAP_OUTPUT")]
    pub output: Output,
}

/// Whether `--wait busy` is to keep hard IRQs off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Args)]
pub struct DeferralOption {
    /// With --wait busy: keep the queue's interrupt off while this polls, until so many polls in a row found nothing,
    /// or nobody has polled for so many microseconds; 2 and 200 if nothing else is asked for
    ///
    /// It sets defer-hard-irqs and gro-flush-timeout of the queue's NAPI instance, on kernels before 6.13 of the
    /// whole interface, and puts back what was there at the end, also at SIGINT and SIGTERM; not when it is killed. Where
    /// the driver cannot be polled (veth), it sets nothing.
    #[arg(long, value_name = "POLLS,US", value_parser = deferral, env = "FLUXCAP_DEFER_IRQS",
        num_args = 0..=1, require_equals = true, default_missing_value = "2,200")]
    defer_irqs: Option<NapiDeferral>,
}

impl DeferralOption {
    /// Busy polling, so many packets at a time.
    pub fn busy_poll(self, budget: u32) -> BusyPoll {
        BusyPoll { budget, deferral: self.defer_irqs, ..BusyPoll::default() }
    }

    /// Refuses it to those who do not poll.
    pub fn check(self, is_busy: bool) -> Result<(), Error> {
        if self.defer_irqs.is_some() && !is_busy {
            let why = "nobody would poll: say `--wait busy`, too";
            return Err(Error::invalid("option", "--defer-irqs", why));
        }
        Ok(())
    }
}

/// What txonly takes beyond that.
#[derive(Debug, Args)]
pub struct TxOptions {
    #[command(flatten)]
    pub run: RunOptions,

    /// Destination address; all stations by default
    #[arg(short, long, value_name = "MAC", default_value = "ff:ff:ff:ff:ff:ff", value_parser = mac,
        env = "FLUXCAP_DESTINATION")]
    pub destination: [u8; 6],
}

/// Show the packets that AF_XDP receives, a line each, or write them into a capture file
///
/// Every packet of the queue is taken away from the host's stack while this runs: AF_XDP redirects packets,
/// it copies none to look at, and they are dropped once they are shown. Connections over this queue stand
/// still. Packets of other queues go to the stack as ever and are not shown, nor is what this host sends.
///
/// Times are UTC, and say when a packet was taken out of the ring.
#[derive(Debug, Args)]
pub struct DumpOptions {
    #[command(flatten)]
    pub port: PortOptions,

    /// Stop after so many packets
    #[arg(short, long, value_name = "N", env = "FLUXCAP_COUNT",
        value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,

    /// Bytes of each packet to look at; all by default
    #[arg(long, value_name = "BYTES", env = "FLUXCAP_SNAPLEN",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub snaplen: Option<u32>,

    /// Write the packets into this file, for tcpdump and Wireshark to read (pcap, nanoseconds), and print
    /// none; - is standard output
    #[arg(short, long, value_name = "FILE", env = "FLUXCAP_WRITE")]
    pub write: Option<PathBuf>,

    /// What to print, packet by packet
    #[arg(short, long, value_name = "FORM", default_value = "table", env = "FLUXCAP_OUTPUT")]
    pub output: Output,
}

/// How a simulated interface serves sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SimulatedProfile {
    /// As a driver that cannot do without copies
    Copy,
    /// As a driver that can
    ZeroCopy,
}

/// How to wait when there is nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Wait {
    /// Look at the rings again and again
    Spin,
    /// Sleep in poll(2)
    Poll,
    /// Have the kernel poll the queue, where the driver can
    Busy,
}

/// Whether to go without copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ZeroCopyMode {
    /// If the driver can
    Prefer,
    /// Or not at all
    Require,
    /// Never
    Forbid,
}

/// Where to run the XDP program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AttachTo {
    /// In the driver if it can, else generic
    Auto,
    /// In the driver
    Native,
    /// On socket buffers, in the stack
    Generic,
}

impl PortOptions {
    /// The socket that these options ask for, on the interface of this name.
    pub fn builder(&self, interface: &str) -> FluxBuilder {
        FluxBuilder::new(interface)
            .queue(self.queue)
            .frame_size(self.frame_size)
            .zero_copy(match self.zero_copy {
                ZeroCopyMode::Prefer => ZeroCopy::Prefer,
                ZeroCopyMode::Require => ZeroCopy::Require,
                ZeroCopyMode::Forbid => ZeroCopy::Forbid,
            })
            .attach(match self.attach {
                AttachTo::Auto => Attach::Auto,
                AttachTo::Native => Attach::Native,
                AttachTo::Generic => Attach::Generic,
            })
    }
}

impl RunOptions {
    /// Refuses what does not go together.
    pub fn check(&self) -> Result<(), Error> {
        self.deferral.check(self.wait == Wait::Busy)
    }

    /// The same, as the loop is to wait.
    pub fn builder(&self, builder: FluxBuilder) -> FluxBuilder {
        match self.wait {
            Wait::Busy => builder.busy_poll(self.deferral.busy_poll(self.batch)),
            Wait::Spin | Wait::Poll => builder,
        }
    }
}

pub fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|error| format!("{error}"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn deferral(text: &str) -> Result<NapiDeferral, String> {
    let (polls, microseconds) =
        text.split_once(',').ok_or("polls and microseconds, as 2,200".to_owned())?;
    let number = |text: &str| text.parse().map_err(|error| format!("{text}: {error}"));
    let (hard_irqs, timeout_us) = (number(polls)?, number(microseconds)?);
    Ok(NapiDeferral { hard_irqs, timeout: Duration::from_micros(timeout_us.into()) })
}

fn mac(text: &str) -> Result<[u8; 6], String> {
    let bytes: Vec<u8> = text
        .split(':')
        .map(|byte| {
            u8::from_str_radix(byte, 16)
                .map_err(|_| "six bytes in hex, as 02:00:00:00:00:01".to_owned())
        })
        .collect::<Result<_, _>>()?;
    bytes.try_into().map_err(|_| "six bytes, as 02:00:00:00:00:01".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_and_addresses_are_read_or_refused() {
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        assert!(seconds("-1").is_err() && seconds("x").is_err() && seconds("1e300").is_err());
        let some = NapiDeferral { hard_irqs: 100, timeout: Duration::from_micros(15) };
        assert_eq!(
            (deferral("2,200"), deferral("100,15")),
            (Ok(NapiDeferral::default()), Ok(some))
        );
        assert!(deferral("2").is_err() && deferral("2,").is_err() && deferral("-1,1").is_err());
        assert_eq!(mac("02:00:00:00:00:b1"), Ok([2, 0, 0, 0, 0, 0xb1]));
        assert!(mac("02:00:00:00:00").is_err() && mac("02:00:00:00:00:123").is_err());
    }
}

//! What the tools print: counts, once a second and at the end, and talk.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde::Serialize;

/// What to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Columns, for people
    Table,
    /// One object a line, for programs
    Json,
}

/// Talks, on standard error; to nobody, where that is closed.
pub fn say(talk: impl Display) {
    let _ = writeln!(io::stderr(), "{talk}");
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Counts {
    /// Packets received.
    pub rx_packets: u64,
    /// Their bytes, without the FCS.
    pub rx_bytes: u64,
    /// Packets sent: completed, not just submitted.
    pub tx_packets: u64,
    /// Their bytes, without the FCS; by l2fwd, those of packets still in flight too.
    pub tx_bytes: u64,
    /// System calls that told the kernel to send or receive.
    pub kicks: u64,
}

/// One line of JSON. The names are stable.
#[derive(Debug, Serialize)]
struct Line {
    elapsed_s: f64,
    #[serde(flatten)]
    counts: Counts,
    #[serde(rename = "final")]
    is_final: bool,
    /// Only there if it is so.
    #[serde(rename = "simulated", skip_serializing_if = "std::ops::Not::not")]
    is_simulated: bool,
}

/// Prints counts as they grow, from a thread of its own: a slow terminal must not hold up packets.
#[derive(Debug)]
pub struct Reporter {
    shared: Arc<Shared>,
    thread: JoinHandle<io::Result<Report>>,
}

#[derive(Debug, Default)]
struct Shared {
    counts: [AtomicU64; 5],
    ended: AtomicBool,
}

impl Reporter {
    /// Begins to print, once a second from now on.
    pub fn start(output: Output, is_simulated: bool) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let told = Arc::clone(&shared);
        let thread = thread::Builder::new().name("report".to_owned());
        let thread = thread.spawn(move || {
            let started = Instant::now();
            let mut report = Report::new(output, is_simulated)?;
            let mut next = Duration::from_secs(1);
            while !told.ended.load(Relaxed) {
                let elapsed = started.elapsed();
                if elapsed >= next {
                    report.line(elapsed, told.counts(), false)?;
                    next += Duration::from_secs(1);
                } else {
                    thread::park_timeout(next - elapsed);
                }
            }
            Ok(report)
        })?;
        Ok(Self { shared, thread })
    }

    /// Notes how far it is; whether it can still be told.
    pub fn tell(&self, counts: Counts) -> bool {
        let Counts { rx_packets, rx_bytes, tx_packets, tx_bytes, kicks } = counts;
        let now = [rx_packets, rx_bytes, tx_packets, tx_bytes, kicks];
        self.shared.counts.iter().zip(now).for_each(|(count, now)| count.store(now, Relaxed));
        !self.thread.is_finished()
    }

    /// Prints the last line.
    pub fn end(self, elapsed: Duration, counts: Counts) -> io::Result<()> {
        self.shared.ended.store(true, Relaxed);
        self.thread.thread().unpark();
        let report = self.thread.join().map_err(|_| io::Error::other("the report panicked"))?;
        report?.line(elapsed, counts, true)
    }
}

impl Shared {
    fn counts(&self) -> Counts {
        let [rx_packets, rx_bytes, tx_packets, tx_bytes, kicks] =
            [0, 1, 2, 3, 4].map(|at: usize| self.counts[at].load(Relaxed));
        Counts { rx_packets, rx_bytes, tx_packets, tx_bytes, kicks }
    }
}

/// Prints lines.
#[derive(Debug)]
struct Report {
    output: Output,
    is_simulated: bool,
    before: (Duration, Counts),
}

impl Report {
    /// Prints the head of the table, if it is to be one.
    fn new(output: Output, is_simulated: bool) -> io::Result<Self> {
        if output == Output::Table {
            writeln!(
                io::stdout(),
                "{:>10} {:>14} {:>10} {:>10} {:>14} {:>10} {:>10} {:>11}",
                "elapsed s",
                "rx packets",
                "rx Mpps",
                "rx Gbit/s",
                "tx packets",
                "tx Mpps",
                "tx Gbit/s",
                "kicks"
            )?;
        }
        Ok(Self { output, is_simulated, before: (Duration::ZERO, Counts::default()) })
    }

    /// Prints what has been counted so far; rates are those since the last line, or, in the final
    /// one, of the whole run.
    fn line(&mut self, elapsed: Duration, counts: Counts, is_final: bool) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        if self.output == Output::Json {
            let (elapsed_s, is_simulated) = (elapsed.as_secs_f64(), self.is_simulated);
            let line = Line { elapsed_s, counts, is_final, is_simulated };
            serde_json::to_writer(&mut stdout, &line)?;
            return writeln!(stdout);
        }
        let (then, before) = if is_final { <(Duration, Counts)>::default() } else { self.before };
        let seconds = (elapsed - then).as_secs_f64();
        let mpps = |now: u64, then: u64| (now - then) as f64 / seconds / 1e6;
        let gbit = |now: u64, then: u64| (now - then) as f64 * 8.0 / seconds / 1e9;
        self.before = (elapsed, counts);
        writeln!(
            stdout,
            "{:>10.2} {:>14} {:>10.3} {:>10.3} {:>14} {:>10.3} {:>10.3} {:>11}{}",
            elapsed.as_secs_f64(),
            counts.rx_packets,
            mpps(counts.rx_packets, before.rx_packets),
            gbit(counts.rx_bytes, before.rx_bytes),
            counts.tx_packets,
            mpps(counts.tx_packets, before.tx_packets),
            gbit(counts.tx_bytes, before.tx_bytes),
            counts.kicks,
            if is_final { "  total" } else { "" },
        )
    }
}

//! What the tools print: counts, once a second and at the end.

use std::io::{self, Write};
use std::time::Duration;

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

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Counts {
    /// Packets received.
    pub rx_packets: u64,
    /// Their bytes, without the FCS.
    pub rx_bytes: u64,
    /// Packets sent: completed, not just submitted.
    pub tx_packets: u64,
    /// Their bytes, without the FCS.
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
}

/// Prints counts as they grow.
#[derive(Debug)]
pub struct Report {
    output: Output,
    before: (Duration, Counts),
}

impl Report {
    /// Prints the head of the table, if it is to be one.
    pub fn new(output: Output) -> io::Result<Self> {
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
        Ok(Self { output, before: (Duration::ZERO, Counts::default()) })
    }

    /// Prints what has been counted so far; rates are those since the last line, or, in the final
    /// one, of the whole run.
    pub fn line(&mut self, elapsed: Duration, counts: Counts, is_final: bool) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        if self.output == Output::Json {
            let line = Line { elapsed_s: elapsed.as_secs_f64(), counts, is_final };
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

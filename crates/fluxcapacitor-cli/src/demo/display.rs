//! What the demo shows: a table that lives, and a verdict.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use fluxcapacitor::umem::Census;
use serde::Serialize;

use super::platform::{Platform, Ran};
use super::side::{Side, Snapshot, Workers};
use super::verdict::Verdict;
use crate::report::Output;

/// How often the table is drawn anew on a terminal, and printed elsewhere.
const REDRAW: Duration = Duration::from_millis(250);
const REPRINT: Duration = Duration::from_secs(1);

/// Lines of the table.
const LINES: usize = 3;

/// Prints to standard output.
#[derive(Debug)]
pub struct Display {
    output: Output,
    terminal: bool,
    drawn: bool,
    before: (Duration, [Snapshot; 2]),
}

/// One line of JSON while it runs. The names are stable.
#[derive(Debug, Serialize)]
struct Line {
    backend: Ran,
    elapsed_s: f64,
    sent: u64,
    returned: u64,
    #[serde(rename = "final")]
    is_final: bool,
}

impl Display {
    /// Says on what the demo runs.
    pub fn new(output: Output, platform: &Platform) -> io::Result<Self> {
        let terminal = io::stdout().is_terminal();
        if output == Output::Table {
            writeln!(io::stdout(), "running on {platform}\n")?;
        }
        Ok(Self { output, terminal, drawn: false, before: Default::default() })
    }

    /// How long to sleep between two pictures.
    pub fn pause(&self) -> Duration {
        if self.terminal && self.output == Output::Table { REDRAW } else { REPRINT }
    }

    /// Shows how far both sides are.
    pub fn show(
        &mut self,
        elapsed: Duration,
        workers: &Workers,
        platform: &Platform,
    ) -> io::Result<()> {
        let sides = [&workers.generator, &workers.forwarder];
        let now = sides.map(Side::snapshot);
        if self.output == Output::Json {
            let (sent, returned) = (now[0].sent, now[0].received);
            let (backend, elapsed_s) = (platform.backend, elapsed.as_secs_f64());
            let line = Line { backend, elapsed_s, sent, returned, is_final: false };
            return json(&line);
        }
        let mut stdout = io::stdout().lock();
        if self.drawn && self.terminal {
            write!(stdout, "\x1b[{LINES}A")?;
        }
        let (then, before) = self.before;
        let seconds = (elapsed - then).as_secs_f64();
        writeln!(
            stdout,
            "{:>9} s  {:>12} {:>12} {:>7} {:>7} {:>9} {:>22} {:>26}",
            format!("{:.2}", elapsed.as_secs_f64()),
            "sent",
            "received",
            "Mpps",
            "Gbit/s",
            "kicks",
            "fill/rx/tx/completion",
            "frames user/rx/tx"
        )?;
        for ((name, side), (now, before)) in
            ["generator", "forwarder"].iter().zip(sides).zip(now.iter().zip(before))
        {
            let packets = (now.sent - before.sent) as f64;
            let Census { user, rx, tx, .. } = side.census();
            let [fill, rx_ring, tx_ring, completion] = now.occupancy;
            writeln!(
                stdout,
                "{name:>11}  {:>12} {:>12} {:>7.3} {:>7.3} {:>9} {:>22} {:>26}",
                now.sent,
                now.received,
                packets / seconds / 1e6,
                (now.bytes() - before.bytes()) as f64 * 8.0 / seconds / 1e9,
                now.kicks,
                format!("{fill}/{rx_ring}/{tx_ring}/{completion}"),
                format!("{user}/{rx}/{tx}"),
            )?;
        }
        self.drawn = true;
        self.before = (elapsed, now);
        stdout.flush()
    }

    /// Says where everything went, and on what it ran.
    pub fn verdict(&self, verdict: &Verdict) -> io::Result<()> {
        if self.output == Output::Json {
            return json(verdict);
        }
        let Verdict { sent, returned, lost, damaged, out_of_order, leaked, elapsed_s, .. } =
            verdict;
        let [near_tx, far_rx, far_tx, near_rx] = verdict.interfaces;
        let [near, far] = verdict.frames;
        let mut stdout = io::stdout().lock();
        writeln!(stdout)?;
        writeln!(
            stdout,
            "packets     {sent} sent, {returned} returned in {elapsed_s:.2} s: {lost} lost, {damaged} damaged, {out_of_order} out of order"
        )?;
        writeln!(
            stdout,
            "interfaces  near tx {near_tx}, far rx {far_rx}, far tx {far_tx}, near rx {near_rx}: they {}",
            if verdict.interfaces_agree { "agree" } else { "DISAGREE" }
        )?;
        writeln!(stdout, "frames      generator {near}; forwarder {far}: {leaked} leaked")?;
        let passed = if verdict.passed { "PASSED" } else { "FAILED" };
        writeln!(stdout, "{passed} on {}", verdict.platform)
    }
}

fn json(line: &impl Serialize) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    serde_json::to_writer(&mut stdout, line)?;
    writeln!(stdout)
}

//! What is printed: a block for each case, or a line for each row.

use std::collections::BTreeSet;
use std::io::{self, Write};

use super::case::Case;
use super::row::Row;
use super::session::Verdict;
use crate::report::{self, Output};

/// Prints.
#[derive(Debug)]
pub struct Show {
    output: Output,
    said: BTreeSet<&'static str>,
}

impl Show {
    pub fn new(output: Output) -> Self {
        Self { output, said: BTreeSet::new() }
    }

    /// Says it, if it was not said before.
    pub fn once(&mut self, talk: &'static str) {
        if self.said.insert(talk) {
            report::say(talk);
        }
    }

    /// Prints the rows of a case.
    pub fn case(&self, case: Case, rows: &[Row]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        if self.output == Output::Json {
            for row in rows {
                serde_json::to_writer(&mut stdout, row)?;
                writeln!(stdout)?;
            }
            return stdout.flush();
        }
        let Some(first) = rows.first() else {
            writeln!(stdout, "\n{case}\n  nobody does that")?;
            return stdout.flush();
        };
        writeln!(stdout, "\n{case}")?;
        let of_first = format!("of {}", first.contestant);
        if first.mpps.is_some() {
            head(
                &mut stdout,
                &["Mpps", "min", "max", &of_first, "lost %", "kicks/packet", "cpu ns/pkt"],
            )?;
        } else {
            head(&mut stdout, &["p50 us", "min", "max", &of_first, "p90", "p99", "p99.9"])?;
        }
        rows.iter().try_for_each(|row| line(&mut stdout, row, first))?;
        rows.iter().try_for_each(|row| remarks(&mut stdout, row))?;
        stdout.flush()
    }

    /// Prints the end of it all.
    pub fn verdict(&self, verdict: &Verdict) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        if self.output == Output::Json {
            serde_json::to_writer(&mut stdout, verdict)?;
            return writeln!(stdout);
        }
        let Verdict { kernel, cpu, driver, granted, rounds, seconds, rows, .. } = verdict;
        let granted = granted.as_deref().unwrap_or("programs of others only");
        writeln!(stdout, "\nLinux {kernel}, {cpu}, driver {driver}: {granted}")?;
        write!(stdout, "medians of {rounds} rounds of {seconds} s, ")?;
        let (generator, contestant) = (verdict.generator_cpu, verdict.contestant_cpu);
        writeln!(stdout, "generator on processor {generator}, contestants on {contestant}")?;
        writeln!(stdout, "~: not told apart from the first: their runs overlap")?;
        let differ = verdict.rows_that_differ;
        if differ == 0 {
            writeln!(stdout, "counts are those of the interface in all {rows} rows")?;
        } else {
            writeln!(stdout, "COUNTS DIFFER from the interface's in {differ} of {rows} rows")?;
        }
        match verdict.repeated_runs {
            0 => {}
            some => writeln!(
                stdout,
                "{some} runs were made again: the machine was busy with something else"
            )?,
        }
        match verdict.noisy_rows {
            0 => writeln!(stdout, "no row was noisy"),
            some => writeln!(
                stdout,
                "{some} of {rows} rows were too noisy to tell much: stop what else runs, or take more --rounds"
            ),
        }
    }
}

fn head(to: &mut impl Write, columns: &[&str]) -> io::Result<()> {
    write!(to, "  {:<14}", "")?;
    columns.iter().try_for_each(|column| write!(to, " {column:>12}"))?;
    writeln!(to)
}

fn line(to: &mut impl Write, row: &Row, first: &Row) -> io::Result<()> {
    let (Some(main), Some(theirs)) = (row.main(), first.main()) else { return Ok(()) };
    write!(to, "  {:<14}", row.contestant)?;
    for figure in [main.median, main.min, main.max] {
        write!(to, " {figure:>12.3}")?;
    }
    match row.is_apart {
        None => write!(to, " {:>12}", "")?,
        Some(is_apart) => {
            let mark = if is_apart { ' ' } else { '~' };
            write!(to, " {:>11.2}{mark}", main.median / theirs.median)?;
        }
    }
    if let Some(latency) = &row.latency_us {
        for spread in [latency.p90, latency.p99, latency.p99_9] {
            write!(to, " {:>12.3}", spread.median)?;
        }
    } else {
        write!(to, " {:>12.1}", row.lost * 100.0)?;
        optional(to, row.kicks_per_packet, 4)?;
        optional(to, row.cpu_ns_per_packet.map(|spread| spread.median), 1)?;
    }
    writeln!(to)
}

/// A figure that not everybody tells.
fn optional(to: &mut impl Write, figure: Option<f64>, decimals: usize) -> io::Result<()> {
    match figure {
        Some(figure) => write!(to, " {figure:>12.decimals$}"),
        None => write!(to, " {:>12}", "-"),
    }
}

fn remarks(to: &mut impl Write, row: &Row) -> io::Result<()> {
    if let Some(difference) = &row.difference {
        writeln!(to, "  {}: COUNTS DIFFER: {difference}", row.contestant)?;
    }
    if !row.noise.is_empty() {
        writeln!(to, "  {}: noisy: {}", row.contestant, row.noise.join("; "))?;
    }
    Ok(())
}

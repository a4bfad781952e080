//! All cases, all contestants, in turns.

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use fluxcapacitor::Error;
use fluxcapacitor_core::sys::cpu;
use serde::Serialize;

use super::Options;
use super::case::{Case, Scenario};
use super::contestant::Contestant;
use super::noise::{RUNS_A_REPEAT, RoundTrips};
use super::ours::Granted;
use super::plot;
use super::row::Row;
use super::show::Show;
use super::trial::{self, Conditions, Trial};
use super::wire::Wire;
use crate::cli::Wait;
use crate::report;
use crate::stop::Stop;

/// The conditions, and what came of it all. The names are stable.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    pub version: &'static str,
    pub kernel: String,
    pub cpu: String,
    pub driver: String,
    /// What our modes were granted; none if none of them ran.
    pub granted: Option<String>,
    pub generator_cpu: usize,
    pub contestant_cpu: usize,
    pub seconds: f64,
    pub rounds: u32,
    /// Runs that were made again, because the machine was busy with something else.
    pub repeated_runs: u32,
    /// How long a cache line takes between both processors and back, as a rule; none on one processor.
    pub round_trip_ns: Option<u64>,
    pub rows: usize,
    /// Rows whose contestant's counts are not the interface's.
    pub rows_that_differ: usize,
    /// Rows that say little.
    pub noisy_rows: usize,
    pub elapsed_s: f64,
    #[serde(rename = "final")]
    is_final: bool,
}

/// Measures all that the options ask for.
pub fn run(options: &Options) -> Result<()> {
    let cases = Case::all(options);
    let contestants = Contestant::all(options)?;
    check(options, &cases, &contestants)?;
    let cpus = processors(&options.cpus)?;
    let driver = match &options.interface {
        Some(interface) => Wire::given(interface)?.driver().to_owned(),
        None => Wire::veth()?.driver().to_owned(),
    };
    let stop = Stop::new(None)?;
    let interface = options.interface.as_deref();
    let conditions =
        Conditions { interface, queue: options.queue, cpus, time: options.seconds, stop: &stop };
    let mut session = Session {
        conditions,
        contestants: &contestants,
        rounds: options.rounds,
        show: Show::new(options.output),
        round_trips: RoundTrips::measured(cpus),
        granted: None,
        repeated: 0,
    };
    if cpus.0 == cpus.1 && interface.is_none() {
        report::say("generator and contestants share a processor: rates tell little");
    }

    let started = Instant::now();
    let mut rows = Vec::new();
    for case in cases {
        let of_case = session.case(case)?;
        session.show.case(case, &of_case)?;
        rows.extend(of_case);
        if stop.is_signalled() {
            report::say("interrupted: what was measured until then is all there is");
            break;
        }
    }
    let verdict = Verdict {
        version: env!("CARGO_PKG_VERSION"),
        kernel: read_word("/proc/sys/kernel/osrelease"),
        cpu: processor(),
        driver,
        granted: session.granted.as_ref().map(|granted| granted.shown.clone()),
        generator_cpu: cpus.0,
        contestant_cpu: cpus.1,
        seconds: options.seconds.as_secs_f64(),
        rounds: options.rounds,
        repeated_runs: session.repeated,
        round_trip_ns: session.round_trips.usual().map(|time| time.as_nanos() as u64),
        rows: rows.len(),
        rows_that_differ: rows.iter().filter(|row| !row.counts_agree).count(),
        noisy_rows: rows.iter().filter(|row| !row.noise.is_empty()).count(),
        elapsed_s: started.elapsed().as_secs_f64(),
        is_final: true,
    };
    session.show.verdict(&verdict)?;
    if let Some(file) = &options.plot {
        plot::draw(file, &rows, &verdict)?;
    }
    ensure!(
        verdict.rows_that_differ == 0,
        "{} of {} rows have other counts than the interface",
        verdict.rows_that_differ,
        verdict.rows
    );
    Ok(())
}

/// What holds for all cases.
struct Session<'s> {
    conditions: Conditions<'s>,
    contestants: &'s [Contestant],
    rounds: u32,
    show: Show,
    round_trips: RoundTrips,
    granted: Option<Granted>,
    /// Runs that were made again.
    repeated: u32,
}

impl Session<'_> {
    /// Runs all contestants in turns, forwards and backwards, so that what drifts strikes each alike.
    ///
    /// A run during which the machine was busy with something else is made again, whatever came of it; some of them are,
    /// since that may never end.
    fn case(&mut self, case: Case) -> Result<Vec<Row>> {
        let mut trials: Vec<Vec<Trial>> = vec![Vec::new(); self.contestants.len()];
        let mut repeats = self.rounds * self.contestants.len() as u32 / RUNS_A_REPEAT;
        for round in 0..self.rounds {
            let mut turns: Vec<usize> = (0..self.contestants.len()).collect();
            if round % 2 == 1 {
                turns.reverse();
            }
            for turn in turns {
                let contestant = &self.contestants[turn];
                let run = || {
                    let ran = trial::run(&self.conditions, contestant, case);
                    ran.with_context(|| format!("{}: {case}", contestant.name))
                };
                let ran = run()?;
                if self.conditions.stop.is_signalled() {
                    break;
                }
                let Some(mut trial) = ran else { continue };
                while repeats > 0 && trial.is_disturbed(self.round_trips.usual()) {
                    self.round_trips.note(trial.round_trip);
                    let Some(again) = run()? else { break };
                    trial = again;
                    repeats -= 1;
                    self.repeated += 1;
                }
                self.note(&trial, case);
                trials[turn].push(trial);
            }
        }
        let usual = self.round_trips.usual();
        let rows = self.contestants.iter().zip(&trials);
        let rows = rows.filter_map(|(one, trials)| Row::new(case, &one.name, trials, usual));
        let mut rows: Vec<Row> = rows.collect();
        if let Some((first, others)) = rows.split_first_mut() {
            others.iter_mut().for_each(|row| row.compare(first));
        }
        Ok(rows)
    }

    /// What is told once: what was granted, and that busy polling is not what it says.
    fn note(&mut self, trial: &Trial, case: Case) {
        self.round_trips.note(trial.round_trip);
        let Some(granted) = &trial.granted else { return };
        if granted.busy_poll_is_void && case.wait == Wait::Busy {
            self.show.once("busy polling does nothing here: the driver names no NAPI instance, so `busy` is a system call a turn");
        }
        self.granted.get_or_insert_with(|| granted.clone());
    }
}

fn check(options: &Options, cases: &[Case], contestants: &[Contestant]) -> Result<()> {
    if contestants.is_empty() {
        let how = "name a --mode, or a --contestant";
        return Err(Error::invalid("contestants", "none", how).into());
    }
    options.deferral.check(options.wait.contains(&Wait::Busy))?;
    if options.seconds.is_zero() {
        return Err(Error::invalid("seconds", 0, "a run takes more").into());
    }
    let pings = cases.iter().any(|case| case.scenario == Scenario::PingPong);
    if options.interface.is_some() && pings {
        let how =
            "it needs both ends of a wire: `--scenario rxdrop,txonly,l2fwd`, or no --interface";
        return Err(Error::invalid("scenario", "ping-pong", how).into());
    }
    Ok(())
}

/// Processors of the generator and of the contestant.
fn processors(asked: &[usize]) -> Result<(usize, usize)> {
    let allowed = cpu::allowed().context("asking for the processors that there are")?;
    if let Some(stranger) = asked.iter().find(|cpu| !allowed.contains(cpu)) {
        let how = format!("this process may use {allowed:?} (`taskset`, cpusets)");
        return Err(Error::invalid("processor", stranger, how).into());
    }
    let from = if asked.is_empty() { &allowed } else { asked };
    match *from {
        [] => bail!("this process may use no processor"),
        [only] => Ok((only, only)),
        [generator, contestant, ..] => Ok((generator, contestant)),
    }
}

fn read_word(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn processor() -> String {
    let known = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = known.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let (count, model) = (cpu::allowed().map_or(0, |all| all.len()), model.map(|(_, name)| name));
    format!("{count} x {}", model.unwrap_or(std::env::consts::ARCH))
}

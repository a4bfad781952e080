//! What came out, for people and for programs.

use std::process::ExitCode;

use fluxcapacitor_conformance::backend::Backend;
use fluxcapacitor_conformance::cases::{Body, Case};
use fluxcapacitor_conformance::run::Run;
use fluxcapacitor_conformance::verdict::Verdict;
use serde::Serialize;

use crate::cli::Output;

/// One run, by its stable names.
#[derive(Debug, Serialize)]
struct Line<'r> {
    case: &'r str,
    backend: &'static str,
    busy_polling: bool,
    /// `pass`, `not-run` or `fail`.
    verdict: &'static str,
    /// Why it did not run, or what failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<&'r str>,
    /// What is different from what was expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<&'r str>,
    milliseconds: u64,
}

impl<'r> From<&'r Run> for Line<'r> {
    fn from(run: &'r Run) -> Self {
        let (verdict, why) = match &run.verdict {
            Verdict::Pass => ("pass", None),
            Verdict::NotRun(reason) => ("not-run", Some(reason.name().to_owned())),
            Verdict::Fail(why) => ("fail", Some(why.clone())),
        };
        Self {
            case: &run.key.case,
            backend: run.key.backend.name(),
            busy_polling: run.key.busy,
            verdict,
            why,
            notes: run.notes.iter().map(String::as_str).collect(),
            difference: run.difference.as_deref(),
            milliseconds: run.took.as_millis() as u64,
        }
    }
}

/// One case, by its stable names.
#[derive(Debug, Serialize)]
struct Listed {
    case: &'static str,
    busy_polling: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_run: Option<&'static str>,
}

/// Prints the names of cases.
pub fn list(cases: &[&Case], output: Output) -> ExitCode {
    let listed = cases.iter().map(|case| Listed {
        case: case.name,
        busy_polling: case.has_busy_variant(),
        not_run: match case.body {
            Body::NotRun(reason) => Some(reason.name()),
            _ => None,
        },
    });
    match output {
        Output::Json => json(&listed.collect::<Vec<_>>()),
        Output::Table => {
            listed.for_each(|listed| println!("{}", listed.case));
            ExitCode::SUCCESS
        }
    }
}

/// Says how a run ended, on stderr, as soon as it has.
pub fn progress(run: &Run) {
    let busy = if run.key.busy { ", busy polling" } else { "" };
    eprintln!(
        "{} on {}{busy}: {} ({} ms)",
        run.key.case,
        run.key.backend,
        run.verdict,
        run.took.as_millis()
    );
}

/// Prints all, and gives 0 if there is no difference.
pub fn print(runs: &[Run], strangers: &[String], backends: &[Backend], output: Output) -> ExitCode {
    match output {
        Output::Json => {
            let lines: Vec<Line<'_>> = runs.iter().map(Line::from).collect();
            let printed = json(&lines);
            if printed != ExitCode::SUCCESS {
                return printed;
            }
        }
        Output::Table => table(runs, backends),
    }
    strangers.iter().for_each(|stranger| eprintln!("expected.toml: {stranger}"));
    let differences = runs.iter().filter(|run| run.difference.is_some()).count();
    if differences + strangers.len() > 0 {
        eprintln!("{differences} of {} runs are not as expected", runs.len());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn json(data: &impl Serialize) -> ExitCode {
    match serde_json::to_string_pretty(data) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Case by backend, and below it what there is to say of single runs.
fn table(runs: &[Run], backends: &[Backend]) {
    print!("{:<38}", "case");
    backends.iter().for_each(|backend| print!("{:<30}", backend.name()));
    println!();
    let mut rows: Vec<(&str, bool)> = Vec::new();
    for run in runs {
        let row = (run.key.case.as_str(), run.key.busy);
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    let find = |(case, busy): (&str, bool), backend: Backend| {
        runs.iter()
            .find(|run| run.key.case == case && run.key.busy == busy && run.key.backend == backend)
    };
    for row in rows {
        let name = if row.1 { format!("{} (busy)", row.0) } else { row.0.to_owned() };
        print!("{name:<38}");
        for backend in backends {
            let cell = find(row, *backend).map_or_else(String::new, |run| {
                let mark = if run.difference.is_some() { " (!)" } else { "" };
                format!("{}{mark}", run.verdict)
            });
            print!("{cell:<30}");
        }
        println!();
    }
    for run in runs {
        let busy = if run.key.busy { " (busy)" } else { "" };
        let what = format!("{}{busy} on {}", run.key.case, run.key.backend);
        run.notes.iter().for_each(|note| println!("note: {what}: {note}"));
        run.difference.iter().for_each(|difference| println!("DIFFERENCE: {what}: {difference}"));
    }
}

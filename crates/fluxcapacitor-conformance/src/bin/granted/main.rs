//! `granted`: asks two interfaces for everything, and prints what they grant, as JSON.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use fluxcapacitor::granted::BusyPollGrant;
use fluxcapacitor_conformance::backend::Backend;
use fluxcapacitor_conformance::grants::{self, Answer, Asked};
use fluxcapacitor_conformance::run::Options;
use serde::Serialize;

/// Asks two interfaces for everything, lets packets cross, and prints what was granted, as JSON.
///
/// Exit codes: 0 every answer was honest, 1 one was not, 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "granted", version)]
struct Cli {
    /// What the interfaces are: qemu-virtio or qemu-igb
    #[arg(short, long, value_name = "B")]
    backend: Backend,

    /// Two interfaces on one wire, that nothing else is done with
    #[arg(long, value_name = "A,B", value_delimiter = ',', required = true)]
    ports: Vec<String>,
}

/// One answer, by its stable names.
#[derive(Debug, Default, Serialize)]
struct Line {
    asked: &'static str,
    driver: String,
    zero_copy: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why_copied: Option<String>,
    /// What became of busy polling.
    busy_poll: String,
    /// How many packets a system call sends, where that can be chosen.
    tx_budget: Option<u32>,
    segments_max: u32,
}

impl Line {
    fn of(asked: Asked, answer: Answer) -> Self {
        let asked = asked.name();
        match answer {
            Answer::Refused(why) => Self { asked, refused: Some(why), ..Self::default() },
            Answer::Granted(granted) => Self {
                asked,
                busy_poll: match granted.busy_poll {
                    BusyPollGrant::Real { .. } => "yes".to_owned(),
                    BusyPollGrant::NoNapi => "no NAPI id".to_owned(),
                    BusyPollGrant::Refused(why) => why,
                    _ => String::new(),
                },
                driver: granted.driver,
                zero_copy: granted.zero_copy,
                refused: None,
                why_copied: granted.why_copied,
                tx_budget: granted.tx_budget,
                segments_max: granted.segments_max,
            },
        }
    }
}

fn main() -> ExitCode {
    let Cli { backend, ports } = Cli::parse();
    let options = Options { ports: ports.try_into().ok(), ..Options::default() };
    let answers = match grants::ask(backend, &options) {
        Ok(answers) => answers,
        Err(stop) => {
            eprintln!("granted: {stop:?}");
            return ExitCode::FAILURE;
        }
    };
    let lines: Vec<Line> =
        answers.into_iter().map(|(asked, answer)| Line::of(asked, answer)).collect();
    match serde_json::to_string_pretty(&lines) {
        Ok(text) => println!("{text}"),
        Err(error) => {
            eprintln!("granted: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

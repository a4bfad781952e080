//! What kernels and drivers grant, as a table in a document.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::report::Report;
use crate::workspace;

/// Between these two lines of the document stands the table.
const BEGIN: &str = "<!-- Written by `cargo xtask vm --table`. -->";
const END: &str = "<!-- The end of it. -->";

/// One answer, as the program `granted` says it.
#[derive(Debug, Default, Deserialize)]
pub struct Grant {
    asked: String,
    driver: String,
    refused: Option<String>,
    busy_poll: String,
    tx_budget: Option<u32>,
}

/// Reasons, by the numbers that stand for them in the table.
#[derive(Debug, Default)]
struct Notes(BTreeMap<String, usize>);

impl Notes {
    fn number(&mut self, why: &str) -> usize {
        let next = self.0.len() + 1;
        *self.0.entry(why.to_owned()).or_insert(next)
    }
}

/// Puts a table of what each guest's driver granted into a document, in the place of the one that is there.
pub fn write(reports: &[Report], path: &Path) -> Result<()> {
    let document = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let place = document.split_once(BEGIN).and_then(|(before, rest)| {
        let (_old, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let (before, after) =
        place.with_context(|| format!("{} has no lines {BEGIN} and {END}", path.display()))?;
    let date = workspace::read(Command::new("date").args(["-u", "+%F"]))?;
    let table = table(reports, date.trim());
    Ok(fs::write(path, format!("{before}{BEGIN}\n\n{table}\n{END}{after}"))?)
}

fn table(reports: &[Report], date: &str) -> String {
    let mut notes = Notes::default();
    let mut text = String::from(
        "| Kernel | Card in QEMU | Driver | Zero-copy | Copy, native XDP | Copy, generic XDP | Busy polling | \
         Packets of several frames | Packets a send, copying |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for report in reports.iter().filter(|report| !report.grants().is_empty()) {
        let row = row(report, &mut notes).map(|cell| format!(" {cell} |"));
        let _infallible = writeln!(text, "|{}", row.concat());
    }
    let _infallible = writeln!(text, "\nAsked on {date}, by guests of QEMU's emulator. No:\n");
    let mut notes: Vec<_> = notes.0.into_iter().collect();
    notes.sort_by_key(|(_, number)| *number);
    for (why, number) in notes {
        let _infallible = writeln!(text, "{number}. {why}");
    }
    text
}

fn row(report: &Report, notes: &mut Notes) -> [String; 9] {
    let find = |asked: &str| report.grants().iter().find(|grant| grant.asked == asked);
    let mut yes = |asked| match find(asked) {
        None => "not asked".to_owned(),
        Some(Grant { refused: Some(why), .. }) => format!("no ({})", notes.number(why)),
        Some(_) => "yes".to_owned(),
    };
    let (zero_copy, native, generic) = (yes("zero-copy"), yes("native"), yes("generic"));
    let segments = match (yes("zero-copy-segments"), yes("native-segments")) {
        (zero_copy, _) if zero_copy == "yes" => zero_copy,
        (_, copying) if copying == "yes" => "copying".to_owned(),
        (_, no) => no,
    };
    let best = find("best");
    let busy_poll = best.map_or("not asked", |grant| grant.busy_poll.as_str());
    let busy_poll = match busy_poll {
        "yes" => "yes".to_owned(),
        why => format!("no ({})", notes.number(why)),
    };
    let budget = find("native").or(find("generic")).and_then(|grant| grant.tx_budget);
    let budget = budget.map_or_else(|| "32, fixed".to_owned(), |budget| budget.to_string());
    let driver = best.map_or_else(String::new, |grant| grant.driver.clone());
    [
        report.kernel().to_owned(),
        format!("`{}`", report.nic().device()),
        driver,
        zero_copy,
        native,
        generic,
        busy_poll,
        segments,
        budget,
    ]
}

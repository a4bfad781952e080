//! What kernels and drivers grant, as a table in a document.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::Result;
use serde::Deserialize;

use super::report::Report;
use crate::document::{Marks, today};

/// Between these two lines of the document stands the table.
const MARKS: Marks = Marks {
    begin: "<!-- Written by `cargo xtask vm --table`. -->",
    end: "<!-- The end of it. -->",
};

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
    MARKS.write(path, &table(reports, &today()?))
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
    let _infallible = writeln!(
        text,
        "\nAsked on {date}, by guests of QEMU's emulator. What is refused, and why:\n"
    );
    let mut notes: Vec<_> = notes.0.into_iter().collect();
    notes.sort_by_key(|(_, number)| *number);
    for (why, number) in notes {
        let _infallible = writeln!(text, "{number}. {why}");
    }
    text
}

fn find<'g>(grants: &'g [Grant], asked: &str) -> Option<&'g Grant> {
    grants.iter().find(|grant| grant.asked == asked)
}

/// Whether it was granted, and if not, the number of the reason.
fn yes(grants: &[Grant], asked: &str, notes: &mut Notes) -> String {
    match find(grants, asked) {
        None => "not asked".to_owned(),
        Some(Grant { refused: Some(why), .. }) => format!("no ({})", notes.number(why)),
        Some(_) => "yes".to_owned(),
    }
}

/// Whether packets of several frames were, and if only by copying, the number of the reason.
fn segments(grants: &[Grant], notes: &mut Notes) -> String {
    let refusal = |asked| find(grants, asked).map(|grant| grant.refused.as_deref());
    match (refusal("zero-copy-segments"), refusal("native-segments")) {
        (Some(Some(why)), Some(None)) => format!("copying ({})", notes.number(why)),
        (Some(None), _) => "yes".to_owned(),
        _ => yes(grants, "native-segments", notes),
    }
}

fn row(report: &Report, notes: &mut Notes) -> [String; 9] {
    let grants = report.grants();
    let find = |asked| find(grants, asked);
    let (zero_copy, native) = (yes(grants, "zero-copy", notes), yes(grants, "native", notes));
    let (generic, segments) = (yes(grants, "generic", notes), segments(grants, notes));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_the_marks() {
        let document = crate::workspace::root().join("docs/drivers.md");
        MARKS.put(&std::fs::read_to_string(document).unwrap(), "").unwrap();
    }

    #[test]
    fn every_note_is_named_by_a_cell_and_every_refusal_has_one() {
        let grant = |asked: &str, refused: Option<&str>| Grant {
            asked: asked.to_owned(),
            refused: refused.map(str::to_owned),
            ..Grant::default()
        };
        let ask = |zero_copy, native| {
            let mut notes = Notes::default();
            let asked = [grant("zero-copy-segments", zero_copy), grant("native-segments", native)];
            (segments(&asked, &mut notes), notes.0.into_keys().collect::<Vec<_>>())
        };
        let (driver, kernel) = (Some("not by this driver"), Some("not by this kernel"));
        let named = |cell: &str, why: &str| (cell.to_owned(), vec![why.to_owned()]);
        assert_eq!(ask(driver, None), named("copying (1)", "not by this driver"));
        assert_eq!(ask(driver, kernel), named("no (1)", "not by this kernel"));
        assert_eq!(ask(None, None), ("yes".to_owned(), Vec::new()));
    }
}

//! What each row may take.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use crate::BATCHES;
use crate::rows::ROWS;

/// How much more a row may take than its budget: less than an instruction.
const SLACK: f64 = 0.5;

/// Instructions a packet, row by row, at batches of [`BATCHES`] packets.
type Budgets = BTreeMap<String, [f64; BATCHES.len()]>;

const HEAD: &str = "# Instructions a packet that each row of `--bench instructions` may take, at batches of 1, 16 and 64.
# Changed by `--raise`, on purpose: whoever does says why in the commit.

";

fn place() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions/budgets.toml")
}

/// Fails, naming them, if rows take more than they may.
pub fn hold(counted: &[[f64; BATCHES.len()]]) -> Result<(), String> {
    let place = place();
    let text =
        fs::read_to_string(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    let budgets: Budgets =
        toml::from_str(&text).map_err(|error| format!("{}: {error}", place.display()))?;
    let mut over = String::new();
    for (row, counts) in ROWS.iter().zip(counted) {
        let Some(budget) = budgets.get(row.name) else {
            let _ = writeln!(over, "{}: no budget; --raise writes one down", row.name);
            continue;
        };
        for ((count, budget), batch) in counts.iter().zip(budget).zip(BATCHES) {
            if *count > budget + SLACK {
                let name = row.name;
                let _ =
                    writeln!(over, "{name}, batch {batch}: {count:.1} of {budget:.1} instructions");
            }
        }
    }
    if over.is_empty() { Ok(()) } else { Err(format!("over budget:\n{over}")) }
}

/// Writes down what was counted.
pub fn write(counted: &[[f64; BATCHES.len()]]) -> Result<(), String> {
    let mut text = HEAD.to_owned();
    for (row, counts) in ROWS.iter().zip(counted) {
        let [one, few, many] = counts;
        let _ = writeln!(text, "\"{}\" = [{one:.1}, {few:.1}, {many:.1}]", row.name);
    }
    fs::write(place(), text).map_err(|error| format!("{}: {error}", place().display()))
}

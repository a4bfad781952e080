//! This program, under valgrind.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs, io};

use crate::rows::ROWS;
use crate::{BATCHES, TURNS, WATCHED};

/// Instructions a packet, row by row, at each size of batch.
pub fn count() -> Result<Vec<[f64; BATCHES.len()]>, String> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("instructions");
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let watched = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--dump-before=*mark", "--collect-atstart=no"])
        // Not what stands in them: a closure that was not inlined would switch the count off.
        .args(ROWS.iter().map(|row| format!("--toggle-collect=*::measured_{}", row.measured)))
        .arg("--toggle-collect=*SimSocket as*kick_tx")
        .arg("--toggle-collect=*SimSocket as*kick_rx")
        .arg(format!("--callgrind-out-file={}", place.join("part").display()))
        .arg(program)
        .arg(WATCHED)
        .stderr(Stdio::inherit())
        .status();
    match watched {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(format!("the program under valgrind failed: {status}")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err("there is no valgrind; install it (apt install valgrind)".into());
        }
        Err(error) => return Err(format!("valgrind: {error}")),
    }
    // Odd parts are what comes before a row, even ones its turns.
    let mut parts = (2..).step_by(2).map(|number| place.join(format!("part.{number}")));
    ROWS.iter()
        .map(|_| {
            let mut counts = [0.0; BATCHES.len()];
            for (count, batch) in counts.iter_mut().zip(BATCHES) {
                let part = parts.next().ok_or("there are no more parts")?;
                *count = total(&part)? / f64::from((TURNS - 1) * batch);
            }
            Ok(counts)
        })
        .collect()
}

/// The instructions of one part.
fn total(part: &Path) -> Result<f64, String> {
    let text = fs::read_to_string(part).map_err(|error| {
        format!("valgrind left no {}: {error}; is the program stripped?", part.display())
    })?;
    let totals = text.lines().find_map(|line| line.strip_prefix("totals: "));
    totals
        .and_then(|totals| totals.trim().parse().ok())
        .ok_or_else(|| format!("{} has no totals", part.display()))
}

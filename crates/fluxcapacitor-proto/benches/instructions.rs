//! How many instructions the contestants take, counted by valgrind.
//!
//!     cargo bench -p fluxcapacitor-proto --bench instructions
//!
//! The bench runs itself once under `valgrind --tool=callgrind`, which must be installed and says how many instructions
//! lie between two calls of [`mark`]. Counts do not vary from run to run, but they are not time: they tell who does less
//! work, and the bench `peers` who is done sooner. The loop around a body is counted with it, the same for all.

mod contestants;

use std::hint::black_box;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::{env, fs, io};

use contestants::Judge;

/// How often a body runs between two marks: the share of the marks is then below a tenth of an instruction.
const TURNS: u32 = 1000;
/// Tells a process that valgrind watches it.
const WATCHED: &str = "--watched";

/// Ends one part of the count and begins the next.
#[inline(never)]
fn mark() {
    black_box(());
}

/// Runs each body between two marks, and says on stdout whose it is.
struct Watched;

impl Judge for Watched {
    fn row<T>(&mut self, row: &str, contestant: &str, mut body: impl FnMut() -> T) {
        // Once before, so that caches and lazy binding are not counted.
        black_box(body());
        println!("{row}\t{contestant}");
        mark();
        for _ in 0..TURNS {
            black_box(body());
        }
        mark();
    }
}

/// Runs each body once, to see that it works: `cargo test --benches`.
struct Once;

impl Judge for Once {
    fn row<T>(&mut self, _row: &str, _contestant: &str, mut body: impl FnMut() -> T) {
        black_box(body());
    }
}

fn main() -> ExitCode {
    if env::args().any(|arg| arg == WATCHED) {
        contestants::all(&mut Watched);
        return ExitCode::SUCCESS;
    }
    if !env::args().any(|arg| arg == "--bench") {
        contestants::all(&mut Once);
        return ExitCode::SUCCESS;
    }
    match count() {
        Ok(rows) => {
            print(&rows);
            ExitCode::SUCCESS
        }
        Err(why) => {
            // No failure: that would keep `cargo bench` from its other benches.
            eprintln!("SKIPPED, no instruction was counted: {why}");
            ExitCode::SUCCESS
        }
    }
}

/// A contestant in a row, and its instructions.
type Counted = (String, String, f64);

/// Runs this program under valgrind.
fn count() -> Result<Vec<Counted>, String> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("instructions");
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let watched = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--dump-before=instructions::mark"])
        .arg(format!("--callgrind-out-file={}", place.join("part").display()))
        .arg(program)
        .arg(WATCHED)
        .stderr(Stdio::inherit())
        .output();
    let output = match watched {
        Ok(output) if output.status.success() => output,
        Ok(output) => return Err(format!("the program under valgrind failed: {}", output.status)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err("there is no valgrind; install it (apt install valgrind)".into());
        }
        Err(error) => return Err(format!("valgrind: {error}")),
    };
    let names = String::from_utf8_lossy(&output.stdout);
    let names = names.lines().filter_map(|line| line.split_once('\t'));
    let mut rows = Vec::new();
    for (index, (row, contestant)) in names.enumerate() {
        // Odd parts are what prepares a body, even ones the body's turns.
        let part = place.join(format!("part.{}", 2 * index + 2));
        rows.push((row.into(), contestant.into(), total(&part)? / f64::from(TURNS)));
    }
    Ok(rows)
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

/// One line a row, this crate first.
fn print(rows: &[Counted]) {
    let contestants = ["fluxcapacitor", "etherparse", "smoltcp", "pnet"];
    print!("{:28}", "instructions");
    for contestant in contestants {
        print!("{contestant:>15}");
    }
    println!();
    for part in rows.chunk_by(|a, b| a.0 == b.0) {
        print!("{:28}", part[0].0);
        for contestant in contestants {
            match part.iter().find(|(_, name, _)| name == contestant) {
                Some((_, _, count)) => print!("{count:>15.1}"),
                None => print!("{:>15}", "-"),
            }
        }
        println!();
    }
}

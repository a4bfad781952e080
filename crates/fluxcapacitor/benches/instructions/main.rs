//! How many instructions a packet takes in each mode, counted by valgrind on the simulator, and held against budgets.
//!
//!     cargo bench -p fluxcapacitor --features "simulator async" --bench instructions
//!     cargo bench -p fluxcapacitor --features "simulator async" --bench instructions -- --raise
//!
//! The bench runs itself once under `valgrind --tool=callgrind`, which must be installed. The same packets cross the
//! same simulated NICs in each mode, and what the simulator, the generator and the allocator take is counted in
//! none: only instructions inside the functions that are named `measured_…`, less those that they spend in the
//! simulated kernel. Counts do not vary from run to run, but they are not time.
//!
//! It fails if a row takes more than `budgets.toml` allows. `--raise` writes down what was counted, for whoever changes
//! them openly. They are those of one compiler: another may count a few more or less. With `--required`, it also fails
//! where there is no valgrind.

mod budget;
mod rows;
mod watch;

use std::env;
use std::process::ExitCode;

use rows::{Lab, ROWS};

/// Batches a row; the first is not counted.
const TURNS: u32 = 200;
/// How many packets a batch has.
const BATCHES: [u32; 3] = [1, 16, 64];
/// Tells a process that valgrind watches it.
const WATCHED: &str = "--watched";

fn main() -> ExitCode {
    let is_asked = |flag: &str| env::args().any(|argument| argument == flag);
    if is_asked(WATCHED) || !is_asked("--bench") {
        for row in ROWS {
            BATCHES.iter().for_each(|batch| (row.run)(&mut Lab::new(*batch)));
        }
        return ExitCode::SUCCESS;
    }
    let counted = match watch::count() {
        Ok(counted) => counted,
        // No failure unless it is said so: that would keep `cargo bench` from its other benches.
        Err(why) if is_asked("--required") => return fail(&why),
        Err(why) => {
            eprintln!("SKIPPED, no instruction was counted: {why}");
            return ExitCode::SUCCESS;
        }
    };
    println!("{:24}{:>8}{:>8}{:>8}", "instructions a packet", 1, 16, 64);
    for (row, counts) in ROWS.iter().zip(&counted) {
        let counts = counts.map(|count| format!("{count:>8.1}")).concat();
        println!("{:24}{counts}", row.name);
    }
    let held = if is_asked("--raise") { budget::write(&counted) } else { budget::hold(&counted) };
    held.map_or_else(|why| fail(&why), |()| ExitCode::SUCCESS)
}

fn fail(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::FAILURE
}

//! `seeds`: runs the faulty networks of many seeds, on all processors, and says how many.
#![forbid(unsafe_code)]

use std::num::NonZero;
use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use fluxcapacitor_conformance::storm::{self, Tally};

/// How long one network may take. Each takes a fraction of a second.
const HANG: Duration = Duration::from_secs(60);

/// Runs faulty simulated networks, one a seed: no leak, no hang, no panic.
///
/// Exit codes: 0 all is well, 1 a seed failed, 2 wrong usage.
#[derive(Debug, Parser)]
struct Options {
    /// How many seeds
    #[arg(long, value_name = "N", default_value_t = 200)]
    count: u64,

    /// The first of them
    #[arg(long, value_name = "SEED", default_value_t = 0, value_parser = number)]
    first: u64,

    /// This one alone, to repeat what failed
    #[arg(long, value_name = "SEED", value_parser = number, conflicts_with_all = ["count", "first"])]
    seed: Option<u64>,
}

/// What the threads share.
#[derive(Debug, Default)]
struct Board {
    next: AtomicU64,
    failed: AtomicBool,
    total: Mutex<Tally>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let (first, count) = options.seed.map_or((options.first, options.count), |seed| (seed, 1));
    let started = Instant::now();
    let board = Board::default();
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(&board, first, count));
        }
    });
    if board.failed.load(Relaxed) {
        return ExitCode::FAILURE;
    }
    let total = board.total.lock().map_or_else(|poisoned| *poisoned.into_inner(), |total| *total);
    let Tally { sent, returned, rejected } = total;
    println!(
        "{count} seeds from {first:#x} in {:.1} s: {sent} packets sent, {returned} returned, \
         {rejected} forged descriptors seen through, no frame lost",
        started.elapsed().as_secs_f64()
    );
    ExitCode::SUCCESS
}

/// Runs seeds until there are no more, or one has failed.
fn work(board: &Board, first: u64, count: u64) {
    loop {
        let number = board.next.fetch_add(1, Relaxed);
        if number >= count || board.failed.load(Relaxed) {
            return;
        }
        let seed = first.wrapping_add(number);
        let ended = watch(seed);
        let outcome = catch_unwind(|| storm::run(seed));
        drop(ended);
        let why = match outcome {
            Ok(Ok(tally)) => {
                if let Ok(mut total) = board.total.lock() {
                    total.sent += tally.sent;
                    total.returned += tally.returned;
                    total.rejected += tally.rejected;
                }
                continue;
            }
            Ok(Err(why)) => why,
            Err(_) => "it panicked".to_owned(),
        };
        fail(seed, &why);
        board.failed.store(true, Relaxed);
    }
}

fn fail(seed: u64, why: &str) {
    eprintln!("seed {seed:#x}: {why}\nto repeat: cargo xtask seeds --seed {seed:#x}");
}

/// Ends the process if a network does not come to its end before what this returns is dropped.
fn watch(seed: u64) -> Sender<()> {
    let (ended, watched) = channel();
    thread::spawn(move || {
        if watched.recv_timeout(HANG) == Err(RecvTimeoutError::Timeout) {
            fail(seed, "it hangs");
            std::process::exit(1);
        }
    });
    ended
}

fn number(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed.map_err(|error| format!("a number, in hex after 0x: {error}"))
}

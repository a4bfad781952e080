//! How long the contestants take, by turns: who is ahead where `peers` cannot tell.
//!
//!     cargo bench -p fluxcapacitor-proto --bench turns              # all rows
//!     cargo bench -p fluxcapacitor-proto --bench turns -- VLAN      # rows whose name has this word
//!
//! `criterion` measures one contestant for seconds, then the next; what the machine does meanwhile is counted as theirs.
//! Here each has a short turn in each round, and what is compared is what they took in the same round: printed are the
//! median time, and the median of how many times as long as this crate.

mod contestants;

use std::collections::HashMap;
use std::env;
use std::hint::black_box;
use std::time::Instant;

use contestants::Judge;

const ROUNDS: usize = 2000;
/// How long a turn takes, about.
const TURN_NS: f64 = 50_000.0;

/// A row, and a contestant.
type Name = (String, String);

/// What each took in each round, in nanoseconds a call.
#[derive(Default)]
struct Turns {
    only: Vec<String>,
    rows: Vec<String>,
    times: HashMap<Name, Vec<f64>>,
}

impl Judge for Turns {
    fn row<T>(&mut self, row: &str, contestant: &str, mut body: impl FnMut() -> T) {
        if !self.only.is_empty() && !self.only.iter().any(|word| row.contains(word)) {
            return;
        }
        if !self.rows.iter().any(|known| known == row) {
            self.rows.push(row.into());
        }
        let times = self.times.entry((row.into(), contestant.into())).or_default();
        let mut calls = 100;
        // Twice: the first time says how many calls a turn has, and fills caches.
        for is_turn in [false, true] {
            let start = Instant::now();
            for _ in 0..calls {
                black_box(body());
            }
            let each = start.elapsed().as_nanos() as f64 / f64::from(calls);
            if is_turn {
                times.push(each);
            }
            calls = (TURN_NS / each.max(0.1)) as u32 + 1;
        }
    }
}

impl Turns {
    /// One line a row, this crate first.
    fn print(&self) {
        let contestants = ["fluxcapacitor", "etherparse", "smoltcp", "pnet"];
        print!("{:26}", "nanoseconds, and ratio");
        for contestant in contestants {
            print!("{contestant:>18}");
        }
        println!();
        for row in &self.rows {
            let times = |contestant: &str| self.times.get(&(row.clone(), contestant.into()));
            let ours = times(contestants[0]).map_or(&[][..], Vec::as_slice);
            print!("{row:26}");
            for contestant in contestants {
                match times(contestant) {
                    Some(theirs) => {
                        let ratios = theirs.iter().zip(ours).map(|(theirs, ours)| theirs / ours);
                        let (time, ratio) = (median(theirs.iter().copied()), median(ratios));
                        print!("{time:>11.2} {ratio:>5.2}x");
                    }
                    None => print!("{:>18}", "-"),
                }
            }
            println!();
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let args: Vec<_> = env::args().skip(1).collect();
    // Without it, as `cargo test --benches` runs it: once, to see that it works.
    let rounds = if args.iter().any(|arg| arg == "--bench") { ROUNDS } else { 1 };
    let only = args.into_iter().filter(|arg| !arg.starts_with('-')).collect();
    let mut turns = Turns { only, ..Turns::default() };
    for _ in 0..rounds {
        contestants::all(&mut turns);
    }
    turns.print();
}

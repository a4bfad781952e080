//! How cost grows, each as a curve: with the length of a batch, with packet memory, with the threads that an owned packet
//! crosses, with the queues that are opened, with the length of packets; and what it takes to begin.
//!
//!     cargo bench -p fluxcapacitor --features simulator --bench growth
//!
//! Batches and memory on rings on the heap. Queues, packets and the beginning on a veth pair of the kernel, as root; where
//! that is not permitted, queues on a simulated NIC. All points of a curve take turns, and the median of each is told. For
//! pages of 2 MiB reserve 1024 before (`echo 1024 >/proc/sys/vm/nr_hugepages`).

mod heap;
mod queues;
mod threads;
#[cfg(target_os = "linux")]
mod veth;

use std::error::Error;
use std::process::ExitCode;

type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How often each point is measured.
const TIMES: usize = 5;

/// Prints the median of each point.
fn curve<P: Copy>(
    title: &str,
    points: &[P],
    name: impl Fn(P) -> String,
    mut measure: impl FnMut(P) -> Result<Vec<f64>>,
) -> Result {
    println!("\n{title}");
    let mut figures = vec![Vec::new(); points.len()];
    for _ in 0..TIMES {
        for (point, figures) in points.iter().zip(&mut figures) {
            figures.push(measure(*point)?);
        }
    }
    for (point, figures) in points.iter().zip(figures) {
        let columns = figures.first().map_or(0, Vec::len);
        let medians = (0..columns).map(|column| {
            let mut of: Vec<f64> = figures.iter().map(|figures| figures[column]).collect();
            of.sort_by(f64::total_cmp);
            format!("{:>12.1}", of[of.len() / 2])
        });
        println!("{:>16} {}", name(*point), medians.collect::<Vec<_>>().join(" "));
    }
    Ok(())
}

fn run() -> Result {
    println!("{} processors, medians of {TIMES}", std::thread::available_parallelism()?);
    heap::batches()?;
    heap::memory()?;
    threads::crossed()?;
    queues::opened()?;
    #[cfg(target_os = "linux")]
    if fluxcapacitor_testbed::permitted() {
        veth::packets()?;
        veth::start()?;
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

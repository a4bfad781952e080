//! How long a packet takes there and back, by how the engine that sends it back waits for packets.
//!
//!     cargo bench -p fluxcapacitor --bench pollers
//!
//! Over a veth pair, which takes root: one packet at a time, sent and awaited in raw mode by a thread that spins. The
//! pollers take turns, so that what else this machine does strikes each; the medians of all rounds are told.

use std::error::Error;
use std::process::ExitCode;

type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[cfg(target_os = "linux")]
mod veth {
    use std::thread;
    use std::time::{Duration, Instant};

    use fluxcapacitor::raw::FluxRaw;
    use fluxcapacitor::{FluxBuilder, Poller};
    use fluxcapacitor_testbed::{NetNs, VethPair};

    use super::Result;

    const POLLERS: [Poller; 3] = [Poller::Busy, Poller::Adaptive, Poller::Wait];
    /// Rounds of each poller.
    const ROUNDS: usize = 7;
    /// Packets a round; as many go before, to warm up.
    const PACKETS: usize = 10_000;
    /// How long a packet is waited for.
    const PATIENCE: Duration = Duration::from_secs(10);

    /// Sends a packet, and says how long it took to come back.
    fn there_and_back(raw: &mut FluxRaw) -> Result<Duration> {
        raw.reclaim()?;
        let frame = raw.pool.take().ok_or("no frame is left")?;
        let packet = raw.umem.write(frame, &[2; 60]).map_err(|_| "60 bytes fit no frame")?;
        let sent = Instant::now();
        raw.tx.push(packet).map_err(|refused| refused.to_string())?;
        raw.flush()?;
        while raw.rx.recycle(&mut raw.fill, 1, |_| ())? == 0 {
            if sent.elapsed() > PATIENCE {
                return Err("a packet did not come back".into());
            }
        }
        let took = sent.elapsed();
        raw.publish_fill()?;
        Ok(took)
    }

    /// The times of a round, in order.
    fn round(poller: Poller) -> Result<Vec<Duration>> {
        let here = NetNs::new()?;
        let pair = VethPair::create(&here, &here, 1)?;
        let build = |name: &str| FluxBuilder::new(name);
        let mut raw = here.run(|| build(pair.a().name()).build_raw())??;
        let engine = here.run(|| build(pair.b().name()).build_engine())??;
        let mut engine = engine.poller(poller);
        let stop = engine.stop_handle();
        thread::scope(|scope| {
            let echo = scope.spawn(move || {
                engine.run(|batch| {
                    for packet in batch {
                        packet.transmit();
                    }
                })
            });
            let times: Result<Vec<_>> =
                (0..2 * PACKETS).map(|_| there_and_back(&mut raw)).collect();
            stop.stop();
            echo.join().map_err(|_| "the engine has panicked")??;
            let mut times = times?.split_off(PACKETS);
            times.sort_unstable();
            Ok(times)
        })
    }

    /// The time below which so many of a hundred are.
    fn percentile(times: &[Duration], percent: usize) -> Duration {
        times[(times.len() - 1) * percent / 100]
    }

    pub fn compare() -> Result {
        let mut percentiles = POLLERS.map(|_| [Vec::new(), Vec::new()]);
        for _ in 0..ROUNDS {
            for (poller, [p50, p99]) in POLLERS.into_iter().zip(&mut percentiles) {
                let times = round(poller)?;
                p50.push(percentile(&times, 50));
                p99.push(percentile(&times, 99));
            }
        }
        let medians = percentiles.map(|of| {
            of.map(|mut rounds| {
                rounds.sort_unstable();
                rounds[rounds.len() / 2]
            })
        });
        let [busy, ..] = medians[0].map(|time| time.as_secs_f64());
        for (poller, [p50, p99]) in POLLERS.into_iter().zip(medians) {
            let times = p50.as_secs_f64() / busy;
            println!(
                "{:10}p50 {p50:>8.2?}, p99 {p99:>8.2?}; p50 is {times:.2} times that of Busy",
                format!("{poller:?}")
            );
        }
        Ok(())
    }
}

#[cfg(target_os = "linux")]
fn run() -> Result {
    if std::env::args().any(|argument| argument == "--bench") {
        return veth::compare();
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn run() -> Result {
    Err("there is no veth here".into())
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

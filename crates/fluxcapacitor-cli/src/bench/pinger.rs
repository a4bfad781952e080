//! One packet at a time, there and back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use fluxcapacitor::{Error, FluxBuilder, FluxRaw, Result};
use fluxcapacitor_core::sys::cpu;
use serde::Serialize;

use super::wire::Wire;
use crate::run::packet;

/// After how long a packet is lost.
const PATIENCE: Duration = Duration::from_millis(50);

/// Where in the packet its number is: behind the headers.
const NUMBER_AT: usize = 42;

/// A thread that sends, and waits, until it is stopped.
#[derive(Debug)]
pub struct Pinger {
    shared: Arc<Shared>,
    thread: JoinHandle<anyhow::Result<Times>>,
}

/// What the thread is told, and tells.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    /// Packets from now on count.
    measuring: AtomicBool,
    /// Packets that came back, of those that count.
    returned: AtomicU64,
}

/// How long packets took.
#[derive(Debug, Default)]
pub struct Times {
    /// Sorted, in nanoseconds.
    ns: Vec<u32>,
    pub lost: u64,
}

/// Times below which 50, 90, 99 and 99.9 of a hundred packets are, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p99_9: f64,
}

impl Pinger {
    /// Begins to send packets of this size to the contestant.
    pub fn start(wire: &Wire, size: u32, on: usize) -> anyhow::Result<Self> {
        let (namespace, name, _) = wire.other_end().context("there is no end to send from")?;
        let mut packet = packet(size, size, wire.contestant_mac())?;
        let name = name.to_owned();
        let shared = Arc::<Shared>::default();
        let told = Arc::clone(&shared);
        let thread = namespace.spawn("pinger", move || {
            cpu::pin(on).context("pinning the pinger")?;
            let mut raw = FluxBuilder::new(name).build_raw()?;
            let mut times = Times::default();
            let mut number = 0_u32;
            while !told.stop.load(Relaxed) {
                number = number.wrapping_add(1);
                packet[NUMBER_AT..][..4].copy_from_slice(&number.to_be_bytes());
                let counts = told.measuring.load(Relaxed);
                match there_and_back(&mut raw, &packet)? {
                    _ if !counts => {}
                    Some(took) => {
                        times.ns.push(took.as_nanos() as u32);
                        told.returned.store(times.ns.len() as u64, Relaxed);
                    }
                    None => times.lost += 1,
                }
            }
            times.ns.sort_unstable();
            Ok(times)
        })?;
        Ok(Self { shared, thread })
    }

    /// Ends the warming up.
    pub fn measure(&self) {
        self.shared.measuring.store(true, Relaxed);
    }

    /// How many packets have come back since.
    pub fn returned(&self) -> u64 {
        self.shared.returned.load(Relaxed)
    }

    /// Stops it; an error if it has failed.
    pub fn stop(self) -> anyhow::Result<Times> {
        self.shared.stop.store(true, Relaxed);
        self.thread.join().map_err(|_| anyhow::anyhow!("the pinger panicked"))?
    }
}

/// Sends a packet, and says how long it took to come back; none if it did not.
fn there_and_back(raw: &mut FluxRaw, packet: &[u8]) -> Result<Option<Duration>> {
    raw.reclaim()?;
    let Some(frame) = raw.pool.take() else { return Ok(None) };
    let too_long = |_| Error::invalid("packet size", packet.len(), "it must fit a frame");
    let segment = raw.umem.write(frame, packet).map_err(too_long)?;
    let sent = Instant::now();
    raw.tx.push(segment).map_err(|_| Error::Foreign)?;
    raw.flush()?;
    let number = &packet[NUMBER_AT..][..4];
    loop {
        // One that was given up may come late.
        let mut is_back = false;
        let look =
            |bytes: &mut [u8]| is_back |= bytes.get(NUMBER_AT..NUMBER_AT + 4) == Some(number);
        let received = raw.rx.recycle(&mut raw.fill, 1, look)?;
        let took = sent.elapsed();
        if received > 0 {
            raw.publish_fill()?;
        }
        if is_back || took > PATIENCE {
            return Ok(is_back.then_some(took));
        }
    }
}

impl Times {
    /// None if none came back.
    pub fn percentiles(&self) -> Option<Percentiles> {
        let last = self.ns.len().checked_sub(1)?;
        let below = |share: f64| f64::from(self.ns[(last as f64 * share) as usize]) / 1000.0;
        Some(Percentiles {
            p50: below(0.5),
            p90: below(0.9),
            p99: below(0.99),
            p99_9: below(0.999),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_times() {
        let times = Times { ns: (0..=1000).map(|number| number * 1000).collect(), lost: 0 };
        let expected = Percentiles { p50: 500.0, p90: 900.0, p99: 990.0, p99_9: 999.0 };
        assert_eq!(times.percentiles(), Some(expected));
        assert_eq!(Times::default().percentiles(), None);
    }
}

//! Owned packets that cross threads.

use std::hint::black_box;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use fluxcapacitor::builder::FluxBuilder;
use fluxcapacitor::simulator::control::{NicConfig, World};
use fluxcapacitor::system::Batch;
use fluxcapacitor::{FluxRx, FluxTx};

use crate::{Result, curve};

/// Halves of a simulated NIC of which only fresh packets are used.
fn halves() -> Result<(World, FluxRx, FluxTx)> {
    let world = World::new(1);
    let nic = world.nic(NicConfig::new("nic"))?;
    let (rx, tx) = FluxBuilder::new(nic.name()).build_system()?.split()?;
    Ok((world, rx, tx))
}

pub fn crossed() -> Result {
    const PACKETS: usize = 1 << 18;
    curve(
        "threads that an owned packet crosses, by channels, until it is dropped: ns a packet",
        &[0, 1, 2],
        |threads| threads.to_string(),
        |threads| {
            let (_world, _rx, mut tx) = halves()?;
            let mut batch = Batch::new(64);
            let took = thread::scope(|scope| -> Result<Duration> {
                let started = Instant::now();
                let (first, mut to_last) = sync_channel(256);
                for _ in 1..threads {
                    let (to, next) = sync_channel(256);
                    let from = std::mem::replace(&mut to_last, next);
                    scope.spawn(move || from.into_iter().try_for_each(|packet| to.send(packet)));
                }
                let first = if threads > 0 {
                    scope.spawn(move || to_last.into_iter().for_each(drop));
                    Some(first)
                } else {
                    None
                };
                let mut left = PACKETS;
                while left > 0 {
                    let made = tx.allocate_batch(&mut batch, 60)?;
                    left = left.saturating_sub(made);
                    for packet in batch.drain() {
                        match &first {
                            Some(first) => first.send(packet)?,
                            None => drop(black_box(packet)),
                        }
                    }
                    if made == 0 {
                        thread::yield_now();
                    }
                }
                drop(first);
                Ok(started.elapsed())
            })?;
            Ok(vec![took.as_secs_f64() * 1e9 / PACKETS as f64])
        },
    )
}

//! The curves.

use std::fs;
use std::hint::black_box;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use fluxcapacitor::builder::{FluxBuilder, Queues};
use fluxcapacitor::ring::{Descriptor, LaneRings, PeerRings, RingSizes};
use fluxcapacitor::simulator::control::{NicConfig, World};
use fluxcapacitor::system::Batch;
use fluxcapacitor::umem::{FramePool, Layout, PageSize, UmemRegion};
use fluxcapacitor::{FluxRx, FluxTx};

use crate::{Result, curve};

/// For how long each point is measured at a time.
const TIME: Duration = Duration::from_millis(200);

/// Frames of a queue, where nothing else is said.
const FRAMES: u32 = 4096;

/// A queue with both of its ends.
struct Queue {
    rings: LaneRings,
    kernel: PeerRings,
    _spare: FramePool,
}

impl Queue {
    /// With all of its frames posted, in an order in which none is beside the one before.
    fn new(frames: u32, pages: PageSize) -> Result<Self> {
        let (umem, mut pool) = UmemRegion::new(Layout::new(2048, frames, 0)?, pages)?;
        if let Some(why_not) = &umem.pages().why_not {
            return Err(why_not.clone().into());
        }
        let slots = frames.next_power_of_two();
        let sizes = RingSizes { fill: slots, rx: 2048, tx: 2048, completion: 2048 };
        let (mut rings, kernel) = LaneRings::on_heap(&umem, sizes, 0)?;
        let mut all: Vec<_> = pool.drain().collect();
        // Frames 0, 1, 2 … are a large odd stride apart from each other.
        let stride = (u64::from(frames) * 5 / 8) | 1;
        all.sort_by_key(|frame| u64::from(frame.index()).wrapping_mul(stride) % u64::from(frames));
        rings.fill.extend(all).map_err(|refused| refused.to_string())?;
        rings.fill.publish();
        Ok(Self { rings, kernel, _spare: pool })
    }

    /// A batch comes; each packet is written to, and its frame posted again.
    fn turn(&mut self, batch: u32) -> Result<u32> {
        let Self { rings: LaneRings { fill, rx, .. }, kernel, .. } = self;
        for _ in 0..batch {
            let Some(addr) = kernel.fill.pop()? else { break };
            let packet = Descriptor { addr: addr + 256, len: 60, options: 0 };
            let _there_is_room = kernel.rx.push(packet)?;
        }
        kernel.rx.publish();
        let mut packets = 0;
        while packets < batch {
            match rx.recycle(fill, batch - packets, |bytes| bytes[..12].rotate_left(6))? {
                0 => break,
                more => packets += more,
            }
        }
        fill.publish();
        Ok(packets)
    }

    /// Nanoseconds that a packet takes.
    fn measure(&mut self, batch: u32) -> Result<f64> {
        let (started, mut packets) = (Instant::now(), 0);
        while started.elapsed() < TIME {
            for _ in 0..64 {
                packets += u64::from(self.turn(batch)?);
            }
        }
        Ok(started.elapsed().as_secs_f64() * 1e9 / packets as f64)
    }
}

pub fn batches() -> Result {
    let mut queue = Queue::new(FRAMES, PageSize::Base)?;
    curve(
        "packets a batch: ns a packet, both ends",
        &[1, 2, 4, 8, 16, 32, 64, 128, 256],
        |batch| batch.to_string(),
        |batch| Ok(vec![queue.measure(batch)?]),
    )
}

pub fn memory() -> Result {
    for (pages, name) in [(PageSize::Base, "base pages"), (PageSize::Huge2M, "pages of 2 MiB")] {
        let title = format!("frames of packet memory, {name}: ns a packet, both ends, at batch 64");
        let sizes = [2 << 10, 8 << 10, 32 << 10, 128 << 10, 512 << 10, 1 << 20];
        let measured = curve(
            &title,
            &sizes,
            |frames| frames.to_string(),
            |frames| {
                let mut queue = Queue::new(frames, pages)?;
                // Once round, so that each page is there.
                for _ in 0..frames / 64 {
                    queue.turn(64)?;
                }
                Ok(vec![queue.measure(64)?])
            },
        );
        match (measured, pages) {
            (Err(error), PageSize::Huge2M) => println!("{:>16} {error}", "not measured:"),
            (measured, _) => measured?,
        }
    }
    Ok(())
}

/// Halves of a simulated NIC of which only fresh packets are used.
fn halves() -> Result<(World, FluxRx, FluxTx)> {
    let world = World::new(1);
    let nic = world.nic(NicConfig::new("nic"))?;
    let (rx, tx) = FluxBuilder::new(nic.name()).build_system()?.split()?;
    Ok((world, rx, tx))
}

pub fn threads() -> Result {
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

/// Bytes of this process that are in memory.
fn resident() -> Result<f64> {
    let Ok(statm) = fs::read_to_string("/proc/self/statm") else { return Ok(f64::NAN) };
    let pages = statm.split_whitespace().nth(1).ok_or("statm has two columns")?;
    Ok(pages.parse::<f64>()? * 4096.0)
}

/// Opens so many queues; gives milliseconds and KiB for each of them, packet memory left out.
fn open(interface: &str, queues: u32) -> Result<Vec<f64>> {
    let builder = FluxBuilder::new(interface).queues(Queues::from(0..queues)).frames(512);
    let builder = builder.fill_size(256).rx_size(256).tx_size(256).completion_size(256);
    let (before, started) = (resident()?, Instant::now());
    let _engine = builder.build_engine()?;
    let took = started.elapsed().as_secs_f64() * 1e3;
    // The kernel holds all of it in memory; the simulator, what was written to.
    let packets = if interface.starts_with("sim:") { 0.0 } else { f64::from(512 * 2048 * queues) };
    let more = resident()? - before - packets;
    let each = f64::from(queues);
    Ok(vec![took / each, more / 1024.0 / each])
}

const QUEUES: [u32; 4] = [1, 4, 16, 64];

pub fn queues() -> Result {
    #[cfg(target_os = "linux")]
    if fluxcapacitor_testbed::permitted() {
        use fluxcapacitor_testbed::{NetNs, VethPair};
        let here = NetNs::new()?;
        let pair = VethPair::create(&here, &here, 64)?;
        return curve(
            "queues opened on a veth: ms, and KiB of ours beside packet memory, each",
            &QUEUES,
            |queues| queues.to_string(),
            |queues| here.run(|| open(pair.a().name(), queues))?,
        );
    }
    let world = World::new(1);
    let nic = world.nic(NicConfig::new("nic").queues(64))?;
    curve(
        "queues opened on a simulated NIC: ms, and KiB of ours beside packet memory, each",
        &QUEUES,
        |queues| queues.to_string(),
        |queues| open(nic.name(), queues),
    )
}

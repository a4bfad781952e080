//! Rings on the heap: a worker plays its own kernel, with plain numbers, so that no other code is in it.

use std::time::{Duration, Instant};

use fluxcapacitor::ring::{Descriptor, LaneRings, PeerRings, RingSizes};
use fluxcapacitor::umem::{FramePool, Layout, PageSize, UmemRegion};

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

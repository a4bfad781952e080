//! Receive and drop.

use fluxcapacitor::raw::Interest;
use fluxcapacitor::{Error, FluxRaw};

use super::Tool;
use crate::report::Counts;

/// Posts every frame straight back.
#[derive(Debug)]
pub struct RxDrop {
    batch: u32,
    packets: u64,
    bytes: u64,
}

impl RxDrop {
    pub fn new(batch: u32) -> Self {
        Self { batch, packets: 0, bytes: 0 }
    }
}

impl Tool for RxDrop {
    const INTEREST: Interest = Interest::Rx;

    #[inline(never)]
    fn turn(&mut self, raw: &mut FluxRaw) -> Result<u32, Error> {
        let mut bytes = 0;
        let count = |packet: &mut [u8]| bytes += packet.len() as u64;
        let moved = raw.rx.recycle(&mut raw.fill, self.batch, count)?;
        if moved > 0 {
            raw.publish_fill()?;
            self.packets += u64::from(moved);
            self.bytes += bytes;
        }
        Ok(moved)
    }

    fn drain(&mut self, raw: &mut FluxRaw) -> Result<(), Error> {
        // What has arrived by now, not what still does: that may never end.
        let arrived = raw.rx.occupancy().min(raw.rx.size());
        for _ in 0..=arrived / self.batch {
            self.turn(raw)?;
        }
        Ok(())
    }

    fn in_flight(&self) -> u64 {
        0
    }

    fn counts(&self) -> Counts {
        Counts { rx_packets: self.packets, rx_bytes: self.bytes, ..Counts::default() }
    }
}

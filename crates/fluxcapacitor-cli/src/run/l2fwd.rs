//! Swap the MAC addresses of what arrives, and send it back.

use fluxcapacitor::proto::EthHeader;
use fluxcapacitor::raw::Interest;
use fluxcapacitor::{Error, FluxRaw};

use super::Tool;
use crate::report::Counts;

/// Moves packets from rx to tx, and frames from completion to fill.
#[derive(Debug)]
pub struct L2Fwd {
    batch: u32,
    submitted: u64,
    completed: u64,
    bytes: u64,
}

impl L2Fwd {
    pub fn new(batch: u32) -> Self {
        Self { batch, submitted: 0, completed: 0, bytes: 0 }
    }

    /// Moves a batch from rx to tx; a function of its own, so that the loop has the registers to itself.
    #[inline(never)]
    fn forward(&mut self, raw: &mut FluxRaw) -> Result<u32, Error> {
        let mut bytes = 0;
        let moved = raw.rx.forward(&mut raw.tx, self.batch, |packet| {
            bytes += packet.len() as u64;
            swap_addresses(packet);
        })?;
        self.submitted += u64::from(moved);
        self.bytes += bytes;
        Ok(moved)
    }

    /// Posts the frames that were sent, to be received into again.
    #[inline]
    fn complete(&mut self, raw: &mut FluxRaw) -> Result<u32, Error> {
        if self.completed == self.submitted {
            return Ok(0);
        }
        let posted = raw.completion.recycle(&mut raw.fill, self.batch)?;
        if posted > 0 {
            raw.publish_fill()?;
            self.completed += u64::from(posted);
        }
        Ok(posted)
    }
}

impl Tool for L2Fwd {
    const INTEREST: Interest = Interest::Rx;

    #[inline(never)]
    fn turn(&mut self, raw: &mut FluxRaw) -> Result<u32, Error> {
        let moved = self.forward(raw)?;
        if self.completed < self.submitted {
            raw.flush()?;
            return Ok(moved + self.complete(raw)?);
        }
        Ok(moved)
    }

    fn drain(&mut self, raw: &mut FluxRaw) -> Result<(), Error> {
        raw.flush()?;
        self.complete(raw)?;
        Ok(())
    }

    fn in_flight(&self) -> u64 {
        self.submitted - self.completed
    }

    fn counts(&self) -> Counts {
        Counts {
            rx_packets: self.submitted,
            rx_bytes: self.bytes,
            tx_packets: self.completed,
            tx_bytes: self.bytes,
            kicks: 0,
        }
    }
}

#[inline]
fn swap_addresses(packet: &mut [u8]) {
    // A packet without addresses goes back as it came.
    if let Ok((ethernet, _)) = EthHeader::mut_from_prefix(packet) {
        ethernet.swap_addresses();
    }
}

//! A generator that sends no faster than its packets are received.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use fluxcapacitor::{Error, FluxRaw};

use super::peer::{BATCH, Progress};

/// Packets under way at a time; fewer than either end has frames to receive into, so that none is lost.
const IN_FLIGHT_MAX: u64 = 512;

/// Sends the same packet again and again, and drops what comes back.
#[derive(Debug)]
pub struct Paced {
    packet: Vec<u8>,
    progress: Arc<Progress>,
    submitted: u64,
    completed: u64,
}

impl Paced {
    pub fn new(packet: Vec<u8>, progress: Arc<Progress>) -> Self {
        Self { packet, progress, submitted: 0, completed: 0 }
    }

    /// Moves at most a batch each way; says how many packets it moved.
    pub fn turn(&mut self, raw: &mut FluxRaw) -> Result<u32, Error> {
        let returned = raw.rx.recycle(&mut raw.fill, BATCH, |_| {})?;
        if returned > 0 {
            raw.publish_fill()?;
        }
        let sent = self.send(raw)?;
        if self.completed < self.submitted {
            raw.flush()?;
            self.completed += u64::from(raw.reclaim()?);
        }
        Ok(returned + sent)
    }

    /// Sends a whole batch, or nothing: a call for each packet that is received would be a slow way.
    fn send(&mut self, raw: &mut FluxRaw) -> Result<u32, Error> {
        let under_way = self.submitted.saturating_sub(self.progress.load(Relaxed));
        if under_way + u64::from(BATCH) > IN_FLIGHT_MAX {
            return Ok(0);
        }
        let (umem, packet) = (&raw.umem, &self.packet);
        let frames = raw.pool.drain().take(BATCH as usize);
        let packets = frames.filter_map(|frame| umem.write(frame, packet).ok());
        let sent = raw.tx.extend(packets).map_err(|_| Error::Foreign)?;
        self.submitted += u64::from(sent);
        Ok(sent)
    }
}

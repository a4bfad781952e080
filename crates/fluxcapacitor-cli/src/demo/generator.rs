//! The near side: sends numbered packets, and checks what comes back.

use fluxcapacitor::{Error, FluxRaw};

use super::packet;
use super::side::{Snapshot, Work};
use super::wire::Addresses;

const BATCH: u32 = 64;

/// Keeps a number of packets under way.
#[derive(Debug)]
pub struct Generator {
    addresses: Addresses,
    len: u32,
    in_flight_max: u32,
    submitted: u64,
    completed: u64,
    returned: u64,
    /// The number that must come back next.
    next: u64,
    damaged: u64,
    out_of_order: u64,
}

impl Generator {
    pub fn new(addresses: Addresses, len: u32, in_flight_max: u32) -> Self {
        let (submitted, completed, returned, next) = (0, 0, 0, 0);
        let (damaged, out_of_order) = (0, 0);
        Self {
            addresses,
            len,
            in_flight_max,
            submitted,
            completed,
            returned,
            next,
            damaged,
            out_of_order,
        }
    }

    fn send(&mut self, raw: &mut FluxRaw) -> Result<u32, Error> {
        let in_flight = (self.submitted - self.returned.min(self.submitted)) as u32;
        let count = self.in_flight_max.saturating_sub(in_flight).min(BATCH);
        // Half a window at a time: a system call for each packet that returns would be a slow way.
        if count < BATCH.min(self.in_flight_max / 2) {
            return Ok(0);
        }
        let (umem, first) = (&raw.umem, self.submitted);
        let start = umem.layout().headroom();
        let packets =
            raw.pool.drain().take(count as usize).zip(first..).filter_map(|(frame, number)| {
                let mut segment = umem.segment(frame, start, self.len).ok()?;
                packet::write(umem.packet_mut(&mut segment).ok()?, self.addresses, number);
                Some(segment)
            });
        let sent = raw.tx.extend(packets).map_err(|_| Error::Foreign)?;
        self.submitted += u64::from(sent);
        Ok(sent)
    }

    fn receive(&mut self, raw: &mut FluxRaw) -> Result<u32, Error> {
        let returned = raw.rx.recycle(&mut raw.fill, BATCH, |bytes| {
            match packet::read(bytes, self.addresses, self.len as usize) {
                None => self.damaged += 1,
                Some(number) => {
                    self.out_of_order += u64::from(number != self.next);
                    self.next = number + 1;
                }
            }
        })?;
        if returned > 0 {
            self.returned += u64::from(returned);
            raw.publish_fill()?;
        }
        Ok(returned)
    }
}

impl Work for Generator {
    fn turn(&mut self, raw: &mut FluxRaw, stopping: bool) -> Result<bool, Error> {
        let mut moved = self.receive(raw)?;
        if !stopping {
            moved += self.send(raw)?;
        }
        if self.completed < self.submitted {
            raw.flush()?;
            self.completed += u64::from(raw.reclaim()?);
        }
        Ok(moved > 0)
    }

    fn is_done(&self) -> bool {
        self.returned == self.submitted && self.completed == self.submitted
    }

    fn counts(&self) -> Snapshot {
        Snapshot {
            sent: self.completed,
            received: self.returned,
            damaged: self.damaged,
            out_of_order: self.out_of_order,
            packet_size: self.len,
            ..Snapshot::default()
        }
    }
}

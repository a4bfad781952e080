//! Send, as fast as the interface takes it.

use fluxcapacitor::raw::Interest;
use fluxcapacitor::{Error, FluxRaw, Result};

use super::Tool;
use crate::report::Counts;

/// Sends the same packet out of every free frame; frames that were sent go straight out again.
#[derive(Debug)]
pub struct TxOnly {
    batch: u32,
    packet: Vec<u8>,
    submitted: u64,
    completed: u64,
}

impl TxOnly {
    pub fn new(batch: u32, packet: Vec<u8>) -> Self {
        Self { batch, packet, submitted: 0, completed: 0 }
    }

    /// Writes the packet into up to so many frames that have not been used yet.
    fn prime(&mut self, raw: &mut FluxRaw, count: u32) -> Result<()> {
        let count = count.min(raw.tx.room()?);
        for frame in raw.pool.drain().take(count as usize) {
            let segment = raw.umem.write(frame, &self.packet).map_err(|_| {
                Error::invalid("packet size", self.packet.len(), "it must fit a frame")
            })?;
            raw.tx.push(segment).map_err(|_| Error::Foreign)?;
            self.submitted += 1;
        }
        Ok(())
    }
}

impl Tool for TxOnly {
    const INTEREST: Interest = Interest::Tx;

    #[inline(never)]
    fn turn(&mut self, raw: &mut FluxRaw) -> Result<u32> {
        // The bytes of a frame that was sent are as they were.
        let len = self.packet.len();
        let moved = raw.completion.resend(&mut raw.tx, self.batch, |_| len)?;
        self.completed += u64::from(moved);
        self.submitted += u64::from(moved);
        // Frames that have just been sent are still in the cache: others come only where those do not fill a batch.
        if moved < self.batch && !raw.pool.is_empty() {
            self.prime(raw, self.batch - moved)?;
        }
        raw.flush()?;
        Ok(moved)
    }

    fn drain(&mut self, raw: &mut FluxRaw) -> Result<()> {
        raw.flush()?;
        self.completed += u64::from(raw.reclaim()?);
        Ok(())
    }

    fn in_flight(&self) -> u64 {
        self.submitted - self.completed
    }

    fn counts(&self) -> Counts {
        let bytes = self.completed * self.packet.len() as u64;
        Counts { tx_packets: self.completed, tx_bytes: bytes, ..Counts::default() }
    }
}

/// Bytes of the headers below.
const HEADERS: usize = 14 + 20 + 8;

/// The smallest packet that Ethernet carries, without the FCS.
const PACKET_MIN: u32 = 60;

/// A UDP packet to the discard port, between addresses set aside for benchmarks (RFC 2544).
pub fn packet(size: u32, frame_size: u32, destination: [u8; 6]) -> Result<Vec<u8>> {
    if !(PACKET_MIN..=frame_size).contains(&size) {
        let fits = format!("from {PACKET_MIN} bytes up to the {frame_size} of a frame");
        return Err(Error::invalid("packet size", size, fits));
    }
    let mut packet = vec![0; size as usize];
    let len = size as u16 - 14;
    packet[..6].copy_from_slice(&destination);
    packet[6..14].copy_from_slice(&[0x02, 0, 0, 0, 0, 0x01, 0x08, 0x00]);
    let ip = &mut packet[14..34];
    ip.copy_from_slice(&[0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 198, 18, 0, 1, 198, 18, 0, 2]);
    ip[2..4].copy_from_slice(&len.to_be_bytes());
    let checksum = internet_checksum(ip);
    ip[10..12].copy_from_slice(&checksum.to_be_bytes());
    // Source port 9, destination port 9, length, no checksum (RFC 768).
    packet[34..38].copy_from_slice(&[0, 9, 0, 9]);
    packet[38..40].copy_from_slice(&(len - 20).to_be_bytes());
    debug_assert!(packet.len() >= HEADERS);
    Ok(packet)
}

/// A packet that is too long for the interface would be counted as sent, and dropped.
pub fn check_mtu(packet: &[u8], mtu: u32) -> Result<()> {
    let longest = mtu.saturating_add(14);
    if packet.len() > longest as usize {
        let fits =
            format!("the interface's MTU is {mtu}, which is {longest} bytes with the header");
        return Err(Error::invalid("packet size", packet.len(), fits));
    }
    Ok(())
}

/// RFC 1071.
fn internet_checksum(bytes: &[u8]) -> u16 {
    let words = bytes.as_chunks::<2>().0;
    let sum: u32 = words.iter().map(|word| u32::from(u16::from_be_bytes(*word))).sum();
    !((sum & 0xffff) + (sum >> 16)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packet_is_a_valid_one() {
        let packet = packet(60, 2048, [2, 0, 0, 0, 0, 9]).unwrap();
        assert_eq!(internet_checksum(&packet[14..34]), 0);
        assert_eq!(packet[16..18], 46u16.to_be_bytes());
        assert_eq!(packet[38..40], 26u16.to_be_bytes());
        assert!(
            super::packet(59, 2048, [0; 6]).is_err() && super::packet(2049, 2048, [0; 6]).is_err()
        );
    }
}

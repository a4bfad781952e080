//! Packets on their way in.

use std::mem;
use std::time::Duration;

use fluxcapacitor::proto::{EthHeader, EtherType, IpProtocol, Ipv4Header};
use fluxcapacitor::raw::Waited;
use fluxcapacitor::system::Batch;
use fluxcapacitor::{FluxRx, Packet, Result};

/// How many packets are taken from the ring at a time.
const BATCH: usize = 64;

/// Packets that have arrived, and are handed out one by one.
#[derive(Debug)]
pub(crate) struct Incoming {
    rx: FluxRx,
    batch: Batch,
    /// Whether a batch was taken, after which the stack gets to send.
    is_turn_over: bool,
}

impl Incoming {
    pub(crate) fn new(rx: FluxRx) -> Self {
        Self { rx, batch: Batch::new(BATCH), is_turn_over: false }
    }

    pub(crate) const fn rx(&self) -> &FluxRx {
        &self.rx
    }

    pub(crate) fn into_rx(self) -> FluxRx {
        self.rx
    }

    /// The next packet. After each batch there is none once: smoltcp receives for as long as there are packets, and
    /// acknowledges none before.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Packet>> {
        loop {
            if self.batch.is_empty() && !mem::take(&mut self.is_turn_over) {
                self.receive()?;
            }
            match self.batch.pop() {
                Some(packet) if is_from_nowhere(packet.data()) => {}
                next => return Ok(next),
            }
        }
    }

    /// Whether there is a packet. What was received into goes back to be received into again, which must be before
    /// anybody sleeps: there may be no other frames.
    pub(crate) fn has_arrived(&mut self) -> Result<bool> {
        if self.batch.is_empty() {
            self.receive()?;
        }
        Ok(!self.batch.is_empty())
    }

    /// Sleeps until there is a packet in the ring.
    pub(crate) fn wait(&mut self, timeout: Duration) -> Result<Waited> {
        self.rx.wait(timeout)
    }

    fn receive(&mut self) -> Result<()> {
        self.is_turn_over = self.rx.recv(&mut self.batch)? > 0;
        Ok(())
    }
}

/// Whether it comes from 0.0.0.0, and not by UDP, as requests for an address do. Nobody may send that (RFC 1122, section
/// 3.2.1.3), and smoltcp 0.12 panics when it answers.
#[inline]
fn is_from_nowhere(packet: &[u8]) -> bool {
    let Ok((ethernet, packet)) = EthHeader::ref_from_prefix(packet) else { return false };
    if ethernet.ether_type() != EtherType::IPV4 {
        return false;
    }
    let Ok((ip, _)) = Ipv4Header::ref_from_prefix(packet) else { return false };
    ip.source().is_unspecified() && ip.protocol() != IpProtocol::UDP
}

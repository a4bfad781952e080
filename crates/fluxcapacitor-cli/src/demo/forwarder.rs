//! The far side: swaps MAC addresses and sends back.

use fluxcapacitor::{Error, FluxRaw};

use super::side::{Snapshot, Work};
use crate::run::{L2Fwd, Tool};

const BATCH: u32 = 64;

/// `fluxcap l2fwd`, as one side of the demo.
#[derive(Debug)]
pub struct Forwarder {
    tool: L2Fwd,
    packet_size: u32,
}

impl Forwarder {
    pub fn new(packet_size: u32) -> Self {
        Self { tool: L2Fwd::new(BATCH), packet_size }
    }
}

impl Work for Forwarder {
    fn turn(&mut self, raw: &mut FluxRaw, _stopping: bool) -> Result<bool, Error> {
        Ok(self.tool.turn(raw)? > 0)
    }

    fn is_done(&self) -> bool {
        let counts = self.tool.counts();
        counts.rx_packets == counts.tx_packets
    }

    fn counts(&self) -> Snapshot {
        let counts = self.tool.counts();
        Snapshot {
            sent: counts.tx_packets,
            received: counts.rx_packets,
            packet_size: self.packet_size,
            ..Snapshot::default()
        }
    }
}

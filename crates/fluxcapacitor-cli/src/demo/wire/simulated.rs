//! Two simulated interfaces.

use fluxcapacitor::simulator::control::{Nic, Profile};
use fluxcapacitor::{FluxBuilder, FluxRaw, Result};

use super::{Addresses, WireCounters};
use crate::simulated::Pair;

/// Linked as a veth pair is, and copying as one does.
#[derive(Debug)]
pub struct Link {
    pair: Pair,
}

impl Link {
    pub fn new() -> Result<Self> {
        Ok(Self { pair: Pair::new(Profile::Copy)? })
    }

    /// Opens a socket on each end.
    pub fn open(&self) -> Result<(FluxRaw, FluxRaw)> {
        let open = |nic: &Nic| FluxBuilder::new(nic.name()).build_raw();
        Ok((open(&self.pair.near)?, open(&self.pair.far)?))
    }

    pub fn addresses(&self) -> Addresses {
        Addresses { near: self.pair.near.mac(), far: self.pair.far.mac() }
    }

    pub fn counters(&self) -> WireCounters {
        let (near, far) = (self.pair.near.counters(), self.pair.far.counters());
        WireCounters {
            near_tx: near.tx_packets,
            far_rx: far.rx_packets,
            far_tx: far.tx_packets,
            near_rx: near.rx_packets,
        }
    }
}

//! The loop that lends batches to a callback.

use fluxcapacitor::engine::TxFull;
use fluxcapacitor::proto::EthHeader;
use fluxcapacitor::{FluxEngine, FluxRaw, PacketBatch, Poller, Result};

use super::Moved;
use crate::bench::case::{Case, Scenario};
use crate::cli::Wait;

/// The engine as the case wants it.
pub fn prepare(raw: FluxRaw, case: Case) -> FluxEngine {
    let poller = match case.wait {
        Wait::Spin | Wait::Busy => Poller::Busy,
        Wait::Poll => Poller::Wait,
    };
    FluxEngine::new(raw).poller(poller).batch(case.batch).tx_full(TxFull::Wait)
}

/// Runs until its flag is set.
pub fn drive(mut engine: FluxEngine, case: Case) -> Result<Moved> {
    if case.scenario == Scenario::Rxdrop {
        // Packets and bytes are counted by the engine.
        run(&mut engine, |batch| batch.into_iter().for_each(drop))?;
    } else {
        run(&mut engine, send_back)?;
    }
    let total = engine.stats()?.total();
    let socket = total.socket.unwrap_or_default();
    Ok(Moved {
        rx: total.rx_packets,
        tx: total.tx_packets,
        kicks: total.kicks,
        lost: socket.rx_dropped + socket.rx_ring_full,
    })
}

fn run(engine: &mut FluxEngine, mut callback: impl FnMut(PacketBatch<'_>)) -> Result<()> {
    engine.run(&mut callback)?;
    // Nothing more comes by now; what has come may not have been taken, on a busy machine.
    while engine.poll_once(&mut callback)? > 0 {}
    Ok(())
}

fn send_back(batch: PacketBatch<'_>) {
    for mut packet in batch {
        if let Ok((ethernet, _)) = EthHeader::mut_from_prefix(packet.data_mut()) {
            ethernet.swap_addresses();
        }
        packet.transmit();
    }
}

//! The four rings, by the very loops of `fluxcap rxdrop`, `txonly` and `l2fwd`.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

use fluxcapacitor::{FluxRaw, Result};

use super::{DRAIN_MAX, Moved};
use crate::bench::case::{Case, Scenario};
use crate::run::{L2Fwd, PACKETS_PER_LOOK, RxDrop, TURNS_PER_LOOK, Tool, TxOnly, rest};

pub fn drive(raw: FluxRaw, case: Case, packet: Vec<u8>, stop: &AtomicBool) -> Result<Moved> {
    match case.scenario {
        Scenario::Rxdrop => turns(raw, RxDrop::new(case.batch), case, stop),
        Scenario::Txonly => turns(raw, TxOnly::new(case.batch, packet), case, stop),
        Scenario::L2fwd | Scenario::PingPong => turns(raw, L2Fwd::new(case.batch), case, stop),
    }
}

fn turns<T: Tool>(mut raw: FluxRaw, mut tool: T, case: Case, stop: &AtomicBool) -> Result<Moved> {
    let turns = (PACKETS_PER_LOOK / case.batch).clamp(1, TURNS_PER_LOOK);
    while !stop.load(Relaxed) {
        for _ in 0..turns {
            if tool.turn(&mut raw)? == 0 && rest(case.wait, &raw, &tool)? {
                break;
            }
        }
    }
    // Nothing more comes by now; what has come may not have been taken, on a busy machine.
    while case.scenario != Scenario::Txonly && tool.turn(&mut raw)? > 0 {}
    let stopped = Instant::now();
    loop {
        tool.drain(&mut raw)?;
        if tool.in_flight() == 0 || stopped.elapsed() > DRAIN_MAX {
            break;
        }
    }
    let (counts, statistics) = (tool.counts(), raw.statistics()?);
    Ok(Moved {
        rx: counts.rx_packets,
        tx: counts.tx_packets,
        kicks: raw.device().kicks(),
        lost: statistics.rx_dropped + statistics.rx_ring_full,
    })
}

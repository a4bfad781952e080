//! Owned packets, both halves on one thread.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

use fluxcapacitor::proto::EthHeader;
use fluxcapacitor::raw::Interest;
use fluxcapacitor::system::{self, Batch};
use fluxcapacitor::{Error, FluxRaw, FluxRx, FluxTx, Result};

use super::{DRAIN_MAX, Moved, NAP};
use crate::bench::case::{Case, Scenario};
use crate::cli::Wait;
use crate::run::{SHORT_NAP, TURNS_PER_LOOK};

/// Both halves.
struct Halves {
    rx: FluxRx,
    tx: FluxTx,
    wait: Wait,
}

pub fn drive(raw: FluxRaw, case: Case, packet: &[u8], stop: &AtomicBool) -> Result<Moved> {
    let (rx, tx) = system::split(raw);
    let mut halves = Halves { rx, tx, wait: case.wait };
    let mut batch = Batch::new(case.batch as usize);
    if case.scenario == Scenario::Txonly {
        halves.write_all(packet)?;
    }
    while !stop.load(Relaxed) {
        for _ in 0..TURNS_PER_LOOK {
            let moved = match case.scenario {
                Scenario::Rxdrop => halves.drop(&mut batch)?,
                Scenario::Txonly => halves.send(&mut batch, packet.len())?,
                Scenario::L2fwd | Scenario::PingPong => halves.forward(&mut batch)?,
            };
            if moved == 0 && halves.rest(case.scenario)? {
                break;
            }
        }
    }
    // Nothing more comes by now; what has come may not have been taken, on a busy machine.
    match case.scenario {
        Scenario::Rxdrop => while halves.drop(&mut batch)? > 0 {},
        Scenario::Txonly => {}
        Scenario::L2fwd | Scenario::PingPong => {
            while halves.forward(&mut batch)? > 0 || !batch.is_empty() {}
        }
    }
    halves.drain()
}

fn too_long(len: usize) -> Error {
    Error::invalid("packet size", len, "it must fit a frame")
}

impl Halves {
    fn drop(&mut self, batch: &mut Batch) -> Result<usize> {
        let moved = self.rx.recv(batch)?;
        let mut bytes = 0;
        for packet in &*batch {
            bytes += packet.data().len();
        }
        batch.clear();
        std::hint::black_box(bytes);
        Ok(moved)
    }

    /// Writes a packet into all frames that there are to send: what is allocated later has these bytes.
    fn write_all(&mut self, bytes: &[u8]) -> Result<()> {
        let mut all = Vec::new();
        while let Some(mut packet) = self.tx.allocate() {
            packet.write(bytes).map_err(|_| too_long(bytes.len()))?;
            all.push(packet);
        }
        Ok(())
    }

    fn send(&mut self, batch: &mut Batch, len: usize) -> Result<usize> {
        self.tx.allocate_batch(batch, len).map_err(|_| too_long(len))?;
        // What the ring has no room for stays in the batch, and goes with the next.
        let moved = self.tx.send_batch(batch).map_err(|_| Error::Foreign)?;
        self.tx.flush()?;
        Ok(moved)
    }

    fn forward(&mut self, batch: &mut Batch) -> Result<usize> {
        let moved = self.rx.recv(batch)?;
        for packet in &mut *batch {
            if let Ok((ethernet, _)) = EthHeader::mut_from_prefix(packet.data_mut()) {
                ethernet.swap_addresses();
            }
        }
        // What the ring has no room for stays in the batch, and goes with the next.
        self.tx.send_batch(batch).map_err(|_| Error::Foreign)?;
        if self.tx.in_flight() > 0 {
            self.tx.flush()?;
        }
        Ok(moved)
    }

    /// Waits for packets, or room; says whether it has slept.
    fn rest(&self, scenario: Scenario) -> Result<bool> {
        match self.wait {
            Wait::Spin => Ok(false),
            Wait::Busy => self.rx.device().kick_rx().map(|_| false),
            Wait::Poll => {
                let nap = if self.tx.in_flight() > 0 { SHORT_NAP } else { NAP };
                let txonly = scenario == Scenario::Txonly;
                let interest = if txonly { Interest::Tx } else { Interest::Rx };
                self.rx.device().wait(interest, nap)?;
                Ok(true)
            }
        }
    }

    fn drain(mut self) -> Result<Moved> {
        let stopped = Instant::now();
        while self.tx.in_flight() > 0 && stopped.elapsed() < DRAIN_MAX {
            self.tx.flush()?;
        }
        let total = self.rx.stats()?.total();
        let socket = total.socket.unwrap_or_default();
        Ok(Moved {
            rx: total.rx_packets,
            tx: total.tx_packets,
            kicks: self.rx.device().kicks(),
            lost: socket.rx_dropped + socket.rx_ring_full,
        })
    }
}

//! The loops to measure: one batch each, already in the rx ring, or to be made.
//!
//! Whatever the mode: `drop` receives packets, looks at each and drops it; `send` makes packets; `echo` receives packets,
//! changes each, sends it back, and has its frame to receive into again.

#![expect(clippy::inline_always, reason = "or what is measured would be a call more")]

use std::hint::black_box;

use fluxcapacitor::raw::FluxRaw;
use fluxcapacitor::simulator::control::{Nic, NicConfig, World};
use fluxcapacitor::system::Batch;
use fluxcapacitor::{FluxBuilder, FluxEngine, FluxRx, FluxTx, system};

use crate::TURNS;

/// Length of a packet.
const LEN: usize = 60;

/// A loop to measure.
pub struct Row {
    pub name: &'static str,
    /// The function that is measured, without what they are all named with.
    pub measured: &'static str,
    pub run: fn(&mut Lab),
}

pub const ROWS: &[Row] = &[
    Row { name: "drop, raw", measured: "raw_drop", run: raw_drop },
    Row { name: "drop, engine", measured: "engine_drop", run: engine_drop },
    Row { name: "drop, owned", measured: "owned_drop", run: owned_drop },
    Row { name: "drop, owned, singly", measured: "single_drop", run: single_drop },
    #[cfg(feature = "async")]
    Row { name: "drop, async", measured: "async_drop", run: tasks::async_drop },
    Row { name: "send, raw", measured: "raw_send", run: raw_send },
    Row { name: "send, owned", measured: "owned_send", run: owned_send },
    Row { name: "send, owned, singly", measured: "single_send", run: single_send },
    #[cfg(feature = "async")]
    Row { name: "send, async", measured: "async_send", run: tasks::async_send },
    Row { name: "echo, raw", measured: "raw_echo", run: raw_echo },
    Row { name: "echo, engine", measured: "engine_echo", run: engine_echo },
    Row { name: "echo, owned", measured: "owned_echo", run: owned_echo },
    Row { name: "echo, owned, singly", measured: "single_echo", run: single_echo },
    #[cfg(feature = "async")]
    Row { name: "echo, async", measured: "async_echo", run: tasks::async_echo },
];

/// A NIC with packets for whoever opens it. It is not linked: what it sends is lost.
pub struct Lab {
    _world: World,
    nic: Nic,
    batch: u32,
}

impl Lab {
    pub fn new(batch: u32) -> Self {
        let world = World::new(1);
        let nic = world.nic(NicConfig::new("nic")).unwrap();
        Self { _world: world, nic, batch }
    }

    fn open(&self) -> FluxRaw {
        FluxBuilder::new(self.nic.name()).build_raw().unwrap()
    }

    /// Turns, before each of which a batch of packets comes.
    fn receive(&mut self, measured: impl FnMut()) {
        let (nic, batch) = (&self.nic, self.batch);
        turns(|| (0..batch).for_each(|_| nic.inject(&[0; LEN])), measured);
    }
}

fn turns(mut prepare: impl FnMut(), mut measured: impl FnMut()) {
    for turn in 0..TURNS {
        prepare();
        // Once before, so that caches, lazy binding and thread-locals are not counted.
        if turn == 1 {
            mark();
        }
        measured();
    }
    mark();
}

/// Ends one part of the count and begins the next.
#[inline(never)]
fn mark() {
    black_box(());
}

/// As little as can be done with a packet.
#[inline(always)]
fn look(packet: &[u8]) {
    black_box(packet.as_ptr());
}

#[inline(always)]
fn look_mut(packet: &mut [u8]) {
    black_box(packet.as_mut_ptr());
}

#[inline(never)]
fn measured_raw_drop(raw: &mut FluxRaw, batch: u32) {
    let mut left = batch;
    while left > 0 {
        left -= raw.rx.recycle(&mut raw.fill, left, |packet| look(packet)).unwrap();
    }
    raw.publish_fill().unwrap();
}

#[inline(never)]
fn measured_engine_drop(engine: &mut FluxEngine, batch: u32) {
    let mut left = batch as usize;
    while left > 0 {
        left -= engine
            .poll_once(|batch| batch.into_iter().for_each(|packet| look(packet.data())))
            .unwrap();
    }
}

#[inline(never)]
fn measured_owned_drop(rx: &mut FluxRx, batch: &mut Batch) {
    let mut left = batch.capacity();
    while left > 0 {
        left -= rx.recv(batch).unwrap();
        for packet in &*batch {
            look(packet.data());
        }
        batch.clear();
    }
}

#[inline(never)]
fn measured_single_drop(rx: &mut FluxRx, batch: &mut Batch) {
    let mut left = batch.capacity();
    while left > 0 {
        left -= rx.recv(batch).unwrap();
        for packet in batch.drain() {
            look(packet.data());
        }
    }
}

#[inline(never)]
fn measured_raw_send(raw: &mut FluxRaw, batch: u32) {
    let mut left = batch;
    while left > 0 {
        let write = |packet: &mut [u8]| {
            look_mut(packet);
            LEN
        };
        left -= raw.completion.resend(&mut raw.tx, left, write).unwrap();
    }
    raw.flush().unwrap();
}

#[inline(never)]
fn measured_owned_send(tx: &mut FluxTx, batch: &mut Batch) {
    tx.allocate_batch(batch, LEN).unwrap();
    for packet in &mut *batch {
        look_mut(packet.data_mut());
    }
    tx.send_batch(batch).unwrap();
    assert!(batch.is_empty());
    tx.flush().unwrap();
}

#[inline(never)]
fn measured_single_send(tx: &mut FluxTx, batch: u32) {
    for _ in 0..batch {
        let mut packet = tx.allocate().unwrap();
        packet.resize(LEN).unwrap();
        look_mut(packet.data_mut());
        tx.send(packet).unwrap();
    }
    tx.flush().unwrap();
}

#[inline(never)]
fn measured_raw_echo(raw: &mut FluxRaw, batch: u32) {
    let mut left = batch;
    while left > 0 {
        left -= raw.rx.forward(&mut raw.tx, left, look_mut).unwrap();
    }
    raw.flush().unwrap();
    let mut left = batch;
    while left > 0 {
        left -= raw.completion.recycle(&mut raw.fill, left).unwrap();
    }
    raw.publish_fill().unwrap();
}

#[inline(never)]
fn measured_engine_echo(engine: &mut FluxEngine, batch: u32) {
    let mut left = batch as usize;
    while left > 0 {
        left -= engine
            .poll_once(|batch| {
                for mut packet in batch {
                    look_mut(packet.data_mut());
                    packet.transmit();
                }
            })
            .unwrap();
    }
}

#[inline(never)]
fn measured_owned_echo(rx: &mut FluxRx, tx: &mut FluxTx, batch: &mut Batch) {
    let mut left = batch.capacity();
    while left > 0 {
        left -= rx.recv(batch).unwrap();
        for packet in &mut *batch {
            look_mut(packet.data_mut());
        }
        tx.send_batch(batch).unwrap();
    }
    tx.flush().unwrap();
}

#[inline(never)]
fn measured_single_echo(rx: &mut FluxRx, tx: &mut FluxTx, batch: &mut Batch) {
    let mut left = batch.capacity();
    while left > 0 {
        left -= rx.recv(batch).unwrap();
        for mut packet in batch.drain() {
            look_mut(packet.data_mut());
            tx.send(packet).unwrap();
        }
    }
    tx.flush().unwrap();
}

fn raw_drop(lab: &mut Lab) {
    let (mut raw, batch) = (lab.open(), lab.batch);
    lab.receive(|| measured_raw_drop(&mut raw, batch));
}

fn engine_drop(lab: &mut Lab) {
    let (mut engine, batch) = (FluxEngine::new(lab.open()), lab.batch);
    lab.receive(|| measured_engine_drop(&mut engine, batch));
}

fn owned_drop(lab: &mut Lab) {
    let ((mut rx, _tx), mut batch) = halves(lab);
    lab.receive(|| measured_owned_drop(&mut rx, &mut batch));
}

fn single_drop(lab: &mut Lab) {
    let ((mut rx, _tx), mut batch) = halves(lab);
    lab.receive(|| measured_single_drop(&mut rx, &mut batch));
}

fn raw_send(lab: &mut Lab) {
    let (mut raw, batch) = (lab.open(), lab.batch);
    // What is sent the first time comes from the pool; later, from the completion ring.
    for _ in 0..batch {
        let packet = raw.umem.write(raw.pool.take().unwrap(), &[0; LEN]).unwrap();
        raw.tx.push(packet).unwrap();
    }
    raw.flush().unwrap();
    turns(|| (), || measured_raw_send(&mut raw, batch));
}

fn owned_send(lab: &mut Lab) {
    let ((_rx, mut tx), mut batch) = (system::split(lab.open()), Batch::new(lab.batch as usize));
    turns(|| (), || measured_owned_send(&mut tx, &mut batch));
}

fn single_send(lab: &mut Lab) {
    let ((_rx, mut tx), batch) = (system::split(lab.open()), lab.batch);
    turns(|| (), || measured_single_send(&mut tx, batch));
}

fn raw_echo(lab: &mut Lab) {
    let (mut raw, batch) = (lab.open(), lab.batch);
    lab.receive(|| measured_raw_echo(&mut raw, batch));
}

fn engine_echo(lab: &mut Lab) {
    let (mut engine, batch) = (FluxEngine::new(lab.open()), lab.batch);
    lab.receive(|| measured_engine_echo(&mut engine, batch));
}

fn owned_echo(lab: &mut Lab) {
    let ((mut rx, mut tx), mut batch) = halves(lab);
    lab.receive(|| measured_owned_echo(&mut rx, &mut tx, &mut batch));
}

fn single_echo(lab: &mut Lab) {
    let ((mut rx, mut tx), mut batch) = halves(lab);
    lab.receive(|| measured_single_echo(&mut rx, &mut tx, &mut batch));
}

fn halves(lab: &Lab) -> ((FluxRx, FluxTx), Batch) {
    (system::split(lab.open()), Batch::new(lab.batch as usize))
}

/// The same in a task of tokio, whose runtime is counted along: a batch is entered and left once.
#[cfg(feature = "async")]
mod tasks {
    use fluxcapacitor::{AsyncFluxRx, AsyncFluxTx};
    use tokio::runtime::{Builder, Runtime};

    use super::*;

    fn task_halves(lab: &Lab) -> (Runtime, AsyncFluxRx, AsyncFluxTx, Batch) {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let ((rx, tx), batch) = halves(lab);
        let inside = runtime.enter();
        let (rx, tx) = (AsyncFluxRx::new(rx).unwrap(), AsyncFluxTx::new(tx).unwrap());
        drop(inside);
        (runtime, rx, tx, batch)
    }

    #[inline(never)]
    fn measured_async_drop(runtime: &Runtime, rx: &mut AsyncFluxRx, batch: &mut Batch) {
        runtime.block_on(async {
            let mut left = batch.capacity();
            while left > 0 {
                left -= rx.recv(batch).await.unwrap();
                for packet in batch.drain() {
                    look(packet.data());
                }
            }
        });
    }

    #[inline(never)]
    fn measured_async_send(runtime: &Runtime, tx: &mut AsyncFluxTx, batch: &mut Batch) {
        runtime.block_on(async {
            tx.allocate_batch(batch, LEN).await.unwrap();
            for packet in &mut *batch {
                look_mut(packet.data_mut());
            }
            tx.send_batch(batch).await.unwrap();
            tx.flush().await.unwrap();
        });
    }

    #[inline(never)]
    fn measured_async_echo(
        runtime: &Runtime,
        rx: &mut AsyncFluxRx,
        tx: &mut AsyncFluxTx,
        batch: &mut Batch,
    ) {
        runtime.block_on(async {
            let mut left = batch.capacity();
            while left > 0 {
                left -= rx.recv(batch).await.unwrap();
                for packet in &mut *batch {
                    look_mut(packet.data_mut());
                }
                tx.send_batch(batch).await.unwrap();
            }
            tx.flush().await.unwrap();
        });
    }

    pub fn async_drop(lab: &mut Lab) {
        let (runtime, mut rx, _tx, mut batch) = task_halves(lab);
        lab.receive(|| measured_async_drop(&runtime, &mut rx, &mut batch));
    }

    pub fn async_send(lab: &mut Lab) {
        let (runtime, _rx, mut tx, mut batch) = task_halves(lab);
        turns(|| (), || measured_async_send(&runtime, &mut tx, &mut batch));
    }

    pub fn async_echo(lab: &mut Lab) {
        let (runtime, mut rx, mut tx, mut batch) = task_halves(lab);
        lab.receive(|| measured_async_echo(&runtime, &mut rx, &mut tx, &mut batch));
    }
}

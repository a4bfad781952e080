//! Packets that cross between threads: owned, or through an engine.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use fluxcapacitor::ring::PushError;
use fluxcapacitor::simulator::control::World;
use fluxcapacitor::stats::QueueStats;
use fluxcapacitor::system::Batch;
use fluxcapacitor::{FluxRx, FluxTx, Packet, PacketRef};

use super::threads::{AHEAD, EndOthers, Shared, keep_order, len_of};
use crate::backend::Backend;
use crate::bench::Bench;
use crate::fixture::Side::{A, B};
use crate::run::joined;
use crate::traffic::{WINDOW, fill, number_of};
use crate::verdict::{Outcome, Stop};

/// How many packets there are, unless another number is asked for.
const fn packets(backend: Backend) -> u32 {
    if backend.is_kernel() { 200_000 } else { 100_000 }
}

/// How many frames B has to receive into: so few that all are used again and again, and a loss of some ends the traffic.
/// Not fewer: a card may hold the 256 that it has sent until it is asked for more, and as many to receive into.
const FRAMES: u32 = 1024;

/// And as many again to send with, which the sending half keeps for itself.
const FRAMES_OWNED: u32 = 2 * FRAMES;

/// How long a thread waits before it looks whether all is over.
const NAP: Duration = Duration::from_millis(20);

/// B receives on one thread and sends the very same packets back on another.
pub(super) fn owned(bench: &Bench<'_>) -> Outcome {
    let (mut b_rx, mut b_tx) = bench.halves(B, |builder| builder.frames(FRAMES_OWNED))?;
    let reader = b_rx.stats_reader();
    let sent = round(bench, |shared| {
        let (onward, arrived) = sync_channel(2 * WINDOW);
        let (rx, tx) = (&mut b_rx, &mut b_tx);
        thread::scope(|scope| {
            let threads = [
                scope.spawn(move || {
                    keep_order(bench, B)?;
                    take_in(shared, rx, &onward)
                }),
                scope.spawn(move || {
                    keep_order(bench, B)?;
                    send_on(shared, tx, &arrived)
                }),
            ];
            threads.map(joined).into_iter().collect()
        })
    });
    let total = reader.read()?.total();
    let sent = sent.map_err(|stop| stop.with(&total))?;
    echoed(&total, sent);
    bench.until("all home", || Ok(b_tx.reclaim().map(|_| b_tx.in_flight() == 0)?))?;
    all_in_hand(bench, FRAMES_OWNED, &mut || {
        let mut batch = Batch::new(WINDOW);
        b_rx.recv(&mut batch)?;
        Ok(batch.into_iter().chain(std::iter::from_fn(|| b_tx.allocate())).collect())
    })
}

/// B is an engine, on a thread of its own.
pub(super) fn engine(bench: &Bench<'_>) -> Outcome {
    let engine = bench.engine(B, |builder| builder.frames(FRAMES))?;
    let (reader, stop) = (engine.stats_reader(), engine.stop_handle());
    let (mut engine, mut ended) = (Some(engine), None);
    let sent = round(bench, |shared| {
        let Some(mut running) = engine.take() else { return Err(Stop::failed("it ran already")) };
        let stop = stop.clone();
        thread::scope(|scope| {
            let thread = scope.spawn(move || {
                let _end = EndOthers(shared);
                keep_order(bench, B)?;
                running.run(|batch| {
                    for mut packet in batch {
                        packet.data_mut()[..12].rotate_left(6);
                        packet.transmit();
                    }
                })?;
                Ok(running)
            });
            while !shared.is_over() {
                thread::sleep(NAP);
            }
            stop.stop();
            ended = Some(joined(thread)?);
            Ok(())
        })
    });
    let total = reader.read()?.total();
    let sent = sent.map_err(|stop| stop.with(&total))?;
    echoed(&total, sent);
    let Some(mut engine) = ended else { return Err(Stop::failed("it did not run")) };
    all_in_hand(bench, FRAMES, &mut || {
        let mut kept = Vec::new();
        engine.poll_once(|batch| kept.extend(batch.into_iter().map(PacketRef::keep)))?;
        Ok(kept)
    })
}

/// B has counted all that A has sent, and each as sent back.
fn echoed(total: &QueueStats, sent: u32) {
    assert_eq!((total.rx_packets, total.tx_packets), (sent.into(), sent.into()), "{total}");
    assert_eq!((total.drops.total(), total.rejected), (0, 0), "{total}");
    assert_eq!(total.tx_bytes, total.rx_bytes, "{total}");
}

/// All `frames` of B can be in hand at a time, so that none is lost.
fn all_in_hand(
    bench: &Bench<'_>,
    frames: u32,
    take: &mut dyn FnMut() -> Outcome<Vec<Packet>>,
) -> Outcome {
    let mut sender = bench.open(A, |builder| builder)?;
    let mut held: Vec<Packet> = take()?;
    bench.until("all in hand", || {
        bench.send(&mut sender, &bench.packets(A, 0..16))?;
        held.extend(take()?);
        Ok(held.len() >= frames as usize)
    })?;
    assert_eq!(held.len(), frames as usize);
    Ok(())
}

/// A sends on one thread and receives on another, B sends back by `echo`, on a thread of its own; each packet is
/// looked at, in order. Says how many there were.
fn round(bench: &Bench<'_>, echo: impl FnOnce(&Shared) -> Outcome + Send) -> Outcome<u32> {
    let (rx, tx) = bench.halves(A, |builder| builder)?;
    let asked = bench.packets_or(packets(bench.backend()));
    let shared = &Shared::new(asked);
    // Threads that wait for one another need a clock that they share.
    let _live = bench.fixture().world().map(World::run_live);
    let before = bench.both(A)?;
    let macs = [bench.port(B).mac(), bench.port(A).mac()];
    thread::scope(|scope| {
        let threads = [
            scope.spawn(move || {
                let _end = EndOthers(shared);
                keep_order(bench, A)?;
                receive(shared, rx)
            }),
            scope.spawn(move || {
                keep_order(bench, A)?;
                send(bench, shared, macs, tx).inspect_err(|_| shared.over.store(true, Relaxed))
            }),
            scope.spawn(move || echo(shared).inspect_err(|_| shared.over.store(true, Relaxed))),
        ];
        threads.map(joined).into_iter().collect::<Outcome>()
    })?;
    let back = shared.settled(bench, asked.0)?;
    bench.counted(A, before, u64::from(back))?;
    Ok(back)
}

/// A, outward: so many at a time that no queue on the way is full.
fn send(bench: &Bench<'_>, shared: &Shared, [to, from]: [[u8; 6]; 2], mut tx: FluxTx) -> Outcome {
    let (mut sent, all) = (0, shared.total.load(Relaxed));
    while sent < all && !shared.is_over() && !shared.is_late() {
        let room = AHEAD.saturating_sub(sent - shared.back.load(Relaxed));
        if room < AHEAD / 2 {
            bench.fixture().settle(Duration::from_micros(20));
            tx.reclaim()?;
            continue;
        }
        for _ in 0..room.min(all - sent) {
            let Some(mut packet) = tx.allocate() else { break };
            packet.resize(len_of(sent))?;
            fill(packet.data_mut(), to, from, sent);
            tx.send(packet)?;
            sent += 1;
        }
        tx.flush()?;
    }
    shared.total.store(sent, Relaxed);
    // The half goes when all has come back: what is in its ring would go with it.
    while shared.back.load(Relaxed) < sent && !shared.is_over() {
        tx.flush()?;
        bench.fixture().settle(Duration::from_micros(100));
    }
    Ok(())
}

/// A, homeward: all of them, in order, as they were sent.
fn receive(shared: &Shared, mut rx: FluxRx) -> Outcome {
    let (mut batch, mut back) = (Batch::new(WINDOW), 0);
    while back < shared.total.load(Relaxed) && !shared.is_over() {
        rx.recv_timeout(&mut batch, NAP)?;
        for packet in batch.drain() {
            if number_of(packet.data(), len_of(back)) != Some(back) {
                let found = packet.data();
                return Err(Stop::failed(format!("instead of packet {back}: {found:02x?}")));
            }
            back += 1;
        }
        shared.back.store(back, Relaxed);
    }
    Ok(())
}

/// B: hands what arrives on.
fn take_in(shared: &Shared, rx: &mut FluxRx, onward: &SyncSender<Packet>) -> Outcome {
    let mut batch = Batch::new(WINDOW);
    while !shared.is_over() {
        rx.recv_timeout(&mut batch, NAP)?;
        for mut packet in batch.drain() {
            packet.data_mut()[..12].rotate_left(6);
            if onward.send(packet).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// B: sends what was handed on out of the frames that it came in.
fn send_on(shared: &Shared, tx: &mut FluxTx, arrived: &Receiver<Packet>) -> Outcome {
    while !shared.is_over() {
        let first = match arrived.recv_timeout(NAP) {
            Ok(first) => first,
            Err(RecvTimeoutError::Timeout) => {
                tx.flush()?;
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        for mut packet in std::iter::once(first).chain(arrived.try_iter()).take(WINDOW) {
            while let Err(refused) = tx.send(packet) {
                let PushError::Full(back) = refused else { return Err(refused.into()) };
                packet = back;
                tx.wait(NAP)?;
                if shared.is_over() {
                    return Ok(());
                }
            }
        }
        tx.flush()?;
    }
    Ok(())
}

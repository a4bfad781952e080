//! Mode B on every backend.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use fluxcapacitor::ring::PushError;
use fluxcapacitor::system::Batch;
use fluxcapacitor::{FluxRx, FluxTx, Packet};

use super::starvation;
use super::wakeup::are_few;
use crate::bench::Bench;
use crate::fixture::Fate;
use crate::fixture::Side::{A, B};
use crate::traffic::{SOON, WINDOW};
use crate::verdict::Outcome;

/// How many packets one call sends in copy mode where that cannot be chosen (`MAX_PER_SOCKET_BUDGET`).
const BUDGET: u32 = 32;

/// Receives what has come.
fn received(rx: &mut FluxRx) -> Outcome<Vec<Packet>> {
    let mut batch = Batch::new(WINDOW);
    rx.recv(&mut batch)?;
    Ok(batch.into_iter().collect())
}

/// Receives so many.
fn receive(bench: &Bench<'_>, rx: &mut FluxRx, count: usize) -> Outcome<Vec<Packet>> {
    let mut packets = Vec::new();
    bench.until("received", || {
        packets.extend(received(rx)?);
        Ok(packets.len() >= count)
    })?;
    assert_eq!(packets.len(), count);
    Ok(packets)
}

fn bytes(packets: &[Packet]) -> Vec<Vec<u8>> {
    packets.iter().map(|packet| packet.data().to_vec()).collect()
}

/// All that was sent has come home.
fn at_rest(bench: &Bench<'_>, tx: &mut FluxTx) -> Outcome {
    bench.until("all home", || {
        tx.flush()?;
        Ok(tx.in_flight() == 0)
    })?;
    let census = tx.umem().census();
    assert_eq!((census.tx, census.total()), (0, tx.granted().frames), "{census}");
    Ok(())
}

/// Every frame can be in hand at a time, so that none is lost.
fn all_in_hand(
    bench: &Bench<'_>,
    sender: &mut FluxTx,
    (rx, tx): (&mut FluxRx, &mut FluxTx),
) -> Outcome {
    let mut held: Vec<Packet> = std::iter::from_fn(|| tx.allocate()).collect();
    let all = rx.granted().frames as usize;
    let packet = bench.packet(A, 0);
    bench.until("all in hand", || {
        push(sender, &packet)?;
        sender.flush()?;
        held.extend(received(rx)?);
        held.extend(std::iter::from_fn(|| tx.allocate()));
        Ok(held.len() >= all)
    })?;
    assert_eq!(held.len(), all);
    Ok(())
}

/// Puts a packet into the tx ring, if there is room for it; says whether there was.
fn push(tx: &mut FluxTx, packet: &[u8]) -> Outcome<bool> {
    let Some(mut fresh) = tx.allocate() else { return Ok(false) };
    fresh.write(packet)?;
    match tx.send(fresh) {
        Ok(()) => Ok(true),
        Err(PushError::Full(_)) => Ok(false),
        Err(refused) => Err(refused.into()),
    }
}

fn push_all(tx: &mut FluxTx, packets: &[Vec<u8>]) -> Outcome {
    for packet in packets {
        assert!(push(tx, packet)?, "no room");
    }
    Ok(tx.flush()?)
}

/// Packets in hand, dropped on other threads, in a panic, and after both halves are gone.
pub(super) fn drop_anywhere(bench: &Bench<'_>) -> Outcome {
    let (_, mut sender) = bench.halves(A, |builder| builder)?;
    let (mut rx, mut tx) = bench.halves(B, |builder| builder.frames(256))?;
    for round in 0..16 {
        let sent = bench.packets(A, round * 48..(round + 1) * 48);
        push_all(&mut sender, &sent)?;
        let mut held = receive(bench, &mut rx, sent.len())?;
        assert!(bytes(&held) == sent, "round {round}");
        held.extend(tx.allocate());
        let (first, second) = (held.split_off(32), held.split_off(16));
        thread::scope(|scope| {
            for packet in first {
                scope.spawn(move || drop(packet));
            }
        });
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let held = second;
            if held.len() == 16 {
                resume_unwind(Box::new("with packets in hand"));
            }
        }));
        assert!(panicked.is_err());
        // Sent back, or refused by a socket that they are not of: dropped with the error then.
        for packet in held {
            let number = packet.data()[17];
            if number % 2 == 0 {
                tx.send(packet)?;
            } else {
                let Err(PushError::Foreign(_)) = sender.send(packet) else { panic!("not theirs") };
            }
        }
        at_rest(bench, &mut tx)?;
        at_rest(bench, &mut sender)?;
    }
    all_in_hand(bench, &mut sender, (&mut rx, &mut tx))?;

    // Posts the frames that have come home.
    drop(received(&mut rx)?);
    let sent = bench.packets(A, 0..32);
    push_all(&mut sender, &sent)?;
    // What was sent on top of all frames may still come.
    let mut held = Vec::new();
    bench.until("received", || {
        held.extend(received(&mut rx)?);
        Ok(held.iter().any(|packet: &Packet| packet.data() == sent[31]))
    })?;
    held.extend(tx.allocate());
    let umem = rx.umem().clone();
    drop((rx, tx));
    let census = umem.census();
    assert_eq!((census.rx + census.tx, census.total()), (0, 256), "{census}");
    let of_these = bytes(&held[held.len() - 33..held.len() - 1]);
    assert!(of_these == sent, "after the close");
    thread::scope(|scope| scope.spawn(|| held.clear()).join().expect("a drop that panics"));
    assert_eq!(umem.census(), census);
    let (mut rx, mut tx) = bench.halves(B, |builder| builder.frames(256))?;
    all_in_hand(bench, &mut sender, (&mut rx, &mut tx))
}

/// Packets that B has dropped for want of frames.
fn dropped(bench: &Bench<'_>, rx: &FluxRx) -> Outcome<u64> {
    if rx.granted().zero_copy {
        return Ok(bench.port(B).counts()?.rx_dropped);
    }
    Ok(rx.stats()?.total().socket.map_or(0, |socket| socket.rx_dropped))
}

/// The application holds every frame: traffic is dropped and counted, and flows again when they are dropped.
pub(super) fn starve_and_recover(bench: &Bench<'_>) -> Outcome {
    const FRAMES: u32 = 64;
    let fate = bench.fixture().without_frame();
    let (mut rx, _tx) = bench.halves(B, |builder| builder.frames(FRAMES))?;
    let mut sender = bench.open(A, |builder| builder)?;
    for round in 0..starvation::rounds(fate) {
        let (mut held, mut sent): (Vec<Packet>, _) = (Vec::new(), 0);
        let before = dropped(bench, &rx)?;
        bench.until("every frame in hand", || {
            bench.send(&mut sender, &bench.packets(A, 0..1))?;
            sent += 1;
            held.extend(received(&mut rx)?);
            Ok(rx.umem().census().user == FRAMES)
        })?;
        // What was sent after the last frame was filled, and before we saw that.
        let more = sent - held.len() as u64;
        let before = if fate == Fate::Counted { before + more } else { before };
        bench.until("all received or dropped", || Ok(dropped(bench, &rx)? >= before))?;
        bench.send(&mut sender, &bench.packets(A, 0..WINDOW as u32))?;
        let before = if fate == Fate::Counted { before + WINDOW as u64 } else { before };
        bench.until("dropped", || Ok(dropped(bench, &rx)? >= before))?;
        assert_eq!(received(&mut rx)?.len(), 0, "out of nothing");
        assert!(rx.stats()?.total().starved > 0, "round {round}");

        thread::scope(|scope| drop(scope.spawn(|| held.clear())));
        if fate == Fate::Late {
            // More than there are frames: none is kept.
            let mut left = more as usize + WINDOW;
            bench.until("come late", || {
                left -= received(&mut rx)?.len();
                Ok(left == 0)
            })?;
        } else {
            assert_eq!(received(&mut rx)?.len(), 0, "out of nothing");
        }
        let before = dropped(bench, &rx)?;
        for first in (0..128).step_by(16) {
            let sent = bench.packets(A, first..first + 16);
            bench.send(&mut sender, &sent)?;
            let seen = receive(bench, &mut rx, sent.len())?;
            assert!(bytes(&seen) == sent, "round {round}: flows again");
        }
        assert_eq!(dropped(bench, &rx)?, before, "round {round}");
    }
    Ok(())
}

/// A full tx ring hands packets back as they are; completions make room.
pub(super) fn tx_backpressure(bench: &Bench<'_>) -> Outcome {
    const SLOTS: u32 = 32;
    let mut receiver = bench.open(B, |builder| builder)?;
    let (mut rx, mut tx) = bench.halves(A, |builder| {
        builder.frames(256).fill_size(64).tx_size(SLOTS).completion_size(SLOTS)
    })?;
    let all = bench.packets(A, 0..1024);
    let (mut next, mut refusals, mut back) = (0, 0, None::<Packet>);
    let mut came: Vec<Vec<u8>> = Vec::new();
    bench.until("all across", || {
        while next < all.len() && next - came.len() < WINDOW {
            let packet = match back.take() {
                Some(packet) => packet,
                None => {
                    let Some(mut fresh) = tx.allocate() else { break };
                    fresh.write(&all[next])?;
                    fresh
                }
            };
            match tx.send(packet) {
                Ok(()) => next += 1,
                Err(PushError::Full(packet)) => {
                    assert!(packet.data() == all[next], "handed back changed");
                    refusals += 1;
                    back = Some(packet);
                    break;
                }
                Err(refused) => return Err(refused.into()),
            }
            // All its frames are in the ring: one more is received.
            if tx.room()? == 0 && back.is_none() && next < all.len() {
                back = one_more(bench, &mut rx, &all[next])?;
            }
        }
        tx.flush()?;
        let ready = receiver.rx.occupancy() as usize;
        came.extend(bench.receive_some(&mut receiver, ready)?);
        Ok(came.len() == all.len())
    })?;
    assert!(came == all, "in another order, or with other bytes");
    assert!(refusals > 0, "the ring was never full");
    at_rest(bench, &mut tx)
}

/// A packet that was received, with other bytes.
fn one_more(bench: &Bench<'_>, rx: &mut FluxRx, bytes: &[u8]) -> Outcome<Option<Packet>> {
    bench.port(A).inject(&[0; 60])?;
    let mut packet = None;
    bench.until("one more", || {
        packet = received(rx)?.pop();
        Ok(packet.is_some())
    })?;
    if let Some(packet) = &mut packet {
        packet.write(bytes)?;
    }
    Ok(packet)
}

/// A flush kicks no more often than it must, and never for nothing; and a receiver that waits is woken.
pub(super) fn kicks(bench: &Bench<'_>) -> Outcome {
    let (mut rx, _b) = bench.halves(B, |builder| builder)?;
    let (_a, mut tx) = bench.halves(A, |builder| builder)?;
    let budget = tx.granted().tx_budget.unwrap_or(BUDGET);
    let kicks = |tx: &FluxTx| Ok::<_, fluxcapacitor::Error>(tx.stats()?.total().kicks);
    let mut batch = Batch::new(2048);
    for count in [1, 2, budget - 1, budget, budget + 1, budget + 8] {
        let before = kicks(&tx)?;
        tx.flush()?;
        assert_eq!(kicks(&tx)?, before, "for nothing");
        for number in 0..count {
            assert!(push(&mut tx, &bench.packet_of(A, number, 60))?, "no room");
        }
        assert_eq!(kicks(&tx)?, before, "before the flush");
        tx.flush()?;
        let made = kicks(&tx)? - before;
        if tx.granted().zero_copy {
            assert!(made <= 1, "{made} for {count} packets");
        } else {
            assert!(are_few(tx.granted(), made, count), "{made} for {count} packets");
        }
        at_rest(bench, &mut tx)?;
        // Some may not have found room on the way; the first has.
        assert!(rx.recv_timeout(&mut batch, SOON)? > 0, "{count} packets, and none came");
        while rx.recv(&mut batch)? > 0 {}
        batch.drain();
    }
    if !rx.granted().zero_copy {
        assert_eq!(
            rx.stats()?.total().kicks,
            0,
            "the fill ring never asks when packets are copied"
        );
    }
    Ok(())
}

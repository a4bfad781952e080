//! Mode A on every backend.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;
use std::time::{Duration, Instant};

use fluxcapacitor::engine::{StopHandle, TxFull};
use fluxcapacitor::simulator::control::World;
use fluxcapacitor::stats::QueueStats;
use fluxcapacitor::{FluxEngine, Packet, PacketBatch, PacketRef, Poller};

use super::starvation;
use crate::bench::Bench;
use crate::fixture::Fate;
use crate::fixture::Side::{A, B};
use crate::run::joined;
use crate::traffic::{NUMBER_AT, SOON, WINDOW};
use crate::verdict::{Outcome, Stop};

/// How many packets one call sends in copy mode where that cannot be chosen (`MAX_PER_SOCKET_BUDGET`).
const BUDGET: u32 = 32;

fn number(packet: &[u8]) -> u32 {
    packet[NUMBER_AT..].first_chunk().map_or(u32::MAX, |number| u32::from_be_bytes(*number))
}

/// Sends a packet back where it came from.
fn echo(batch: PacketBatch<'_>) {
    for mut packet in batch {
        packet.data_mut()[..12].rotate_left(6);
        packet.transmit();
    }
}

fn total(engine: &FluxEngine) -> Outcome<QueueStats> {
    Ok(engine.stats()?.total())
}

/// Turns until no frame is under way.
fn at_rest(bench: &Bench<'_>, engine: &mut FluxEngine) -> Outcome {
    bench.until("all home", || {
        engine.poll_once(|_| ())?;
        Ok(engine.umems().all(|umem| umem.census().tx == 0))
    })?;
    for umem in engine.umems() {
        assert_eq!(umem.census().total(), umem.layout().frames());
    }
    Ok(())
}

/// What comes in by A leaves by B and is on A again, round and round; and the other way.
pub(super) fn two_ports(bench: &Bench<'_>) -> Outcome {
    const PACKETS: u32 = 128;
    const AT_A_TIME: u32 = 16;
    const ROUNDS: u32 = 32;
    let mut engine = bench.engine_over(&[A, B], |builder| builder.frames(192))?;
    let sent: Vec<_> = (0..PACKETS).map(|number| bench.packet(A, number)).collect();
    let mut rounds = vec![0; PACKETS as usize];
    for first in (0..PACKETS).step_by(AT_A_TIME as usize) {
        // By turns, so that each port is idle while the other is busy.
        let (side, port) = if (first / AT_A_TIME).is_multiple_of(2) { (A, 0) } else { (B, 1) };
        for number in first..first + AT_A_TIME {
            bench.port(side).inject(&sent[number as usize])?;
        }
        bench.until("round and round", || {
            engine.poll_once(|batch| {
                for packet in batch {
                    let number = number(packet.data()) as usize;
                    assert!(packet.data() == sent[number], "packet {number}");
                    assert_eq!(packet.port(), port, "packet {number}");
                    rounds[number] += 1;
                    match rounds[number] {
                        ..=ROUNDS => packet.forward(1 - port),
                        _ => packet.discard(),
                    }
                }
            })?;
            Ok(rounds[first as usize..][..AT_A_TIME as usize].iter().all(|count| *count > ROUNDS))
        })?;
    }
    assert!(rounds.iter().all(|count| *count == ROUNDS + 1), "each once a round: {rounds:?}");
    at_rest(bench, &mut engine)?;
    let stats = engine.stats()?;
    let half = u64::from(PACKETS / 2);
    for port in &stats.queues {
        assert_eq!(port.rx_packets, half * u64::from(ROUNDS + 1), "{stats}");
        assert_eq!(port.tx_packets, half * u64::from(ROUNDS), "{stats}");
        assert_eq!((port.drops.discarded, port.drops.total()), (half, half), "{stats}");
    }
    Ok(())
}

/// Kept packets, dropped on other threads, in a panic and after the engine is gone.
pub(super) fn drop_anywhere(bench: &Bench<'_>) -> Outcome {
    const FRAMES: u32 = 256;
    let mut sender = bench.open(A, |builder| builder)?;
    let mut engine = bench.engine(B, |builder| builder.frames(FRAMES).fill_size(FRAMES))?;
    let umem = engine.umems().next().cloned();
    let mut held: Vec<Packet> = Vec::new();
    for round in 0..16 {
        let sent = bench.packets(A, round * 48..(round + 1) * 48);
        bench.send(&mut sender, &sent)?;
        bench.until("a panic", || {
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                engine.poll_once(|batch| {
                    // Some kept, one in hand, the others not looked at.
                    let mut packets = batch.into_iter();
                    held.extend(packets.by_ref().take(3).map(PacketRef::keep));
                    let _in_hand = packets.next();
                    resume_unwind(Box::new("in the middle"));
                })
            }));
            Ok(panicked.is_err())
        })?;
        bench.until("the rest", || {
            engine.poll_once(|batch| held.extend(batch.into_iter().map(PacketRef::keep)))?;
            Ok(total(&engine)?.rx_packets >= u64::from(round + 1) * 48)
        })?;
        assert_eq!(held.len(), 47, "round {round}: all but the one in hand");
        for packet in &held {
            let number = number(packet.data());
            assert!(packet.data() == bench.packet(A, number), "packet {number}");
        }
        thread::scope(|scope| {
            for packet in held.drain(..) {
                scope.spawn(move || drop(packet));
            }
        });
    }
    // Not one is missing.
    bench.until("all in hand", || {
        bench.send(&mut sender, &bench.packets(A, 0..1))?;
        engine.poll_once(|batch| held.extend(batch.into_iter().map(PacketRef::keep)))?;
        Ok(held.len() == FRAMES as usize)
    })?;
    drop(engine);
    assert!(held.iter().all(|packet| packet.data() == bench.packet(A, 0)), "after the close");
    thread::scope(|scope| scope.spawn(|| held.clear()).join().expect("a drop that panics"));
    let census = umem.map(|umem| umem.census()).unwrap_or_default();
    assert_eq!((census.user, census.total()), (FRAMES, FRAMES), "{census}");
    Ok(())
}

/// Packets that B has dropped for want of frames.
fn dropped(bench: &Bench<'_>, engine: &FluxEngine) -> Outcome<u64> {
    if engine.granted().any(|granted| granted.zero_copy) {
        return Ok(bench.port(B).counts()?.rx_dropped);
    }
    Ok(total(engine)?.socket.map_or(0, |socket| socket.rx_dropped))
}

/// A callback keeps every frame: traffic is dropped and counted, and flows again when the packets are dropped.
pub(super) fn starve_and_recover(bench: &Bench<'_>) -> Outcome {
    const FRAMES: u32 = 64;
    let fate = bench.fixture().without_frame();
    let mut engine = bench.engine(B, |builder| builder.frames(FRAMES))?;
    let mut sender = bench.open(A, |builder| builder)?;
    for round in 0..starvation::rounds(fate) {
        let (mut held, mut sent): (Vec<Packet>, _) = (Vec::new(), 0);
        let before = dropped(bench, &engine)?;
        bench.until("every frame in hand", || {
            bench.send(&mut sender, &bench.packets(A, 0..1))?;
            sent += 1;
            engine.poll_once(|batch| held.extend(batch.into_iter().map(PacketRef::keep)))?;
            Ok(held.len() == FRAMES as usize)
        })?;
        // What was sent after the last frame was filled, and before we saw that.
        let more = sent - u64::from(FRAMES);
        let before = if fate == Fate::Counted { before + more } else { before };
        bench.until("all received or dropped", || Ok(dropped(bench, &engine)? >= before))?;
        bench.send(&mut sender, &bench.packets(A, 0..WINDOW as u32))?;
        let before = if fate == Fate::Counted { before + WINDOW as u64 } else { before };
        bench.until("dropped", || Ok(dropped(bench, &engine)? >= before))?;
        engine.poll_once(|_| panic!("out of nothing"))?;
        assert!(total(&engine)?.starved > 0, "round {round}");

        drop(held);
        if fate == Fate::Late {
            let mut came = 0;
            bench.until("come late", || {
                engine.poll_once(|batch| came += batch.len() as u64)?;
                Ok(came == more + WINDOW as u64)
            })?;
        } else {
            engine.poll_once(|_| panic!("out of nothing"))?;
        }
        let before = dropped(bench, &engine)?;
        for first in (0..128).step_by(16) {
            let sent = bench.packets(A, first..first + 16);
            bench.send(&mut sender, &sent)?;
            let mut seen = Vec::new();
            bench.until("received again", || {
                engine.poll_once(|batch| {
                    seen.extend(batch.into_iter().map(|packet| packet.data().to_vec()));
                })?;
                Ok(seen.len() >= sent.len())
            })?;
            assert!(seen == sent, "round {round}: flows again");
        }
        assert_eq!(dropped(bench, &engine)?, before, "round {round}");
    }
    at_rest(bench, &mut engine)
}

/// A tx ring that is smaller than a batch: what it has no room for is dropped and counted, or waited for.
pub(super) fn tx_backpressure(bench: &Bench<'_>) -> Outcome {
    const SLOTS: usize = 32;
    let mut peer = bench.open(A, |builder| builder)?;
    for policy in [TxFull::Drop, TxFull::Wait] {
        let engine = bench.engine(B, |builder| builder.frames(512).tx_size(SLOTS as u32))?;
        let mut engine = engine.tx_full(policy);
        for _ in 0..16 {
            let before = bench.both(A)?;
            let stats = total(&engine)?;
            let sent = bench.packets(A, 0..WINDOW as u32);
            bench.send(&mut peer, &sent)?;
            bench.counted(A, before, WINDOW as u64)?;
            let (mut seen, mut surplus) = (0, 0);
            bench.until("seen", || {
                seen += engine.poll_once(|batch| {
                    surplus += batch.len().saturating_sub(SLOTS) as u64;
                    echo(batch);
                })?;
                Ok(seen >= WINDOW)
            })?;
            at_rest(bench, &mut engine)?;
            let now = total(&engine)?;
            let lost = now.drops.tx_full - stats.drops.tx_full;
            assert_eq!(now.drops.total() - stats.drops.total(), lost, "{now}");
            match policy {
                TxFull::Wait => assert_eq!(lost, 0, "{now}"),
                // Of each batch, what a ring that was empty has no room for.
                _ => assert_eq!(lost, surplus, "{now}"),
            }
            let back = bench.receive(&mut peer, WINDOW - lost as usize)?;
            let numbers: Vec<_> = back.iter().map(|packet| number(packet)).collect();
            assert!(numbers.is_sorted(), "in order: {numbers:?}");
            assert_eq!(now.tx_packets - stats.tx_packets, back.len() as u64);
        }
        if policy == TxFull::Drop {
            assert!(total(&engine)?.drops.tx_full > 0, "the ring was never full");
        }
    }
    Ok(())
}

/// A turn makes as many system calls as it must: copying, one for each budget; and none for nothing.
pub(super) fn kicks(bench: &Bench<'_>) -> Outcome {
    let mut peer = bench.open(A, |builder| builder)?;
    let mut engine = bench.engine(B, |builder| builder)?.batch(2048);
    let Some(granted) = engine.granted().next().cloned() else { panic!("no queue") };
    let budget = granted.tx_budget.unwrap_or(BUDGET);
    // Together fewer than the rings have slots, so that each is one batch.
    for count in [1, 2, budget - 1, budget, budget + 1, budget + 8] {
        let mut left = count;
        while left > 0 {
            let few = left.min(WINDOW as u32);
            let before = bench.both(A)?;
            let packets: Vec<_> = (0..few).map(|number| bench.packet_of(A, number, 60)).collect();
            bench.send(&mut peer, &packets)?;
            bench.counted(A, before, few.into())?;
            left -= few;
        }
        let before = total(&engine)?;
        let mut batches = Vec::new();
        bench.until("seen", || {
            engine.poll_once(|batch| {
                batches.push(batch.len() as u32);
                echo(batch);
            })?;
            Ok(batches.iter().sum::<u32>() >= count)
        })?;
        let kicks = total(&engine)?.kicks - before.kicks;
        if granted.zero_copy {
            assert!(kicks <= 2 * batches.len() as u64, "{kicks} for batches of {batches:?}");
        } else {
            let least: u32 = batches.iter().map(|count| count.div_ceil(budget)).sum();
            let most = if granted.tx_budget.is_some() { least } else { 2 * least };
            let few = u64::from(least)..=u64::from(most);
            assert!(few.contains(&kicks), "{kicks} for batches of {batches:?}");
        }
        at_rest(bench, &mut engine)?;
        let idle = total(&engine)?;
        for _ in 0..16 {
            engine.poll_once(|_| panic!("nothing was sent"))?;
        }
        assert_eq!(total(&engine)?.kicks, idle.kicks, "for nothing");
        // No more at a time than the peer's queues hold.
        let back = bench.receive_some(&mut peer, count.min(WINDOW as u32) as usize)?;
        assert!(!back.is_empty());
        while peer.rx.occupancy() > 0 {
            let ready = peer.rx.occupancy() as usize;
            bench.receive_some(&mut peer, ready)?;
        }
    }
    Ok(())
}

/// Stops a loop however the thread that waits for it ends.
struct StopAtEnd(StopHandle);

impl Drop for StopAtEnd {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// No packet waits for ever: whether the loop spins, sleeps, or has just fallen asleep.
pub(super) fn pollers(bench: &Bench<'_>) -> Outcome {
    for poller in [Poller::Busy, Poller::Wait, Poller::Adaptive] {
        let mut peer = bench.open(A, |builder| builder)?;
        let mut engine = bench.engine(B, |builder| builder)?.poller(poller);
        let stop = StopAtEnd(engine.stop_handle());
        let live = bench.fixture().world().map(World::run_live);
        thread::scope(|scope| {
            let stop = stop;
            let thread = scope.spawn(move || {
                engine.run(echo)?;
                Ok(engine)
            });
            let sent = (0..100).try_for_each(|number| -> Outcome {
                bench
                    .fixture()
                    .settle(Duration::from_micros([0, 10, 60, 3000][number as usize % 4]));
                let packet = bench.packet(A, number);
                let started = Instant::now();
                bench.send(&mut peer, std::slice::from_ref(&packet))?;
                let back = bench.receive(&mut peer, 1)?;
                assert!(back[0][12..] == packet[12..], "{poller:?}, packet {number}");
                assert!(started.elapsed() < SOON, "{poller:?}, packet {number}");
                Ok(())
            });
            drop(stop);
            // If the loop has ended by itself, that is why nothing came back.
            let stats = total(&joined(thread)?)?;
            if let Err(Stop::Failed(why)) = sent {
                return Err(Stop::failed(format!("{poller:?}: {why}; B by then: {stats}")));
            }
            assert_eq!(stats.tx_packets, 100, "{poller:?}: {stats}");
            sent
        })?;
        drop(live);
    }
    Ok(())
}

//! Too few frames, and too little room.

use std::mem;

use fluxcapacitor::ring::PushError;
use fluxcapacitor::umem::{Frame, Segment};

use crate::bench::Bench;
use crate::fixture::Fate;
use crate::fixture::Side::{A, B};
use crate::traffic::{QUIET, WINDOW};
use crate::verdict::Outcome;

/// How often a port can be starved.
///
/// igb reads on behind its last frame where it was given fewer than it asked for: `igb_alloc_rx_buffers_zc` leaves an
/// old length in the next descriptor, and `igb_clean_rx_irq_zc` goes by that alone. It shows packets in frames that
/// it does not have then, none of which is let in, and stops. Its ring is new with each program, and has no
/// old lengths before its 256 descriptors are used up: that is one round.
pub(super) fn rounds(fate: Fate) -> u32 {
    if fate == Fate::Lost { 1 } else { 4 }
}

/// The application holds every frame: traffic is dropped and counted, or comes late, and flows again as soon as
/// frames are posted.
pub(super) fn starve_and_recover(bench: &Bench<'_>) -> Outcome {
    const FRAMES: u32 = 64;
    let mut receiver = bench.open(B, |builder| builder.frames(FRAMES))?;
    let mut sender = bench.open(A, |builder| builder)?;
    let (mut dropped, fate) = (0, bench.fixture().without_frame());
    for round in 0..rounds(fate) {
        let mut packets: Vec<Segment> = Vec::new();
        let mut idle: Vec<Frame> = Vec::new();
        let mut number = 0;
        bench.until("every frame in hand", || {
            idle.extend(receiver.pool.drain());
            bench.send(&mut sender, &[bench.packet(A, number)])?;
            number += 1;
            packets.extend(receiver.rx.receive(FRAMES)?);
            Ok(packets.len() + idle.len() == FRAMES as usize)
        })?;
        assert_eq!(receiver.census().user, FRAMES);
        // What was sent after the last frame was filled, and before we saw that.
        let more = u64::from(number) - packets.len() as u64;
        dropped += if fate == Fate::Counted { more } else { 0 };
        bench.until("all received or dropped", || Ok(bench.dropped(B, &receiver)? == dropped))?;

        let before = bench.both(A)?;
        bench.send(&mut sender, &bench.packets(A, 0..WINDOW as u32))?;
        if !receiver.granted().zero_copy {
            bench.counted(A, before, WINDOW as u64)?;
        }
        dropped += if fate == Fate::Counted { WINDOW as u64 } else { 0 };
        bench.until("dropped", || Ok(bench.dropped(B, &receiver)? >= dropped))?;
        assert_eq!(bench.dropped(B, &receiver)?, dropped, "round {round}");
        if fate == Fate::Lost {
            bench.fixture().settle(QUIET);
        }
        assert_eq!(receiver.rx.occupancy(), 0, "out of nothing");
        for (packet, number) in packets.iter().zip(0..) {
            assert_eq!(receiver.umem.packet(packet)?, bench.packet(A, number), "written over");
        }

        receiver.pool.give_all(packets.into_iter().map(Segment::into_frame).chain(idle))?;
        assert!(receiver.refill()? > 0);
        if fate == Fate::Late {
            let came = bench.receive(&mut receiver, more as usize + WINDOW)?;
            let sent = bench.packets(A, number - more as u32..number);
            assert!(came[..sent.len()] == sent, "round {round}: late, and in order");
            assert!(came[sent.len()..] == bench.packets(A, 0..WINDOW as u32), "round {round}");
        }
        let again = bench.packets(A, round * 128..(round + 1) * 128);
        // Fewer at a time than are posted.
        for few in again.chunks(16) {
            bench.cross((A, &mut sender), &mut receiver, few)?;
        }
        assert_eq!(bench.dropped(B, &receiver)?, dropped, "round {round}: flows again");
    }
    Ok(())
}

/// A full tx ring hands packets back as they are; completions make room.
pub(super) fn tx_backpressure(bench: &Bench<'_>) -> Outcome {
    const SLOTS: u32 = 32;
    let mut receiver = bench.open(B, |builder| builder)?;
    let mut sender = bench.open(A, |builder| {
        builder.frames(256).fill_size(64).tx_size(SLOTS).completion_size(SLOTS)
    })?;
    let all = bench.packets(A, 0..1024);
    let (mut next, mut refusals, mut back) = (0, 0, None);
    let (mut completed, mut received) = (0, Vec::new());
    bench.until("all across", || {
        // As many as go in, and one more: what is handed back goes first the next time.
        while next < all.len() && next - received.len() < WINDOW {
            let packet = match mem::take(&mut back) {
                Some(packet) => packet,
                None => {
                    let Some(frame) = sender.pool.take() else { panic!("frames are gone") };
                    sender.umem.write(frame, &all[next])?
                }
            };
            match sender.tx.push(packet) {
                Ok(()) => next += 1,
                Err(PushError::Full(packet)) => {
                    assert_eq!(sender.umem.packet(&packet)?, all[next], "handed back changed");
                    assert_eq!(sender.tx.room()?, 0);
                    refusals += 1;
                    back = Some(packet);
                    break;
                }
                Err(refused) => return Err(refused.into()),
            }
        }
        sender.flush()?;
        completed += sender.reclaim()? as usize;
        bench.conserved(&sender)?;
        let ready = receiver.rx.occupancy() as usize;
        received.extend(bench.receive_some(&mut receiver, ready)?);
        Ok(received.len() == all.len() && completed == all.len())
    })?;
    assert!(received == all, "in another order, or with other bytes");
    assert!(refusals > 0, "the ring was never full");
    assert_eq!(sender.census().tx, 0);
    Ok(())
}

//! Packets in hand, dropped where nobody expects it.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::channel;
use std::thread;

use fluxcapacitor::FluxRaw;
use fluxcapacitor::umem::Segment;

use crate::bench::Bench;
use crate::fixture::Side::{A, B};
use crate::verdict::Outcome;

pub(super) fn anywhere(bench: &Bench<'_>) -> Outcome {
    let mut receiver = bench.open(B, |builder| builder.frames(512).fill_size(256).rx_size(256))?;
    let mut sender = bench.open(A, |builder| builder)?;
    let sent = bench.packets(A, 0..48);
    bench.send(&mut sender, &sent)?;
    bench.until("received", || Ok(receiver.rx.occupancy() == 48))?;

    left_in_the_ring(&mut receiver, &sent)?;
    assert_eq!(receiver.rx.occupancy(), 45, "three were taken");
    given_back_by_others(&mut receiver, &sent[3..])?;
    bench.conserved(&receiver)?;

    // Dropped, on another thread: lost to the lane, and to it alone.
    let doomed: Vec<Segment> = receiver.rx.receive(8)?.collect();
    let (user, lost) = (receiver.census().user, 1 + doomed.len());
    thread::scope(|scope| scope.spawn(move || drop(doomed)).join().expect("a drop that panics"));
    assert_eq!(receiver.census().user, user);
    assert_eq!(user as usize, receiver.pool.len() + lost, "no more than those");
    bench.conserved(&receiver)?;
    bench.cross_rest(&mut receiver, &sent[19..])?;
    bench.cross((A, &mut sender), &mut receiver, &bench.packets(A, 100..612))?;

    // In hand over the close: as they were, and dropped on another thread then.
    bench.send(&mut sender, &sent[..32])?;
    bench.until("received", || Ok(receiver.rx.occupancy() == 32))?;
    let held: Vec<Segment> = receiver.rx.receive(16)?.collect();
    let umem = receiver.umem.clone();
    let (user, frames) = (receiver.census().user, receiver.granted().frames);
    drop(receiver);
    for (packet, sent) in held.iter().zip(&sent) {
        assert_eq!(umem.packet(packet)?, sent, "written over");
    }
    let census = umem.census();
    assert_eq!((census.user, census.retired), (user, frames - user), "{census}");
    let (before, umem) = (census, umem);
    let after = thread::scope(|scope| {
        let dropping = scope.spawn(move || {
            drop(held);
            let census = umem.census();
            drop(umem);
            census
        });
        dropping.join().expect("a drop that panics")
    });
    assert_eq!(after, before);

    let mut again = bench.open(B, |builder| builder)?;
    bench.cross((A, &mut sender), &mut again, &bench.packets(A, 0..256))
}

/// A batch that is left, or a callback that panics, leaves the rest in the ring. Takes three packets,
/// of which it loses one.
fn left_in_the_ring(receiver: &mut FluxRaw, sent: &[Vec<u8>]) -> Outcome {
    let ready = receiver.rx.occupancy();
    let mut batch = receiver.rx.receive(16)?;
    let (first, second) = (batch.next(), batch.next());
    drop(batch);
    assert_eq!(receiver.rx.occupancy(), ready - 2, "14 went back");
    for (packet, sent) in [first, second].into_iter().flatten().zip(sent) {
        assert_eq!(receiver.umem.packet(&packet)?, sent);
        receiver.pool.give(packet.into_frame())?;
    }

    let FluxRaw { rx, fill, .. } = &mut *receiver;
    let panic = catch_unwind(AssertUnwindSafe(|| {
        rx.recycle(fill, 16, |_| resume_unwind(Box::new("in the middle")))
    }));
    assert!(panic.is_err(), "swallowed");
    assert_eq!(receiver.rx.occupancy(), ready - 2, "what it was to look at is there still");

    // A packet in hand when the loop over its batch is left by a panic.
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let mut batch = receiver.rx.receive(16).expect("an honest ring");
        let packet = batch.next();
        if packet.as_ref().is_some_and(|packet| !packet.is_empty()) {
            resume_unwind(Box::new("with a packet in hand"));
        }
    }));
    assert!(panic.is_err(), "no packet");
    Ok(())
}

/// Other threads look at packets and send the frames back.
fn given_back_by_others(receiver: &mut FluxRaw, sent: &[Vec<u8>]) -> Outcome {
    let FluxRaw { rx, pool, umem, .. } = receiver;
    let packets: Vec<Segment> = rx.receive(8)?.collect();
    let (before, count) = (pool.len(), packets.len());
    let (back, home) = channel();
    thread::scope(|scope| {
        for (packet, sent) in packets.into_iter().zip(sent) {
            let (back, umem) = (back.clone(), &*umem);
            scope.spawn(move || {
                let same = umem.packet(&packet).is_ok_and(|bytes| bytes == sent);
                back.send((packet.into_frame(), same)).expect("somebody waits for it");
            });
        }
    });
    drop(back);
    for (frame, same) in home {
        assert!(same, "another thread sees other bytes");
        pool.give(frame)?;
    }
    assert_eq!(pool.len(), before + count);
    Ok(())
}

impl Bench<'_> {
    /// What is in the ring already comes, in order.
    fn cross_rest(&self, receiver: &mut FluxRaw, sent: &[Vec<u8>]) -> Outcome {
        let rest = self.receive(receiver, receiver.rx.occupancy() as usize)?;
        assert!(rest == sent[sent.len() - rest.len()..], "the rest, in order");
        Ok(())
    }
}

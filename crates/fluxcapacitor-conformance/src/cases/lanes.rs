//! Lanes that are closed and opened, again and again, on one UMEM.

use std::thread;

use fluxcapacitor::hook::Hook;
use fluxcapacitor::umem::{FramePool, Layout, PageSize, UmemRegion};

use super::reconnect::{FRAMES, closed};
use crate::bench::Bench;
use crate::fixture::Fate;
use crate::fixture::Side::{A, B};
use crate::run::joined;
use crate::verdict::{Outcome, Reason, Stop};

/// How many queues are opened and closed at a time: mostly, each waits for the kernel's readers to pass.
const THREADS: u32 = 4;

/// In generic mode the last rx queue is beyond reach.
const QUEUES: u32 = THREADS + 1;

/// On all of them together.
const CYCLES: u32 = 1000;

/// Lanes of one UMEM, one after another: what the kernel had at the close of one comes home when the
/// next has the queue. A thousand in all, on several queues at a time.
pub(super) fn lanes(bench: &Bench<'_>) -> Outcome {
    let hook = &bench.port(B).hook()?;
    if !bench.backend().is_kernel() {
        // Nobody waits there, and the time of a world has one mover.
        return lanes_on(bench, hook, (leads_to(bench, 0), 0), CYCLES);
    }
    thread::scope(|scope| {
        let one = |queue| {
            let queues = (leads_to(bench, queue), queue);
            scope.spawn(move || lanes_on(bench, hook, queues, CYCLES / THREADS))
        };
        let threads: Vec<_> = (0..THREADS).map(one).collect();
        threads.into_iter().try_for_each(joined)
    })
}

/// The same on one queue, the only one that packets come to on some ports.
pub(super) fn one_queue(bench: &Bench<'_>) -> Outcome {
    if bench.fixture().without_frame() == Fate::Lost {
        // Taken over, igb's ring has the lengths of the last owner's packets in it, and with hardly a frame to fill it,
        // since most are retired by then, the driver goes by those (`starvation::rounds`): it stops after a few.
        return Err(Stop::NotRun(Reason::Driver));
    }
    let queue = bench.fixture().arrives_at(0);
    // There are drivers that send for a socket only where there is a program.
    let _senders = bench.port(A).hook()?;
    lanes_on(bench, &bench.port(B).hook()?, (0, queue), CYCLES / THREADS)
}

/// The last tx queue that leads to an rx queue.
fn leads_to(bench: &Bench<'_>, queue: u32) -> u32 {
    let tx_queue = (0..QUEUES).rfind(|tx| bench.fixture().arrives_at(*tx) == queue);
    tx_queue.unwrap_or_else(|| panic!("nothing arrives at queue {queue}"))
}

fn lanes_on(bench: &Bench<'_>, hook: &Hook, (tx_queue, queue): (u32, u32), cycles: u32) -> Outcome {
    let (from, to) = (bench.port(A), bench.port(B));
    let (sender_umem, mut sender_pool) = memory(bench)?;
    let mut sender = from.open_lane(tx_queue, &sender_umem, &mut sender_pool, None)?;

    let (umem, mut pool) = memory(bench)?;
    let mut held = None;
    for cycle in 0..cycles {
        let mut lane = to.open_lane(queue, &umem, &mut pool, None)?;
        let census = umem.census();
        assert_eq!((census.total(), census.retired), (FRAMES, 0), "cycle {cycle}: {census}");
        let in_hand = pool.len() + usize::from(held.is_some());
        assert_eq!(census.user as usize, in_hand, "cycle {cycle}: {census}");
        // What was in hand over the close is as it was; and goes out with this lane.
        if let Some((packet, sent)) = held.take() {
            assert!(umem.packet(&packet)? == sent, "cycle {cycle}: written over");
            lane.rings.tx.push(packet)?;
            lane.rings.tx.publish();
            lane.socket.kick_tx()?;
        }
        hook.map().insert_socket(queue, &*lane.socket)?;

        let sent = bench.packet(A, cycle);
        sender.rings.completion.reclaim(&mut sender_pool, u32::MAX)?;
        let Some(frame) = sender_pool.take() else { panic!("the sender has no frame left") };
        sender.rings.tx.push(sender_umem.write(frame, &sent)?)?;
        sender.rings.tx.publish();
        sender.socket.kick_tx()?;
        let received = format!("received in cycle {cycle}");
        bench.until(&received, || Ok(lane.rings.rx.occupancy() > 0))?;
        held = lane.rings.rx.pop()?.map(|packet| (packet, sent));
        assert!(held.is_some());
        // Closed with frames in every ring.
        drop(lane);
        closed(&umem)?;
    }
    let _lane = to.open_lane(queue, &umem, &mut pool, None)?;
    assert_eq!(umem.census().retired, 0, "all came home");
    Ok(())
}

fn memory(bench: &Bench<'_>) -> Outcome<(UmemRegion, FramePool)> {
    let (umem, pool) =
        UmemRegion::new(Layout::new(bench.port(B).frame_size(), FRAMES, 0)?, PageSize::Base)?;
    bench.watch(&umem);
    Ok((umem, pool))
}

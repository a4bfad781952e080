//! Close and open, again and again: no frame is lost, and what is in hand stays as it is.

use std::io;
use std::thread;

use fluxcapacitor::FluxBuilder;
use fluxcapacitor::hook::{Attach, AttachMode, Hook, Interface};
use fluxcapacitor::raw::{Interest, Waited};
use fluxcapacitor::ring::RingSizes;
use fluxcapacitor::umem::{FramePool, Layout, PageSize, UmemRegion};
use fluxcapacitor_core::sys::lane::{self, LaneOptions, OpenLane};
use fluxcapacitor_core::sys::socket::BindMode;
use fluxcapacitor_testbed::End;

use crate::bench::Bench;
use crate::fixture::Side::{A, B};
use crate::run::joined;
use crate::traffic::SOON;
use crate::verdict::Outcome;

/// How many queues are opened and closed at a time: mostly, each waits for the kernel's readers to pass.
const THREADS: u32 = 4;

/// In generic mode the last rx queue is beyond reach.
pub(super) const QUEUES: u32 = THREADS + 1;

/// On each of them.
const CYCLES: u32 = 250;

const FRAMES: u32 = 64;

/// How many frames are not posted.
const RESERVE: u32 = 32;

/// Whole sockets, with a packet in hand over each close.
pub(super) fn sockets(bench: &Bench<'_>) -> Outcome {
    let mut held = None;
    // A kernel takes its time to attach a program and to take it off.
    let cycles = if bench.backend().is_kernel() { 100 } else { 1000 };
    for cycle in 0..cycles {
        let small = |builder: FluxBuilder| {
            builder.frames(FRAMES).fill_size(32).rx_size(32).tx_size(32).completion_size(32)
        };
        // Not by way of the bench, which would keep the memory of them all.
        let mut raw = bench.port(B).build(small(bench.port(B).builder()))?;
        let sent = bench.packet(A, cycle);
        bench.port(B).inject(&sent)?;
        assert_eq!(raw.wait(Interest::Rx, SOON)?, Waited::Ready, "cycle {cycle}");
        let Some(packet) = raw.rx.pop()? else { panic!("it was there a moment ago") };
        bench.send(&mut raw, &[bench.packet(B, cycle)])?;
        let umem = raw.umem.clone();
        drop(raw);
        closed(&umem)?;
        if let Some((umem, packet, sent)) = held.replace((umem, packet, sent)) {
            let umem: UmemRegion = umem;
            assert!(umem.packet(&packet)? == sent, "cycle {cycle}: written over after the close");
        }
    }
    assert!(!bench.port(B).has_program()?);
    Ok(())
}

/// No lane is open: frames are with the user or retired, and the kernel had some.
fn closed(umem: &UmemRegion) -> Outcome {
    let census = umem.census();
    assert_eq!((census.total(), census.rx + census.tx), (FRAMES, 0), "{census}");
    assert!(census.retired > 0, "{census}: what the kernel had is not ours before it says so");
    Ok(())
}

/// Lanes of one UMEM, one after another: what the kernel had at the close of one comes home when the
/// next has the queue. A thousand in all, on several queues at a time.
pub(super) fn lanes(bench: &Bench<'_>) -> Outcome {
    let (from, to) = (bench.kernel(A)?, bench.kernel(B)?);
    let hook = &hook(bench, to)?;
    thread::scope(|scope| {
        let one = |queue| scope.spawn(move || lanes_on(bench, hook, from, to, queue));
        let threads: Vec<_> = (0..THREADS).map(one).collect();
        threads.into_iter().try_for_each(joined)
    })
}

fn lanes_on(bench: &Bench<'_>, hook: &Hook, from: &End, to: &End, queue: u32) -> Outcome {
    let (sender_umem, mut sender_pool) = memory(bench)?;
    let tx_queue = (0..QUEUES).rfind(|tx| bench.fixture().arrives_at(*tx) == queue);
    let Some(tx_queue) = tx_queue else { panic!("nothing arrives at queue {queue}") };
    let mut sender = open(from, tx_queue, &sender_umem, &mut sender_pool)?;

    let (umem, mut pool) = memory(bench)?;
    let mut held = None;
    for cycle in 0..CYCLES {
        let mut lane = open(to, queue, &umem, &mut pool)?;
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
        hook.map().insert(queue, &lane.socket)?;

        let sent = bench.packet(A, cycle);
        sender.rings.completion.reclaim(&mut sender_pool, u32::MAX)?;
        let Some(frame) = sender_pool.take() else { panic!("the sender has no frame left") };
        sender.rings.tx.push(sender_umem.write(frame, &sent)?)?;
        sender.rings.tx.publish();
        sender.socket.kick_tx()?;
        bench.until("received", || Ok(lane.rings.rx.occupancy() > 0))?;
        held = lane.rings.rx.pop()?.map(|packet| (packet, sent));
        assert!(held.is_some());
        // Closed with frames in every ring.
        drop(lane);
        closed(&umem)?;
    }
    let _lane = open(to, queue, &umem, &mut pool)?;
    assert_eq!(umem.census().retired, 0, "all came home");
    Ok(())
}

fn memory(bench: &Bench<'_>) -> Outcome<(UmemRegion, FramePool)> {
    let (umem, pool) = UmemRegion::new(Layout::new(2048, FRAMES, 0)?, PageSize::Base)?;
    bench.watch(&umem);
    Ok((umem, pool))
}

/// The program on the port, in the mode that the backend stands for.
fn hook(bench: &Bench<'_>, end: &End) -> Outcome<Hook> {
    let socket = bench.open(B, |builder| builder)?;
    let attach = match socket.granted().attach {
        Some(AttachMode::Generic) => Attach::Generic,
        _ => Attach::Native,
    };
    drop(socket);
    let attach = || Hook::attach(&Interface::by_name(end.name())?, attach).map_err(io::Error::from);
    Ok(end.namespace().run(attach)??)
}

fn open(end: &End, queue: u32, umem: &UmemRegion, pool: &mut FramePool) -> Outcome<OpenLane> {
    let options = LaneOptions {
        interface: end.name(),
        driver: "veth",
        ifindex: end.index(),
        queue,
        sizes: RingSizes { fill: 32, rx: 32, tx: 32, completion: 32 },
        mode: BindMode { zero_copy: false, need_wakeup: true },
        tx_reserve: RESERVE,
    };
    Ok(end.namespace().run(|| lane::open(umem, pool, options))??)
}

//! Several lanes over one UMEM: a frame received on one leaves on another, and comes home.

use fluxcapacitor::Error;
use fluxcapacitor::umem::{Layout, PageSize, UmemRegion};
use fluxcapacitor_core::backend::Backend;
use fluxcapacitor_core::lane::OpenLane;

use crate::bench::Bench;
use crate::fixture::Side::{A, B};
use crate::verdict::Outcome;

const FRAMES: u32 = 192;

const PACKETS: u32 = 256;

/// Received on A, sent on B: the very frame, without a copy; and over the link it comes to A again.
pub(super) fn two_ports(bench: &Bench<'_>) -> Outcome {
    let (umem, mut pool) =
        UmemRegion::new(Layout::new(bench.port(B).frame_size(), FRAMES, 0)?, PageSize::Base)?;
    bench.watch(&umem);
    let mut a = bench.port(A).open_lane(0, &umem, &mut pool, None)?;
    let mut b = bench.port(B).open_lane(0, &umem, &mut pool, Some(&*a.socket))?;
    let hook = bench.port(A).hook()?;
    hook.map().insert_socket(0, &*a.socket)?;
    // There are drivers that send for a socket only where there is a program.
    let _other = bench.port(B).hook()?;

    for number in 0..PACKETS {
        let sent = bench.packet(B, number);
        bench.port(A).inject(&sent)?;
        let index = forward(bench, &umem, &mut a, &mut b, &sent)?;
        bench.until("on A again", || Ok(a.rings.rx.occupancy() > 0))?;
        let Some(again) = a.rings.rx.pop()? else { panic!("it was there a moment ago") };
        assert!(umem.packet(&again)? == sent, "packet {number}");
        assert_ne!(again.frame().index(), index, "in a frame that is elsewhere");
        post(bench, &mut a, again.into_frame())?;
    }
    assert_eq!(umem.census().tx, 0, "all came home");
    Ok(())
}

/// Received on one queue, sent on the other.
pub(super) fn two_queues(bench: &Bench<'_>) -> Outcome {
    let memory = || -> Outcome<_> {
        let made =
            UmemRegion::new(Layout::new(bench.port(B).frame_size(), FRAMES, 0)?, PageSize::Base)?;
        bench.watch(&made.0);
        Ok(made)
    };
    let (umem, mut pool) = memory()?;
    let mut first = bench.port(B).open_lane(0, &umem, &mut pool, None)?;
    let mut second = bench.port(B).open_lane(1, &umem, &mut pool, Some(&*first.socket))?;
    let hook = bench.port(B).hook()?;
    hook.map().insert_socket(0, &*first.socket)?;
    hook.map().insert_socket(1, &*second.socket)?;
    refused(bench, &umem, &*first.socket)?;

    // A host's packets come to any queue; those of a socket to the one that its queue leads to.
    let Some(queue) = (0..2).find(|queue| bench.fixture().arrives_at(*queue) == 0) else {
        panic!("nothing arrives at queue 0")
    };
    let mut sender = bench.open(A, |builder| builder.queue(queue))?;
    let before = bench.port(B).counts()?.tx_packets;
    for number in 0..PACKETS {
        let sent = bench.packet(A, number);
        bench.send(&mut sender, std::slice::from_ref(&sent))?;
        forward(bench, &umem, &mut first, &mut second, &sent)?;
    }
    bench.until("counted", || Ok(bench.port(B).counts()?.tx_packets - before >= PACKETS.into()))?;
    assert_eq!(umem.census().tx, 0, "all came home");
    Ok(())
}

/// Takes the packet that has come `from` one lane to another, `to` be sent there, and its frame back to where
/// it was received; gives the number of the frame.
fn forward(
    bench: &Bench<'_>,
    umem: &UmemRegion,
    from: &mut OpenLane,
    to: &mut OpenLane,
    sent: &[u8],
) -> Outcome<u32> {
    bench.until("received", || Ok(from.rings.rx.occupancy() > 0))?;
    let Some(packet) = from.rings.rx.pop()? else { panic!("it was there a moment ago") };
    assert!(umem.packet(&packet)? == sent);
    let index = packet.frame().index();
    to.rings.tx.push(packet)?;
    to.rings.tx.publish();
    to.socket.kick_tx()?;
    bench.until("completed", || Ok(to.rings.completion.occupancy() > 0))?;
    let Some(frame) = to.rings.completion.pop()? else { panic!("it is no frame of ours") };
    assert_eq!(frame.index(), index, "it left in another frame");
    post(bench, from, frame)?;
    Ok(index)
}

/// Posts a frame; a kernel may give the slot of a frame back a moment after it has shown the packet.
fn post(bench: &Bench<'_>, lane: &mut OpenLane, frame: fluxcapacitor::umem::Frame) -> Outcome {
    bench.until("room", || Ok(lane.rings.fill.room()? > 0))?;
    lane.rings.fill.push(frame)?;
    lane.rings.fill.publish();
    if lane.rings.fill.needs_wakeup() {
        lane.socket.kick_rx()?;
    }
    Ok(())
}

/// Another UMEM cannot share, nor can the same queue have two sockets.
fn refused(bench: &Bench<'_>, umem: &UmemRegion, first: &dyn Backend) -> Outcome {
    let (other, mut others) =
        UmemRegion::new(Layout::new(bench.port(B).frame_size(), FRAMES, 0)?, PageSize::Base)?;
    let foreign = bench.port(A).open_lane(0, &other, &mut others, Some(first));
    assert!(matches!(foreign, Err(Error::Foreign)), "{foreign:?}");
    let mut none = fluxcapacitor::umem::FramePool::new(umem);
    let twice = bench.port(B).open_lane(0, umem, &mut none, Some(first));
    assert!(twice.is_err(), "two sockets on one queue: {twice:?}");
    Ok(())
}

//! Descriptors that the kernel would not take: safe code cannot submit them.

use fluxcapacitor::FluxRaw;
use fluxcapacitor::ring::{Descriptor, LaneRings, PushError, RingSizes, XDP_PKT_CONTD};
use fluxcapacitor::umem::{Frame, Layout, NoSegment, PageSize, Segment, UmemRegion};

use crate::bench::Bench;
#[cfg(fluxcap_doors)]
use crate::expected::Kernel;
use crate::fixture::Side::{A, B};
use crate::traffic::QUIET;
use crate::verdict::Outcome;

pub(super) fn aligned(bench: &Bench<'_>) -> Outcome {
    refused_and_skipped(bench, 4096)
}

pub(super) fn aligned_2k(bench: &Bench<'_>) -> Outcome {
    refused_and_skipped(bench, 2048)
}

fn refused_and_skipped(bench: &Bench<'_>, frame_size: u32) -> Outcome {
    // So many frames that both fill rings have room.
    let mut receiver = bench.open(B, |builder| builder.frame_size(frame_size).frames(1024))?;
    let mut sender = bench.open(A, |builder| builder.frame_size(frame_size).frames(1024))?;
    let before = bench.both(A)?;

    refused(&mut sender, frame_size)?;
    sender.flush()?;
    assert_eq!(sender.tx.occupancy(), 0, "something got in");
    assert_eq!(bench.receive_until(&mut receiver, 1, QUIET)?.len(), 0, "something was sent");
    assert_eq!(sender.statistics()?.tx_invalid_descs, 0);
    bench.counted(A, before, 0)?;
    bench.conserved(&sender)?;

    #[cfg(fluxcap_doors)]
    forged(bench, &mut sender, &mut receiver)?;
    let _said = bench.doors_are_open();
    bench.cross((A, &mut sender), &mut receiver, &bench.packets(A, 0..256))
}

fn take(raw: &mut FluxRaw) -> Frame {
    raw.pool.take().expect("the pool is empty")
}

/// Each is handed back, and its frame is as good as before.
fn refused(raw: &mut FluxRaw, frame_size: u32) -> Outcome {
    let all = raw.pool.len();
    for (start, len) in [(0, frame_size + 1), (frame_size, 1), (1, u32::MAX), (u32::MAX, 1)] {
        let frame = take(raw);
        match raw.umem.segment(frame, start, len) {
            Err(NoSegment(frame)) => raw.pool.give(frame)?,
            Ok(segment) => panic!("{len} bytes from {start} on: {segment:?}"),
        }
    }
    let too_long = vec![0; frame_size as usize + 1];
    let frame = take(raw);
    match raw.umem.write(frame, &too_long) {
        Err(NoSegment(frame)) => raw.pool.give(frame)?,
        Ok(segment) => panic!("{segment:?}"),
    }

    let frame = take(raw);
    let empty = raw.umem.segment(frame, 0, 0)?;
    match raw.tx.push(empty) {
        Err(PushError::Empty(packet)) => raw.pool.give(packet.into_frame())?,
        pushed => panic!("a packet of no bytes: {pushed:?}"),
    }

    let frame = take(raw);
    let open_end = continued(&raw.umem, frame)?;
    match raw.tx.push(open_end) {
        Err(PushError::Continued(packet)) => raw.pool.give(packet.into_frame())?,
        pushed => panic!("half a packet: {pushed:?}"),
    }

    let layout = Layout::new(frame_size, 1, 0)?;
    let (theirs, mut pool) = UmemRegion::new(layout, PageSize::Base)?;
    let frame = pool.take().expect("one frame");
    match raw.tx.push(theirs.segment(frame, 0, 60)?) {
        Err(PushError::Foreign(packet)) => match raw.fill.push(packet.into_frame()) {
            Err(PushError::Foreign(frame)) => pool.give(frame)?,
            pushed => panic!("a frame of another UMEM: {pushed:?}"),
        },
        pushed => panic!("a packet of another UMEM: {pushed:?}"),
    }
    assert_eq!((raw.pool.len(), pool.len()), (all, 1), "all were handed back");
    Ok(())
}

/// A packet that goes on in another segment, as only a peer can make one.
fn continued(umem: &UmemRegion, frame: Frame) -> Outcome<Segment> {
    let sizes = RingSizes { fill: 2, rx: 2, tx: 2, completion: 2 };
    let (mut lane, mut peer) = LaneRings::on_heap(umem, sizes, 0)?;
    lane.fill.push(frame)?;
    lane.fill.publish();
    let addr = peer.fill.pop()?.expect("one was posted");
    let pushed = peer.rx.push(Descriptor { addr, len: 60, options: XDP_PKT_CONTD })?;
    assert_eq!(pushed, Ok(()));
    peer.rx.publish();
    let segment = lane.rx.pop()?.expect("one was received");
    assert!(segment.continues());
    Ok(segment)
}

/// What no safe code can write is skipped and counted, and what stands around it is sent.
#[cfg(fluxcap_doors)]
fn forged(bench: &Bench<'_>, sender: &mut FluxRaw, receiver: &mut FluxRaw) -> Outcome {
    let layout = sender.umem.layout();
    let (frame_size, end) = (u64::from(layout.frame_size()), layout.bytes() as u64);
    let bad = [
        (end, 60),
        (end + 4096, 60),
        (u64::MAX - 30, 60),
        (end - 30, 60),
        (0, 0),
        (0, layout.frame_size() + 1),
        (frame_size - 30, 60),
        (1, u32::MAX),
    ];
    bench.forged(bad.len() as u64);
    let before = bench.both(A)?;
    let mut sent = Vec::new();
    for (number, (addr, len)) in (0..).zip(bad) {
        assert!(sender.tx.forge(Descriptor { addr, len, options: 0 }), "no room");
        let packet = bench.packet(A, number);
        let frame = take(sender);
        sender.tx.push(sender.umem.write(frame, &packet)?)?;
        sent.push(packet);
    }
    let mut completed = 0;
    bench.until("all completed", || {
        sender.flush()?;
        completed += sender.reclaim()? as usize;
        Ok(completed == sent.len() && sender.tx.occupancy() == 0)
    })?;
    assert!(bench.receive(receiver, sent.len())? == sent);
    bench.counted(A, before, sent.len() as u64)?;
    // Until Linux 6.6 one of no bytes was sent.
    let takes_empty = bench.backend().is_kernel()
        && Kernel::of_this_machine().is_some_and(|kernel| kernel < Kernel::new(6, 6));
    let refused = bad.len() - usize::from(takes_empty);
    assert_eq!(sender.statistics()?.tx_invalid_descs, refused as u64);
    let completed = sender.completion.rejected();
    bench
        .note(format!("{completed} of {} forged descriptors were completed, none sent", bad.len()));

    // In the fill ring: passed over, and packets come in the frames behind it.
    let room = receiver.fill.room()?;
    assert!(room >= 2, "{room}");
    bench.forged(2);
    assert!(receiver.fill.forge(end) && receiver.fill.forge(u64::MAX), "no room");
    receiver.publish_fill()?;
    let all = bench.packets(A, 0..layout.frames());
    bench.cross((A, sender), receiver, &all)?;
    assert_eq!(receiver.rx.rejected(), 0, "received into a frame that there is not");
    bench.note(format!(
        "2 forged frames were posted, {} counted as invalid",
        receiver.statistics()?.rx_invalid_descs
    ));
    Ok(())
}

//! What the rings do not take, and what they say about it.
#![cfg(not(loom))]

use fluxcapacitor_core::ring::{
    Descriptor, LaneRings, PeerRings, PushError, RingSizes, XDP_PKT_CONTD,
};
use fluxcapacitor_core::umem::{FramePool, Layout, PageSize, UmemRegion};

const FRAMES: u32 = 4;
const SIZES: RingSizes = RingSizes { fill: 4, rx: 4, tx: 4, completion: 4 };

fn open() -> (UmemRegion, FramePool, LaneRings, PeerRings) {
    let layout = Layout::new(2048, FRAMES, 0).unwrap();
    let (umem, pool) = UmemRegion::new(layout, PageSize::Base).unwrap();
    let (lane, peer) = LaneRings::on_heap(&umem, SIZES, 0).unwrap();
    (umem, pool, lane, peer)
}

/// The peer receives into each of two frames the first half of a packet.
fn halves_arrive(pool: &mut FramePool, lane: &mut LaneRings, peer: &mut PeerRings) {
    lane.fill.extend(pool.drain().take(2)).unwrap();
    lane.fill.publish();
    while let Some(addr) = peer.fill.pop().unwrap() {
        peer.rx.push(Descriptor { addr, len: 60, options: XDP_PKT_CONTD }).unwrap().unwrap();
    }
    peer.rx.publish();
}

#[test]
fn what_cannot_be_sent_is_refused_and_handed_back() {
    let (umem, mut pool, mut lane, mut peer) = open();
    halves_arrive(&mut pool, &mut lane, &mut peer);
    let half = lane.rx.pop().unwrap().unwrap();
    assert!(half.continues());
    let refused = lane.tx.push(half).unwrap_err();
    assert!(matches!(refused, PushError::Continued(_)), "{refused}");
    pool.give(refused.into_inner().into_frame()).unwrap();

    let empty = umem.segment(pool.take().unwrap(), 0, 0).unwrap();
    let refused = lane.tx.push(empty).unwrap_err();
    assert!(matches!(refused, PushError::Empty(_)), "{refused}");
    pool.give(refused.into_inner().into_frame()).unwrap();

    lane.tx.publish();
    assert_eq!(peer.tx.occupancy(), 0);
    assert_eq!((umem.census().rx, umem.census().tx, pool.len()), (1, 0, 3));
}

#[test]
fn half_a_packet_is_not_forwarded() {
    let (umem, mut pool, mut lane, mut peer) = open();
    halves_arrive(&mut pool, &mut lane, &mut peer);
    let unseen = |_: &mut [u8]| unreachable!("half a packet is not lent");
    assert_eq!(lane.rx.forward(&mut lane.tx, 4, unseen).unwrap(), 0);
    assert_eq!(lane.rx.recycle(&mut lane.fill, 4, unseen).unwrap(), 0);
    assert_eq!((lane.rx.rejected(), lane.rx.occupancy()), (2, 0));
    assert_eq!(umem.census().rx, 2, "their frames stay out");
}

#[test]
fn what_is_skipped_is_counted() {
    let (umem, mut pool, mut lane, mut peer) = open();
    lane.fill.push(pool.take().unwrap()).unwrap();
    lane.tx.push(umem.segment(pool.take().unwrap(), 0, 60).unwrap()).unwrap();
    lane.fill.publish();
    lane.tx.publish();
    let (posted, queued) = (peer.fill.pop().unwrap().unwrap(), peer.tx.pop().unwrap().unwrap());
    // Each address is true in the other ring.
    for addr in [queued.addr, posted] {
        peer.rx.push(Descriptor { addr, len: 60, options: 0 }).unwrap().unwrap();
        peer.completion.push(addr).unwrap().unwrap();
    }
    peer.completion.push(queued.addr).unwrap().unwrap();
    peer.rx.publish();
    peer.completion.publish();

    assert_eq!(lane.rx.receive(4).unwrap().map(drop).count(), 1);
    assert_eq!(lane.rx.rejected(), 1);
    assert_eq!(lane.completion.complete(4).unwrap().map(drop).count(), 1);
    assert_eq!(lane.completion.rejected(), 2, "the frame was with the user by then");
}

//! Where the frames are: in the pool, out with a lane, and out with one that has closed.
#![cfg(not(loom))]

use std::collections::HashSet;
use std::iter;

use fluxcapacitor_core::ring::{Descriptor, LaneRings, RingSizes};
use fluxcapacitor_core::umem::{FramePool, Layout, PageSize, UmemRegion};

const FRAMES: u32 = 16;
const SIZES: RingSizes = RingSizes { fill: 4, rx: 4, tx: 4, completion: 4 };

fn umem() -> (UmemRegion, FramePool) {
    UmemRegion::new(Layout::new(2048, FRAMES, 0).unwrap(), PageSize::Base).unwrap()
}

#[test]
fn the_pool_loses_what_is_posted_and_no_more() {
    let (umem, mut pool) = umem();
    let (mut lane, mut peer) = LaneRings::on_heap(&umem, SIZES, 0).unwrap();
    assert_eq!((lane.fill.refill(&mut pool, 3).unwrap(), pool.len()), (3, 13));
    assert_eq!((lane.fill.refill(&mut pool, 64).unwrap(), pool.len()), (1, 12));
    assert_eq!((lane.fill.refill(&mut pool, 64).unwrap(), pool.len()), (0, 12));
    lane.fill.publish();
    let posted: HashSet<u64> = iter::from_fn(|| peer.fill.pop().unwrap()).collect();
    assert_eq!(posted.len(), 4);
    assert_eq!((umem.census().user, umem.census().rx), (12, 4));
}

#[test]
fn frames_of_a_closed_lane_come_back_and_those_of_an_open_one_stay() {
    let (umem, mut pool) = umem();
    let [closing, mut open] = [(); 2].map(|()| {
        let (mut lane, peer) = LaneRings::on_heap(&umem, SIZES, 0).unwrap();
        lane.fill.refill(&mut pool, 3).unwrap();
        lane.fill.publish();
        lane.tx.push(umem.segment(pool.take().unwrap(), 0, 60).unwrap()).unwrap();
        (lane, peer)
    });
    drop(closing);
    let census = umem.census();
    assert_eq!((census.user, census.rx, census.tx, census.retired), (8, 3, 1, 4), "{census}");

    assert_eq!(umem.recover(&mut pool).unwrap(), 4);
    assert_eq!(umem.recover(&mut pool).unwrap(), 0, "once");
    let census = umem.census();
    assert_eq!((census.user, census.rx, census.tx, census.retired), (12, 3, 1, 0), "{census}");
    assert_eq!(pool.len(), 12);

    let (lane, peer) = &mut open;
    let addr = peer.fill.pop().unwrap().unwrap();
    peer.rx.push(Descriptor { addr, len: 60, options: 0 }).unwrap().unwrap();
    peer.rx.publish();
    assert!(lane.rx.pop().unwrap().is_some(), "the lane that is open has its frames");
}

#[test]
fn a_new_lane_cannot_claim_what_an_old_one_left_out() {
    let (umem, mut pool) = umem();
    let (mut old, mut peer) = LaneRings::on_heap(&umem, SIZES, 0).unwrap();
    old.fill.push(pool.take().unwrap()).unwrap();
    old.fill.publish();
    let addr = peer.fill.pop().unwrap().unwrap();
    drop(old);

    let (mut new, mut peer) = LaneRings::on_heap(&umem, SIZES, 0).unwrap();
    peer.rx.push(Descriptor { addr, len: 60, options: 0 }).unwrap().unwrap();
    peer.rx.publish();
    assert!(new.rx.pop().unwrap().is_none());
    assert_eq!(new.rx.rejected(), 1);
    assert_eq!(umem.recover(&mut pool).unwrap(), 1, "it comes back by a sweep, and once");
}

#[test]
fn lanes_can_come_and_go_for_ever() {
    let (umem, mut pool) = umem();
    // Each is closed at once, and swept later.
    let open_all = || iter::from_fn(|| LaneRings::on_heap(&umem, SIZES, 0).ok()).count();
    let lanes = open_all();
    assert!(lanes > 10_000, "{lanes}");
    assert_eq!(umem.recover(&mut pool).unwrap(), 0);
    assert_eq!(open_all(), lanes, "their numbers are free again");
}

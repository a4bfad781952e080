//! Frames that go straight from one ring to another.
#![cfg(not(loom))]

use std::panic::{AssertUnwindSafe, catch_unwind};

use fluxcapacitor_core::Error;
use fluxcapacitor_core::ring::{Descriptor, LaneRings, PeerRings, RingSizes};
use fluxcapacitor_core::umem::{FramePool, Layout, PageSize, UmemRegion};

const SIZES: RingSizes = RingSizes { fill: 8, rx: 8, tx: 8, completion: 8 };
const HEADROOM: u32 = 64;

fn open(frames: u32) -> (UmemRegion, FramePool, LaneRings, PeerRings) {
    // Near the end of the rings' memory, so that every test goes round it.
    open_at(frames, 5)
}

fn open_at(frames: u32, start: u32) -> (UmemRegion, FramePool, LaneRings, PeerRings) {
    let layout = Layout::new(2048, frames, HEADROOM).unwrap();
    let (umem, pool) = UmemRegion::new(layout, PageSize::Base).unwrap();
    let (lane, peer) = LaneRings::on_heap(&umem, SIZES, start).unwrap();
    (umem, pool, lane, peer)
}

/// The peer receives a packet of each of these lengths.
fn arrive(pool: &mut FramePool, lane: &mut LaneRings, peer: &mut PeerRings, lens: &[u32]) {
    lane.fill.extend(pool.drain().take(lens.len())).unwrap();
    lane.fill.publish();
    for len in lens {
        let addr = peer.fill.pop().unwrap().unwrap() + 256;
        peer.rx.push(Descriptor { addr, len: *len, options: 0 }).unwrap().unwrap();
    }
    peer.rx.publish();
}

/// Calls until there is nothing more to move; a call ends where a ring ends in memory.
fn all(mut some: impl FnMut() -> u32) -> u32 {
    std::iter::from_fn(|| Some(some()).filter(|moved| *moved > 0)).sum()
}

#[test]
fn packets_that_were_looked_at_are_posted_again() {
    let (umem, mut pool, mut lane, mut peer) = open(8);
    arrive(&mut pool, &mut lane, &mut peer, &[60, 61, 62, 63, 64, 65]);
    let mut lens = Vec::new();
    let moved =
        all(|| lane.rx.recycle(&mut lane.fill, 64, |packet| lens.push(packet.len())).unwrap());
    assert_eq!((moved, lens), (6, vec![60, 61, 62, 63, 64, 65]));
    lane.fill.publish();
    assert_eq!(peer.fill.occupancy(), 6);
    assert_eq!(peer.rx.room(u32::MAX).unwrap(), SIZES.rx, "their slots are the peer's again");
    assert_eq!((umem.census().user, umem.census().rx), (2, 6));
}

#[test]
fn packets_are_sent_on_as_they_were_changed() {
    let (umem, mut pool, mut lane, mut peer) = open(8);
    arrive(&mut pool, &mut lane, &mut peer, &[60, 0, 62, 63]);
    let moved = all(|| lane.rx.forward(&mut lane.tx, 64, |packet| packet[0] = 7).unwrap());
    assert_eq!((moved, lane.rx.rejected()), (3, 1), "a packet of length 0 is not sent");
    lane.tx.publish();
    let sent: Vec<_> = std::iter::from_fn(|| peer.tx.pop().unwrap()).collect();
    assert_eq!(sent.iter().map(|sent| sent.len).collect::<Vec<_>>(), [60, 62, 63]);
    for sent in &sent {
        peer.completion.push(sent.addr).unwrap().unwrap();
    }
    peer.completion.publish();
    let frame = lane.completion.pop().unwrap().unwrap();
    assert_eq!(umem.frame(&frame).unwrap()[256], 7);
    assert_eq!(all(|| lane.completion.recycle(&mut lane.fill, 64).unwrap()), 2);
    assert_eq!(umem.census().tx, 0);
}

#[test]
fn frames_that_were_sent_are_sent_again_with_what_is_written() {
    let (umem, mut pool, mut lane, mut peer) = open(4);
    let packet = umem.write(pool.take().unwrap(), &[1; 60]).unwrap();
    lane.tx.push(packet).unwrap();
    lane.tx.publish();
    let sent = peer.tx.pop().unwrap().unwrap();
    peer.completion.push(sent.addr).unwrap().unwrap();
    peer.completion.publish();

    for refused in [0, 2048 - HEADROOM as usize + 1, usize::MAX] {
        assert_eq!(lane.completion.resend(&mut lane.tx, 64, |_| refused).unwrap(), 0);
        assert_eq!(lane.completion.occupancy(), 1, "{refused}: the frame is still in the ring");
    }
    let write = |frame: &mut [u8]| {
        assert_eq!((frame.len(), frame[0]), (2048 - HEADROOM as usize, 1));
        frame[0] = 2;
        100
    };
    assert_eq!(lane.completion.resend(&mut lane.tx, 64, write).unwrap(), 1);
    lane.tx.publish();
    assert_eq!(peer.tx.pop().unwrap(), Some(Descriptor { len: 100, ..sent }));
}

#[test]
fn a_packet_that_is_rejected_does_not_hide_those_behind_it() {
    let (_umem, mut pool, mut lane, mut peer) = open(8);
    arrive(&mut pool, &mut lane, &mut peer, &[5000, 60]);
    assert_eq!(lane.rx.recycle(&mut lane.fill, 64, |_| {}).unwrap(), 0, "it ends a batch");
    assert_eq!(lane.rx.recycle(&mut lane.fill, 64, |_| {}).unwrap(), 1);
    assert_eq!((lane.rx.rejected(), lane.rx.occupancy()), (1, 0));
}

#[test]
fn one_that_is_rejected_ends_the_batch_wherever_it_lies() {
    for (count, bad) in (1..=8).flat_map(|count| (0..count).map(move |bad| (count, bad))) {
        let (_umem, mut pool, mut lane, mut peer) = open_at(8, 0);
        let lens: Vec<_> = (60..).take(count).collect();
        let mut arriving = lens.clone();
        arriving[bad] = 5000;
        arrive(&mut pool, &mut lane, &mut peer, &arriving);
        let mut seen = Vec::new();
        let mut recycle = |lane: &mut LaneRings| {
            let look = |packet: &mut [u8]| seen.push(packet.len() as u32);
            lane.rx.recycle(&mut lane.fill, 64, look).unwrap()
        };
        while lane.rx.rejected() == 0 {
            recycle(&mut lane);
        }
        assert_eq!(lane.rx.occupancy() as usize, count - 1 - bad, "behind {bad} of {count}");
        assert_eq!(all(|| recycle(&mut lane)) as usize, count - 1 - bad, "behind {bad} of {count}");
        assert_eq!(seen, [&lens[..bad], &lens[bad + 1..]].concat());
        lane.fill.publish();
        assert_eq!(peer.fill.occupancy() as usize, count - 1);
    }
}

#[test]
fn a_panic_on_the_way_loses_no_frame() {
    let (umem, mut pool, mut lane, mut peer) = open(8);
    arrive(&mut pool, &mut lane, &mut peer, &[60, 61, 62]);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        lane.rx.recycle(&mut lane.fill, 64, |packet| assert_ne!(packet.len(), 61, "on purpose"))
    }));
    assert!(panicked.is_err());
    assert_eq!(lane.rx.occupancy(), 2, "the packet and the one behind it are still there");
    assert_eq!((umem.census().user, umem.census().rx), (5, 3));
    assert_eq!(all(|| lane.rx.forward(&mut lane.tx, 64, |_| {}).unwrap()), 2);
    assert_eq!(lane.rx.rejected(), 0);
}

#[test]
fn rings_of_others_are_refused() {
    let (_umem, _pool, mut lane, _peer) = open(2);
    let (other_umem, _pool, mut other, _peer) = open(2);
    let (mut second, _peer) = LaneRings::on_heap(&other_umem, SIZES, 0).unwrap();
    let refused = lane.rx.recycle(&mut other.fill, 1, |_| {}).unwrap_err();
    assert!(matches!(refused, Error::Invalid { what: "fill ring", .. }), "{refused}");
    assert!(matches!(lane.rx.forward(&mut other.tx, 1, |_| {}), Err(Error::Foreign)));
    assert!(matches!(lane.completion.recycle(&mut other.fill, 1), Err(Error::Foreign)));
    assert!(matches!(lane.completion.resend(&mut other.tx, 1, |_| 60), Err(Error::Foreign)));
    // Of another lane, but of the same UMEM: sent there, and home from there.
    assert_eq!(other.rx.forward(&mut second.tx, 1, |_| {}).unwrap(), 0);
    assert_eq!(second.completion.recycle(&mut other.fill, 1).unwrap(), 0);
}

//! Packets that know their way home.
#![cfg(not(loom))]

use std::convert::identity;
use std::sync::Arc;
use std::thread;

use fluxcapacitor_core::Error;
use fluxcapacitor_core::ring::{Descriptor, LaneRings, PeerRings, PushError, RingSizes};
use fluxcapacitor_core::umem::{
    Chain, Foreign, FramePool, Home, Layout, Origin, PageSize, Parcel, SharedFrameState, UmemRegion,
};

const SIZES: RingSizes = RingSizes { fill: 8, rx: 8, tx: 4, completion: 8 };
const ORIGIN: Origin = Origin { queue: 513, port: 7 };

struct Lab {
    umem: UmemRegion,
    pool: FramePool,
    shared: Arc<SharedFrameState>,
    lane: LaneRings,
    peer: PeerRings,
}

impl Lab {
    fn new() -> Self {
        let layout = Layout::new(2048, 8, 0).unwrap();
        let (umem, pool) = UmemRegion::new(layout, PageSize::Base).unwrap();
        let (mut lane, peer) = LaneRings::on_heap(&umem, SIZES, 0).unwrap();
        lane.allow_chains(3, 3);
        let shared = SharedFrameState::new(&umem);
        Self { umem, pool, shared, lane, peer }
    }

    /// One of as many bytes, in as many segments as they take; these begin with their own number.
    fn parcel(&mut self, len: usize, home: Home) -> Parcel {
        let bytes: Vec<u8> = (0..len).map(|at| (at / 2048) as u8).collect();
        let chain = self.pool.write(&bytes).unwrap();
        Parcel::new(&self.shared, home, chain, ORIGIN).unwrap()
    }

    /// How many frames have come home since this was asked last, to each half.
    fn came_home(&mut self) -> (u32, u32) {
        let Self { pool, shared, .. } = self;
        (shared.take(Home::Rx, pool).unwrap(), shared.take(Home::Tx, pool).unwrap())
    }
}

#[test]
fn what_is_dropped_comes_home_to_where_it_belongs() {
    let mut lab = Lab::new();
    let (one, mut three) = (lab.parcel(60, Home::Tx), lab.parcel(5000, Home::Rx));
    assert_eq!((one.len(), one.segments(), one.is_linear()), (60, 1, true));
    assert_eq!((three.len(), three.segments(), three.is_linear()), (5000, 3, false));
    assert_eq!((one.origin(), three.origin()), (ORIGIN, ORIGIN));
    assert_eq!((one.bytes().len(), three.bytes().len()), (60, 2048));
    let lens = |parcel: &Parcel| parcel.slices().map(<[u8]>::len).collect::<Vec<_>>();
    assert_eq!((lens(&one), lens(&three)), (vec![60], vec![2048, 2048, 904]));

    let mut slices: Vec<_> = three.slices_mut().collect();
    slices.iter_mut().for_each(|slice| slice[0] += 1);
    assert_eq!(three.slices().map(|slice| slice[0]).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!((three.room(), three.adjust(1, 0)), ((0, 0), false), "of several segments");

    assert_eq!(lab.came_home(), (0, 0));
    drop(one);
    assert_eq!(lab.came_home(), (0, 1));
    thread::spawn(|| drop(three)).join().unwrap();
    assert_eq!(lab.came_home(), (3, 0));
    assert_eq!((lab.pool.len(), Arc::strong_count(&lab.shared)), (8, 1));
}

#[test]
fn it_moves_within_its_frame() {
    let mut lab = Lab::new();
    let mut parcel = lab.parcel(100, Home::Rx);
    assert_eq!(parcel.room(), (0, 1948));
    assert!(!parcel.adjust(-1, 0) && !parcel.adjust(0, 1949) && !parcel.adjust(101, 0));
    assert!(parcel.adjust(14, 1948));
    assert_eq!((parcel.room(), parcel.len()), ((14, 0), 2034));
    assert!(parcel.adjust(2033, 0) && parcel.adjust(0, -1));
    assert_eq!((parcel.is_empty(), parcel.room()), (true, (2047, 1)), "at the last byte");
    drop(parcel);
    assert_eq!(lab.came_home(), (1, 0));
}

/// The way home lives for as long as there is a packet, and no longer.
#[test]
fn the_last_one_takes_the_way_home_along() {
    let mut lab = Lab::new();
    let parcels = [lab.parcel(60, Home::Rx), lab.parcel(4000, Home::Rx), lab.parcel(9, Home::Tx)];
    let Lab { umem, pool, shared, lane, peer } = lab;
    let gone = Arc::downgrade(&shared);
    drop((umem, pool, shared, lane, peer));
    for mut parcel in parcels {
        assert_eq!(gone.strong_count(), 1, "one for all");
        parcel.bytes_mut().fill(1);
    }
    assert_eq!(gone.strong_count(), 0);
}

#[test]
fn what_is_forgotten_takes_its_frames_along_and_no_more() {
    let mut lab = Lab::new();
    let (lost, kept) = (lab.parcel(4000, Home::Rx), lab.parcel(60, Home::Rx));
    std::mem::forget(lost);
    drop(kept);
    assert_eq!(lab.came_home(), (1, 0));
    assert_eq!((lab.pool.len(), lab.umem.census().user), (6, 8));
}

#[test]
fn what_cannot_be_a_parcel_is_handed_back() {
    let (mut lab, mut other) = (Lab::new(), Lab::new());
    let chain = other.pool.write(&[1; 3000]).unwrap();
    let Foreign(chain) = Parcel::new(&lab.shared, Home::Rx, chain, ORIGIN).unwrap_err();
    other.pool.give_chain(chain).unwrap();
    assert_eq!(other.pool.len(), 8);
    assert!(Parcel::new(&lab.shared, Home::Rx, Chain::new(), ORIGIN).is_err());
    let chain = lab.parcel(3000, Home::Rx).into_chain();
    assert_eq!((chain.segments(), chain.len()), (2, 3000));
    lab.pool.give_chain(chain).unwrap();
    assert_eq!((lab.pool.len(), Arc::strong_count(&lab.shared)), (8, 1));
}

#[test]
fn what_a_ring_refuses_is_the_same_packet() {
    let (mut lab, mut other) = (Lab::new(), Lab::new());
    lab.lane.tx.expect_from(&lab.shared).unwrap();
    assert!(lab.lane.tx.expect_from(&other.shared).is_err());
    let stranger = lab.lane.tx.push_parcel(other.parcel(60, Home::Rx)).unwrap_err();
    assert!(matches!(&stranger, PushError::Foreign(packet) if packet.len() == 60));
    drop(stranger);
    assert_eq!(other.came_home(), (1, 0));

    let mut empty = lab.parcel(60, Home::Tx);
    assert!(empty.adjust(0, -60));
    assert!(matches!(lab.lane.tx.push_parcel(empty).unwrap_err(), PushError::Empty(_)));
    assert_eq!(lab.came_home(), (0, 1), "dropped then");
    let long = lab.parcel(3 * 2048 + 1, Home::Rx);
    let refused = lab.lane.tx.push_parcel(long).unwrap_err();
    assert!(matches!(&refused, PushError::TooManySegments(packet) if packet.segments() == 4));
    drop(refused);
    assert_eq!(lab.came_home(), (4, 0));

    for len in [60, 4097] {
        let parcel = lab.parcel(len, Home::Rx);
        lab.lane.tx.push_parcel(parcel).unwrap();
    }
    assert_eq!((lab.lane.tx.take_bytes(), lab.lane.tx.take_further()), (60 + 4097, 2));
    let two = lab.parcel(2049, Home::Tx);
    let refused = lab.lane.tx.push_parcel(two).unwrap_err();
    let PushError::Full(two) = refused else { panic!("{refused}") };
    assert_eq!((two.len(), two.segments(), two.origin()), (2049, 2, ORIGIN));
    drop(two);
    assert_eq!(lab.came_home(), (0, 2), "it has kept its way home");
}

/// Packets of one way home, of another one, of several segments: all leave, and nothing is held on to.
#[test]
fn packets_leave_together_or_by_themselves() {
    let mut lab = Lab::new();
    lab.lane.tx.expect_from(&lab.shared).unwrap();
    let aside = SharedFrameState::new(&lab.umem);
    let chain = lab.pool.write(&[1; 62]).unwrap();
    let elsewhere = Parcel::new(&aside, Home::Rx, chain, ORIGIN).unwrap();
    let mut slots = [
        Some(lab.parcel(60, Home::Rx)),
        Some(lab.parcel(61, Home::Tx)),
        Some(elsewhere),
        Some(lab.parcel(63, Home::Rx)),
        Some(lab.parcel(64, Home::Rx)),
    ];
    let push = |lab: &mut Lab, slots: &mut [Option<Parcel>]| {
        lab.lane.tx.push_parcels(slots, |packet| packet, |packet| packet)
    };
    assert_eq!(push(&mut lab, &mut slots), 2, "up to what goes home elsewhere");
    let third = slots[2].take().unwrap();
    assert_eq!(third.len(), 62, "which is still there");
    lab.lane.tx.push_parcel(third).unwrap();
    assert_eq!(push(&mut lab, &mut slots[3..]), 1, "there are four slots");
    assert_eq!(push(&mut lab, &mut slots[4..]), 0);
    assert_eq!(slots[4].as_ref().map(Parcel::len), Some(64));
    lab.lane.tx.publish();
    assert_eq!(Arc::strong_count(&aside), 1, "let go at once");
    assert_eq!(Arc::strong_count(&lab.shared), 3, "the ring's, and that of its packets");
    drop(slots);
    lab.lane.tx.settle();
    assert_eq!(Arc::strong_count(&lab.shared), 2);

    for len in 60..64 {
        let sent = lab.peer.tx.pop().unwrap().unwrap();
        assert_eq!(sent.len, len);
        lab.peer.completion.push(sent.addr).unwrap().unwrap();
    }
    lab.peer.completion.publish();
    assert_eq!(lab.lane.completion.send_home(&lab.shared, Home::Rx, 3).unwrap(), 3);
    assert_eq!(lab.lane.completion.send_home(&lab.shared, Home::Rx, 3).unwrap(), 1);
    assert_eq!(lab.came_home(), (5, 0));
}

#[test]
fn they_are_received_into_slots() {
    let mut lab = Lab::new();
    lab.lane.fill.extend(lab.pool.drain().take(4)).unwrap();
    lab.lane.fill.publish();
    let mut arrive = |addr: u64, options| {
        lab.peer.rx.push(Descriptor { addr, len: 60, options }).unwrap().unwrap();
        lab.peer.rx.publish();
    };
    let posted: Vec<u64> = (0..4).map(|_| lab.peer.fill.pop().unwrap().unwrap()).collect();
    for (addr, options) in [(posted[0], 0), (posted[1], 0), (posted[0], 0), (posted[2], 1)] {
        arrive(addr, options);
    }
    arrive(posted[3], 0);

    let mut slots: [Option<Parcel>; 8] = [const { None }; 8];
    let mut receive = |slots: &mut [Option<Parcel>]| {
        lab.lane.rx.receive_into(slots, (&lab.shared, ORIGIN), |parcel| parcel).unwrap()
    };
    assert_eq!(receive(&mut slots[..1]), (1, 60), "as many as there are slots");
    assert_eq!(receive(&mut slots[1..]), (1, 60), "up to what cannot be true");
    assert_eq!(receive(&mut slots[2..]), (0, 0), "up to what goes on");
    assert_eq!(receive(&mut slots[2..]), (1, 60));
    assert_eq!(receive(&mut slots[3..]), (0, 0));
    assert!(slots[3..].iter().all(Option::is_none));
    assert_eq!(slots.iter().flatten().map(Parcel::origin).collect::<Vec<_>>(), [ORIGIN; 3]);
    assert_eq!(lab.lane.rx.rejected(), 2);
    assert_eq!(Arc::strong_count(&lab.shared), 2);
    drop(slots);
    assert_eq!(Arc::strong_count(&lab.shared), 1, "of what was rejected, none is held");
    assert_eq!(lab.came_home(), (3, 0));
}

/// Fresh ones take the frames of a pool, as far as there are some and slots for them, and hold what they say.
#[test]
fn fresh_ones_are_taken_together() {
    let mut lab = Lab::new();
    let (mut slots, of) = ([const { None }; 6], (&lab.shared, Home::Tx, ORIGIN));
    assert_eq!(lab.pool.take_parcels(&mut slots, (256, 100), of, identity).unwrap(), 6);
    let (base, mut seen) = (lab.umem.layout().frame_size() as usize, Vec::new());
    for parcel in slots.iter_mut().flatten() {
        parcel.bytes_mut().fill(7);
        assert_eq!((parcel.len(), parcel.origin()), (100, ORIGIN));
        assert_eq!(parcel.room(), (256, 2048 - 356));
        seen.push(parcel.bytes().as_ptr().addr() / base);
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 6, "each is another frame");
    let mut more = [const { None }; 6];
    assert_eq!(lab.pool.take_parcels(&mut more, (256, 1792), of, identity).unwrap(), 2);
    assert!(more[2..].iter().all(Option::is_none) && lab.pool.is_empty());
    assert_eq!(lab.pool.take_parcels(&mut [None], (0, 0), of, identity).unwrap(), 0);
    assert_eq!(Arc::strong_count(&lab.shared), 2, "one for all of them");
    drop((slots, more));
    assert_eq!(Arc::strong_count(&lab.shared), 1);
    assert_eq!(lab.came_home(), (0, 8));
}

#[test]
fn fresh_ones_of_another_memory_or_too_long_are_refused() {
    let (mut lab, other) = (Lab::new(), Lab::new());
    let mut slots = [None];
    let of = (&other.shared, Home::Tx, ORIGIN);
    let refused = lab.pool.take_parcels(&mut slots, (0, 60), of, identity);
    assert!(matches!(refused, Err(Error::Foreign)));
    let of = (&lab.shared, Home::Tx, ORIGIN);
    for (start, len) in [(2048, 0), (0, 2049), (256, 1793), (1, u32::MAX), (u32::MAX, 2)] {
        let refused = lab.pool.take_parcels(&mut slots, (start, len), of, identity);
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{start} {len}");
    }
    assert_eq!((lab.pool.len(), Arc::strong_count(&lab.shared)), (8, 1));
}

fn drop_all(all: impl IntoIterator<Item = Parcel>) {
    let mut slots: Vec<_> = all.into_iter().map(Some).collect();
    Parcel::drop_all(&mut slots, |parcel| parcel, identity);
    assert!(slots.iter().all(Option::is_none));
}

/// Dropped together, each comes home to where it belongs, whatever stands beside it.
#[test]
fn those_that_end_together_come_home() {
    let (mut lab, mut other) = (Lab::new(), Lab::new());
    let all = vec![
        lab.parcel(60, Home::Rx),
        lab.parcel(60, Home::Tx),
        other.parcel(60, Home::Rx),
        lab.parcel(60, Home::Tx),
        lab.parcel(5000, Home::Tx),
        other.parcel(60, Home::Rx),
        other.parcel(60, Home::Rx),
        lab.parcel(60, Home::Rx),
    ];
    drop_all(all);
    assert_eq!((lab.came_home(), other.came_home()), ((2, 5), (3, 0)));
    assert_eq!((Arc::strong_count(&lab.shared), Arc::strong_count(&other.shared)), (1, 1));
    assert_eq!((lab.pool.len(), other.pool.len()), (8, 8));
    drop_all([]);
    drop_all([lab.parcel(60, Home::Tx)]);
    assert_eq!(lab.came_home(), (0, 1));
}

/// The last ones take the way home along, as each by itself does.
#[test]
fn the_last_that_end_together_take_the_way_home_along() {
    let mut lab = Lab::new();
    let all = [(); 3].map(|()| lab.parcel(60, Home::Rx));
    let Lab { umem, pool, shared, .. } = lab;
    let gone = Arc::downgrade(&shared);
    drop((umem, pool, shared));
    assert!(gone.upgrade().is_some());
    drop_all(all);
    assert!(gone.upgrade().is_none());
}

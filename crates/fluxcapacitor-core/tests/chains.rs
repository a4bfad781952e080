//! Packets of several segments: chains, and how they go through rings on the heap.
#![cfg(not(loom))]

use fluxcapacitor_core::ring::{
    Descriptor, LaneRings, PeerRings, PushError, RingSizes, XDP_PKT_CONTD,
};
use fluxcapacitor_core::umem::{
    Chain, FramePool, Layout, NoChain, PageSize, Segment, UmemRegion, XDP_PACKET_HEADROOM,
};

const FRAMES: u32 = 32;
const SIZES: RingSizes = RingSizes { fill: 16, rx: 8, tx: 8, completion: 8 };
/// As many as a copying kernel sends.
const SEGMENTS_MAX: u32 = 4;

struct Bed {
    umem: UmemRegion,
    pool: FramePool,
    lane: LaneRings,
    peer: PeerRings,
}

impl Bed {
    fn new(start: u32) -> Self {
        let layout = Layout::new(2048, FRAMES, 0).unwrap();
        let (umem, mut pool) = UmemRegion::new(layout, PageSize::Base).unwrap();
        let (mut lane, peer) = LaneRings::on_heap(&umem, SIZES, start).unwrap();
        lane.allow_chains(SEGMENTS_MAX, SEGMENTS_MAX);
        lane.fill.refill(&mut pool, 16).unwrap();
        lane.fill.publish();
        Self { umem, pool, lane, peer }
    }

    /// The peer receives a packet into frames that were posted: segments of these lengths, the last of which
    /// ends it if `ends`.
    fn arrive(&mut self, lengths: &[u32], ends: bool) {
        for (at, len) in lengths.iter().enumerate() {
            let addr = self.peer.fill.pop().unwrap().expect("a frame is posted");
            let goes_on = !ends || at + 1 < lengths.len();
            self.descriptor(addr + u64::from(XDP_PACKET_HEADROOM), *len, goes_on);
        }
        self.peer.rx.publish();
    }

    fn descriptor(&mut self, addr: u64, len: u32, goes_on: bool) {
        let options = if goes_on { XDP_PKT_CONTD } else { 0 };
        self.peer.rx.push(Descriptor { addr, len, options }).unwrap().expect("room");
        self.peer.rx.publish();
    }

    fn receive(&mut self, max: u32) -> Vec<Chain> {
        self.lane.rx.receive_whole(max).unwrap().collect()
    }

    /// What is received, by the lengths of the segments; its frames are posted again.
    fn lengths(&mut self, max: u32) -> Vec<Vec<usize>> {
        let packets = self.receive(max);
        let lengths = packets
            .iter()
            .map(|packet| self.umem.slices(packet).unwrap().map(<[u8]>::len).collect());
        let lengths = lengths.collect();
        for packet in packets {
            self.pool.give_chain(packet).unwrap();
        }
        self.lane.fill.refill(&mut self.pool, 16).unwrap();
        self.lane.fill.publish();
        lengths
    }

    /// Every frame that is with the user is in the pool, or was counted.
    #[track_caller]
    fn held(&self, elsewhere: u32) {
        assert_eq!(self.umem.census().user, self.pool.len() as u32 + elsewhere);
    }
}

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at * 31 % 251) as u8).collect()
}

#[test]
fn a_chain_is_its_segments_in_order() {
    let Bed { umem, mut pool, .. } = Bed::new(0);
    let packet = bytes(5000);
    let mut chain = pool.write(&packet).unwrap();
    assert_eq!((chain.segments(), chain.len(), chain.is_linear()), (3, 5000, false));
    let read: Vec<u8> = umem.slices(&chain).unwrap().flatten().copied().collect();
    assert_eq!(read, packet);
    assert_eq!(umem.slices(&chain).unwrap().len(), 3);

    // All slices at a time, each its own.
    let slices: Vec<&mut [u8]> = umem.slices_mut(&mut chain).unwrap().collect();
    for (number, slice) in slices.into_iter().enumerate() {
        slice.fill(number as u8);
    }
    let first = umem.slices(&chain).unwrap().map(|slice| (slice[0], slice[slice.len() - 1]));
    assert_eq!(first.collect::<Vec<_>>(), [(0, 0), (1, 1), (2, 2)]);

    let mut lengths = Vec::new();
    while let Some(segment) = umem.take_first(&mut chain).unwrap() {
        assert_eq!(segment.continues(), chain.segments() > 0);
        lengths.push(segment.len());
        pool.give(segment.into_frame()).unwrap();
    }
    assert_eq!(lengths, [2048, 2048, 5000 - 4096]);
    assert_eq!((chain.segments(), chain.len(), chain.first()), (0, 0, None));
    assert_eq!(umem.slices(&chain).unwrap().count(), 0);
    assert_eq!(pool.len(), 16);
}

#[test]
fn a_chain_can_be_added_to_after_it_was_taken_from() {
    let Bed { umem, mut pool, .. } = Bed::new(0);
    let mut chain = pool.write(&bytes(4096)).unwrap();
    let first = umem.take_first(&mut chain).unwrap().unwrap();
    umem.append(&mut chain, first).unwrap();
    let lengths: Vec<usize> = umem.slices(&chain).unwrap().map(<[u8]>::len).collect();
    assert_eq!((lengths, chain.len()), (vec![2048, 2048], 4096));
    assert_eq!(umem.slices(&chain).unwrap().next().unwrap()[0], bytes(2049)[2048]);
    let chain = chain.into_segment().unwrap_err();
    pool.give_chain(chain).unwrap();
    let linear = pool.write(&bytes(60)).unwrap();
    assert_eq!(linear.into_segment().map(|segment| segment.len()), Ok(60));
}

#[test]
fn a_pool_that_is_too_small_gives_no_part_of_a_packet() {
    let Bed { mut pool, .. } = Bed::new(0);
    assert!(pool.write(&bytes(16 * 2048 + 1)).is_none());
    assert_eq!(pool.len(), 16);
    assert_eq!(pool.write(&bytes(16 * 2048)).unwrap().segments(), 16);
}

#[test]
fn what_is_of_another_umem_stays_out_of_a_chain() {
    let Bed { umem, mut pool, mut lane, .. } = Bed::new(0);
    let Bed { umem: other, pool: mut others, lane: mut their_lane, .. } = Bed::new(0);
    let mut chain = pool.write(&bytes(4000)).unwrap();
    let foreign = other.write(others.take().unwrap(), &bytes(60)).unwrap();
    let NoChain(foreign) = umem.append(&mut chain, foreign).unwrap_err();
    let NoChain(foreign) = other.append(&mut chain, foreign).unwrap_err();
    assert!(other.slices(&chain).is_err() && other.slices_mut(&mut chain).is_err());
    assert!(other.take_first(&mut chain).is_err());
    let chain = others.give_chain(chain).unwrap_err().0;
    let refused = their_lane.tx.push_chain(chain).unwrap_err();
    assert!(matches!(refused, PushError::Foreign(_)), "{refused}");
    let chain = refused.into_inner();
    assert_eq!((chain.segments(), chain.len()), (2, 4000));
    let refused = lane.tx.push_chain(foreign.into()).unwrap_err();
    assert!(matches!(refused, PushError::Foreign(_)), "{refused}");
    others.give_chain(refused.into_inner()).unwrap();
    pool.give_chain(chain).unwrap();
    assert_eq!((pool.len(), others.len()), (16, 16));
}

#[test]
fn whole_packets_come_round_the_end_of_the_ring() {
    // At every position of the ring's memory, and across 2^32.
    for start in (u32::MAX - 8..=u32::MAX).chain([0, 3]) {
        let mut bed = Bed::new(start);
        for _ in 0..10 {
            bed.arrive(&[60], true);
            bed.arrive(&[1792, 1792, 500], true);
            bed.arrive(&[1792, 1], true);
            let expected: [&[usize]; 3] = [&[60], &[1792, 1792, 500], &[1792, 1]];
            assert_eq!(bed.lengths(64), expected, "start {start}");
            assert_eq!(bed.peer.rx.room(8), Ok(8), "all slots are given back");
            bed.held(0);
        }
        assert_eq!(bed.lane.rx.rejected(), 0);
    }
}

#[test]
fn a_batch_counts_packets_and_leaves_the_rest() {
    let mut bed = Bed::new(5);
    bed.arrive(&[1792, 100], true);
    bed.arrive(&[1792, 200], true);
    bed.arrive(&[300], true);
    assert_eq!(bed.lengths(1), [[1792, 100]]);
    let mut batch = bed.lane.rx.receive_whole(64).unwrap();
    let taken = batch.next().unwrap();
    drop(batch);
    assert_eq!(taken.len(), 1992);
    bed.pool.give_chain(taken).unwrap();
    assert_eq!(bed.lane.rx.occupancy(), 1);
    assert_eq!(bed.lengths(64), [[300]]);
    bed.held(0);
}

#[test]
fn a_packet_without_its_end_stays_in_the_ring() {
    let mut bed = Bed::new(6);
    bed.arrive(&[60], true);
    bed.arrive(&[1792, 1792], false);
    assert_eq!(bed.lengths(64), [[60]]);
    assert_eq!((bed.lengths(64).len(), bed.lane.rx.occupancy()), (0, 2));
    assert_eq!(bed.umem.census().user as usize, bed.pool.len(), "they are out as before");
    bed.arrive(&[7], true);
    assert_eq!(bed.lengths(64), [[1792, 1792, 7]]);
    assert_eq!((bed.lane.rx.rejected(), bed.lane.rx.salvage().segments()), (0, 0));
    bed.held(0);
}

#[test]
fn a_packet_with_an_impossible_segment_is_rejected_whole() {
    let mut bed = Bed::new(2);
    let named_twice = {
        bed.arrive(&[100], true);
        let packet = bed.receive(1).pop().unwrap();
        u64::from(packet.first().unwrap().frame().index()) * 2048
    };
    bed.arrive(&[1792, 1000], false);
    bed.descriptor(named_twice, 60, true);
    bed.arrive(&[500], true);
    bed.arrive(&[77], true);
    assert_eq!(bed.lengths(64), [[77]]);
    assert_eq!(bed.lane.rx.rejected(), 1, "a descriptor");
    bed.held(3 + 1);
    let salvaged = bed.lane.rx.salvage();
    assert_eq!((salvaged.segments(), salvaged.len()), (3, 0));
    bed.pool.give_chain(salvaged).unwrap();
    bed.held(1);
}

#[test]
fn a_packet_of_too_many_segments_is_rejected_to_its_end() {
    let mut bed = Bed::new(1);
    bed.arrive(&[100; SEGMENTS_MAX as usize], true);
    assert_eq!(bed.lengths(64), [[100; SEGMENTS_MAX as usize]]);
    // Its end comes in a later batch.
    bed.arrive(&[100; SEGMENTS_MAX as usize + 1], false);
    assert!(bed.lengths(64).is_empty());
    assert_eq!((bed.lane.rx.rejected(), bed.lane.rx.occupancy()), (1, 0));
    bed.arrive(&[100], false);
    assert!(bed.lengths(64).is_empty());
    bed.arrive(&[100], true);
    bed.arrive(&[55], true);
    assert_eq!(bed.lengths(64), [[55]]);
    assert_eq!(bed.lane.rx.rejected(), 1, "a packet");
    let salvaged = bed.lane.rx.salvage();
    assert_eq!(salvaged.segments(), SEGMENTS_MAX + 3);
    bed.pool.give_chain(salvaged).unwrap();
    bed.held(0);
}

#[test]
fn a_packet_that_fills_the_ring_does_not_stop_it() {
    let mut bed = Bed::new(0);
    bed.lane.allow_chains(64, 64);
    bed.arrive(&[100; 8], true);
    assert_eq!(bed.lengths(64), [[100; 8]]);
    bed.arrive(&[100; 8], false);
    assert!(bed.lengths(64).is_empty());
    assert_eq!((bed.lane.rx.occupancy(), bed.lane.rx.salvage().segments()), (0, 8));
}

#[test]
fn without_multi_buffer_a_packet_that_goes_on_is_rejected() {
    let mut bed = Bed::new(0);
    bed.lane.allow_chains(1, 1);
    bed.arrive(&[100, 100], true);
    bed.arrive(&[60], true);
    assert_eq!(bed.lengths(64), [[60]]);
    assert_eq!((bed.lane.rx.rejected(), bed.lane.rx.salvage().segments()), (1, 2));
}

#[test]
fn a_batch_that_is_forgotten_has_nothing_read_twice() {
    let mut bed = Bed::new(0);
    bed.arrive(&[1792, 100], true);
    bed.arrive(&[60], true);
    let mut batch = bed.lane.rx.receive_whole(64).unwrap();
    let packet = batch.next().unwrap();
    std::mem::forget(batch);
    bed.pool.give_chain(packet).unwrap();
    // Posted again, they would be claimed if the old descriptors were.
    bed.lane.fill.refill(&mut bed.pool, 16).unwrap();
    assert_eq!(bed.lengths(64), [[60]]);
    assert_eq!((bed.lane.rx.rejected(), bed.peer.rx.room(8)), (0, Ok(8)));
}

#[test]
fn salvage_that_nobody_asked_for_goes_with_the_lane() {
    let mut bed = Bed::new(0);
    bed.arrive(&[100; SEGMENTS_MAX as usize + 1], true);
    assert!(bed.receive(64).is_empty());
    bed.held(5);
    let Bed { umem, mut pool, lane, .. } = bed;
    drop(lane);
    assert_eq!((umem.census().user, umem.census().retired), (16, 16));
    assert_eq!(umem.recover(&mut pool).unwrap(), 16);
    assert_eq!(pool.len() as u32, FRAMES);
}

#[test]
fn chains_are_sent_whole_or_not_at_all() {
    for start in (u32::MAX - 8..=u32::MAX).chain([0]) {
        let mut bed = Bed::new(start);
        let packets = [bytes(5000), bytes(60), bytes(2049)];
        for packet in &packets {
            let chain = bed.pool.write(packet).unwrap();
            bed.lane.tx.push_chain(chain).unwrap();
        }
        assert_eq!(bed.lane.tx.room(), Ok(2));
        let too_much = bed.pool.write(&bytes(5000)).unwrap();
        let refused = bed.lane.tx.push_chain(too_much).unwrap_err();
        assert!(matches!(refused, PushError::Full(_)), "{refused}");
        let chain = refused.into_inner();
        assert_eq!((chain.segments(), chain.len()), (3, 5000));
        bed.pool.give_chain(chain).unwrap();
        bed.lane.tx.publish();

        let mut goes_on = Vec::new();
        let mut sent = 0;
        while let Some(Descriptor { addr, len, options }) = bed.peer.tx.pop().unwrap() {
            goes_on.push(options == XDP_PKT_CONTD);
            sent += len;
            // Each segment completes by itself.
            bed.peer.completion.push(addr).unwrap().unwrap();
            bed.peer.completion.publish();
            assert_eq!(bed.lane.completion.reclaim(&mut bed.pool, 8).unwrap(), 1);
        }
        assert_eq!(goes_on, [true, true, false, false, true, false]);
        assert_eq!(sent, 5000 + 60 + 2049);
        assert_eq!((bed.pool.len(), bed.lane.completion.rejected()), (16, 0));
    }
}

#[test]
fn chains_that_cannot_be_sent_are_handed_back() {
    let Bed { umem, mut pool, mut lane, mut peer } = Bed::new(0);
    let at_most = pool.write(&bytes(SEGMENTS_MAX as usize * 2048)).unwrap();
    lane.tx.push_chain(at_most).unwrap();
    let too_many = pool.write(&bytes(SEGMENTS_MAX as usize * 2048 + 1)).unwrap();
    let refused = lane.tx.push_chain(too_many).unwrap_err();
    assert!(matches!(refused, PushError::TooManySegments(_)), "{refused}");
    pool.give_chain(refused.into_inner()).unwrap();

    let refused = lane.tx.push_chain(Chain::new()).unwrap_err();
    assert!(matches!(refused, PushError::Empty(_)), "{refused}");
    let mut gap = pool.write(&bytes(60)).unwrap();
    for len in [0, 60] {
        let segment: Segment = umem.segment(pool.take().unwrap(), 0, len).unwrap();
        umem.append(&mut gap, segment).unwrap();
    }
    let refused = lane.tx.push_chain(gap).unwrap_err();
    assert!(matches!(refused, PushError::Empty(_)), "{refused}");
    pool.give_chain(refused.into_inner()).unwrap();

    lane.tx.publish();
    assert_eq!(peer.tx.occupancy(), SEGMENTS_MAX);
    assert_eq!(pool.len(), 16 - SEGMENTS_MAX as usize);
    // More than the ring has slots never fits.
    lane.allow_chains(64, 64);
    let too_many = pool.write(&bytes(9 * 2048)).unwrap();
    let refused = lane.tx.push_chain(too_many).unwrap_err();
    assert!(matches!(refused, PushError::TooManySegments(_)), "{refused}");
    pool.give_chain(refused.into_inner()).unwrap();
    // A ring that has stopped.
    peer.tx.forge_index(100);
    let chain = pool.write(&bytes(8 * 2048)).unwrap();
    let refused = lane.tx.push_chain(chain).unwrap_err();
    assert!(matches!(refused, PushError::Corrupt(..)), "{refused}");
    assert_eq!(refused.into_inner().segments(), 8);
}

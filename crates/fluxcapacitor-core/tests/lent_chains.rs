//! Packets of several segments that are lent, and where they go.
#![cfg(not(loom))]

use fluxcapacitor_core::ring::{
    Descriptor, Exchange, LaneRings, PeerRings, RingSizes, XDP_PKT_CONTD,
};
use fluxcapacitor_core::umem::{FramePool, Layout, PageSize, UmemRegion};

const SIZES: RingSizes = RingSizes { fill: 128, rx: 128, tx: 8, completion: 8 };
const FRAMES: u32 = 512;

struct Lab {
    umem: UmemRegion,
    pool: FramePool,
    lane: LaneRings,
    peer: PeerRings,
}

impl Lab {
    fn new() -> Self {
        let layout = Layout::new(2048, FRAMES, 0).unwrap();
        let (umem, pool) = UmemRegion::new(layout, PageSize::Base).unwrap();
        let (mut lane, peer) = LaneRings::on_heap(&umem, SIZES, 0).unwrap();
        lane.allow_chains(u32::MAX, u32::MAX);
        Self { umem, pool, lane, peer }
    }

    /// A packet comes, of segments of these lengths.
    fn receive(&mut self, lens: impl ExactSizeIterator<Item = u32>) {
        let last = lens.len() - 1;
        for (number, len) in lens.enumerate() {
            self.lane.fill.push(self.pool.take().unwrap()).unwrap();
            self.lane.fill.publish();
            let addr = self.peer.fill.pop().unwrap().unwrap();
            let options = if number < last { XDP_PKT_CONTD } else { 0 };
            self.peer.rx.push(Descriptor { addr, len, options }).unwrap().unwrap();
            self.peer.rx.publish();
        }
    }

    /// All that are lent at a time go back out; says how many do.
    fn send_back(&mut self) -> usize {
        self.exchange(|exchange| {
            exchange.lend_chains().filter_map(|lent| lent.send_back().then_some(())).count()
        })
    }

    /// The same, but they are dropped.
    fn drop_them(&mut self) -> usize {
        self.exchange(|exchange| exchange.lend_chains().count())
    }

    fn exchange(&mut self, decide: impl FnOnce(&Exchange<'_>) -> usize) -> usize {
        let LaneRings { fill, rx, tx, .. } = &mut self.lane;
        rx.exchange_whole(fill, tx, &mut [], 64, |exchange, _| decide(exchange)).unwrap()
    }

    /// Length and whether it goes on, of what has been sent, which is completed.
    fn sent(&mut self) -> Vec<(u32, bool)> {
        self.lane.tx.publish();
        let mut sent = Vec::new();
        while let Some(Descriptor { addr, len, options }) = self.peer.tx.pop().unwrap() {
            sent.push((len, options == XDP_PKT_CONTD));
            self.peer.completion.push(addr).unwrap().unwrap();
        }
        self.peer.completion.publish();
        self.lane.completion.reclaim(&mut self.pool, u32::MAX).unwrap();
        sent
    }

    /// Every frame is with the user, and in the pool, or was posted.
    #[track_caller]
    fn nothing_is_lost(&self) {
        let census = self.umem.census();
        assert_eq!((census.user, census.tx), (self.pool.len() as u32, 0), "{census}");
        assert_eq!(census.rx, self.lane.fill.occupancy() + self.lane.fill.unpublished());
    }
}

fn push_waiting(lab: &mut Lab) -> (u32, Vec<usize>) {
    let mut seen = Vec::new();
    let left = lab.lane.tx.push_waiting(|bytes| seen.push(bytes.len())).unwrap();
    (left, seen)
}

#[test]
fn one_that_waits_is_pushed_whole() {
    let mut lab = Lab::new();
    lab.lane.tx.hold_back(true);
    for packet in 0..3 {
        lab.receive([100, 101, 102].map(|len| len + packet * 10).into_iter());
    }
    assert_eq!(lab.send_back(), 3);
    assert_eq!((lab.lane.tx.waiting(), lab.lane.tx.unpublished()), (9, 0));
    assert_eq!(push_waiting(&mut lab), (3, vec![100, 110]), "there is room for two more segments");
    assert_eq!(lab.lane.tx.take_further(), 4);
    let sent = lab.sent();
    assert_eq!(sent[..3], [(100, true), (101, true), (102, false)]);
    assert_eq!(sent[3..], [(110, true), (111, true), (112, false)]);
    assert_eq!(push_waiting(&mut lab), (0, vec![120]));
    assert_eq!(lab.sent(), [(120, true), (121, true), (122, false)]);
    assert_eq!((lab.lane.tx.take_further(), lab.lane.tx.take_bytes()), (2, 3 * 333));
    lab.nothing_is_lost();
}

/// What waits is given up packet by packet.
#[test]
fn those_that_wait_are_given_up() {
    let mut lab = Lab::new();
    lab.lane.tx.hold_back(true);
    lab.receive([100, 101].into_iter());
    lab.receive([100, 101, 102].into_iter());
    assert_eq!(lab.send_back(), 2);
    assert_eq!(lab.lane.tx.give_up_waiting(&mut lab.pool).unwrap(), 2);
    assert_eq!((lab.lane.tx.take_bytes(), lab.lane.tx.take_further()), (0, 0));
    lab.nothing_is_lost();
}

/// More than a tx ring has slots can never be sent; and a segment without bytes might not be completed.
#[test]
fn one_that_cannot_be_sent_goes_back() {
    let mut lab = Lab::new();
    lab.receive([100; 9].into_iter());
    lab.receive([100, 0, 100].into_iter());
    lab.receive([100; 8].into_iter());
    lab.lane.tx.reserve_waiting(128);
    assert_eq!(lab.send_back(), 1);
    push_waiting(&mut lab);
    assert_eq!(lab.sent().len(), 8);
    lab.nothing_is_lost();
}

/// A slot for each of its segments there must be, of whatever ring or place aside it may go to.
#[test]
fn one_without_slots_enough_stays_in_the_ring() {
    let mut lab = Lab::new();
    lab.receive([60; 2].into_iter());
    lab.receive([100; 70].into_iter());
    // So the frames go aside, where there are 64 slots.
    lab.lane.fill.refill(&mut lab.pool, 128).unwrap();
    assert_eq!(lab.drop_them(), 1, "the first fits");
    assert_eq!(lab.lane.fill.give_aside(&mut lab.pool).unwrap(), 2);
    assert_eq!(lab.drop_them(), 0, "the second does not");
    lab.lane.fill.reserve_aside(128);
    assert_eq!(lab.drop_them(), 0, "nor into the tx ring");
    lab.lane.tx.reserve_waiting(128);
    assert_eq!(lab.drop_them(), 1);
    assert_eq!(lab.lane.fill.give_aside(&mut lab.pool).unwrap(), 70);
    lab.nothing_is_lost();
}

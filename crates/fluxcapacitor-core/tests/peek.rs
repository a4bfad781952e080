//! Packets that are looked at before they are lent.
#![cfg(not(loom))]

use std::panic::{AssertUnwindSafe, catch_unwind};

use fluxcapacitor_core::ring::{Descriptor, Exchange, LaneRings, Lent, PeerRings, RingSizes};
use fluxcapacitor_core::umem::{FramePool, Layout, PageSize, Segment, UmemRegion};

const SIZES: RingSizes = RingSizes { fill: 32, rx: 8, tx: 32, completion: 8 };

struct Lab {
    umem: UmemRegion,
    pool: FramePool,
    lane: LaneRings,
    peer: PeerRings,
}

impl Lab {
    fn new() -> Self {
        let (umem, pool) =
            UmemRegion::new(Layout::new(2048, 8, 0).unwrap(), PageSize::Base).unwrap();
        let (lane, peer) = LaneRings::on_heap(&umem, SIZES, 3).unwrap();
        Self { umem, pool, lane, peer }
    }

    /// Posts a frame; says where.
    fn post(&mut self) -> u64 {
        self.lane.fill.push(self.pool.take().unwrap()).unwrap();
        self.lane.fill.publish();
        self.peer.fill.pop().unwrap().unwrap()
    }

    /// The peer says that it received a packet there.
    fn arrive(&mut self, addr: u64, len: u32) {
        self.peer.rx.push(Descriptor { addr, len, options: 0 }).unwrap().unwrap();
        self.peer.rx.publish();
    }

    /// A packet of each of these lengths comes.
    fn receive(&mut self, lens: &[u32]) {
        for len in lens {
            let addr = self.post();
            self.arrive(addr, *len);
        }
    }

    fn exchange<T>(&mut self, decide: impl FnOnce(&Exchange<'_>) -> T) -> T {
        let LaneRings { fill, rx, tx, .. } = &mut self.lane;
        let mut decided = None;
        rx.exchange(fill, tx, &mut [], 64, |exchange, _| decided = Some(decide(exchange))).unwrap();
        decided.unwrap()
    }
}

/// The lengths of the packets that are shown.
fn seen(exchange: &Exchange<'_>, skip: usize, step: usize) -> Vec<usize> {
    let mut seen = Vec::new();
    exchange.peek(skip, step, |bytes| seen.push(bytes.len()));
    seen
}

fn lent(exchange: &Exchange<'_>) -> Vec<u32> {
    exchange.lend().map(|lent| lent.len()).collect()
}

#[test]
fn what_was_looked_at_is_lent_as_if_it_had_not_been() {
    let mut lab = Lab::new();
    lab.receive(&[60, 61, 62, 63, 64]);
    lab.exchange(|exchange| {
        assert_eq!(seen(exchange, 0, 1), [60, 61, 62, 63, 64]);
        assert_eq!(seen(exchange, 1, 2), [61, 63]);
        assert_eq!(seen(exchange, 4, 9), [64]);
        assert_eq!(seen(exchange, 5, 1), [0; 0]);
        assert_eq!(seen(exchange, 0, 0), [60, 61, 62, 63, 64], "every 0th is every one");
        assert_eq!((exchange.len(), exchange.taken()), (5, (0, 0)), "nothing was lent by that");

        assert_eq!(exchange.lend().take(2).map(|lent| lent.len()).collect::<Vec<_>>(), [60, 61]);
        assert_eq!(seen(exchange, 0, 1), [62, 63, 64], "those that have not been lent");
        assert_eq!(lent(exchange), [62, 63, 64]);
    });
    assert_eq!((lab.umem.census().user, lab.umem.census().rx), (3, 5));
    assert_eq!(lab.lane.rx.rejected(), 0);
}

#[test]
fn what_cannot_be_true_is_not_shown_and_what_was_shown_makes_no_second_token() {
    let mut lab = Lab::new();
    let (posted, never_posted) = (lab.post(), 7 * 2048);
    for (addr, len) in
        [(posted, 2049), (never_posted, 60), (u64::MAX, 60), (posted, 60), (posted, 61)]
    {
        lab.arrive(addr, len);
    }
    lab.exchange(|exchange| assert_eq!(seen(exchange, 0, 1), [60, 61]));
    // Each that is rejected ends a batch.
    let mut kept = Vec::new();
    for taken in [(0, 1), (0, 1), (0, 1), (1, 1)] {
        lab.exchange(|exchange| {
            kept.extend(exchange.lend().map(Lent::into_segment));
            assert_eq!(exchange.taken(), taken);
        });
    }
    assert_eq!(kept.iter().map(Segment::len).collect::<Vec<_>>(), [60], "once");
    assert_eq!(lab.lane.rx.rejected(), 4);
}

#[test]
fn a_frame_that_is_lent_is_not_shown() {
    let mut lab = Lab::new();
    let addr = lab.post();
    lab.arrive(addr, 60);
    lab.arrive(addr, 61);
    lab.exchange(|exchange| {
        let mut first = exchange.lend().next().unwrap();
        let bytes = first.bytes_mut();
        assert_eq!(exchange.len(), 1, "its double is still to be lent");
        assert_eq!(seen(exchange, 0, 1), [0; 0], "or there would be two views of the frame");
        bytes.fill(1);
    });
}

#[test]
fn a_panic_on_the_way_loses_no_packet() {
    let mut lab = Lab::new();
    lab.receive(&[60, 61, 62]);
    lab.exchange(|exchange| {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            exchange.peek(0, 1, |bytes| assert_ne!(bytes.len(), 61, "on purpose"));
        }));
        assert!(panicked.is_err());
        assert_eq!(lent(exchange), [60, 61, 62]);
    });
}

#[test]
fn what_is_being_looked_at_is_not_lent() {
    let mut lab = Lab::new();
    lab.receive(&[60, 61]);
    lab.exchange(|exchange| {
        exchange.peek(0, 1, |_| assert_eq!(lent(exchange), [0; 0]));
        assert_eq!(lent(exchange), [60, 61]);
    });
    assert_eq!(lab.lane.rx.rejected(), 0);
}

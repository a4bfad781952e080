//! Packets that are lent, and where they go.
#![cfg(not(loom))]

use std::panic::{AssertUnwindSafe, catch_unwind};

use fluxcapacitor_core::Error;
use fluxcapacitor_core::ring::{Descriptor, Exchange, LaneRings, Lent, PeerRings, RingSizes};
use fluxcapacitor_core::umem::{FramePool, Layout, PageSize, Segment, UmemRegion};

const SIZES: RingSizes = RingSizes { fill: 128, rx: 16, tx: 16, completion: 16 };
const FRAMES: u32 = 256;

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
        let (lane, peer) = LaneRings::on_heap(&umem, SIZES, 0).unwrap();
        Self { umem, pool, lane, peer }
    }

    /// Packets come, of these lengths.
    fn receive(&mut self, lens: impl IntoIterator<Item = u32>) {
        for len in lens {
            self.lane.fill.push(self.pool.take().unwrap()).unwrap();
            self.lane.fill.publish();
            let addr = self.peer.fill.pop().unwrap().unwrap();
            self.peer.rx.push(Descriptor { addr, len, options: 0 }).unwrap().unwrap();
            self.peer.rx.publish();
        }
    }

    /// All go back out; says how many there were.
    fn send_back(&mut self) -> usize {
        self.exchange(|exchange| {
            exchange.lend().filter_map(|lent| lent.send_back().then_some(())).count()
        })
    }

    fn exchange<T>(&mut self, decide: impl FnOnce(&Exchange<'_>) -> T) -> T {
        let LaneRings { fill, rx, tx, .. } = &mut self.lane;
        let mut decided = None;
        rx.exchange(fill, tx, &mut [], 16, |exchange, _| decided = Some(decide(exchange))).unwrap();
        decided.unwrap()
    }

    /// The lengths of what has been sent, which is completed.
    fn sent(&mut self) -> Vec<u32> {
        self.lane.tx.publish();
        let mut lens = Vec::new();
        while let Some(sent) = self.peer.tx.pop().unwrap() {
            lens.push(sent.len);
            self.peer.completion.push(sent.addr).unwrap().unwrap();
        }
        self.peer.completion.publish();
        self.lane.completion.reclaim(&mut self.pool, u32::MAX).unwrap();
        lens
    }

    /// Every frame is with the user, and in the pool.
    #[track_caller]
    fn nothing_is_lost(&mut self) {
        while let Some(addr) = self.peer.fill.pop().unwrap() {
            self.peer.rx.push(Descriptor { addr, len: 1, options: 0 }).unwrap().unwrap();
            self.peer.rx.publish();
            let packets = self.lane.rx.receive(16).unwrap();
            self.pool.give_all(packets.map(Segment::into_frame)).unwrap();
        }
        assert_eq!(self.pool.len(), FRAMES as usize, "{:?}", self.umem.census());
    }
}

#[test]
fn what_finds_no_room_waits_in_order() {
    let mut lab = Lab::new();
    lab.receive(60..70);
    assert_eq!(lab.send_back(), 10);
    assert_eq!((lab.lane.tx.waiting(), lab.lane.tx.unpublished()), (0, 10));
    lab.receive(70..77);
    assert_eq!(lab.send_back(), 6, "as far as the rx ring's memory goes");
    assert_eq!((lab.lane.tx.waiting(), lab.lane.tx.unpublished()), (6, 10), "all, for one");
    assert_eq!(lab.send_back(), 1);
    assert_eq!(lab.lane.tx.waiting(), 7, "it would have room, but be the first");
    let mut seen = Vec::new();
    let mut push =
        |lab: &mut Lab| lab.lane.tx.push_waiting(|bytes| seen.push(bytes.len())).unwrap();
    assert_eq!((push(&mut lab), push(&mut lab)), (1, 1));
    assert_eq!(lab.sent(), (60..76).collect::<Vec<_>>());
    assert_eq!(push(&mut lab), 0);
    assert_eq!((lab.sent(), seen), (vec![76], (70..77).collect::<Vec<_>>()));
    assert_eq!(lab.lane.tx.take_bytes(), (60..77).sum::<u64>());
    lab.nothing_is_lost();
}

#[test]
fn what_waits_can_be_given_up() {
    let mut lab = Lab::new();
    lab.lane.tx.hold_back(true);
    lab.receive(60..64);
    assert_eq!(lab.send_back(), 4);
    assert_eq!(
        (lab.lane.tx.waiting(), lab.lane.tx.unpublished(), lab.lane.tx.is_loaded()),
        (4, 0, true)
    );
    let (_other, mut others) =
        UmemRegion::new(Layout::new(2048, 4, 0).unwrap(), PageSize::Base).unwrap();
    assert!(matches!(lab.lane.tx.give_up_waiting(&mut others), Err(Error::Foreign)));
    assert_eq!(lab.lane.tx.give_up_waiting(&mut lab.pool).unwrap(), 4);
    assert_eq!((lab.lane.tx.take_bytes(), lab.lane.tx.is_loaded()), (0, false));
    lab.lane.tx.hold_back(false);
    lab.receive(60..64);
    assert_eq!((lab.send_back(), lab.lane.tx.unpublished()), (4, 4));
    lab.sent();
    lab.nothing_is_lost();
}

/// A tx ring stays where it is for as long as nothing is sent: if it is about to end in memory there, that must
/// not cut every batch short.
#[test]
fn a_ring_that_is_about_to_end_cuts_no_batch_to_pieces() {
    let mut lab = Lab::new();
    lab.receive(60..75);
    assert_eq!(lab.send_back(), 15);
    lab.sent();
    lab.receive(60..61);
    assert_eq!(lab.exchange(|exchange| exchange.lend().count()), 1, "rx is at its beginning again");
    for turn in 0..3 {
        lab.receive(60..65);
        let lent = lab.exchange(|exchange| exchange.lend().count());
        assert_eq!(lent, 5, "turn {turn}: one slot is left in tx, and nothing is sent");
    }
    lab.receive(60..61);
    assert_eq!(lab.exchange(|exchange| exchange.lend().count()), 1);
    lab.receive(60..64);
    assert_eq!((lab.send_back(), lab.lane.tx.waiting()), (4, 4));
    assert_eq!(lab.lane.tx.push_waiting(|_| ()).unwrap(), 0);
    assert_eq!(lab.sent(), [60, 61, 62, 63]);
    lab.nothing_is_lost();
}

/// A kernel shows a packet before it frees the slot of its frame.
#[test]
fn frames_that_a_full_fill_ring_has_no_slot_for_go_aside() {
    let mut lab = Lab::new();
    lab.receive(60..64);
    lab.lane.fill.refill(&mut lab.pool, 128).unwrap();
    assert_eq!(lab.lane.fill.room().unwrap(), 0);
    let lent = lab.exchange(|exchange| (exchange.lend().count(), exchange.recycled()));
    assert_eq!(lent, (4, 4));
    let before = lab.pool.len();
    assert_eq!(lab.lane.fill.give_aside(&mut lab.pool).unwrap(), 4);
    assert_eq!(lab.pool.len(), before + 4);
    assert_eq!(lab.lane.fill.give_aside(&mut lab.pool).unwrap(), 0);
    lab.lane.fill.publish();
    lab.nothing_is_lost();
}

#[test]
fn a_panic_leaves_each_packet_somewhere() {
    let mut lab = Lab::new();
    lab.receive(60..70);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        lab.exchange(|exchange| {
            for lent in exchange.lend() {
                match lent.len() {
                    60 => drop(lent),
                    61 => assert!(lent.send_back()),
                    62 => panic!("on purpose, with it in hand"),
                    other => panic!("{other}"),
                }
            }
        });
    }));
    assert!(panicked.is_err());
    assert_eq!(lab.lane.fill.unpublished(), 2, "the one that was dropped, and the one in hand");
    assert_eq!(lab.sent(), [61]);
    assert_eq!(lab.lane.rx.occupancy(), 7, "the others are where they were");
    let rest = lab.exchange(|exchange| exchange.lend().map(|lent| lent.len()).collect::<Vec<_>>());
    assert_eq!(rest, (63..70).collect::<Vec<_>>());
    lab.lane.fill.publish();
    lab.nothing_is_lost();
}

/// Asked for all at once, packets are lent as one after the other, wherever the batch ends.
#[test]
fn for_each_ends_where_a_loop_ends() {
    for bad in 0..9 {
        let by_loop = ends_at(bad, |exchange, decide| {
            for lent in exchange.lend() {
                decide(lent);
            }
        });
        let at_once = ends_at(bad, |exchange, decide| exchange.lend().for_each(decide));
        assert_eq!(at_once, by_loop);
        assert_eq!(at_once, ((60..60 + bad).collect(), 9 - bad as usize, 1));
    }
}

/// A batch of which one packet cannot be true: the lengths of those that were lent, how many stayed in the ring, and how
/// many were rejected.
fn ends_at(
    bad: u32,
    walk: impl FnOnce(&Exchange<'_>, &mut dyn FnMut(Lent<'_>)),
) -> (Vec<u32>, usize, u64) {
    let mut lab = Lab::new();
    lab.receive((60..70).map(|len| if len == 60 + bad { 4096 } else { len }));
    let mut lens = Vec::new();
    lab.exchange(|exchange| walk(exchange, &mut |lent| lens.push(lent.len())));
    assert_eq!(lab.lane.fill.unpublished(), bad);
    let (left, rejected) = (lab.lane.rx.occupancy() as usize, lab.lane.rx.rejected());
    assert_eq!(lab.exchange(|exchange| exchange.lend().count()), left, "{rejected} rejected");
    (lens, left, rejected)
}

#[test]
fn a_panic_at_any_packet_of_for_each_leaves_the_rest_in_the_ring() {
    for bad in 0..9 {
        let mut lab = Lab::new();
        lab.receive(60..70);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            lab.exchange(|exchange| {
                exchange.lend().for_each(|lent| assert_ne!(lent.len(), 60 + bad));
            });
        }));
        assert!(panicked.is_err());
        assert_eq!(lab.lane.fill.unpublished(), bad + 1, "with the one in hand");
        assert_eq!(lab.lane.rx.occupancy(), 9 - bad);
        let rest =
            lab.exchange(|exchange| exchange.lend().map(|lent| lent.len()).collect::<Vec<_>>());
        assert_eq!(rest, (61 + bad..70).collect::<Vec<_>>());
        lab.lane.fill.publish();
        lab.nothing_is_lost();
    }
}

#[test]
fn packets_leave_by_other_rings_too() {
    let mut lab = Lab::new();
    let (mut there, mut there_peer) = LaneRings::on_heap(&lab.umem, SIZES, 0).unwrap();
    lab.receive(60..64);
    let LaneRings { fill, rx, tx, .. } = &mut lab.lane;
    let mut others = [None, Some(there.tx.outbox(16).unwrap())];
    let exchanged = rx.exchange(fill, tx, &mut others, 16, |exchange, others| {
        let mut lending = exchange.lend();
        let mut next = || lending.next().unwrap();
        assert!(next().send(1));
        assert!(!next().send(0), "there is none: dropped");
        assert!(!next().send(9), "nor that");
        let mut empty = next();
        assert!(empty.adjust(0, -63) && !empty.send(1), "nothing can be sent of it");
        (others[1].as_ref().map(|outbox| (outbox.count(), outbox.bytes())), exchange.recycled())
    });
    assert_eq!(exchanged.unwrap(), (Some((1, 60)), 3));
    drop(others);
    there.tx.publish();
    let sent = there_peer.tx.pop().unwrap().unwrap();
    assert_eq!(sent.len, 60);
    there_peer.completion.push(sent.addr).unwrap().unwrap();
    there_peer.completion.publish();
    assert_eq!(there.completion.reclaim(&mut lab.pool, 16).unwrap(), 1);
    lab.lane.fill.publish();
    lab.nothing_is_lost();
}

#[test]
fn rings_of_others_are_refused() {
    let (mut lab, mut other) = (Lab::new(), Lab::new());
    let (mut there, _peer) = LaneRings::on_heap(&lab.umem, SIZES, 0).unwrap();
    lab.receive([60]);
    let LaneRings { fill, rx, tx, .. } = &mut lab.lane;
    let refused = rx.exchange(&mut there.fill, tx, &mut [], 16, |_, _| -> () { panic!("lent") });
    assert!(matches!(refused, Err(Error::Invalid { .. })));
    let refused = rx.exchange(fill, &mut there.tx, &mut [], 16, |_, _| -> () { panic!("lent") });
    assert!(matches!(refused, Err(Error::Invalid { .. })));
    let mut others = [Some(other.lane.tx.outbox(16).unwrap())];
    let refused = rx.exchange(fill, tx, &mut others, 16, |_, _| -> () { panic!("lent") });
    assert!(matches!(refused, Err(Error::Foreign)));
    assert_eq!(rx.occupancy(), 1);
}

#[test]
fn what_is_aside_when_the_rings_are_dropped_can_be_recovered() {
    let mut lab = Lab::new();
    lab.lane.tx.hold_back(true);
    lab.receive(60..64);
    lab.lane.fill.refill(&mut lab.pool, 128).unwrap();
    let lent = lab.exchange(|exchange| {
        exchange.lend().take(2).for_each(drop);
        exchange.lend().filter_map(|lent| lent.send_back().then_some(())).count()
    });
    assert_eq!((lent, lab.lane.tx.waiting(), lab.umem.census().user), (2, 2, FRAMES - 128));
    let Lab { umem, mut pool, lane, peer } = lab;
    drop((lane, peer));
    umem.recover(&mut pool).unwrap();
    assert_eq!(pool.len(), FRAMES as usize, "{:?}", umem.census());
}

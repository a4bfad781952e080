//! A hostile peer on heap rings: arbitrary indices, addresses and lengths, for 10⁶ steps.
//!
//! It must never obtain a second token of a frame, nor make us touch a byte outside a frame. The same
//! test with the ledger's check taken out must fail:
//! `RUSTFLAGS="--cfg fluxcap_ledger_unchecked" cargo test -p fluxcapacitor-core --test forged_peer`
#![cfg(not(loom))]

use std::collections::HashSet;
use std::convert::identity;
use std::sync::Arc;

use fluxcapacitor_core::ring::{Descriptor, LaneRings, Lent, PeerRings, RingSizes};
use fluxcapacitor_core::umem::{
    Frame, FramePool, Home, Layout, Origin, PageSize, Parcel, Segment, SharedFrameState, UmemRegion,
};

const FRAMES: u32 = 16;
const FRAME_SIZE: u32 = 2048;
const STEPS: u32 = if cfg!(miri) { 500 } else { 1_000_000 };

/// xorshift64: the run is a function of its seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Mostly an address that could be true.
    fn addr(&mut self) -> u64 {
        match self.below(8) {
            0 => self.next(),
            1 => u64::from(FRAMES) * u64::from(FRAME_SIZE) - self.below(4),
            _ => self.below(u64::from(FRAMES) + 1) * u64::from(FRAME_SIZE) + self.below(2048),
        }
    }

    fn len(&mut self) -> u32 {
        match self.below(8) {
            0 => self.next() as u32,
            1 => 0,
            _ => self.below(2300) as u32,
        }
    }
}

/// An honest user with two lanes, and what it holds.
struct User {
    umem: UmemRegion,
    pool: FramePool,
    packets: Vec<Segment>,
    parcels: Vec<Option<Parcel>>,
    shared: Arc<SharedFrameState>,
    /// Where the UMEM begins.
    base: usize,
    lanes: [LaneRings; 2],
    taken: u64,
}

impl User {
    fn new(umem: &UmemRegion, pool: FramePool, lanes: [LaneRings; 2]) -> Self {
        let mut pool = pool;
        let first = pool.drain().collect::<Vec<_>>();
        let bases = first.iter().map(|frame| umem.frame(frame).unwrap().as_ptr().addr());
        let base = bases.min().unwrap();
        pool.give_all(first).unwrap();
        let shared = SharedFrameState::new(umem);
        let (packets, parcels, taken) = (Vec::new(), Vec::new(), 0);
        Self { umem: umem.clone(), pool, packets, parcels, shared, base, lanes, taken }
    }

    fn step(&mut self, random: &mut Random) {
        match random.below(14) {
            0..9 => self.step_with_tokens(random),
            9..11 => self.step_with_loans(random),
            _ => self.step_with_parcels(random),
        }
    }

    /// What is lent goes back, or to one of two rings, or is taken.
    fn step_with_loans(&mut self, random: &mut Random) {
        let Self { pool, packets, parcels, shared, lanes, taken, .. } = self;
        let [one, two] = lanes;
        let (here, there) = if random.below(2) == 0 { (one, two) } else { (two, one) };
        let mut others = [None, Some(there.tx.outbox(8).unwrap())];
        let LaneRings { fill, rx, tx, .. } = here;
        tx.hold_back(random.below(4) == 0);
        rx.exchange(fill, tx, &mut others, 8, |exchange, _| {
            let some = random.below(9) as usize;
            let decide = |mut lent: Lent<'_>| {
                *taken += 1;
                lent.bytes_mut().fill(3);
                match random.below(6) {
                    0 => packets.push(lent.into_segment()),
                    1 => parcels.push(Some(lent.into_parcel(shared, Origin::default()))),
                    2 => drop(lent),
                    3 => assert!(!lent.send(0), "there is no such outbox"),
                    4 => drop(lent.send(1)),
                    _ => drop(lent.send_back()),
                }
            };
            if some == 8 {
                exchange.lend().for_each(decide);
            } else {
                exchange.lend().take(some).for_each(decide);
            }
        })
        .unwrap();
        drop(others);
        fill.give_aside(pool).unwrap();
        for lane in lanes {
            lane.tx.push_waiting(|bytes| assert_ne!(bytes, [0; 0])).unwrap();
            lane.tx.give_up_waiting(pool).unwrap();
            lane.tx.publish();
            lane.fill.publish();
        }
    }

    /// What knows its way home goes there, or to a ring.
    fn step_with_parcels(&mut self, random: &mut Random) {
        let Self { pool, parcels, shared, taken, .. } = self;
        let lane = &mut self.lanes[random.below(2) as usize];
        match random.below(5) {
            0 | 1 => {
                let mut slots = [const { None }; 8];
                let of = (&*shared, Origin::default());
                let (count, _) = lane.rx.receive_into(&mut slots, of, identity).unwrap();
                parcels.extend(slots.into_iter().take(count as usize));
                *taken += u64::from(count);
            }
            2 => {
                if random.below(2) == 0 {
                    lane.tx.expect_from(shared).unwrap();
                }
                let pushed = lane.tx.push_parcels(parcels, identity, identity);
                parcels.drain(..pushed as usize);
                if let Some(Some(parcel)) = parcels.pop()
                    && let Err(refused) = lane.tx.push_parcel(parcel)
                {
                    parcels.push(Some(refused.into_inner()));
                }
                lane.tx.publish();
                lane.tx.settle();
            }
            3 => parcels.truncate(random.below(4) as usize),
            _ => {
                lane.completion.send_home(shared, Home::Rx, 8).unwrap();
                lane.fill.take_home(shared, Home::Rx, pool, 8).unwrap();
                lane.fill.publish();
            }
        }
    }

    fn step_with_tokens(&mut self, random: &mut Random) {
        let lane = &mut self.lanes[random.below(2) as usize];
        match random.below(9) {
            0 => {
                if let Some(frame) = self.pool.take()
                    && let Err(refused) = lane.fill.push(frame)
                {
                    self.pool.give(refused.into_inner()).unwrap();
                }
                lane.fill.publish();
            }
            1 => {
                if let Some(packet) = self.packets.pop()
                    && let Err(refused) = lane.tx.push(packet)
                {
                    self.pool.give(refused.into_inner().into_frame()).unwrap();
                }
                lane.tx.publish();
            }
            2 | 3 => {
                let before = self.packets.len();
                let batch = lane.rx.receive(8).expect("indices are honest in this test");
                self.packets.extend(batch);
                self.taken += (self.packets.len() - before) as u64;
            }
            4 => {
                let before = self.pool.len();
                let batch = lane.completion.complete(8).expect("indices are honest in this test");
                self.pool.give_all(batch).unwrap();
                self.taken += (self.pool.len() - before) as u64;
            }
            // Straight from ring to ring: no token is ever seen, the ledger still has to know.
            5 => {
                let _posted = lane.rx.recycle(&mut lane.fill, 8, |packet| packet.fill(1)).unwrap();
                lane.fill.publish();
            }
            6 => {
                let _queued = lane.rx.forward(&mut lane.tx, 8, |packet| packet.fill(2)).unwrap();
                lane.tx.publish();
            }
            7 => {
                let _posted = lane.completion.recycle(&mut lane.fill, 8).unwrap();
                lane.fill.publish();
            }
            _ => {
                let len = random.below(2100) as usize;
                let _queued = lane.completion.resend(&mut lane.tx, 8, |_| len).unwrap();
                lane.tx.publish();
            }
        }
    }

    /// No two tokens of one frame, and every byte of every packet can be written.
    fn check(&mut self, seed: u64, step: u32) {
        let mut seen = HashSet::new();
        let mut unique = |index: u32| {
            assert!(seen.insert(index), "two tokens of one frame: seed {seed}, step {step}");
        };
        self.packets.iter().for_each(|packet| unique(packet.frame().index()));
        for parcel in self.parcels.iter_mut().flatten() {
            let bytes = parcel.bytes_mut();
            let at = bytes.as_ptr().addr() - self.base;
            unique((at / FRAME_SIZE as usize) as u32);
            assert!(at % FRAME_SIZE as usize + bytes.len() <= FRAME_SIZE as usize);
            bytes.fill(step as u8);
        }
        self.shared.take(Home::Rx, &mut self.pool).unwrap();
        let frames: Vec<Frame> = self.pool.drain().collect();
        frames.iter().for_each(|frame| unique(frame.index()));
        self.pool.give_all(frames).unwrap();
        for packet in &mut self.packets {
            assert!(packet.start() + packet.len() <= FRAME_SIZE);
            self.umem.packet_mut(packet).unwrap().fill(step as u8);
        }
    }
}

/// A peer that writes whatever it likes, and sometimes what is right.
fn hostile(peer: &mut PeerRings, random: &mut Random) {
    match random.below(8) {
        0 => while peer.fill.pop().unwrap().is_some() {},
        1 => while peer.tx.pop().unwrap().is_some() {},
        // Honest: what makes the states go round.
        2 | 3 => {
            if let Some(addr) = peer.fill.pop().unwrap() {
                let _full = peer.rx.push(Descriptor { addr: addr + 256, len: 60, options: 0 });
            }
        }
        4 => {
            if let Some(sent) = peer.tx.pop().unwrap() {
                let _full = peer.completion.push(sent.addr);
            }
        }
        // The same address twice, or up to eight times, in one batch.
        5 => {
            let (addr, len) = (random.addr(), random.len());
            for _ in 0..=random.below(8) {
                let _full = peer.rx.push(Descriptor { addr, len, options: random.below(2) as u32 });
            }
        }
        6 => {
            let addr = random.addr();
            for _ in 0..=random.below(8) {
                let _full = peer.completion.push(addr);
            }
        }
        _ => {
            let descriptor = Descriptor {
                addr: random.addr(),
                len: random.len(),
                options: random.next() as u32,
            };
            let _full = peer.rx.push(descriptor);
        }
    }
    peer.rx.publish();
    peer.completion.publish();
}

#[test]
fn no_descriptor_makes_a_second_token() {
    let seed = 0x9e37_79b9_7f4a_7c15;
    let mut random = Random(seed);
    let (umem, pool) =
        UmemRegion::new(Layout::new(FRAME_SIZE, FRAMES, 0).unwrap(), PageSize::Base).unwrap();
    let sizes = RingSizes { fill: 8, rx: 8, tx: 8, completion: 8 };
    let near_the_wrap = u32::MAX - 1000;
    let (lane0, mut peer0) = LaneRings::on_heap(&umem, sizes, near_the_wrap).unwrap();
    let (lane1, mut peer1) = LaneRings::on_heap(&umem, sizes, 0).unwrap();
    let mut user = User::new(&umem, pool, [lane0, lane1]);

    for step in 0..STEPS {
        user.step(&mut random);
        hostile(if random.below(2) == 0 { &mut peer0 } else { &mut peer1 }, &mut random);
        user.check(seed, step);
        assert_eq!(user.umem.census().total(), FRAMES, "seed {seed}, step {step}");
    }
    let rejected: u64 =
        user.lanes.iter().map(|lane| lane.rx.rejected() + lane.completion.rejected()).sum();
    let steps = u64::from(STEPS);
    assert!(
        user.taken > steps / 50 && rejected > steps / 20,
        "{} taken, {rejected} rejected",
        user.taken
    );
}

#[test]
fn no_index_makes_a_token_out_of_nothing() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut stopped = 0;
    for round in 0..STEPS / 50 {
        let (umem, mut pool) =
            UmemRegion::new(Layout::new(FRAME_SIZE, 4, 0).unwrap(), PageSize::Base).unwrap();
        let sizes = RingSizes { fill: 4, rx: 4, tx: 4, completion: 4 };
        let (mut lane, mut peer) = LaneRings::on_heap(&umem, sizes, random.next() as u32).unwrap();
        lane.fill.extend(pool.drain().take(2)).unwrap();
        lane.fill.publish();
        peer.rx.forge_index(random.next() as u32 >> random.below(32));
        peer.completion.forge_index(random.next() as u32 >> random.below(32));
        peer.fill.forge_index(random.next() as u32 >> random.below(32));

        let mut indices: HashSet<u32> = HashSet::new();
        for _ in 0..4 {
            match lane.rx.receive(4) {
                Ok(batch) => {
                    batch.for_each(|packet| assert!(indices.insert(packet.frame().index())));
                }
                Err(_) => stopped += 1,
            }
            match lane.completion.complete(4) {
                Ok(batch) => assert_eq!(batch.count(), 0, "nothing was sent (round {round})"),
                Err(_) => stopped += 1,
            }
            match lane.fill.room() {
                Ok(room) => assert!(room <= 4),
                Err(_) => stopped += 1,
            }
        }
        assert!(indices.len() <= 2, "two were posted (round {round})");
    }
    assert!(stopped > STEPS / 1000, "{stopped}");
}

#[test]
fn a_frame_of_another_umem_is_refused_and_handed_back() {
    let layout = Layout::new(FRAME_SIZE, 2, 0).unwrap();
    let (umem, _pool) = UmemRegion::new(layout, PageSize::Base).unwrap();
    let (other, mut others) = UmemRegion::new(layout, PageSize::Base).unwrap();
    let (mut lane, peer) = LaneRings::on_heap(&umem, RingSizes::default(), 0).unwrap();

    let mut frame = others.take().unwrap();
    let index = frame.index();
    assert!(umem.frame(&frame).is_err());
    assert!(umem.frame_mut(&mut frame).is_err());
    frame = FramePool::new(&umem).give(frame).unwrap_err().0;
    frame = lane.fill.push(frame).unwrap_err().into_inner();
    frame = umem.segment(frame, 0, 60).unwrap_err().0;
    let mut packet = other.segment(frame, 0, 60).unwrap();
    assert!(umem.packet_mut(&mut packet).is_err());
    packet = lane.tx.push(packet).unwrap_err().into_inner();

    assert_eq!(packet.frame().index(), index);
    assert_eq!((peer.fill.occupancy(), peer.tx.occupancy()), (0, 0));
    others.give(packet.into_frame()).unwrap();
    assert_eq!(others.len(), 2);
}

/// A pool that has all frames has no place for another one, and is told of some all the same: that ends.
#[test]
fn a_full_pool_is_not_asked_for_ever() {
    let layout = Layout::new(FRAME_SIZE, 2, 0).unwrap();
    let (umem, mut pool) = UmemRegion::new(layout, PageSize::Base).unwrap();
    let (mut lane, mut peer) = LaneRings::on_heap(&umem, RingSizes::default(), 0).unwrap();
    for frame in 0..3 {
        peer.completion.push(frame * u64::from(FRAME_SIZE)).unwrap().unwrap();
    }
    peer.completion.publish();
    assert_eq!(lane.completion.reclaim(&mut pool, u32::MAX).unwrap(), 0);
    assert_eq!((lane.completion.rejected(), pool.len()), (3, 2));
}

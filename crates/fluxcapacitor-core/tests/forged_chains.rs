//! A hostile peer that makes packets of several descriptors, for 10⁶ steps: it must never obtain a second
//! token of a frame, nor have us lose one that was ours.
#![cfg(not(loom))]

use std::collections::HashSet;
use std::sync::Arc;

use fluxcapacitor_core::ring::{
    Descriptor, LaneRings, Lent, LentChain, PeerRings, RingSizes, XDP_PKT_CONTD,
};
use fluxcapacitor_core::umem::{
    Chain, FramePool, Layout, Origin, PageSize, Parcel, SharedFrameState, UmemRegion,
};

const FRAMES: u32 = 24;
const FRAME_SIZE: u32 = 2048;
const STEPS: u32 = if cfg!(miri) { 500 } else { 1_000_000 };
const SEGMENTS_MAX: u32 = 5;

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
}

/// What is lent.
enum Any<'x> {
    Linear(Lent<'x>),
    Chain(LentChain<'x>),
}

impl Any<'_> {
    fn kind(&self) -> usize {
        usize::from(matches!(self, Self::Chain(_)))
    }

    fn slices_mut(&mut self) -> Vec<&mut [u8]> {
        match self {
            Self::Linear(lent) => vec![lent.bytes_mut()],
            Self::Chain(lent) => {
                let (len, segments) = (lent.len() as usize, lent.segments() as usize);
                let slices: Vec<&mut [u8]> = lent.slices_mut().collect();
                assert_eq!(slices.iter().map(|slice| slice.len()).sum::<usize>(), len);
                assert!(segments == slices.len() && segments > 1);
                slices
            }
        }
    }

    fn into_chain(self) -> Chain {
        match self {
            Self::Linear(lent) => lent.into_segment().into(),
            Self::Chain(lent) => lent.into_chain(),
        }
    }

    fn into_parcel(self, shared: &Arc<SharedFrameState>) -> Parcel {
        match self {
            Self::Linear(lent) => lent.into_parcel(shared, Origin::default()),
            Self::Chain(lent) => lent.into_parcel(shared, Origin::default()),
        }
    }

    fn send_back(self) -> bool {
        match self {
            Self::Linear(lent) => lent.send_back(),
            Self::Chain(lent) => lent.send_back(),
        }
    }
}

struct User {
    /// Where the UMEM's memory begins.
    base: usize,
    umem: UmemRegion,
    pool: FramePool,
    packets: Vec<Chain>,
    lane: LaneRings,
    shared: Arc<SharedFrameState>,
    /// Packets of one segment, and of several; as many as were lent, and sent back.
    taken: [u64; 2],
    lent: [u64; 2],
    sent_back: [u64; 2],
    salvaged: u64,
}

impl User {
    fn step(&mut self, random: &mut Random) {
        let lane = &mut self.lane;
        match random.below(9) {
            6.. => self.exchange(random),
            0 | 1 => {
                lane.fill.refill(&mut self.pool, random.below(8) as u32).unwrap();
                lane.fill.publish();
            }
            2 => {
                if let Some(packet) = self.packets.pop()
                    && let Err(refused) = lane.tx.push_chain(packet)
                {
                    self.pool.give_chain(refused.into_inner()).unwrap();
                }
                lane.tx.publish();
            }
            3 => {
                let batch = lane.completion.complete(8).expect("indices are honest in this test");
                self.pool.give_all(batch).unwrap();
            }
            _ => {
                let max = random.below(8) as u32;
                for packet in lane.rx.receive_whole(max).expect("indices are honest in this test") {
                    self.taken[usize::from(!packet.is_linear())] += 1;
                    self.packets.push(packet);
                }
            }
        }
    }

    /// What is lent goes back, or out again, or is taken, or nothing is said.
    fn exchange(&mut self, random: &mut Random) {
        let Self { base, pool, packets, lane, shared, lent, sent_back, .. } = self;
        let LaneRings { fill, rx, tx, .. } = lane;
        let max = random.below(8) as u32;
        tx.hold_back(random.below(4) == 0);
        let exchange = rx.exchange_whole(fill, tx, &mut [], max, |exchange, _| {
            let count = random.below(8) as usize;
            let linear = exchange.lend().take(count).map(Any::Linear);
            let chains = exchange.lend_chains().take(count).map(Any::Chain);
            let mut all: Vec<Any<'_>> = linear.chain(chains).collect();
            assert!(all.len() <= max as usize);
            // Each byte of all that is lent is there once.
            let mut seen = HashSet::new();
            for packet in &mut all {
                for slice in packet.slices_mut().into_iter().filter(|slice| !slice.is_empty()) {
                    slice.fill(5);
                    let chunk = (slice.as_ptr().addr() - *base) / FRAME_SIZE as usize;
                    assert!(seen.insert(chunk), "two tokens");
                }
            }
            let (mut kept, mut sent) = (0, 0);
            for mut packet in all {
                let (kind, segments) = (packet.kind(), packet.slices_mut().len() as u64);
                lent[kind] += 1;
                match random.below(5) {
                    0 => {
                        kept += segments;
                        packets.push(packet.into_chain());
                    }
                    1 => {
                        kept += segments;
                        packets.push(packet.into_parcel(shared).into_chain());
                    }
                    2 | 3 => {
                        if packet.send_back() {
                            sent += segments;
                            sent_back[kind] += 1;
                        }
                    }
                    _ => drop(packet),
                }
            }
            assert_eq!(exchange.came().frames, exchange.recycled() as u64 + kept + sent);
        });
        exchange.expect("indices are honest in this test");
        fill.give_aside(pool).unwrap();
        tx.push_waiting(|bytes| assert_ne!(bytes, [0; 0])).unwrap();
        tx.give_up_waiting(pool).unwrap();
        tx.publish();
        fill.publish();
    }

    /// No two tokens of one frame, no frame that is ours without one, and every byte can be written.
    fn check(&mut self, seed: u64, step: u32) {
        let mut seen = HashSet::new();
        for packet in &mut self.packets {
            assert!((1..=SEGMENTS_MAX).contains(&packet.segments()));
            let mut len = 0;
            for slice in self.umem.slices_mut(packet).unwrap() {
                // By its address: a frame is a chunk of the UMEM's memory.
                if !slice.is_empty() {
                    let chunk = (slice.as_ptr().addr() - self.base) / FRAME_SIZE as usize;
                    assert!(seen.insert(chunk), "two tokens: seed {seed}, step {step}");
                }
                slice.fill(step as u8);
                len += slice.len();
            }
            assert_eq!(len, packet.len() as usize);
        }
        let salvaged = self.lane.rx.salvage();
        self.salvaged += u64::from(salvaged.segments());
        self.pool.give_chain(salvaged).unwrap();
        let packets: u32 = self.packets.iter().map(Chain::segments).sum();
        let census = self.umem.census();
        assert_eq!(
            census.user,
            self.pool.len() as u32 + packets,
            "a frame is lost: seed {seed}, step {step}"
        );
        assert_eq!(census.total(), FRAMES);
    }
}

/// Mostly a frame that may be out, and a length that may be true.
fn lie(random: &mut Random, goes_on: bool) -> Descriptor {
    let addr = match random.below(10) {
        0 => random.next(),
        _ => random.below(u64::from(FRAMES)) * u64::from(FRAME_SIZE) + random.below(2) * 256,
    };
    let len = match random.below(10) {
        0 => random.next() as u32,
        1 => 0,
        _ => random.below(1792) as u32,
    };
    let others = if random.below(4) == 0 { random.next() as u32 & !XDP_PKT_CONTD } else { 0 };
    Descriptor { addr, len, options: others | u32::from(goes_on) }
}

fn hostile(peer: &mut PeerRings, random: &mut Random) {
    match random.below(6) {
        // Honest: whole packets in frames that were posted.
        0 | 1 => {
            let segments = 1 + random.below(u64::from(SEGMENTS_MAX));
            for left in (0..segments).rev() {
                let Some(addr) = peer.fill.pop().unwrap() else { break };
                let options = u32::from(left > 0);
                let _full = peer.rx.push(Descriptor { addr: addr + 256, len: 1700, options });
            }
        }
        2 => {
            while let Some(sent) = peer.tx.pop().unwrap() {
                let _full = peer.completion.push(sent.addr);
            }
        }
        // A storm without an end.
        3 => {
            for _ in 0..=random.below(16) {
                let _full = peer.rx.push(lie(random, true));
            }
        }
        _ => {
            let goes_on = random.below(2) == 0;
            let _full = peer.rx.push(lie(random, goes_on));
        }
    }
    peer.rx.publish();
    peer.completion.publish();
}

#[test]
fn no_chain_of_lies_makes_a_second_token_or_loses_a_frame() {
    let seed = 0x9e37_79b9_7f4a_7c15;
    let mut random = Random(seed);
    let layout = Layout::new(FRAME_SIZE, FRAMES, 0).unwrap();
    let (umem, mut pool) = UmemRegion::new(layout, PageSize::Base).unwrap();
    let first = pool.take().unwrap();
    assert_eq!(first.index(), 0);
    let base = umem.frame(&first).unwrap().as_ptr().addr();
    pool.give(first).unwrap();
    let sizes = RingSizes { fill: 16, rx: 16, tx: 8, completion: 16 };
    let near_the_wrap = u32::MAX - 1000;
    let (mut lane, mut peer) = LaneRings::on_heap(&umem, sizes, near_the_wrap).unwrap();
    lane.allow_chains(SEGMENTS_MAX, SEGMENTS_MAX);
    let shared = SharedFrameState::new(&umem);
    let mut user = User {
        base,
        umem,
        pool,
        packets: Vec::new(),
        lane,
        shared,
        taken: [0; 2],
        lent: [0; 2],
        sent_back: [0; 2],
        salvaged: 0,
    };
    for step in 0..STEPS {
        user.step(&mut random);
        hostile(&mut peer, &mut random);
        user.check(seed, step);
    }
    let (taken, rejected) = (user.taken, user.lane.rx.rejected());
    let (salvaged, steps) = (user.salvaged, u64::from(STEPS));
    let few = steps / 250;
    assert!(
        taken.iter().all(|taken| *taken > few) && rejected > steps / 20 && salvaged > few,
        "{taken:?} linear and longer ones taken, {rejected} rejected, {salvaged} frames salvaged"
    );
    let (lent, sent_back) = (user.lent, user.sent_back);
    assert!(
        lent.iter().chain(&sent_back).all(|packets| *packets > few),
        "{lent:?} linear and longer ones lent, {sent_back:?} sent back"
    );
}

//! A peer that writes whatever it likes into the rings, and sometimes what is right: it makes no second
//! token of a frame, and has us touch no byte outside of one.

use std::collections::HashSet;

use fluxcapacitor::Error;
use fluxcapacitor::ring::{Descriptor, LaneRings, PeerRings, RingSizes};
use fluxcapacitor::umem::{Frame, FramePool, Layout, PageSize, Segment, UmemRegion};

use crate::verdict::Outcome;

const FRAMES: u32 = 16;
const FRAME_SIZE: u32 = 2048;
const STEPS: u32 = 200_000;
const SIZES: RingSizes = RingSizes { fill: 8, rx: 8, tx: 8, completion: 8 };

pub(super) fn peer() -> Outcome {
    descriptors(0x9e37_79b9_7f4a_7c15)?;
    indices(0x2545_f491_4f6c_dd1d)
}

fn descriptors(seed: u64) -> Outcome {
    let mut random = Random(seed);
    let (umem, pool) = UmemRegion::new(Layout::new(FRAME_SIZE, FRAMES, 0)?, PageSize::Base)?;
    let (lane0, mut peer0) = LaneRings::on_heap(&umem, SIZES, u32::MAX - 1000)?;
    let (lane1, mut peer1) = LaneRings::on_heap(&umem, SIZES, 0)?;
    let mut user = User { umem, pool, packets: Vec::new(), lanes: [lane0, lane1], taken: 0 };
    for step in 0..STEPS {
        user.step(&mut random)?;
        scribble(if random.below(2) == 0 { &mut peer0 } else { &mut peer1 }, &mut random)?;
        user.check(seed, step)?;
    }
    let rejected: u64 =
        user.lanes.iter().map(|lane| lane.rx.rejected() + lane.completion.rejected()).sum();
    assert!(user.taken > 4_000 && rejected > 10_000, "{} taken, {rejected} rejected", user.taken);
    Ok(())
}

/// Indices out of their window stop a ring, with an error that says so, and for good.
fn indices(seed: u64) -> Outcome {
    let mut random = Random(seed);
    let mut stopped = 0;
    for round in 0..2_000 {
        let (umem, mut pool) = UmemRegion::new(Layout::new(FRAME_SIZE, 4, 0)?, PageSize::Base)?;
        let (mut lane, mut peer) = LaneRings::on_heap(&umem, SIZES, random.next() as u32)?;
        lane.fill.extend(pool.drain().take(2))?;
        lane.fill.publish();
        peer.rx.forge_index(random.next() as u32 >> random.below(32));
        peer.completion.forge_index(random.next() as u32 >> random.below(32));
        peer.fill.forge_index(random.next() as u32 >> random.below(32));

        let mut seen: HashSet<u32> = HashSet::new();
        let mut stops = [0; 2];
        for _ in 0..4 {
            match lane.rx.receive(4) {
                Ok(batch) => batch.for_each(|packet| assert!(seen.insert(packet.frame().index()))),
                Err(_) => stops[0] += 1,
            }
            match lane.completion.reclaim(&mut pool, 4) {
                Ok(completed) => assert_eq!(completed, 0, "nothing was sent (round {round})"),
                Err(Error::Ring(_)) => stops[1] += 1,
                Err(error) => return Err(error.into()),
            }
            assert!(lane.fill.room().unwrap_or(0) <= SIZES.fill);
        }
        assert!(stops.iter().all(|times| *times == 0 || *times == 4), "{stops:?}: for good");
        assert!(seen.len() <= 2, "two were posted (round {round})");
        stopped += stops.iter().sum::<u32>();
    }
    assert!(stopped > 500, "{stopped}");
    Ok(())
}

/// xorshift64: a run is a function of its seed.
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
    lanes: [LaneRings; 2],
    taken: u64,
}

impl User {
    fn step(&mut self, random: &mut Random) -> Outcome {
        let lane = &mut self.lanes[random.below(2) as usize];
        match random.below(8) {
            0 => {
                if let Some(frame) = self.pool.take()
                    && let Err(refused) = lane.fill.push(frame)
                {
                    self.pool.give(refused.into_inner())?;
                }
            }
            1 => {
                if let Some(packet) = self.packets.pop()
                    && let Err(refused) = lane.tx.push(packet)
                {
                    self.pool.give(refused.into_inner().into_frame())?;
                }
            }
            2 | 3 => {
                let before = self.packets.len();
                self.packets.extend(lane.rx.receive(8)?);
                self.taken += (self.packets.len() - before) as u64;
            }
            4 => self.taken += u64::from(lane.completion.reclaim(&mut self.pool, 8)?),
            // Straight from ring to ring: no token is ever seen, the ledger still has to know.
            5 => drop(lane.rx.recycle(&mut lane.fill, 8, |packet| packet.fill(1))?),
            6 => drop(lane.rx.forward(&mut lane.tx, 8, |packet| packet.fill(2))?),
            _ => drop(lane.completion.recycle(&mut lane.fill, 8)?),
        }
        lane.fill.publish();
        lane.tx.publish();
        Ok(())
    }

    /// No two tokens of one frame, no frame missing, and every byte of every packet can be written.
    fn check(&mut self, seed: u64, step: u32) -> Outcome {
        let mut seen = HashSet::new();
        let mut unique = |frame: &Frame| {
            assert!(
                seen.insert(frame.index()),
                "two tokens of one frame: seed {seed}, step {step}"
            );
        };
        self.packets.iter().for_each(|packet| unique(packet.frame()));
        let frames: Vec<Frame> = self.pool.drain().collect();
        frames.iter().for_each(unique);
        self.pool.give_all(frames)?;
        for packet in &mut self.packets {
            assert!(packet.start() + packet.len() <= FRAME_SIZE);
            self.umem.packet_mut(packet)?.fill(step as u8);
        }
        let census = self.umem.census();
        assert_eq!(census.total(), FRAMES, "seed {seed}, step {step}: {census}");
        assert_eq!(census.user as usize, self.pool.len() + self.packets.len(), "{census}");
        Ok(())
    }
}

fn scribble(peer: &mut PeerRings, random: &mut Random) -> Outcome {
    match random.below(8) {
        0 => while peer.fill.pop()?.is_some() {},
        1 => while peer.tx.pop()?.is_some() {},
        // Honest: what makes the states go round.
        2 | 3 => {
            if let Some(addr) = peer.fill.pop()? {
                let _full = peer.rx.push(Descriptor { addr: addr + 256, len: 60, options: 0 })?;
            }
        }
        4 => {
            if let Some(sent) = peer.tx.pop()? {
                let _full = peer.completion.push(sent.addr)?;
            }
        }
        // The same address twice, or up to nine times, in one batch.
        5 => {
            let (addr, len, options) = (random.addr(), random.len(), random.below(2) as u32);
            for _ in 0..=random.below(8) {
                let _full = peer.rx.push(Descriptor { addr, len, options })?;
            }
        }
        6 => {
            let addr = random.addr();
            for _ in 0..=random.below(8) {
                let _full = peer.completion.push(addr)?;
            }
        }
        _ => {
            let (addr, len, options) = (random.addr(), random.len(), random.next() as u32);
            let _full = peer.rx.push(Descriptor { addr, len, options })?;
        }
    }
    peer.rx.publish();
    peer.completion.publish();
    Ok(())
}

//! Simulated NICs that are linked to nothing: tests put packets in, and look at what comes out.

use std::time::{Duration, Instant};

use fluxcapacitor::simulator::control::{Nic, NicConfig, Profile, World};
use fluxcapacitor::stats::QueueStats;
use fluxcapacitor::umem::UmemRegion;
use fluxcapacitor::{FluxBuilder, FluxEngine, PacketBatch};

pub const SECOND: Duration = Duration::from_secs(1);

/// How long something that must happen may take in real time.
const PATIENCE: Duration = Duration::from_secs(60);

pub const PROFILES: [Profile; 2] = [Profile::Copy, Profile::ZeroCopy];

/// A world with `count` NICs of `queues` queues each.
pub struct Bench {
    pub world: World,
    pub nics: Vec<Nic>,
}

impl Bench {
    pub fn new(profile: Profile, count: usize, queues: u32) -> Self {
        let world = World::from_env(7).unwrap();
        let nic = |number| {
            let config = NicConfig::new(format!("nic{number}"));
            world.nic(config.profile(profile).queues(queues)).unwrap()
        };
        let nics = (0..count).map(nic).collect();
        Self { world, nics }
    }

    /// One NIC that copies.
    pub fn one() -> Self {
        Self::new(Profile::Copy, 1, 1)
    }

    /// A builder for all of them.
    pub fn builder(&self) -> FluxBuilder {
        let builder = FluxBuilder::new(self.nics[0].name());
        self.nics[1..].iter().fold(builder, |builder, nic| builder.interface(nic.name()))
    }

    /// An engine on all of them, and its one packet memory.
    pub fn open(
        &self,
        configure: impl FnOnce(FluxBuilder) -> FluxBuilder,
    ) -> (FluxEngine, UmemRegion) {
        let engine = configure(self.builder()).build_engine().unwrap();
        let mut umems = engine.umems();
        let (Some(umem), None) = (umems.next(), umems.next()) else { panic!("one queue") };
        let umem = umem.clone();
        drop(umems);
        (engine, umem)
    }

    /// Turns until there is nothing more to do, and time for a driver in between.
    pub fn turns(
        &self,
        engine: &mut FluxEngine,
        mut callback: impl FnMut(PacketBatch<'_>),
    ) -> usize {
        let (mut packets, mut idle) = (0, 0);
        for _ in 0..100_000 {
            let some = engine.poll_once(&mut callback).unwrap();
            packets += some;
            idle = if some > 0 { 0 } else { idle + 1 };
            if idle == 4 {
                return packets;
            }
            self.world.run_for(Duration::from_micros(100));
        }
        panic!("packets without end");
    }

    /// What a NIC has sent.
    pub fn sent(&self, nic: usize) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.nics[nic].transmitted()).collect()
    }
}

/// A packet that is not like any other.
pub fn packet(number: u32) -> Vec<u8> {
    let mut packet = vec![2; 12];
    packet.extend([0x88, 0xb5]);
    packet.extend(number.to_be_bytes());
    packet.resize(60 + number as usize % 1400, number as u8);
    packet
}

/// Which one it was.
pub fn number_of(packet: &[u8]) -> u32 {
    u32::from_be_bytes(packet[14..18].try_into().unwrap())
}

pub fn packets(numbers: std::ops::Range<u32>) -> Vec<Vec<u8>> {
    numbers.map(packet).collect()
}

pub fn bytes(packets: &[Vec<u8>]) -> u64 {
    packets.iter().map(|packet| packet.len() as u64).sum()
}

pub fn inject(nic: &Nic, packets: &[Vec<u8>]) {
    packets.iter().for_each(|packet| nic.inject(packet));
}

/// No frame is missing: of what is not with the receiving side, `user` frames are in hand or in the pool, and
/// none is under way.
#[track_caller]
pub fn at_rest(umem: &UmemRegion, lost: u32) {
    let (census, all) = (umem.census(), umem.layout().frames());
    assert_eq!((census.total(), census.tx, census.retired), (all, 0, 0), "{census}");
    assert!(census.user >= lost, "{census}: {lost} are lost");
}

/// The engine's counters over all queues, but for those of the kernel and of system calls.
pub fn total(engine: &FluxEngine) -> QueueStats {
    without_calls(engine.stats().unwrap().total())
}

/// Counters, but for those of the kernel and of system calls.
pub fn without_calls(mut total: QueueStats) -> QueueStats {
    (total.socket, total.kicks, total.kicks_saved, total.refills) = (None, 0, 0, 0);
    total
}

/// Waits in real time.
#[track_caller]
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "not {what} in {PATIENCE:?}");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Settles nothing.
pub fn ignore(_: PacketBatch<'_>) {}

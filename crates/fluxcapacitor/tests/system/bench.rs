//! A simulated NIC that is linked to nothing, and the halves of its queue.

use std::time::{Duration, Instant};

use fluxcapacitor::simulator::control::{Nic, NicConfig, Profile, World};
use fluxcapacitor::system::Batch;
use fluxcapacitor::umem::UmemRegion;
use fluxcapacitor::{FluxBuilder, FluxRx, FluxTx, Packet};

pub const SECOND: Duration = Duration::from_secs(1);

/// How long something that must happen may take in real time.
const PATIENCE: Duration = Duration::from_secs(60);

pub const PROFILES: [Profile; 2] = [Profile::Copy, Profile::ZeroCopy];

pub struct Bench {
    pub world: World,
    pub nic: Nic,
}

impl Bench {
    pub fn new(profile: Profile) -> Self {
        let world = World::from_env(8).unwrap();
        let nic = world.nic(NicConfig::new("nic").profile(profile)).unwrap();
        Self { world, nic }
    }

    pub fn open(&self, configure: impl FnOnce(FluxBuilder) -> FluxBuilder) -> (FluxRx, FluxTx) {
        configure(FluxBuilder::new(self.nic.name())).build_system().unwrap().split().unwrap()
    }

    /// Lets packets arrive.
    pub fn inject(&self, packets: &[Vec<u8>]) {
        packets.iter().for_each(|packet| self.nic.inject(packet));
    }

    /// What it has sent.
    pub fn sent(&self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.nic.transmitted()).collect()
    }

    /// Time for a driver to send what it has, and to complete it.
    pub fn settle(&self) {
        self.world.run_for(Duration::from_millis(1));
    }

    /// Receives all that has come.
    pub fn receive(&self, rx: &mut FluxRx) -> Vec<Packet> {
        let mut packets = Vec::new();
        let mut batch = Batch::new(64);
        while rx.recv(&mut batch).unwrap() > 0 {
            packets.extend(batch.drain());
            self.settle();
        }
        packets
    }

    /// Sends all that there is to send, and takes the frames back.
    pub fn finish(&self, tx: &mut FluxTx) {
        for _ in 0..1000 {
            tx.flush().unwrap();
            self.settle();
            tx.reclaim().unwrap();
            if tx.in_flight() == 0 {
                return;
            }
        }
        panic!("{} packets are under way for ever", tx.in_flight());
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

pub fn packets(numbers: std::ops::Range<u32>) -> Vec<Vec<u8>> {
    numbers.map(packet).collect()
}

/// Which one it was.
pub fn number_of(packet: &[u8]) -> u32 {
    u32::from_be_bytes(packet[14..18].try_into().unwrap())
}

/// No frame is missing, and none is under way.
#[track_caller]
pub fn at_rest(umem: &UmemRegion) {
    let (census, all) = (umem.census(), umem.layout().frames());
    assert_eq!((census.total(), census.tx, census.retired), (all, 0, 0), "{census}");
}

/// All frames can be in hand at a time, and all can be received into again: none is stranded anywhere.
#[track_caller]
pub fn none_stranded(bench: &Bench, rx: &mut FluxRx, tx: &mut FluxTx) {
    bench.finish(tx);
    let all = rx.umem().layout().frames() as usize;
    let mut own: Vec<Packet> = std::iter::from_fn(|| tx.allocate()).collect();
    let mut received: Vec<Packet> = Vec::new();
    for number in 0..10 * all as u32 {
        if own.len() + received.len() == all {
            break;
        }
        bench.nic.inject(&packet(number));
        received.extend(bench.receive(rx));
    }
    let census = rx.umem().census();
    assert_eq!(own.len() + received.len(), all, "{census}");
    own.clear();
    received.clear();
    tx.reclaim().unwrap();
    assert_eq!(bench.receive(rx).len(), 0);
    at_rest(rx.umem());
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

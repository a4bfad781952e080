//! Two linked NICs, and what is done with them.

use std::time::Duration;

use fluxcapacitor::raw::{Interest, Waited};
use fluxcapacitor::simulator::control::{LinkConfig, Nic, NicConfig, Profile, World};
use fluxcapacitor::umem::Segment;
use fluxcapacitor::{FluxBuilder, FluxRaw};

pub const SECOND: Duration = Duration::from_secs(1);

pub const PROFILES: [Profile; 2] = [Profile::Copy, Profile::ZeroCopy];

pub struct Bench {
    pub world: World,
    pub a: Nic,
    pub b: Nic,
}

impl Bench {
    pub fn new(seed: u64, profile: Profile) -> Self {
        let world = World::from_env(seed).unwrap();
        let nic = |name| world.nic(NicConfig::new(name).profile(profile)).unwrap();
        let (a, b) = (nic("a"), nic("b"));
        world.link(&a, &b, LinkConfig::default()).unwrap();
        Self { world, a, b }
    }

    pub fn open(&self) -> (FluxRaw, FluxRaw) {
        (open(&self.a), open(&self.b))
    }
}

pub fn open(nic: &Nic) -> FluxRaw {
    FluxBuilder::new(nic.name()).build_raw().unwrap()
}

/// A packet that is not like any other.
pub fn packet(number: u32) -> Vec<u8> {
    let mut packet = vec![2; 12];
    packet.extend([0x88, 0xb5]);
    packet.extend(number.to_be_bytes());
    packet.resize(60 + number as usize % 1400, number as u8);
    packet
}

/// Pushes packets and flushes once; gives back how many were pushed.
pub fn push(raw: &mut FluxRaw, packets: &[Vec<u8>]) -> u32 {
    let mut pushed = 0;
    for packet in packets {
        let Some(frame) = raw.pool.take() else { break };
        let segment = raw.umem.write(frame, packet).unwrap();
        if let Err(refused) = raw.tx.push(segment) {
            raw.pool.give(refused.into_inner().into_frame()).unwrap();
            break;
        }
        pushed += 1;
    }
    raw.flush().unwrap();
    pushed
}

/// Sends all packets, and waits for their completions.
pub fn send(raw: &mut FluxRaw, packets: &[Vec<u8>]) {
    let mut left = packets;
    for _ in 0..10_000 {
        left = &left[push(raw, left) as usize..];
        // Time for a driver to send and complete; the call is made whatever waits in the rx ring.
        raw.device().wait(Interest::Rx, Duration::from_micros(10)).unwrap();
        raw.reclaim().unwrap();
        if left.is_empty() && raw.census().tx == 0 {
            return;
        }
    }
    let (census, statistics) = (raw.census(), raw.statistics().unwrap());
    panic!("{} packets not sent; {census}; {statistics:?}", left.len());
}

/// Receives until nothing comes for a second.
pub fn receive(raw: &mut FluxRaw) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    while raw.wait(Interest::Rx, SECOND).unwrap() == Waited::Ready {
        let received: Vec<Segment> = raw.rx.receive(64).unwrap().collect();
        for segment in received {
            packets.push(raw.umem.packet(&segment).unwrap().to_vec());
            raw.pool.give(segment.into_frame()).unwrap();
        }
        raw.refill().unwrap();
    }
    packets
}

/// Every frame is accounted for: the user's are in the pool, and none is retired.
pub fn conserved(raw: &FluxRaw) {
    let census = raw.census();
    assert_eq!(census.total(), raw.granted().frames, "{census}");
    assert_eq!((census.user as usize, census.retired), (raw.pool.len(), 0), "{census}");
}

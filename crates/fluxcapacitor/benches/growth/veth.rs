//! What only a kernel can tell: packets of any size, and how long it takes from `build` to the first packet.

use std::thread;
use std::time::{Duration, Instant};

use fluxcapacitor::{FluxBuilder, Poller};
use fluxcapacitor_testbed::{NetNs, PacketSocket, VethPair};

use crate::queues::resident;
use crate::{Result, curve};

/// For how long each point is measured at a time.
const TIME: Duration = Duration::from_millis(500);

/// Packets that go round, each way.
const ROUND: usize = 128;

/// Bytes of the largest packet, with the Ethernet header.
const LARGEST: usize = 9014;

/// How long the first packet may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A packet for local experiments (IEEE 802, EtherType 0x88b5).
fn packet(bytes: usize) -> Vec<u8> {
    let mut packet = vec![0; bytes];
    packet[..12].fill(2);
    packet[12..14].copy_from_slice(&[0x88, 0xb5]);
    packet
}

/// Packets go round between the two ends of a pair, by an engine.
pub fn packets() -> Result {
    curve(
        "bytes a packet, one engine that sends each out of the other end of a veth: ns a packet, Gbit/s",
        &[64, 256, 512, 1500, 3000, 6000, LARGEST],
        |bytes| bytes.to_string(),
        go_round,
    )
}

fn go_round(bytes: usize) -> Result<Vec<f64>> {
    let here = NetNs::new()?;
    let pair = VethPair::builder(&here, &here).mtu(LARGEST as u32 - 14).build()?;
    let builder = FluxBuilder::new(pair.a().name()).interface(pair.b().name());
    let builder = builder.frame_size(4096).multi_buffer(true);
    let engine = here.run(|| builder.build_engine())??;
    let handle = engine.poller(Poller::Busy).spawn(|_| {
        |batch| {
            let other = 1 - batch.port();
            batch.into_iter().for_each(|packet| packet.forward(other));
            batch.chains().for_each(|packet| packet.forward(other));
        }
    })?;
    for end in [pair.a(), pair.b()] {
        let seeds = PacketSocket::open(end)?;
        (0..ROUND).try_for_each(|_| seeds.send(&packet(bytes)))?;
    }
    thread::sleep(TIME / 5);
    let received = || Ok::<_, fluxcapacitor::Error>(handle.stats()?.total().rx_packets);
    let (started, before) = (Instant::now(), received()?);
    thread::sleep(TIME);
    let (packets, took) = (received()? - before, started.elapsed());
    handle.stop();
    handle.join()?;
    if packets == 0 {
        return Err(format!("no packet of {bytes} bytes goes round").into());
    }
    let ns = took.as_nanos() as f64 / packets as f64;
    Ok(vec![ns, bytes as f64 * 8.0 / ns])
}

/// One queue, as it is by default.
pub fn start() -> Result {
    curve(
        "one queue on a veth, as it is by default: ms of `build_raw`, µs to the first packet from there, KiB of ours beside packet memory",
        &["build"],
        str::to_owned,
        |_| {
            let here = NetNs::new()?;
            let pair = VethPair::create(&here, &here, 1)?;
            let sender = PacketSocket::open(pair.b())?;
            let (before, started) = (resident()?, Instant::now());
            let mut raw = here.run(|| FluxBuilder::new(pair.a().name()).build_raw())??;
            let built = started.elapsed();
            let layout = raw.umem.layout();
            let packets = f64::from(layout.frames()) * f64::from(layout.frame_size());
            let memory = resident()? - before - packets;
            let started = Instant::now();
            sender.send(&packet(64))?;
            while raw.rx.pop()?.is_none() {
                if started.elapsed() > PATIENCE {
                    return Err("the first packet does not come".into());
                }
            }
            let first = started.elapsed();
            Ok(vec![built.as_secs_f64() * 1e3, first.as_secs_f64() * 1e6, memory / 1024.0])
        },
    )
}

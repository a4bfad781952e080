//! Packets of several segments.

#[cfg(fluxcap_doors)]
use std::time::{Duration, Instant};

use fluxcapacitor::builder::FluxBuilder;
use fluxcapacitor::ring::PushError;
#[cfg(fluxcap_doors)]
use fluxcapacitor::ring::{Descriptor, XDP_PKT_CONTD};
use fluxcapacitor::umem::{Chain, Layout, NoChain, PageSize, UmemRegion};
use fluxcapacitor::{Error, FluxRaw};

use crate::bench::Bench;
use crate::fixture::Side::{A, B};
use crate::traffic::QUIET;
use crate::verdict::{Outcome, Reason, Stop};

/// What jumbo frames are as a rule.
const MTU: u32 = 9000;

/// As many as the kernel's selftest sends.
const PACKETS: u32 = 4096;

/// Has both ports take jumbo frames, where the driver can.
pub(super) fn set_mtu(bench: &Bench<'_>) -> Outcome {
    for side in [A, B] {
        // What cannot be is found without them.
        match bench.try_open(side, |builder| builder.multi_buffer(true)) {
            Err(Error::NoZeroCopy { .. }) => return Err(Stop::NotRun(Reason::Driver)),
            Err(Error::Unsupported { .. }) => return Err(Stop::NotRun(Reason::OldKernel)),
            opened => drop(opened?),
        }
        bench.port(side).set_mtu(MTU)?;
    }
    Ok(())
}

fn open(bench: &Bench<'_>, frame_size: u32) -> Outcome<[FluxRaw; 2]> {
    let configure = |builder: FluxBuilder| builder.multi_buffer(true).frame_size(frame_size);
    Ok([bench.open(A, configure)?, bench.open(B, configure)?])
}

/// They cross whole, in frames of either size, and among short ones.
pub(super) fn send_receive(bench: &Bench<'_>) -> Outcome {
    set_mtu(bench)?;
    for frame_size in [4096, 2048] {
        let [mut sender, mut receiver] = open(bench, frame_size)?;
        let packet = |number: u32| {
            let len = match number % 4 {
                // Up to the last byte that the link takes, and every length within 8955 numbers.
                0 => 9014 - number as usize / 4 % 8,
                _ => 60 + number as usize * 4909 % 8955,
            };
            bench.packet_of(A, number, len)
        };
        let all: Vec<_> = (0..PACKETS).map(packet).collect();
        bench.cross((A, &mut sender), &mut receiver, &all)?;
        let dropped = receiver.statistics()?;
        assert_eq!((dropped.rx_dropped, dropped.rx_ring_full), (0, 0), "{dropped:?}");
        drop(receiver);
        echo(bench, frame_size, &mut sender, &all)?;
    }
    Ok(())
}

/// An engine sends them back, whole.
fn echo(bench: &Bench<'_>, frame_size: u32, raw: &mut FluxRaw, all: &[Vec<u8>]) -> Outcome {
    let mut engine = bench.engine(B, |b| b.multi_buffer(true).frame_size(frame_size))?;
    for packets in all.chunks(16) {
        bench.send(raw, packets)?;
        let mut sent = 0;
        bench.until("sent back", || {
            sent += engine.poll_once(|batch| {
                for mut packet in batch {
                    swap_addresses(packet.data_mut());
                    packet.transmit();
                }
                for mut packet in batch.chains() {
                    packet.segments_mut().take(1).for_each(swap_addresses);
                    packet.transmit();
                }
            })?;
            Ok(sent == packets.len())
        })?;
        let mut expected = packets.to_vec();
        expected.iter_mut().for_each(|packet| swap_addresses(packet));
        assert!(bench.receive(raw, packets.len())? == expected);
    }
    let total = engine.stats()?.total();
    assert_eq!((total.tx_packets, total.drops.total()), (all.len() as u64, 0), "{total}");
    Ok(())
}

fn swap_addresses(packet: &mut [u8]) {
    packet[..12].rotate_left(6);
}

/// A packet of so many segments, each of `len` bytes; what it is as a whole.
fn in_segments(
    bench: &Bench<'_>,
    raw: &mut FluxRaw,
    number: u32,
    segments: u32,
    len: usize,
) -> Outcome<(Chain, Vec<u8>)> {
    let packet = bench.packet_of(A, number, segments as usize * len);
    let mut chain = Chain::new();
    for bytes in packet.chunks(len) {
        let frame = raw.pool.take().expect("the pool is empty");
        raw.umem.append(&mut chain, raw.umem.write(frame, bytes)?)?;
    }
    Ok((chain, packet))
}

/// A packet of as many segments as there may be crosses; with one more it is refused, and the kernel drops one
/// that is longer still.
pub(super) fn too_many(bench: &Bench<'_>) -> Outcome {
    const LEN: usize = 64;
    set_mtu(bench)?;
    let [mut sender, mut receiver] = open(bench, 4096)?;
    let most = sender.granted().segments_max;
    assert!(most >= 17, "{}", sender.granted());
    let before = bench.both(A)?;
    let mut sent = Vec::new();
    for (number, segments) in (0..).zip([1, 2, most - 1, most, 1]) {
        let (chain, packet) = in_segments(bench, &mut sender, number, segments, LEN)?;
        sender.tx.push_chain(chain)?;
        sent.push(packet);
    }
    let (one_more, _) = in_segments(bench, &mut sender, 9, most + 1, LEN)?;
    match sender.tx.push_chain(one_more) {
        Err(PushError::TooManySegments(chain)) => sender.pool.give_chain(chain)?,
        pushed => panic!("a packet of {} segments: {pushed:?}", most + 1),
    }
    complete(bench, &mut sender)?;
    assert!(bench.receive(&mut receiver, sent.len())? == sent);
    bench.counted(A, before, sent.len() as u64)?;
    assert_eq!(sender.statistics()?.tx_invalid_descs, 0);

    #[cfg(fluxcap_doors)]
    {
        // Beside the first there is room for MAX_SKB_FRAGS, which is 17 at least.
        let before = bench.both(A)?;
        let mut sent = Vec::new();
        for (number, segments) in [(10, 18), (11, 19), (12, 1), (13, 40), (14, 1)] {
            let (chain, packet) = in_segments(bench, &mut sender, number, segments, LEN)?;
            forge(&mut sender, chain)?;
            if segments <= 18 {
                sent.push(packet);
            }
        }
        complete_or_drop(bench, &mut sender)?;
        assert!(bench.receive(&mut receiver, sent.len())? == sent);
        assert_eq!(sender.statistics()?.tx_invalid_descs, 19 + 40);
        bench.counted(A, before, sent.len() as u64)?;
    }
    let _said = bench.doors_are_open();
    bench.cross((A, &mut sender), &mut receiver, &bench.packets(A, 20..84))
}

/// Waits until all that was pushed has been completed.
fn complete(bench: &Bench<'_>, raw: &mut FluxRaw) -> Outcome {
    bench.until("all completed", || {
        raw.flush()?;
        raw.reclaim()?;
        Ok(raw.tx.occupancy() == 0 && raw.census().tx == 0)
    })?;
    bench.conserved(raw)
}

/// The same of what only a door lets in, and the kernel drops: old ones take its frames out of the tx ring, and never
/// give them back.
#[cfg(fluxcap_doors)]
fn complete_or_drop(bench: &Bench<'_>, raw: &mut FluxRaw) -> Outcome {
    let patience = Duration::from_secs(5);
    let started = Instant::now();
    loop {
        raw.flush()?;
        raw.reclaim()?;
        let (waiting, under_way) = (raw.tx.occupancy(), raw.census().tx);
        if waiting == 0 && under_way == 0 {
            return bench.conserved(raw);
        }
        if started.elapsed() > patience {
            bench.note(format!("{waiting} frames not taken, {under_way} never completed"));
            return Err(Stop::NotRun(Reason::OldKernel));
        }
    }
}

/// Packets with a segment that is invalid are refused whole; the kernel drops them to their end, and sends what
/// stands around them.
pub(super) fn invalid(bench: &Bench<'_>) -> Outcome {
    set_mtu(bench)?;
    let [mut sender, mut receiver] = open(bench, 4096)?;
    let before = bench.both(A)?;
    refused(bench, &mut sender)?;
    sender.flush()?;
    assert_eq!(sender.tx.occupancy(), 0, "something got in");
    assert_eq!(bench.receive_until(&mut receiver, 1, QUIET)?.len(), 0, "something was sent");
    assert_eq!(sender.statistics()?.tx_invalid_descs, 0);
    bench.counted(A, before, 0)?;

    #[cfg(fluxcap_doors)]
    forged(bench, &mut sender, &mut receiver)?;
    let _said = bench.doors_are_open();
    bench.cross((A, &mut sender), &mut receiver, &bench.packets(A, 0..256))
}

/// Each is handed back, and its frames are as good as before.
fn refused(bench: &Bench<'_>, raw: &mut FluxRaw) -> Outcome {
    let all = raw.pool.len();
    match raw.tx.push_chain(Chain::new()) {
        Err(PushError::Empty(_)) => {}
        pushed => panic!("a packet of nothing: {pushed:?}"),
    }
    for empty_at in 0..3 {
        let mut chain = Chain::new();
        for at in 0..3 {
            let frame = raw.pool.take().expect("the pool is empty");
            let segment = raw.umem.segment(frame, 0, if at == empty_at { 0 } else { 3000 })?;
            raw.umem.append(&mut chain, segment)?;
        }
        match raw.tx.push_chain(chain) {
            Err(PushError::Empty(chain)) => raw.pool.give_chain(chain)?,
            pushed => panic!("segment {empty_at} has no bytes: {pushed:?}"),
        }
    }

    let layout = Layout::new(4096, 1, 0)?;
    let (theirs, mut pool) = UmemRegion::new(layout, PageSize::Base)?;
    let frame = pool.take().expect("one frame");
    let foreign = theirs.segment(frame, 0, 60)?;
    let (mut chain, _) = in_segments(bench, raw, 0, 2, 60)?;
    let foreign = match raw.umem.append(&mut chain, foreign) {
        Err(NoChain(foreign)) => foreign,
        Ok(()) => panic!("a segment of another UMEM"),
    };
    raw.pool.give_chain(chain)?;
    match raw.tx.push_chain(foreign.into()) {
        Err(PushError::Foreign(chain)) => pool.give_chain(chain)?,
        pushed => panic!("a packet of another UMEM: {pushed:?}"),
    }
    assert_eq!((raw.pool.len(), pool.len()), (all, 1), "all were handed back");
    Ok(())
}

/// Writes a packet into the tx ring, whatever it is.
#[cfg(fluxcap_doors)]
fn forge(raw: &mut FluxRaw, mut chain: Chain) -> Outcome {
    while let Some(segment) = raw.umem.take_first(&mut chain)? {
        let options = if segment.continues() { XDP_PKT_CONTD } else { 0 };
        assert!(raw.tx.forge_segment(segment, options), "no room");
    }
    Ok(())
}

/// A segment of a packet that the kernel is to drop.
#[cfg(fluxcap_doors)]
#[derive(Clone, Copy, Debug)]
enum Piece {
    /// So many bytes of a frame of ours.
    Bytes(u32),
    /// The same, with an option that there is not.
    Option(u32),
    /// A descriptor that no frame is behind.
    Bad { addr: u64, len: u32 },
}

/// What no safe code can write is dropped to its end, counted and completed, and what stands around it is sent.
#[cfg(fluxcap_doors)]
fn forged(bench: &Bench<'_>, sender: &mut FluxRaw, receiver: &mut FluxRaw) -> Outcome {
    use Piece::{Bad, Bytes, Option};

    let end = sender.umem.layout().bytes() as u64;
    let beyond = Bad { addr: end, len: 3000 };
    let packets: &[&[Piece]] = &[
        // No bytes: first, in the middle, and last.
        &[Bytes(0), Bytes(3000)],
        &[Bytes(3000), Bytes(0), Bytes(3000)],
        &[Bytes(3000), Bytes(3000), Bytes(0)],
        // Beyond the UMEM.
        &[Bytes(3000), beyond],
        &[Bytes(3000), beyond, Bytes(3000), Bytes(3000)],
        &[beyond, Bytes(3000)],
        // Longer than a frame, and across the end of one.
        &[Bytes(3000), Bad { addr: end, len: 5000 }, Bytes(1)],
        &[Bytes(3000), Bad { addr: end - 30, len: 60 }],
        // An option that there is not.
        &[Bytes(3000), Option(3000)],
        &[Bytes(3000), Option(3000), Bytes(3000)],
        // More than one of them.
        &[beyond, Bytes(0), beyond, Bytes(3000), beyond],
    ];
    let before = bench.both(A)?;
    let mut sent = Vec::new();
    let mut bad = 0;
    for (number, pieces) in (100..).zip(packets) {
        bad += pieces.len() as u64;
        for (at, piece) in pieces.iter().enumerate() {
            let goes_on = if at + 1 < pieces.len() { XDP_PKT_CONTD } else { 0 };
            let (len, others) = match *piece {
                Bytes(len) => (len, 0),
                Option(len) => (len, 0x100),
                Bad { addr, len } => {
                    bench.forged(1);
                    let descriptor = Descriptor { addr, len, options: goes_on };
                    assert!(sender.tx.forge(descriptor), "no room");
                    continue;
                }
            };
            let frame = sender.pool.take().expect("the pool is empty");
            let segment = sender.umem.segment(frame, 0, len)?;
            assert!(sender.tx.forge_segment(segment, others | goes_on), "no room");
        }
        // Two segments sent, three received.
        let (chain, packet) = in_segments(bench, sender, number, 2, 4096)?;
        sender.tx.push_chain(chain)?;
        sent.push(packet);
    }
    complete_or_drop(bench, sender)?;
    assert!(bench.receive(receiver, sent.len())? == sent);
    bench.counted(A, before, sent.len() as u64)?;
    assert_eq!(sender.statistics()?.tx_invalid_descs, bad);
    bench.note(format!("{bad} descriptors of {} bad packets were dropped", packets.len()));
    Ok(())
}

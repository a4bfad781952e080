//! Packets cross, and nothing else happens.

use fluxcapacitor::FluxBuilder;
use fluxcapacitor::raw::{Interest, Waited};
use fluxcapacitor::umem::XDP_PACKET_HEADROOM;

use crate::backend::Backend;
use crate::bench::Bench;
use crate::fixture::Side::{A, B};
use crate::traffic::SOON;
use crate::verdict::Outcome;

/// As many as the kernel's selftest sends.
const PACKETS: u32 = 4096;

pub(super) fn send_receive(bench: &Bench<'_>) -> Outcome {
    one_way(bench, PACKETS, |builder| builder.frame_size(4096))
}

pub(super) fn send_receive_2k_frame(bench: &Bench<'_>) -> Outcome {
    one_way(bench, PACKETS, |builder| builder.frame_size(2048))
}

pub(super) fn single_packet(bench: &Bench<'_>) -> Outcome {
    one_way(bench, 1, |builder| builder)
}

fn one_way(
    bench: &Bench<'_>,
    packets: u32,
    configure: impl Fn(FluxBuilder) -> FluxBuilder,
) -> Outcome {
    let mut receiver = bench.open(B, &configure)?;
    let mut sender = bench.open(A, &configure)?;
    bench.cross((A, &mut sender), &mut receiver, &bench.packets(A, 0..packets))
}

/// Both at once, and then each way with the other side silent.
pub(super) fn bidirectional(bench: &Bench<'_>) -> Outcome {
    let mut a = bench.open(A, |builder| builder)?;
    let mut b = bench.open(B, |builder| builder)?;
    for round in 0..PACKETS / 64 {
        let numbers = round * 64..round * 64 + 32;
        let (from_a, from_b) = (bench.packets(A, numbers.clone()), bench.packets(B, numbers));
        bench.send(&mut a, &from_a)?;
        bench.send(&mut b, &from_b)?;
        assert!(bench.receive(&mut b, from_a.len())? == from_a, "A to B, round {round}");
        assert!(bench.receive(&mut a, from_b.len())? == from_b, "B to A, round {round}");
    }
    bench.cross((A, &mut a), &mut b, &bench.packets(A, 0..512))?;
    bench.cross((B, &mut b), &mut a, &bench.packets(B, 0..512))
}

/// Packets lie behind the kernel's headroom and ours, and so does what is written to send.
pub(super) fn headroom(bench: &Bench<'_>) -> Outcome {
    const HEADROOM: u32 = 128;
    let mut receiver = bench.open(B, |builder| builder.headroom(HEADROOM))?;
    let mut sender = bench.open(A, |builder| builder.headroom(HEADROOM))?;
    for number in 0..64 {
        let sent = bench.packet(A, number);
        bench.send(&mut sender, std::slice::from_ref(&sent))?;
        assert_eq!(receiver.wait(Interest::Rx, SOON)?, Waited::Ready);
        let Some(packet) = receiver.rx.pop()? else { panic!("it was there a moment ago") };
        assert_eq!(packet.start(), XDP_PACKET_HEADROOM + HEADROOM);
        assert_eq!(receiver.umem.packet(&packet)?, sent);
        receiver.pool.give(packet.into_frame())?;
        receiver.refill()?;
    }
    let Some(frame) = sender.pool.take() else { panic!("the pool is empty") };
    let packet = sender.umem.write(frame, &[0; 60])?;
    assert_eq!(packet.start(), HEADROOM);
    sender.pool.give(packet.into_frame())?;
    bench.cross((A, &mut sender), &mut receiver, &bench.packets(A, 0..PACKETS / 2))
}

/// Some times from nothing to traffic and back to nothing.
pub(super) fn teardown(bench: &Bench<'_>) -> Outcome {
    // igb takes its link down for each, and five seconds a time.
    let rounds = if bench.backend() == Backend::QemuIgb { 3 } else { 10 };
    for round in 0..rounds {
        let mut receiver = bench.open(B, |builder| builder)?;
        let mut sender = bench.open(A, |builder| builder)?;
        let numbers = round * 100..(round + 1) * 100;
        bench.cross((A, &mut sender), &mut receiver, &bench.packets(A, numbers))?;
        assert!(bench.port(A).has_program()? && bench.port(B).has_program()?);
        drop((sender, receiver));
        assert!(!bench.port(A).has_program()?, "round {round}: left on A");
        assert!(!bench.port(B).has_program()?, "round {round}: left on B");
    }
    Ok(())
}

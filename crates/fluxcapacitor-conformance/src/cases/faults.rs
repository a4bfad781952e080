//! What goes wrong, by chance: nothing is lost by it that was not meant to be, and it goes wrong in the
//! same way again.

use std::collections::BTreeMap;
use std::time::Duration;

use fluxcapacitor::simulator::control::{Fault, Rule};

use crate::backend::Backend;
use crate::bench::Bench;
use crate::fixture::Shape;
use crate::fixture::Side::{A, B};
use crate::traffic::WINDOW;
use crate::verdict::Outcome;

const PACKETS: u32 = 512;

/// What arrives under a fault, and how it must differ from what was sent.
type Check = fn(sent: &[Vec<u8>], received: &[Vec<u8>]) -> bool;

const FAULTS: [(Fault, Check); 10] = [
    (Fault::Lose, |sent, received| received.len() < sent.len() && some_of(sent, received)),
    (Fault::Duplicate, |sent, received| {
        received.len() > sent.len() && sent.iter().all(|packet| received.contains(packet))
    }),
    (Fault::Reorder(Duration::from_micros(300)), |sent, received| {
        received != sent && sorted(received) == sorted(sent)
    }),
    (Fault::Corrupt, |sent, received| {
        let flipped = |(sent, received): (&Vec<u8>, &Vec<u8>)| {
            let bits = sent.iter().zip(received).map(|(a, b)| (a ^ b).count_ones());
            (sent.len() == received.len()).then(|| bits.sum::<u32>())
        };
        let bits: Option<Vec<u32>> = sent.iter().zip(received).map(flipped).collect();
        let one_at_most = bits.is_some_and(|bits| bits.iter().all(|bits| *bits <= 1));
        received != sent && received.len() == sent.len() && one_at_most
    }),
    (
        Fault::Delay { by: Duration::from_millis(1), jitter: Duration::from_millis(3) },
        |sent, received| received != sent && sorted(received) == sorted(sent),
    ),
    (Fault::KickAgain, |sent, received| received == sent),
    (Fault::KickNoBuffers, |sent, received| received == sent),
    (Fault::ShortKick, |sent, received| received == sent),
    (Fault::LateCompletion(Duration::from_millis(2)), |sent, received| received == sent),
    (Fault::KickBusy, |sent, received| received.len() < sent.len() && some_of(sent, received)),
];

/// Some of what was sent, in order.
fn some_of(sent: &[Vec<u8>], received: &[Vec<u8>]) -> bool {
    let mut left = sent.iter();
    received.iter().all(|packet| left.any(|sent| sent == packet))
}

fn sorted(packets: &[Vec<u8>]) -> BTreeMap<&[u8], usize> {
    let mut counts = BTreeMap::new();
    packets.iter().for_each(|packet| *counts.entry(packet.as_slice()).or_default() += 1);
    counts
}

pub(super) fn repeatable(bench: &Bench<'_>) -> Outcome {
    bench.world()?;
    for (fault, is_as_it_must) in FAULTS {
        if fault == Fault::KickBusy && bench.backend() == Backend::SimulatorZeroCopy {
            // Only what is copied goes by the stack's way out, which may drop it.
            continue;
        }
        let sent = bench.packets(A, 0..PACKETS);
        let [received, again] = [under(bench, fault)?, under(bench, fault)?];
        assert!(is_as_it_must(&sent, &received), "{fault:?}: {} received", received.len());
        assert!(received == again, "{fault:?}: not the same again");
    }
    Ok(())
}

/// What arrives under a fault, in a world made anew: its chance begins where it began the last time.
fn under(bench: &Bench<'_>, fault: Fault) -> Outcome<Vec<Vec<u8>>> {
    let fixture = crate::fixture::make(
        bench.backend(),
        Shape { queues: 1, together: false },
        bench.options(),
    )?;
    let bench = &Bench::new(&*fixture, bench.backend(), false, bench.options());
    let mut receiver = bench.open(B, |builder| builder)?;
    let mut sender = bench.open(A, |builder| builder)?;
    bench.world()?.fault(Rule::new(fault).one_in(5));
    let mut received = Vec::new();
    for window in bench.packets(A, 0..PACKETS).chunks(WINDOW) {
        bench.send(&mut sender, window)?;
        received.extend(bench.receive_until(
            &mut receiver,
            4 * WINDOW,
            Duration::from_millis(20),
        )?);
    }
    drop((sender, receiver));
    bench.settle_accounts()?;
    Ok(received)
}

//! What was lost is counted, by the socket that lost it.

use fluxcapacitor::raw::{Interest, Waited};

use crate::bench::Bench;
use crate::fixture::Fate;
use crate::fixture::Side::{A, B};
use crate::traffic::{QUIET, SOON, WINDOW};
use crate::verdict::Outcome;

/// Packets that do not fit a frame are dropped and counted, those between them come.
pub(super) fn rx_dropped(bench: &Bench<'_>) -> Outcome {
    // Frames that hold packets of the MTU that there is when they are made, and of no other.
    const MTU: u32 = 466;
    const HEADROOM: u32 = 2048 - 256 - (MTU + 26);
    bench.port(B).set_mtu(MTU)?;
    let mut receiver = bench.open(B, |builder| builder.headroom(HEADROOM))?;
    bench.port(B).set_mtu(1500)?;
    let mut sender = bench.open(A, |builder| builder)?;

    let fits = receiver.umem.layout().packet_max() as usize;
    let packet = |number: u32| {
        let len = if number.is_multiple_of(2) { fits } else { fits + 1 };
        bench.packet_of(A, number, len)
    };
    let before = bench.both(A)?;
    for round in 0..8 {
        let sent: Vec<_> = (round * 32..(round + 1) * 32).map(packet).collect();
        bench.send(&mut sender, &sent)?;
        let received = bench.receive(&mut receiver, sent.len() / 2)?;
        assert!(received.iter().eq(sent.iter().step_by(2)), "round {round}: those that fit");
    }
    bench.until("counted", || Ok(receiver.statistics()?.rx_dropped >= 128))?;
    let statistics = receiver.statistics()?;
    assert_eq!((statistics.rx_dropped, statistics.rx_ring_full), (128, 0), "{statistics:?}");
    assert_eq!(statistics.rx_fill_ring_empty_descs, 0, "{statistics:?}");
    assert_eq!(bench.receive_until(&mut receiver, 1, QUIET)?.len(), 0);
    bench.counted(A, before, 256)
}

/// Descriptors that are invalid are counted; none that safe code submits is.
pub(super) fn tx_invalid(bench: &Bench<'_>) -> Outcome {
    let mut receiver = bench.open(B, |builder| builder)?;
    let mut sender = bench.open(A, |builder| builder)?;
    bench.cross((A, &mut sender), &mut receiver, &bench.packets(A, 0..512))?;
    assert_eq!(sender.statistics()?.tx_invalid_descs, 0);
    #[cfg(fluxcap_doors)]
    for batch in 1..=4 {
        let addr = sender.umem.layout().bytes() as u64;
        bench.forged(100);
        for _ in 0..100 {
            let descriptor = fluxcapacitor::ring::Descriptor { addr, len: 60, options: 0 };
            assert!(sender.tx.forge(descriptor), "no room");
        }
        if sender.granted().zero_copy {
            // Before 6.18 it does not show that it has taken what is invalid before it has taken what is not.
            sender.flush()?;
        } else {
            bench.until("taken", || {
                sender.flush()?;
                Ok(sender.tx.occupancy() == 0)
            })?;
        }
        bench.cross((A, &mut sender), &mut receiver, &bench.packets(A, 0..64))?;
        assert_eq!(sender.statistics()?.tx_invalid_descs, batch * 100);
    }
    let _said = bench.doors_are_open();
    Ok(())
}

/// A full rx ring keeps what it has; what comes later is dropped and counted.
pub(super) fn rx_full(bench: &Bench<'_>) -> Outcome {
    const SLOTS: u32 = 32;
    const LOST: u32 = 96;
    let mut receiver = bench.open(B, |builder| builder.rx_size(SLOTS))?;
    let mut sender = bench.open(A, |builder| builder)?;
    for round in 1..=3 {
        let sent = bench.packets(A, 0..SLOTS + LOST);
        let before = bench.both(A)?;
        for window in sent.chunks(WINDOW) {
            bench.send(&mut sender, window)?;
        }
        bench.counted(A, before, sent.len() as u64)?;
        let lost = round * u64::from(LOST);
        bench.until("counted", || Ok(receiver.statistics()?.rx_ring_full >= lost))?;
        let statistics = receiver.statistics()?;
        assert_eq!((statistics.rx_ring_full, statistics.rx_dropped), (lost, 0), "{statistics:?}");
        assert_eq!(receiver.rx.occupancy(), SLOTS);
        bench.conserved(&receiver)?;
        let received = bench.receive(&mut receiver, SLOTS as usize)?;
        assert!(received == sent[..SLOTS as usize], "round {round}: the first that came");
        assert_eq!(bench.receive_until(&mut receiver, 1, QUIET)?.len(), 0);
    }
    let (first, rest) = (bench.packets(A, 0..16), bench.packets(A, 16..32));
    bench.cross((A, &mut sender), &mut receiver, &first)?;
    bench.cross((A, &mut sender), &mut receiver, &rest)
}

/// Packets that find no frame are dropped and counted.
pub(super) fn fill_empty(bench: &Bench<'_>) -> Outcome {
    const POSTED: u32 = 32;
    const LOST: u64 = 24;
    let mut receiver = bench.open(B, |builder| builder.frames(2 * POSTED))?;
    let mut sender = bench.open(A, |builder| builder)?;
    let sent = bench.packets(A, 0..POSTED + LOST as u32);
    let (have_frames, have_none) = sent.split_at(POSTED as usize);

    bench.send(&mut sender, have_frames)?;
    bench.until("received", || Ok(receiver.rx.occupancy() == POSTED))?;
    assert_eq!(receiver.fill.occupancy(), 0);
    assert_eq!(bench.dropped(B, &receiver)?, 0);
    bench.send(&mut sender, have_none)?;
    let fate = bench.fixture().without_frame();
    let lost = if fate == Fate::Counted { LOST } else { 0 };
    bench.until("counted", || Ok(bench.dropped(B, &receiver)? >= lost))?;
    if fate == Fate::Lost {
        bench.fixture().settle(QUIET);
    }
    let (dropped, statistics) = (bench.dropped(B, &receiver)?, receiver.statistics()?);
    assert_eq!((dropped, statistics.rx_ring_full), (lost, 0), "{statistics:?}");
    if receiver.granted().zero_copy {
        // A driver looks for frames when it likes.
        assert!(statistics.rx_fill_ring_empty_descs > 0, "{statistics:?}");
    } else {
        assert_eq!(statistics.rx_fill_ring_empty_descs, LOST, "{statistics:?}");
    }

    assert_eq!(receiver.wait(Interest::Rx, SOON)?, Waited::Ready);
    assert!(bench.receive(&mut receiver, have_frames.len())? == have_frames);
    if fate == Fate::Late {
        assert!(bench.receive(&mut receiver, have_none.len())? == have_none);
    }
    // Fewer at a time than are posted.
    for few in bench.packets(A, 0..256).chunks(POSTED as usize / 2) {
        bench.cross((A, &mut sender), &mut receiver, few)?;
    }
    assert_eq!(bench.dropped(B, &receiver)?, lost, "only then");
    Ok(())
}

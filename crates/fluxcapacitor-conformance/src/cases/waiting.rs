//! Waiting for packets, and for room to send.

use std::thread;
use std::time::Duration;

use fluxcapacitor::raw::{Interest, Waited};
use fluxcapacitor::ring::PushError;

use crate::bench::Bench;
use crate::fixture::Side::{A, B};
use crate::run::joined;
use crate::traffic::SOON;
use crate::verdict::Outcome;

const SHORT: Duration = Duration::from_millis(150);

/// A wait for packets ends when one comes, and not before; each wait finds all that came.
pub(super) fn rx(bench: &Bench<'_>) -> Outcome {
    let mut receiver = bench.open(B, |builder| builder)?;
    let mut sender = bench.open(A, |builder| builder)?;
    bench.cross((A, &mut sender), &mut receiver, &bench.packets(A, 0..1024))?;
    if bench.backend().is_kernel() {
        // Asleep when it comes: time is real here, so another thread can send meanwhile.
        for number in 0..10 {
            let packet = [bench.packet(A, number)];
            let (sender, packet) = (&mut sender, &packet);
            thread::scope(|scope| {
                let sending = scope.spawn(move || {
                    thread::sleep(Duration::from_millis(5));
                    bench.send(sender, packet)
                });
                assert_eq!(receiver.wait(Interest::Rx, SOON)?, Waited::Ready, "packet {number}");
                joined(sending)
            })?;
            assert!(bench.receive(&mut receiver, 1)? == packet);
        }
    }
    Ok(())
}

/// A wait for room also has the packets sent that are in the ring already.
pub(super) fn tx(bench: &Bench<'_>) -> Outcome {
    let mut receiver = bench.open(B, |builder| builder)?;
    let mut sender = bench.open(A, |builder| builder.tx_size(64))?;
    for round in 0..32 {
        let sent = bench.packets(A, round * 64..(round + 1) * 64);
        for packet in &sent {
            let Some(frame) = sender.pool.take() else { panic!("the pool is empty") };
            sender.tx.push(sender.umem.write(frame, packet)?)?;
        }
        sender.tx.publish();
        // Never kicked.
        bench.until("all sent", || {
            assert_eq!(sender.wait(Interest::Tx, SOON)?, Waited::Ready);
            Ok(sender.tx.occupancy() == 0)
        })?;
        assert!(bench.receive(&mut receiver, 64)? == sent, "round {round}");
        let mut completed = 0;
        bench.until("all completed", || {
            completed += sender.reclaim()?;
            Ok(completed == 64)
        })?;
    }
    bench.conserved(&sender)
}

/// A wait for packets that do not come lasts as long as it was told to; one for packets that are there
/// does not last.
pub(super) fn rx_queue(bench: &Bench<'_>) -> Outcome {
    let mut receiver = bench.open(B, |builder| builder)?;
    let mut sender = bench.open(A, |builder| builder)?;
    for timeout in [Duration::ZERO, Duration::from_millis(3), SHORT] {
        let started = bench.fixture().now();
        assert_eq!(receiver.wait(Interest::Rx, timeout)?, Waited::TimedOut);
        let waited = bench.fixture().now() - started;
        assert!(waited >= timeout, "{waited:?} instead of {timeout:?}");
        assert!(waited < timeout + Duration::from_secs(10), "{waited:?} instead of {timeout:?}");
    }
    let sent = bench.packets(A, 0..64);
    bench.send(&mut sender, &sent)?;
    bench.until("received", || Ok(receiver.rx.occupancy() == 64))?;
    assert_eq!(receiver.wait(Interest::Rx, Duration::ZERO)?, Waited::Ready);
    assert_eq!(receiver.device().wait(Interest::Rx, Duration::ZERO)?, Waited::Ready);
    assert!(bench.receive(&mut receiver, 64)? == sent);
    assert_eq!(receiver.wait(Interest::Rx, Duration::ZERO)?, Waited::TimedOut);
    Ok(())
}

/// There is no room to wait for while nothing can be sent, and there is again afterwards.
pub(super) fn tx_queue_full(bench: &Bench<'_>) -> Outcome {
    const COMPLETIONS: u32 = 32;
    const SLOTS: u32 = 64;
    // Kernels as old as that spin in `poll` while the completion ring is full, whatever the timeout.
    bench.has_busy_polling()?;
    let mut receiver = bench.open(B, |builder| builder)?;
    let mut sender = bench.open(A, |builder| {
        builder.frames(256).fill_size(64).tx_size(SLOTS).completion_size(COMPLETIONS)
    })?;
    let sent = bench.packets(A, 0..COMPLETIONS + SLOTS);
    let (first, second) = sent.split_at(COMPLETIONS as usize);
    for packet in first {
        let Some(frame) = sender.pool.take() else { panic!("the pool is empty") };
        sender.tx.push(sender.umem.write(frame, packet)?)?;
    }
    bench.until("completions that nobody takes", || {
        sender.flush()?;
        Ok(sender.completion.occupancy() == COMPLETIONS)
    })?;
    for packet in second {
        let Some(frame) = sender.pool.take() else { panic!("the pool is empty") };
        sender.tx.push(sender.umem.write(frame, packet)?)?;
    }
    sender.flush()?;
    assert_eq!(sender.tx.occupancy(), SLOTS, "there is no completion to send against");
    let Some(frame) = sender.pool.take() else { panic!("the pool is empty") };
    match sender.tx.push(sender.umem.write(frame, &second[0])?) {
        Err(PushError::Full(packet)) => sender.pool.give(packet.into_frame())?,
        pushed => panic!("{pushed:?}"),
    }
    assert_eq!(sender.wait(Interest::Tx, SHORT)?, Waited::TimedOut);
    bench.conserved(&sender)?;

    let mut completed = 0;
    bench.until("all completed", || {
        completed += sender.reclaim()?;
        sender.flush()?;
        Ok(completed == COMPLETIONS + SLOTS)
    })?;
    assert_eq!(sender.wait(Interest::Tx, SOON)?, Waited::Ready);
    assert!(bench.receive(&mut receiver, sent.len())? == sent);
    bench.conserved(&sender)
}

//! System calls: when they are needed, and how many.

use fluxcapacitor::raw::Kick;
use fluxcapacitor::umem::Segment;
use fluxcapacitor::{FluxRaw, Granted};

use crate::bench::Bench;
use crate::fixture::Side::{A, B};
use crate::verdict::{Outcome, Reason, Stop};

/// How many packets one call sends in copy mode where that cannot be chosen (`MAX_PER_SOCKET_BUDGET`).
const BUDGET: u32 = 32;

/// Whether packets were sent by no more system calls than it takes; those of a kernel that lets nobody choose may
/// send 16 packets each.
pub(super) fn are_few(granted: &Granted, kicks: u64, packets: u32) -> bool {
    let least = |budget| u64::from(packets.div_ceil(budget));
    match granted.tx_budget {
        Some(budget) => kicks == least(budget),
        None => (least(BUDGET)..=least(BUDGET / 2)).contains(&kicks),
    }
}

fn budget(raw: &FluxRaw) -> u32 {
    raw.granted().tx_budget.unwrap_or(BUDGET)
}

/// Pushes `count` of the shortest packets: so short that the memory of a socket holds more than a budget
/// of them.
fn push(bench: &Bench<'_>, raw: &mut FluxRaw, count: u32) -> Outcome {
    for number in 0..count {
        let Some(frame) = raw.pool.take() else { panic!("the pool is empty") };
        let packet = bench.packet_of(A, number, 60);
        raw.tx.push(raw.umem.write(frame, &packet)?)?;
    }
    Ok(())
}

fn complete(bench: &Bench<'_>, raw: &mut FluxRaw, count: u32) -> Outcome {
    let mut completed = 0;
    bench.until("all completed", || {
        completed += raw.reclaim()?;
        Ok(completed >= count)
    })?;
    assert_eq!(completed, count);
    bench.conserved(raw)
}

/// One call takes as many packets as it may out of the ring, and says that there are more.
pub(super) fn tx_queue_consumer(bench: &Bench<'_>) -> Outcome {
    let _receiver = bench.open(B, |builder| builder)?;
    let mut sender = bench.open(A, |builder| builder)?;
    let (budget, more) = (budget(&sender), 2);
    for round in 0..4 {
        push(bench, &mut sender, budget + more)?;
        sender.tx.publish();
        if sender.granted().zero_copy {
            sender.device().kick_tx()?;
            bench.until("all taken", || Ok(sender.tx.occupancy() == 0))?;
        } else {
            assert_eq!(sender.tx.occupancy(), budget + more, "before it was kicked");
            assert_eq!(sender.device().kick_tx()?, Kick::Again, "round {round}");
            if sender.granted().tx_budget.is_none() && sender.tx.occupancy() == budget + more {
                // It shows what it has taken when it looks for more, and `flush` does without (WAKEUP).
                return Err(Stop::NotRun(Reason::OldKernel));
            }
            assert_eq!(sender.tx.occupancy(), more, "round {round}");
            assert_eq!(sender.device().kick_tx()?, Kick::Done, "round {round}");
            assert_eq!(sender.tx.occupancy(), 0, "round {round}");
        }
        complete(bench, &mut sender, budget + more)?;
    }
    Ok(())
}

/// A flush kicks no more often than it must: copying, once for each budget; and never for nothing.
pub(super) fn counted(bench: &Bench<'_>) -> Outcome {
    let mut receiver = bench.open(B, |builder| builder)?;
    let mut sender = bench.open(A, |builder| builder)?;
    let budget = budget(&sender);
    let kicks = sender.device().kicks();
    sender.flush()?;
    sender.flush()?;
    assert_eq!(sender.device().kicks(), kicks, "nothing to send");
    for count in [1, 2, budget - 1, budget, budget + 1, budget + 8] {
        push(bench, &mut sender, count)?;
        let before = sender.device().kicks();
        sender.flush()?;
        let kicks = sender.device().kicks() - before;
        if sender.granted().zero_copy {
            assert!(kicks <= 1, "{kicks} for {count} packets");
        } else {
            assert!(are_few(sender.granted(), kicks, count), "{kicks} for {count} packets");
            assert_eq!(sender.tx.occupancy(), 0);
        }
        complete(bench, &mut sender, count)?;
    }
    // Nor does a receiver that never sleeps need any.
    let seen = receiver.rx.occupancy();
    bench.until("looked at", || {
        receiver.pool.give_all(receiver.rx.receive(64)?.map(Segment::into_frame))?;
        receiver.refill()?;
        Ok(receiver.rx.occupancy() == 0)
    })?;
    assert!(seen > 0);
    if !receiver.granted().zero_copy {
        assert_eq!(
            receiver.device().kicks(),
            0,
            "the fill ring never asks when packets are copied"
        );
    }
    // Who kicks all the same gets an answer, of kernels too that have no `recvfrom` for it.
    receiver.device().kick_rx()?;
    bench.cross((A, &mut sender), &mut receiver, &bench.packets(A, 0..512))
}

/// Without need_wakeup every flush kicks, and no packet waits.
pub(super) fn without_need_wakeup(bench: &Bench<'_>) -> Outcome {
    let mut receiver = bench.open(B, |builder| builder.need_wakeup(false))?;
    let mut sender = bench.open(A, |builder| builder.need_wakeup(false))?;
    assert!(!sender.granted().need_wakeup);
    for _ in 0..8 {
        push(bench, &mut sender, 8)?;
        let before = sender.device().kicks();
        sender.flush()?;
        assert!(sender.device().kicks() > before, "a flush without a kick");
        complete(bench, &mut sender, 8)?;
        assert_eq!(bench.receive(&mut receiver, 8)?.len(), 8);
    }
    bench.cross((A, &mut sender), &mut receiver, &bench.packets(A, 0..1024))
}

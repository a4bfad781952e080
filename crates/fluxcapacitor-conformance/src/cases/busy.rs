//! What another socket of ours has already.

use fluxcapacitor::Error;
use fluxcapacitor::hook::Attach;

use crate::bench::Bench;
use crate::fixture::Side::{A, B};
use crate::verdict::Outcome;

/// In generic mode the last rx queue is beyond reach.
pub(super) const QUEUES: u32 = 3;

/// A second socket on a queue is refused by name; it is let in within the retry's bound once the first
/// is closed.
pub(super) fn queue(bench: &Bench<'_>) -> Outcome {
    let first = bench.open(B, |builder| builder.queue(1))?;
    let refused = bench.try_open(B, |builder| builder.queue(1));
    let refused = refused.expect_err("two sockets on one queue");
    assert!(
        matches!(refused, Error::ProgramBusy { .. } | Error::QueueBusy { .. }),
        "not typed: {refused}"
    );
    drop(first);
    let tx_queue = (0..QUEUES).find(|tx| bench.fixture().arrives_at(*tx) == 1);
    for _ in 0..10 {
        // It tries for three seconds while the queue is taken, and fails then.
        let mut second = bench.open(B, |builder| builder.queue(1))?;
        if let Some(tx_queue) = tx_queue {
            let mut sender = bench.open(A, |builder| builder.queue(tx_queue))?;
            bench.cross((A, &mut sender), &mut second, &bench.packets(A, 0..64))?;
        }
    }
    Ok(())
}

/// A program of ours on the interface is named, and left alone.
pub(super) fn program(bench: &Bench<'_>) -> Outcome {
    let mut first = bench.open(B, |builder| builder)?;
    refused(bench, if bench.backend().is_kernel() { "flux_redirect" } else { "" });
    let mut sender = bench.open(A, |builder| builder)?;
    bench.cross((A, &mut sender), &mut first, &bench.packets(A, 0..64))?;
    drop(first);
    assert!(!bench.port(B).has_program()?);
    let mut second = bench.open(B, |builder| builder.queue(0))?;
    bench.cross((A, &mut sender), &mut second, &bench.packets(A, 0..64))
}

/// However it is asked for, there is no second program, and the error names the first.
pub(super) fn refused(bench: &Bench<'_>, named: &str) {
    for attach in [Attach::Native, Attach::Generic, Attach::Auto] {
        let refused = bench.try_open(B, |builder| builder.queue(1).attach(attach));
        let refused = refused.expect_err("two programs on one interface");
        let Error::ProgramBusy { interface, program } = &refused else {
            panic!("{attach:?}: not typed: {refused}")
        };
        assert!(!interface.is_empty() && program.contains(named), "{attach:?}: {refused}");
    }
}

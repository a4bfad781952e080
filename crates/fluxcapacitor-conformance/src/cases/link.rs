//! The link goes down, which is a state, or away, which is an error.

use std::thread;
use std::time::{Duration, Instant};

use fluxcapacitor::raw::{Interest, Waited};
use fluxcapacitor::{Error, FluxRaw};

use crate::bench::Bench;
use crate::fixture::Side::{A, B};
use crate::traffic::SOON;
use crate::verdict::{Outcome, Stop};

/// Within which a lost interface is noticed.
const NOTICED: Duration = Duration::from_millis(200);

/// How often that is tried: what is late by itself is late each time, what is late for other work is not.
const TRIES: usize = 6;

/// For how long the other work is waited for in between.
const PAUSE: Duration = Duration::from_millis(200);

/// After which it never will be.
const NEVER: Duration = Duration::from_secs(10);

/// Whether one of some tries takes no longer than it may.
fn soon(mut attempt: impl FnMut() -> Outcome<Duration>) -> Outcome {
    let mut late = Vec::new();
    while late.len() < TRIES {
        let took = attempt()?;
        if took < NOTICED {
            return Ok(());
        }
        late.push(took);
        thread::sleep(PAUSE);
    }
    Err(Stop::failed(format!("not once within {NOTICED:?}, but {late:?}")))
}

/// Down is said by waiting and by sending; up again, packets flow, those that could not be sent too.
pub(super) fn down(bench: &Bench<'_>) -> Outcome {
    let mut receiver = bench.open(B, |builder| builder)?;
    let mut sender = bench.open(A, |builder| builder)?;
    for round in 0..3 {
        bench.cross((A, &mut sender), &mut receiver, &bench.packets(A, 0..64))?;
        bench.port(A).set_down()?;
        soon(|| {
            let started = bench.fixture().now();
            assert_eq!(sender.wait(Interest::Rx, SOON)?, Waited::LinkDown, "round {round}");
            Ok(bench.fixture().now() - started)
        })?;
        assert!(matches!(sender.device().kick_rx(), Err(Error::LinkDown)), "round {round}");
        let packet = bench.packet(A, round);
        let Some(frame) = sender.pool.take() else { panic!("the pool is empty") };
        sender.tx.push(sender.umem.write(frame, &packet)?)?;
        assert!(matches!(sender.flush(), Err(Error::LinkDown)), "round {round}");
        assert_eq!(sender.tx.occupancy(), 1, "round {round}: it waits");
        bench.conserved(&sender)?;
        // The peer has lost its carrier, and is none the worse for it.
        assert_eq!(receiver.wait(Interest::Rx, Duration::from_millis(150))?, Waited::TimedOut);

        bench.port(A).set_up()?;
        assert_eq!(sender.wait(Interest::Rx, Duration::from_millis(250))?, Waited::TimedOut);
        let mut completed = 0;
        bench.until("sent after all", || {
            sender.flush()?;
            completed += sender.reclaim()?;
            Ok(completed == 1)
        })?;
        assert!(bench.receive(&mut receiver, 1)? == [packet], "round {round}");
    }
    bench.cross((A, &mut sender), &mut receiver, &bench.packets(A, 0..256))?;
    bench.cross((B, &mut receiver), &mut sender, &bench.packets(B, 0..256))
}

/// Deleted: every way of waiting says so soon, and says so again; closing is clean.
pub(super) fn gone(bench: &Bench<'_>) -> Outcome {
    let mut a = bench.open(A, |builder| builder)?;
    let mut b = bench.open(B, |builder| builder)?;
    bench.cross((A, &mut a), &mut b, &bench.packets(A, 0..64))?;
    bench.fixture().remove(B)?;
    says_that_it_is_gone(&mut b)?;
    if bench.backend().is_veth() {
        says_that_it_is_gone(&mut a)?;
    }
    closes(b);
    closes(a);
    let refused = bench.try_open(B, |builder| builder).expect_err("it is gone");
    let named = match &refused {
        Error::UnknownInterface { interface } | Error::UnknownSimulated { interface } => interface,
        _ => panic!("not typed: {refused}"),
    };
    assert!(!named.is_empty(), "{refused}");
    Ok(())
}

pub(super) fn says_that_it_is_gone(raw: &mut FluxRaw) -> Outcome {
    // A long wait, many short ones, one that does not sleep, and sending.
    let patient = |raw: &mut FluxRaw| raw.wait(Interest::Rx, SOON).map(drop);
    let impatient = |raw: &mut FluxRaw| raw.wait(Interest::Rx, Duration::from_millis(1)).map(drop);
    let polling = |raw: &mut FluxRaw| raw.wait(Interest::Rx, Duration::ZERO).map(drop);
    let sending = |raw: &mut FluxRaw| {
        raw.wait(Interest::Tx, Duration::from_millis(1))?;
        if raw.tx.occupancy() == 0
            && let Some(frame) = raw.pool.take()
            && let Ok(packet) = raw.umem.write(frame, &[0; 60])
            && let Err(refused) = raw.tx.push(packet)
        {
            raw.pool.give(refused.into_inner().into_frame())?;
        }
        raw.flush()
    };
    type Way<'w> = (&'static str, &'w dyn Fn(&mut FluxRaw) -> fluxcapacitor::Result<()>);
    let ways: [Way<'_>; 4] = [
        ("a long wait", &patient),
        ("short waits", &impatient),
        ("waits that do not sleep", &polling),
        ("sending", &sending),
    ];
    for (way, wait) in ways {
        // It is said at once, and again.
        for again in [false, true] {
            soon(|| {
                let started = Instant::now();
                let said = loop {
                    match wait(raw) {
                        Err(error) => break error,
                        Ok(()) if started.elapsed() < NEVER => {}
                        Ok(()) => return Err(Stop::failed(format!("{way}: nothing noticed"))),
                    }
                };
                assert!(matches!(said, Error::LinkGone), "{way}, again {again}: not typed: {said}");
                Ok(started.elapsed())
            })?;
        }
    }
    let kicks = raw.device().kicks();
    let _gone = raw.wait(Interest::Rx, Duration::from_millis(300));
    assert!(raw.device().kicks() - kicks <= 1, "it spins");
    Ok(())
}

pub(super) fn closes(raw: FluxRaw) {
    let started = Instant::now();
    drop(raw);
    assert!(started.elapsed() < Duration::from_secs(30), "{:?} to close", started.elapsed());
}

//! Hard IRQs that stay off while a program polls.

use std::{fs, io};

use fluxcapacitor::builder::{BusyPoll, NapiDeferral};
use fluxcapacitor::granted::NapiDeferralGrant;
use fluxcapacitor::umem::{Layout, PageSize, UmemRegion};
use fluxcapacitor::{Error, FluxBuilder};
use fluxcapacitor_core::sys::netdev::{
    Deferral, DeferralScope, Interface, NapiSettings, napi_instances,
};
use fluxcapacitor_testbed::End;

use crate::bench::Bench;
use crate::fixture::Side::{A, B};
use crate::verdict::{Outcome, Reason, Stop};
use crate::victim::{Role, Signal, Victim};

/// What is asked for, as a netlink message has it.
const DEFERRED: NapiSettings = NapiSettings { hard_irqs: 2, timeout_ns: 200_000 };

/// An id that no NAPI instance has: they begin above the processors' numbers (`MIN_NAPI_ID`).
const NOBODYS: u32 = 1;

/// What somebody else may set.
const OTHERS: NapiSettings = NapiSettings { hard_irqs: 3, timeout_ns: 300_000 };

/// Set for the instance of the queue alone, while a socket is open; back as it was however the socket ends, but for
/// SIGKILL; and packets cross meanwhile.
pub(in crate::cases) fn deferral(bench: &Bench<'_>) -> Outcome {
    let end = bench.kernel(B)?;
    let before = settings(end)?;
    let mut sender = bench.open(A, |builder| builder)?;
    let mut socket = bench.open(B, deferring)?;
    let granted = socket.granted();
    let NapiDeferralGrant::Napi { napi_id } = granted.napi_deferral else {
        return Err(Stop::failed(format!("{:?}, {granted}", granted.napi_deferral)));
    };
    for napi in napi_instances(end.index())? {
        let expected = if napi.id == napi_id { DEFERRED } else { NapiSettings::default() };
        assert_eq!(napi.settings, Some(expected), "instance {} of {napi_id}", napi.id);
    }
    // Drivers may restart an instance under another id: it is found by its queue all the same.
    let again = Deferral::new(&Interface::by_index(end.index())?, 0, NOBODYS, DEFERRED)?;
    assert_eq!(again.scope(), DeferralScope::Napi { id: napi_id });
    drop(again);
    bench.cross((A, &mut sender), &mut socket, &bench.packets(A, 0..256))?;
    bench.cross((B, &mut socket), &mut sender, &bench.packets(B, 0..256))?;
    drop(socket);
    assert_eq!(settings(end)?, before, "it was closed");
    bench.cross(
        (A, &mut sender),
        &mut bench.open(B, |builder| builder)?,
        &bench.packets(A, 0..64),
    )?;

    for signal in [Signal::TERM, Signal::INT] {
        let (victim, _) = Victim::start(bench.program(), Role::Deferring, end)?;
        assert!(settings(end)?.contains(&DEFERRED), "{signal:?}: it is not set");
        victim.end(signal)?;
        assert_eq!(settings(end)?, before, "{signal:?}");
    }

    let (victim, _) = Victim::start(bench.program(), Role::Deferring, end)?;
    victim.kill()?;
    assert!(settings(end)?.contains(&DEFERRED), "nobody was there to put it back");
    set_by_hand(end, NapiSettings::default())?;
    assert_eq!(settings(end)?, before, "undone by hand");

    let socket = bench.open(B, deferring)?;
    bench.port(B).set_down()?;
    bench.port(B).set_up()?;
    assert!(settings(end)?.contains(&DEFERRED), "the link was down in between");
    drop(socket);
    assert_eq!(settings(end)?, before, "the link was down in between");

    let socket = bench.open(B, deferring)?;
    set_by_hand(end, OTHERS)?;
    drop(socket);
    assert!(settings(end)?.iter().all(|now| *now == OTHERS), "somebody else's is overwritten");
    set_by_hand(end, NapiSettings::default())?;

    drop(sender);
    not_ours(bench, &before)?;
    failed(bench, &before)
}

/// Neither what is there already nor what another of this process wants is in the way of opening, and both are said.
fn not_ours(bench: &Bench<'_>, before: &[NapiSettings]) -> Outcome {
    let end = bench.kernel(B)?;
    set_by_hand(end, DEFERRED)?;
    let socket = bench.open(B, deferring)?;
    assert_eq!(socket.granted().napi_deferral, NapiDeferralGrant::Found);
    drop(socket);
    assert!(settings(end)?.iter().all(|now| *now == DEFERRED), "it was somebody else's");
    set_by_hand(end, NapiSettings::default())?;

    let held = Deferral::new(&Interface::by_index(end.index())?, 0, NOBODYS, OTHERS)?;
    let socket = bench.open(B, deferring)?;
    let lines: Vec<_> = socket.granted().shortfalls().collect();
    let says = |line: &String| {
        line.starts_with("hard IRQs are not deferred: ") && line.ends_with("ask for the same")
    };
    assert!(lines.iter().any(says), "{lines:?}");
    drop(socket);
    assert!(settings(end)?.contains(&OTHERS), "it is not the socket's");
    drop(held);
    assert_eq!(settings(end)?, before);
    Ok(())
}

/// A build that fails later puts it back, too: that of one interface, when the queue of the next is taken.
fn failed(bench: &Bench<'_>, before: &[NapiSettings]) -> Outcome {
    let (first, second) = (bench.port(B), bench.port(A));
    let (umem, mut pool) =
        UmemRegion::new(Layout::new(second.frame_size(), 64, 0)?, PageSize::Base)?;
    bench.watch(&umem);
    let _taken = second.open_lane(0, &umem, &mut pool, None)?;
    let builder = deferring(first.builder().interface(second.name()));
    let refused = builder.build_engine().expect_err("two sockets on one queue");
    assert!(matches!(refused, Error::QueueBusy { .. }), "not typed: {refused}");
    assert_eq!(settings(bench.kernel(B)?)?, before, "it could not be built");
    Ok(())
}

fn deferring(builder: FluxBuilder) -> FluxBuilder {
    let deferral = Some(NapiDeferral::default());
    builder.busy_poll(BusyPoll { deferral, ..BusyPoll::default() })
}

/// Of all NAPI instances of an interface. Their ids change when the driver restarts them.
fn settings(end: &End) -> Outcome<Vec<NapiSettings>> {
    let instances = match end.namespace().run(|| napi_instances(end.index()))? {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            return Err(Stop::NotRun(Reason::OldKernel));
        }
        instances => instances?,
    };
    Ok(instances.iter().filter_map(|napi| napi.settings).collect())
}

/// As an administrator does it: for all instances of the interface.
fn set_by_hand(end: &End, settings: NapiSettings) -> Outcome {
    let directory = format!("/sys/class/net/{}", end.name());
    fs::write(format!("{directory}/napi_defer_hard_irqs"), settings.hard_irqs.to_string())?;
    fs::write(format!("{directory}/gro_flush_timeout"), settings.timeout_ns.to_string())?;
    Ok(())
}

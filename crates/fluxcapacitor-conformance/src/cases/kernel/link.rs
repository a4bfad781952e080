//! A link that goes with the namespace that its peer is in.

use std::time::Duration;

use fluxcapacitor::FluxBuilder;
use fluxcapacitor::raw::{Interest, Waited};

use crate::bench::Bench;
use crate::cases::link::{closes, says_that_it_is_gone};
use crate::fixture::Side::B;
use crate::verdict::Outcome;
use crate::victim::{Role, Victim};

/// The namespace of the peer goes, and the link with it.
pub(in crate::cases) fn namespace_gone(bench: &Bench<'_>) -> Outcome {
    let end = bench.kernel(B)?;
    let (victim, name) = Victim::start(bench.program(), Role::Namespace, end)?;
    let mut raw = end.namespace().run(|| FluxBuilder::new(&name).build_raw())??;
    bench.watch(&raw.umem);
    assert_eq!(raw.wait(Interest::Rx, Duration::from_millis(1))?, Waited::TimedOut);
    victim.kill()?;
    bench.until("gone with its namespace", || Ok(!end.namespace().links()?.contains(&name)))?;
    says_that_it_is_gone(&mut raw)?;
    closes(raw);
    Ok(())
}

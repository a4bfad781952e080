//! A veth pair, on the kernel that this runs on.

use std::sync::{Mutex, MutexGuard, PoisonError};

use fluxcapacitor::{FluxBuilder, FluxEngine};
use fluxcapacitor_testbed::{End, NetNs, VethPair, permitted};

/// One at a time: the kernel takes namespaces and links down under one lock.
static TURN: Mutex<()> = Mutex::new(());

/// `None`, after saying so, where it is not permitted.
pub fn turn() -> Option<MutexGuard<'static, ()>> {
    permitted().then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner))
}

pub fn pair() -> VethPair {
    VethPair::create(&NetNs::new().unwrap(), &NetNs::new().unwrap(), 1).unwrap()
}

/// Two pairs, the second ends of which are in one namespace.
pub fn two_pairs() -> [VethPair; 2] {
    let here = NetNs::new().unwrap();
    [(); 2].map(|()| VethPair::create(&NetNs::new().unwrap(), &here, 1).unwrap())
}

/// Builds in the namespace of the first end, for the interfaces of all.
pub fn open(ends: &[&End]) -> FluxEngine {
    let builder = FluxBuilder::new(ends[0].name());
    let builder = ends[1..].iter().fold(builder, |builder, end| builder.interface(end.name()));
    ends[0].namespace().run(|| builder.build_engine()).unwrap().unwrap()
}

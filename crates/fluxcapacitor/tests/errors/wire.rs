//! The wire that the tests stand on, and how they look at errors.

use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fluxcapacitor::{Error, FluxBuilder, FluxRaw, Result};
use fluxcapacitor_testbed::{End, NetNs, VethPair, permitted};

pub const SECOND: Duration = Duration::from_secs(1);

/// The turn to use the kernel: it takes namespaces and links down under one lock, and tests that wait
/// for that lock in parallel take ten times as long.
pub struct Turn(#[expect(dead_code, reason = "held")] MutexGuard<'static, ()>);

/// A pair between two namespaces, and the turn to use it.
pub struct Wire {
    pair: VethPair,
    _turn: Turn,
}

impl Deref for Wire {
    type Target = VethPair;

    fn deref(&self) -> &VethPair {
        &self.pair
    }
}

/// `None`, after saying so, where it is not permitted.
pub fn turn() -> Option<Turn> {
    static TURN: Mutex<()> = Mutex::new(());
    permitted().then(|| Turn(TURN.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// `None`, after saying so, where it is not permitted.
pub fn wire(queues: u32) -> Option<Wire> {
    let turn = turn()?;
    Some(Wire { pair: pair(queues), _turn: turn })
}

/// A pair between two namespaces, for whoever has the turn.
pub fn pair(queues: u32) -> VethPair {
    VethPair::create(&NetNs::new().unwrap(), &NetNs::new().unwrap(), queues).unwrap()
}

/// Builds in the namespace of `end`, for its interface.
pub fn open(
    end: &End,
    configure: impl FnOnce(FluxBuilder) -> FluxBuilder + Send,
) -> Result<FluxRaw> {
    end.namespace().run(|| configure(FluxBuilder::new(end.name())).build_raw()).unwrap()
}

/// As [`open`], where it must fail; what is attached then is what was before.
pub fn refused(end: &End, configure: impl FnOnce(FluxBuilder) -> FluxBuilder + Send) -> Error {
    let before = end.xdp_attached().unwrap();
    let error = open(end, configure).unwrap_err();
    assert_eq!(end.xdp_attached().unwrap(), before, "a failed build leaves nothing: {error}");
    error
}

/// Small enough to be made often.
pub fn small(builder: FluxBuilder) -> FluxBuilder {
    builder.frames(64).fill_size(32).rx_size(32).tx_size(32).completion_size(32)
}

/// Holds that the text, which begins in lower case, has each of the parts.
#[track_caller]
pub fn says(error: &Error, parts: &[&str]) {
    let text = error.to_string();
    assert!(!text.starts_with(char::is_uppercase), "{text}");
    for part in parts {
        assert!(text.contains(part), "no {part:?} in: {text}");
    }
    assert_eq!(format!("{error:?}"), text, "a main that returns it says the same");
}

//! Events of `tracing` (feature `tracing`): when a queue is opened, and when it is closed. Nothing is said in
//! between, and nothing at all without the feature.

use crate::granted::Granted;

/// A queue was opened; what it was not granted is a warning each.
#[cfg(feature = "tracing")]
pub(crate) fn opened(granted: &Granted) {
    let Granted { interface, queue, zero_copy, frames, .. } = granted;
    tracing::info!(%interface, queue, zero_copy, frames, "opened: {granted}");
    for shortfall in granted.shortfalls() {
        tracing::warn!(%interface, queue, "{shortfall}");
    }
}

/// A queue was closed.
#[cfg(feature = "tracing")]
pub(crate) fn closed(interface: &str, queue: u32) {
    tracing::info!(%interface, queue, "closed");
}

#[cfg(not(feature = "tracing"))]
pub(crate) fn opened(_: &Granted) {}

#[cfg(not(feature = "tracing"))]
pub(crate) fn closed(_: &str, _: u32) {}

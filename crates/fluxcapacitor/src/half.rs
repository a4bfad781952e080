//! The two halves of a socket, as the engine and the split system drive them.

mod rx;
mod tx;

use std::sync::Arc;

pub(crate) use rx::RxHalf;
pub(crate) use tx::{TxHalf, flush};

use crate::raw::Lane;
use crate::stats::{Counters, Source};

/// Splits a lane, which has `out` frames to receive into: what receives, what sends, and where both count.
pub(crate) fn split(lane: Lane, out: u32) -> (RxHalf, TxHalf, Source) {
    let Lane { device, rings, granted } = lane;
    let (device, counters) = (Arc::new(device), Arc::new(Counters::default()));
    let source = Source {
        interface: granted.interface.as_str().into(),
        queue: device.queue(),
        device: Arc::downgrade(&device),
        counters: Arc::clone(&counters),
    };
    counters.moved(0, out.into());
    let granted = Arc::new(granted);
    let rx = RxHalf {
        device: Arc::clone(&device),
        rx: rings.rx,
        fill: rings.fill,
        granted: Arc::clone(&granted),
        counters: Arc::clone(&counters),
    };
    let tx = TxHalf { device, tx: rings.tx, completion: rings.completion, granted, counters };
    (rx, tx, source)
}

//! From a queue to the callback.

use std::{iter, mem};

use fluxcapacitor_core::Result;
use fluxcapacitor_core::ring::{Exchange, Outbox};

use super::PacketBatch;
use super::outlet::Outlet;
use super::turn::{Account, OnPanic, Tally, Turn};
use super::worker::Inlet;
use crate::half::RxHalf;

/// How many interfaces a worker drives at most.
const PORTS_MAX: usize = 8;

/// Lends a batch to the callback where there are several interfaces, or packets of several frames; says how many
/// packets there were, and by how many frames fewer went back than came.
pub(super) fn lend_among(
    inlet: &mut Inlet,
    outlets: &mut [Outlet],
    batch: u32,
    callback: &mut impl FnMut(PacketBatch<'_>),
) -> Result<(u32, u32)> {
    let (rx, whole) = (&mut inlet.half.rx, inlet.half.granted.multi_buffer);
    let slots = if whole { rx.expect_whole(batch)? } else { rx.ready()?.min(batch) };
    if slots == 0 {
        return Ok((0, 0));
    }
    let (before, rest) = outlets.split_at_mut(inlet.place.port);
    let Some((own, after)) = rest.split_first_mut() else { return Ok((0, 0)) };
    let gap = iter::once(None);
    let others = before.iter_mut().map(Some).chain(gap).chain(after.iter_mut().map(Some));
    let mut boxes = [const { None }; PORTS_MAX];
    for (outbox, outlet) in boxes.iter_mut().zip(others) {
        *outbox = outlet.map(|outlet| outlet.half.tx.outbox(slots)).transpose()?;
    }
    lend(inlet, own, &mut boxes, (whole, batch), callback)
}

/// The same: packets may leave by `own`, or by `others`, which are numbered as the ports. If it is `whole`, they may have
/// several frames.
#[inline(always)]
pub(super) fn lend(
    inlet: &mut Inlet,
    own: &mut Outlet,
    others: &mut [Option<Outbox<'_>>],
    (whole, batch): (bool, u32),
    callback: &mut impl FnMut(PacketBatch<'_>),
) -> Result<(u32, u32)> {
    let Inlet { half: RxHalf { rx, fill, counters, .. }, place, feed, .. } = inlet;
    let decide = |exchange: &Exchange<'_>, others: &[Option<Outbox<'_>>]| {
        if let Some(feed) = feed {
            feed.see_batch(exchange);
        }
        let turn = Turn { exchange, place, tally: Tally::default() };
        let account = Account { exchange, counters, tally: &turn.tally };
        let on_panic = OnPanic(account);
        decide(PacketBatch::new(&turn), callback);
        // Without it: what it has is in memory.
        mem::forget(on_panic);
        account.finish(others)
    };
    let tx = &mut own.half.tx;
    if whole {
        rx.exchange_whole(fill, tx, others, batch, decide)
    } else {
        rx.exchange(fill, tx, others, batch, decide)
    }
}

/// The callback, in a function of its own: its loop over packets has all registers for itself.
#[inline(never)]
pub(super) fn decide(batch: PacketBatch<'_>, callback: &mut impl FnMut(PacketBatch<'_>)) {
    callback(batch);
}

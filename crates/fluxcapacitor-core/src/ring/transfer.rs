//! The shortest way: frames that go straight from one ring to another.
//!
//! Rings are checked and cut once a batch; in between a frame is a handful of registers.

use std::iter::zip;
use std::ops::ControlFlow;

use super::run::ABREAST;
use super::{ConsumerRing, ProducerRing, RingCorrupt, Slot};

/// What becomes of a value on its way.
#[derive(Debug)]
pub(super) enum Step<D> {
    /// It goes into the target, as this.
    Move(D),
    /// It is taken out and goes nowhere.
    Skip,
    /// It stays where it is, with all those behind it.
    Stop,
}

/// Takes up to `max` values out of `source`, and puts what `step` makes of each into `target`; says how
/// many it put there.
///
/// Ends early where either ring ends in memory, where `target` is full, and behind a value that is
/// skipped. If `step` panics, its value and those behind it are still in `source`.
#[inline]
pub(super) fn transfer<S: Slot, D: Slot>(
    source: &mut ConsumerRing<S>,
    target: &mut ProducerRing<D>,
    max: u32,
    mut step: impl FnMut(S) -> Step<D>,
) -> Result<u32, RingCorrupt> {
    let ready = source.ready()?.min(max);
    let count = target.room(ready)?.min(ready);
    let (from, mut taken) = source.run(count);
    let (to, mut written) = target.run(from.len() as u32);
    let mut each = |(value, cell): (&S::Cell, &D::Cell)| match step(S::load(value)) {
        Step::Move(made) => {
            made.store(cell);
            taken.count += 1;
            written.count += 1;
            ControlFlow::Continue(())
        }
        Step::Skip => {
            taken.count += 1;
            ControlFlow::Break(())
        }
        Step::Stop => ControlFlow::Break(()),
    };
    let (values, last_values) = from[..to.len()].as_chunks::<ABREAST>();
    let (cells, last_cells) = to.as_chunks::<ABREAST>();
    let mut abreast = zip(values, cells).flat_map(|(values, cells)| zip(values, cells));
    if abreast.try_for_each(&mut each).is_continue() {
        let _ = zip(last_values, last_cells).try_for_each(each);
    }
    Ok(written.count)
}

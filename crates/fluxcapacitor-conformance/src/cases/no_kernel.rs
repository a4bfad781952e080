//! In place of what only a kernel has.

use crate::bench::Bench;
use crate::verdict::{Outcome, Reason, Stop};

fn not_here() -> Outcome {
    Err(Stop::NotRun(Reason::KernelOnly))
}

pub(super) fn deferral(_: &Bench<'_>) -> Outcome {
    not_here()
}

pub(super) fn killed(_: &Bench<'_>) -> Outcome {
    not_here()
}

pub(super) fn program(_: &Bench<'_>) -> Outcome {
    not_here()
}

pub(super) fn queue(_: &Bench<'_>) -> Outcome {
    not_here()
}

pub(super) fn reset(_: &Bench<'_>) -> Outcome {
    not_here()
}

pub(super) fn namespace_gone(_: &Bench<'_>) -> Outcome {
    not_here()
}

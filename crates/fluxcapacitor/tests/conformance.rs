//! The cases that every backend must pass, on the simulator: no privilege, any system.
//!
//! On real interfaces: `cargo run -p fluxcapacitor-conformance -- --backend veth-native`.
#![cfg(feature = "simulator")]

use std::path::PathBuf;

use fluxcapacitor_conformance::backend::Backend;
use fluxcapacitor_conformance::cases::CASES;
use fluxcapacitor_conformance::expected::{COMMITTED, Expected};
use fluxcapacitor_conformance::run::run;

fn all_is_as_expected_on(backend: Backend) {
    let expected = Expected::parse(COMMITTED).unwrap();
    // No case on a simulator starts this program again.
    let runs = run(backend, CASES, &expected, PathBuf::new(), |run| {
        println!("{}: {} ({:?}) {}", run.key.case, run.verdict, run.took, run.notes.join("; "));
    });
    let differences: Vec<_> = runs
        .iter()
        .filter_map(|run| Some(format!("{}: {}", run.key.case, run.difference.as_ref()?)))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(runs.len() >= CASES.len(), "only {} runs", runs.len());
}

#[test]
fn with_copies() {
    all_is_as_expected_on(Backend::Simulator);
}

#[test]
fn without_copies() {
    all_is_as_expected_on(Backend::SimulatorZeroCopy);
}

//! All cases on this machine's kernel, and the command that runs them. On the simulator, which needs no
//! privilege, they run with the tests of `fluxcapacitor`.
//!
//! Without root the tests on a kernel say that they were skipped; with `FLUXCAP_REQUIRE_KERNEL=1` they fail
//! instead.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use fluxcapacitor_conformance::backend::Backend;
use fluxcapacitor_conformance::cases::CASES;
use fluxcapacitor_conformance::expected::{COMMITTED, Expected};
use fluxcapacitor_conformance::run::{run, strangers};

/// Whether the kernel may be asked for namespaces and links.
fn permitted() -> bool {
    #[cfg(target_os = "linux")]
    return fluxcapacitor_testbed::permitted();
    #[cfg(not(target_os = "linux"))]
    false
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_conformance");

/// One backend at a time: what is timed would be slow otherwise, and the kernel takes links down under
/// one lock.
static TURN: Mutex<()> = Mutex::new(());

fn all_is_as_expected_on(backend: Backend) {
    if backend.is_kernel() && !permitted() {
        return;
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let expected = Expected::parse(COMMITTED).unwrap();
    let runs = run(backend, CASES, &expected, PathBuf::from(PROGRAM), |run| {
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
fn all_is_as_expected_on_veth_native() {
    all_is_as_expected_on(Backend::VethNative);
}

#[test]
fn all_is_as_expected_on_veth_generic() {
    all_is_as_expected_on(Backend::VethGeneric);
}

#[test]
fn the_list_speaks_of_cases_that_there_are() {
    let expected = Expected::parse(COMMITTED).unwrap();
    assert_eq!(strangers(&expected), Vec::<String>::new());
    let mut names: Vec<_> = CASES.iter().map(|case| case.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), CASES.len(), "two cases of one name");
}

/// Runs the command, and gives its exit code and what it says on stdout and stderr.
fn conformance(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(PROGRAM).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_lists_its_cases() {
    let (code, names, _) = conformance(&["--list"]);
    assert_eq!(code, Some(0));
    assert!(names.lines().eq(CASES.iter().map(|case| case.name)), "{names}");
    let (code, json, _) =
        conformance(&["--list", "--case", "RULES,SEND_RECEIVE", "--output", "json"]);
    assert_eq!(code, Some(0));
    let listed: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2, "{json}");
    assert_eq!(listed[0]["case"], "SEND_RECEIVE");
    assert_eq!(listed[0]["busy_polling"], true);
    assert_eq!(listed[1]["not_run"], "needs-rules");
}

#[test]
fn the_command_knows_what_it_cannot_do() {
    for wrong in [["--case", "NO_SUCH_CASE"], ["--backend", "moon"]] {
        let (code, out, said) = conformance(&wrong);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{wrong:?}: {said}");
        assert!(said.contains(wrong[1]), "{wrong:?}: {said}");
    }
}

#[test]
fn the_command_prints_a_table_and_json() {
    if !permitted() {
        return;
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let chosen =
        ["--backend", "veth-native,veth-generic", "--case", "SEND_RECEIVE_SINGLE_PKT,RULES"];
    let (code, table, said) = conformance(&chosen);
    assert_eq!(code, Some(0), "{table}{said}");
    let line = |name: &str| table.lines().find(|line| line.starts_with(name)).unwrap();
    assert_eq!(line("SEND_RECEIVE_SINGLE_PKT ").matches("pass").count(), 2, "{table}");
    assert_eq!(line("RULES").matches("not-run: needs-rules").count(), 2, "{table}");

    let (code, json, said) = conformance(&[&chosen[..], &["--output", "json"]].concat());
    assert_eq!(code, Some(0), "{json}{said}");
    let runs: serde_json::Value = serde_json::from_str(&json).unwrap();
    let runs = runs.as_array().unwrap();
    assert_eq!(runs.len(), 6, "one of two cases has a variant with busy polling: {json}");
    assert_eq!((&runs[0]["verdict"], &runs[0]["busy_polling"]), (&"pass".into(), &false.into()));
    assert_eq!((&runs[1]["verdict"], &runs[1]["why"]), (&"not-run".into(), &"no-napi-id".into()));
}

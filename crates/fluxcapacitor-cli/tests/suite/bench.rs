//! `fluxcap bench`: counts are right, wrong ones are told, nothing is left. Rates are not looked at.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use fluxcapacitor_testbed::{LINK_NAME_PREFIX, NetNs};
use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::tool::{Ended, PATIENCE, Tool, fluxcap};
use crate::wire::{turn, wire};

/// As little as can be measured.
const SHORT: &str = "--seconds 0.05 --rounds 1 --output json";

/// Base cases alone.
const BASE: &str = "--wait spin --batch 64 --packet-size 64";

fn bench(words: &str) -> Ended {
    Tool::run(&mut fluxcap(&format!("bench {SHORT} {words}")))
}

/// The rows of one that has passed, and their end.
#[track_caller]
fn rows(ended: &Ended) -> (Vec<Value>, Value) {
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    let (rows, last) = ended.json();
    assert_eq!((&last["final"], &last["rows_that_differ"]), (&true.into(), &0.into()), "{last:#}");
    assert_eq!(last["rows"], rows.len());
    for row in &rows {
        assert_eq!(row["counts_agree"], true, "{row:#}");
        assert!(row["packets"].as_u64().unwrap() > 0, "{row:#}");
        let figure =
            if row["scenario"] == "ping-pong" { &row["latency_us"]["p50"] } else { &row["mpps"] };
        // A machine with other work may have none in so short a time.
        assert!(figure["median"].as_f64().unwrap() >= 0.0, "{row:#}");
        let cpu_ns = &row["cpu_ns_per_packet"];
        // None moved: none is told.
        let has_moved = figure["median"].as_f64().unwrap() > 0.0;
        assert!(cpu_ns.is_null() || cpu_ns["median"].as_f64().unwrap() > 0.0, "{row:#}");
        assert!(!has_moved || !cpu_ns.is_null(), "{row:#}");
    }
    (rows, last)
}

fn word<'r>(row: &'r Value, name: &str) -> &'r str {
    row[name].as_str().unwrap_or_else(|| panic!("no {name} in {row:#}"))
}

#[test]
fn every_scenario_is_measured_by_every_mode_and_counts_agree() {
    let Some(_turn) = turn() else { return };
    let (rows, last) = rows(&bench(BASE));
    let found: Vec<_> =
        rows.iter().map(|row| (word(row, "scenario"), word(row, "contestant"))).collect();
    let mut expected = Vec::new();
    for scenario in ["rxdrop", "txonly", "l2fwd", "ping-pong"] {
        for mode in ["raw", "engine", "owned"] {
            // An engine sends what it has received.
            if (scenario, mode) != ("txonly", "engine") {
                expected.push((scenario, mode));
            }
        }
    }
    assert_eq!(found, expected);
    assert_eq!(last["driver"], "veth");
    assert!(word(&last, "granted").contains("copy, native XDP"), "{last:#}");
}

#[test]
fn one_thing_is_varied_at_a_time() {
    let Some(_turn) = turn() else { return };
    let words = "--scenario l2fwd,ping-pong --mode raw --wait spin,poll,busy --batch 64,1,256 --packet-size 60,1514";
    let (rows, _) = rows(&bench(words));
    let case = |row: &Value| {
        format!(
            "{} {} {} {}",
            word(row, "scenario"),
            word(row, "wait"),
            row["batch"],
            row["packet_size"]
        )
    };
    assert_eq!(
        rows.iter().map(case).collect::<Vec<_>>(),
        [
            "l2fwd spin 64 60",
            "l2fwd poll 64 60",
            "l2fwd busy 64 60",
            "l2fwd spin 1 60",
            "l2fwd spin 256 60",
            "l2fwd spin 64 1514",
            "ping-pong spin 64 60",
            "ping-pong poll 64 60",
            "ping-pong busy 64 60",
        ]
    );
}

#[test]
fn the_table_says_what_it_ran_on_and_whether_it_could_tell() {
    let Some(_turn) = turn() else { return };
    let words = format!("bench --seconds 0.05 --rounds 2 --scenario rxdrop {BASE}");
    let ended = Tool::run(&mut fluxcap(&words));
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    let said = ended.stdout.join("\n");
    for part in [
        "rxdrop, spin, batch 64, 64 bytes\n",
        "of raw",
        "\nLinux ",
        "medians of 2 rounds of 0.05 s",
        "counts are those of the interface in all 3 rows",
        "noisy",
    ] {
        assert!(said.contains(part), "no {part:?} in\n{said}");
    }
}

#[test]
fn curves_are_drawn() {
    let Some(_turn) = turn() else { return };
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("curves.svg");
    let words =
        "--scenario rxdrop,ping-pong --mode raw,owned --wait spin --batch 64,1 --packet-size 64";
    rows(&bench(&format!("{words} --plot {}", file.display())));
    let drawn = fs::read_to_string(&file).unwrap();
    assert!(drawn.starts_with("<svg") && drawn.trim_end().ends_with("</svg>"), "{drawn}");
    for part in ["rxdrop: Mpps by batch", "by percentile", "raw", "owned", "p99.9", "veth, Linux"] {
        assert!(drawn.contains(part), "no {part:?} in\n{drawn}");
    }
    assert!(drawn.matches("<polyline").count() >= 8, "a line for each, and its spread:\n{drawn}");
}

/// A program in `directory` that runs `fluxcap TOOL` until it is interrupted, and then says what `says` says.
fn program(directory: &Path, says: &str) -> PathBuf {
    let file = directory.join("contestant");
    let fluxcap = env!("CARGO_BIN_EXE_fluxcap");
    let script = format!(
        "#!/bin/sh\n{fluxcap} \"$@\" --output json >{0}/said &\ntrap 'kill -INT $!' INT\nwait; wait\n{says}\n",
        directory.display()
    );
    fs::write(&file, script).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    file
}

const ARGUMENTS: &str = "{scenario} --interface {interface} --wait {wait} --batch {batch}";

#[test]
fn programs_of_others_are_measured_too() {
    let Some(_turn) = turn() else { return };
    let ours = env!("CARGO_BIN_EXE_fluxcap");
    let mut command = fluxcap(&format!("bench {SHORT} {BASE} --mode raw --contestant"));
    command.arg(format!("other={ours} {ARGUMENTS} --output json"));
    let ended = Tool::run(&mut command);
    let (rows, _) = rows(&ended);
    let contestants: Vec<_> = rows.iter().map(|row| word(row, "contestant")).collect();
    assert_eq!(contestants, ["raw", "other"].repeat(4));
}

#[test]
fn counts_that_are_not_the_interfaces_are_told_and_fail() {
    let Some(_turn) = turn() else { return };
    let directory = TempDir::new().unwrap();
    let liar = program(directory.path(), r#"echo '{"rx_packets": 88, "tx_packets": 88}'"#);
    let mut command =
        fluxcap(&format!("bench {SHORT} {BASE} --scenario l2fwd --mode raw --contestant"));
    command.arg(format!("liar={} {ARGUMENTS}", liar.display()));
    let ended = Tool::run(&mut command);
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("other counts than the interface"), "{}", ended.stderr);
    let (rows, last) = ended.json();
    assert_eq!(last["rows_that_differ"], 1, "{last:#}");
    let [raw, liar] = &rows[..] else { panic!("{rows:#?}") };
    assert_eq!((&raw["counts_agree"], &liar["counts_agree"]), (&true.into(), &false.into()));
    assert!(word(liar, "difference").contains("it counts 88 received"), "{liar:#}");
}

#[test]
fn a_program_that_cannot_or_fails_is_left_out_or_told() {
    let Some(_turn) = turn() else { return };
    let run = |contestant: &str| {
        let mut command =
            fluxcap(&format!("bench {SHORT} {BASE} --scenario rxdrop --mode raw --contestant"));
        Tool::run(command.arg(format!("other={contestant}")))
    };
    let directory = TempDir::new().unwrap();
    let script = directory.path().join("cannot");
    fs::write(&script, "#!/bin/sh\nexit 2\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let (without_it, _) = rows(&run(&script.display().to_string()));
    assert_eq!(without_it.len(), 1);

    let failed = run("false");
    assert_eq!(failed.code(), Some(1), "{}", failed.stderr);
    assert!(failed.stderr.contains("other: rxdrop, spin"), "{}", failed.stderr);
    assert!(failed.stderr.contains("the contestant failed"), "{}", failed.stderr);
    let silent =
        run(&format!("{} {ARGUMENTS}", program(directory.path(), "echo nothing").display()));
    assert_eq!(silent.code(), Some(1), "{}", silent.stderr);
    assert!(silent.stderr.contains("is not JSON"), "{}", silent.stderr);
}

#[test]
fn an_interface_that_there_is_does_too() {
    let Some(wire) = wire() else { return };
    let ended = wire.run(&format!("bench {SHORT} {BASE} --scenario txonly"));
    let (rows, last) = rows(&ended);
    assert_eq!(rows.len(), 2, "{rows:#?}");
    assert_eq!(last["driver"], "veth");
    assert!(wire.end().counters().unwrap().tx_packets > 0);
    assert_eq!(wire.end().xdp_attached().unwrap(), None);
}

fn host_links() -> Vec<String> {
    let mut links = NetNs::current().unwrap().links().unwrap();
    links.retain(|name| name.starts_with(LINK_NAME_PREFIX));
    links
}

/// A batch that no other test asks for: it tells processes of this one from theirs.
const ODD: &str = "213";

/// Processes that were started with this word among their arguments.
fn processes(word: &str) -> BTreeSet<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let has = |id: &u32| {
        let words = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        words.split(|byte| *byte == 0).any(|found| found == word.as_bytes())
    };
    processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(has).collect()
}

#[test]
fn a_signal_ends_it_and_nothing_is_left() {
    let Some(_turn) = turn() else { return };
    let ours = env!("CARGO_BIN_EXE_fluxcap");
    for (signal, code) in
        [(Signal::SIGINT, Some(0)), (Signal::SIGTERM, Some(0)), (Signal::SIGKILL, None)]
    {
        let mut command = fluxcap(&format!(
            "bench --wait spin --packet-size 64 --batch {ODD} --output json --seconds 0.2 --rounds 1 \
             --scenario rxdrop,l2fwd --mode raw --contestant"
        ));
        command.arg(format!("other={ours} {ARGUMENTS} --output json"));
        let mut tool = Tool::start(&mut command);
        tool.stdout.wait_for("\"other\"");
        tool.signal(signal);
        let ended = tool.end(PATIENCE);
        assert_eq!(ended.code(), code, "{signal}: {}", ended.stderr);
        assert_eq!(host_links(), [""; 0], "{signal}");
        crate::wire::eventually("its contestant is gone", PATIENCE, || processes(ODD).is_empty());
    }
}

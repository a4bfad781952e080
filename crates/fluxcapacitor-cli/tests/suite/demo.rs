//! `fluxcap demo`: nothing is lost, nothing is left.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use fluxcapacitor_testbed::{LINK_NAME_PREFIX, NetNs};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::tool::{PATIENCE, Tool, fluxcap};
use crate::verdict::passed;
use crate::wire::turn;

#[test]
fn nothing_is_lost() {
    let Some(_turn) = turn() else { return };
    let ended = Tool::run(&mut fluxcap("demo --seconds 2 --output json"));
    let sent = passed(&ended, "kernel");
    // An unoptimized build and a busy machine: a hundredth of what both are without.
    assert!(sent > 2000, "{sent} packets in 2 seconds");
    let (lines, last) = ended.json();
    let sent_by_line: Vec<_> = lines.iter().map(|line| line["sent"].as_u64().unwrap()).collect();
    assert!(!sent_by_line.is_empty() && sent_by_line.is_sorted(), "{sent_by_line:?}");
    assert!(last["why_not_kernel"].is_null(), "{last:#}");
    assert!((2.0..20.0).contains(&last["elapsed_s"].as_f64().unwrap()), "{last:#}");
}

#[test]
fn every_window_and_packet_size_passes() {
    let Some(_turn) = turn() else { return };
    for options in
        ["--in-flight 1", "--in-flight 64", "--in-flight 256", "-p 60", "-p 61", "-p 1514"]
    {
        let words = format!("demo --seconds 0.3 --backend kernel --output json {options}");
        assert!(passed(&Tool::run(&mut fluxcap(&words)), "kernel") > 0, "{options}");
    }
}

#[test]
fn the_table_begins_with_what_it_runs_on_and_ends_with_the_verdict() {
    let Some(_turn) = turn() else { return };
    let ended = Tool::run(&mut fluxcap("demo --seconds 0.3"));
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    let (first, last) = (ended.stdout.first().unwrap(), ended.stdout.last().unwrap());
    let platform = first.strip_prefix("running on ").unwrap_or_else(|| panic!("{first}"));
    let granted = platform.strip_prefix("this machine's kernel: ");
    let granted = granted.unwrap_or_else(|| panic!("{platform}"));
    assert_eq!(granted.matches("(veth) queue 0 of 1: copy, native XDP").count(), 2, "{granted}");
    assert_eq!(*last, format!("PASSED on {platform}"));
    assert!(!ended.stdout.iter().any(|line| line.contains('\x1b')), "no terminal, no escapes");
}

/// Starts it, and waits until packets flow: the first line is printed after a second.
fn in_full_flow() -> Tool {
    let mut tool = Tool::start(&mut fluxcap("demo --seconds 60 --output json"));
    let line: Value = serde_json::from_str(tool.stdout.wait_for("\"sent\":")).unwrap();
    assert!(line["returned"].as_u64().unwrap() > 0, "{line}");
    tool
}

#[test]
fn a_signal_brings_the_verdict() {
    let Some(_turn) = turn() else { return };
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut tool = in_full_flow();
        let signalled = Instant::now();
        tool.signal(signal);
        let ended = tool.end(PATIENCE);
        let took = signalled.elapsed();
        assert!(took < Duration::from_secs(10), "{signal}: after {took:?}");
        passed(&ended, "kernel");
    }
}

/// The network namespaces that a process holds by descriptors, as `net:[4026532000]`.
fn namespaces(process: u32) -> BTreeSet<String> {
    let fds = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let targets = fds.filter_map(|fd| fs::read_link(fd.unwrap().path()).ok());
    targets.map(|target| target.display().to_string()).filter(|t| t.starts_with("net:[")).collect()
}

/// The names in `/run/netns`, which need not be there.
fn named_namespaces() -> BTreeSet<String> {
    let entries = fs::read_dir("/run/netns").into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

fn host_links() -> Vec<String> {
    let mut links = NetNs::current().unwrap().links().unwrap();
    links.retain(|name| name.starts_with(LINK_NAME_PREFIX));
    links
}

#[test]
fn nothing_is_left_after_sigkill_and_it_starts_again_at_once() {
    let Some(_turn) = turn() else { return };
    let named = named_namespaces();
    let mut tool = in_full_flow();
    let held = namespaces(tool.id());
    assert_eq!(held.len(), 2, "{held:?}");
    assert_eq!(host_links(), [""; 0], "also while it runs");

    tool.signal(Signal::SIGKILL);
    assert_eq!(tool.end(PATIENCE).code(), None);

    let again = Tool::run(&mut fluxcap("demo --seconds 0.3 --output json"));
    passed(&again, "kernel");
    assert_eq!(host_links(), [""; 0]);
    assert_eq!(named_namespaces(), named);
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!held.iter().any(|namespace| mounts.contains(namespace)), "{mounts}");
}

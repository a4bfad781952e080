//! `fluxcap` on simulated interfaces: on every system, without privilege.

use crate::tool::{Ended, Tool, fluxcap};
use crate::verdict::passed;

/// What is said of simulated rates, in part.
const WORTH: &str = "simulated: its rates are those of this machine's memory";

const TOOLS: [&str; 3] = ["rxdrop", "txonly", "l2fwd"];

fn run(words: &str) -> Ended {
    Tool::run(&mut fluxcap(words))
}

#[test]
fn the_demo_loses_nothing() {
    let ended = run("demo --backend simulator --seconds 1.1 --output json");
    let sent = passed(&ended, "simulator");
    // An unoptimized build and a busy machine.
    assert!(sent > 1000, "{sent} packets");
    let (lines, last) = ended.json();
    assert!(!lines.is_empty(), "{last:#}");
    assert!(last["why_not_kernel"].is_null(), "it was not to: {last:#}");
    assert!(ended.stderr.contains(WORTH), "{}", ended.stderr);
}

#[test]
fn the_demo_passes_with_every_window_and_packet_size() {
    for options in
        ["--in-flight 1", "--in-flight 64", "--in-flight 256", "-p 60", "-p 61", "-p 1514"]
    {
        let ended = run(&format!("demo --seconds 0.2 --backend simulator --output json {options}"));
        assert!(passed(&ended, "simulator") > 0, "{options}");
    }
}

#[test]
fn the_demo_names_the_simulator_first_and_last() {
    let ended = run("demo --seconds 0.2 --backend simulator");
    assert_eq!(ended.code(), Some(0), "{ended:#?}");
    let (first, last) = (ended.stdout.first().unwrap(), ended.stdout.last().unwrap());
    let platform = first.strip_prefix("running on ").unwrap_or_else(|| panic!("{first}"));
    assert!(platform.starts_with("the simulator: sim:"), "{platform}");
    assert_eq!(platform.matches("(simulator) queue 0 of 1: copy, native XDP").count(), 2);
    assert_eq!(*last, format!("PASSED on {platform}"));
    assert!(ended.stderr.contains(WORTH), "{}", ended.stderr);
}

/// Packets and bytes moved each way, and whether a tool moves any that way at all.
#[track_caller]
fn counted(tool: &str, ended: &Ended, size: u64) {
    let (lines, last) = ended.json();
    assert!(lines.iter().chain([&last]).all(|line| line["simulated"] == true), "{ended:#?}");
    assert_eq!(last["final"], true, "{tool}: {last:#}");
    for (way, moves) in [("rx", tool != "txonly"), ("tx", tool != "rxdrop")] {
        let packets = last[format!("{way}_packets")].as_u64().unwrap();
        // Less than there is under way at once would not show that any comes around.
        assert!(if moves { packets > 512 } else { packets == 0 }, "{tool}: {last:#}");
        assert_eq!(last[format!("{way}_bytes")], packets * size, "{tool}: {last:#}");
    }
    if tool == "l2fwd" {
        assert_eq!(last["tx_packets"], last["rx_packets"], "{last:#}");
    }
}

#[test]
fn tools_move_packets_and_count_them() {
    for tool in TOOLS {
        for (profile, grants) in [("", "copy"), ("=copy", "copy"), ("=zero-copy", "zero-copy")] {
            let words = format!("{tool} --simulator{profile} --seconds 0.5 --output json");
            let ended = run(&words);
            assert_eq!(ended.code(), Some(0), "{words}: {}", ended.stderr);
            let granted = format!("(simulator) queue 0 of 1: {grants}, native XDP");
            assert!(ended.stderr.contains(&granted), "{words}: {}", ended.stderr);
            assert!(ended.stderr.contains(WORTH), "{words}: {}", ended.stderr);
            counted(tool, &ended, 60);
        }
    }
}

#[test]
fn tools_wait_as_they_are_told_and_take_every_packet_size() {
    for tool in TOOLS {
        for (size, wait) in [(61, "poll --batch 7"), (1514, "busy --frame-size 4096")] {
            let words = format!("{tool} --simulator --seconds 0.5 -o json -p {size} --wait {wait}");
            let ended = run(&words);
            assert_eq!(ended.code(), Some(0), "{words}: {}", ended.stderr);
            counted(tool, &ended, size);
        }
    }
}

#[test]
fn tables_end_with_the_total() {
    for tool in TOOLS {
        let ended = run(&format!("{tool} --simulator --seconds 0.3"));
        assert_eq!(ended.code(), Some(0), "{tool}: {}", ended.stderr);
        assert!(ended.stdout[0].contains("rx packets"), "{:#?}", ended.stdout);
        let total: Vec<_> = ended.stdout.last().unwrap().split_whitespace().collect();
        assert_eq!(*total.last().unwrap(), "total", "{:#?}", ended.stdout);
        let (received, sent): (u64, u64) = (total[1].parse().unwrap(), total[4].parse().unwrap());
        assert_eq!(received > 0, tool != "txonly", "{:#?}", ended.stdout);
        assert_eq!(sent > 0, tool != "rxdrop", "{:#?}", ended.stdout);
    }
}

#[test]
fn a_packet_that_fits_no_simulated_interface_is_refused() {
    for tool in TOOLS {
        for size in [59, 1515] {
            let ended = run(&format!("{tool} --simulator --seconds 0.1 -p {size}"));
            assert_eq!(ended.code(), Some(2), "{tool} -p {size}: {}", ended.stderr);
            assert!(ended.stderr.contains(&format!("packet size {size}")), "{}", ended.stderr);
        }
    }
}

#[test]
fn an_interface_is_real_or_simulated() {
    for tool in TOOLS {
        for words in ["--simulator -i lo", "", "--simulator=fast"] {
            let ended = run(&format!("{tool} {words}"));
            assert_eq!(ended.code(), Some(2), "{tool} {words}: {}", ended.stderr);
            assert!(ended.stderr.contains("--simulator[=<PROFILE>]"), "{}", ended.stderr);
            assert_eq!(ended.stdout, [""; 0], "stdout is data");
        }
    }
}

#[test]
fn the_environment_can_ask_for_the_simulator() {
    let mut command = fluxcap("l2fwd --seconds 0.1 --output json");
    let ended = Tool::run(command.env("FLUXCAP_SIMULATOR", "zero-copy"));
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains(": zero-copy"), "{}", ended.stderr);
    let ended =
        Tool::run(fluxcap("demo --seconds 0.1 --output json").env("FLUXCAP_BACKEND", "simulator"));
    passed(&ended, "simulator");
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_ends_it_with_its_counts() {
    use crate::tool::PATIENCE;
    use nix::sys::signal::Signal;

    for tool in TOOLS {
        let mut running = Tool::start(&mut fluxcap(&format!("{tool} --simulator -o json")));
        running.stdout.wait_for("\"final\":false");
        running.signal(Signal::SIGINT);
        let ended = running.end(PATIENCE);
        assert_eq!(ended.code(), Some(0), "{tool}: {}", ended.stderr);
        counted(tool, &ended, 60);
    }
}

#[cfg(not(target_os = "linux"))]
#[test]
fn the_demo_runs_on_the_simulator_by_itself_and_says_why() {
    let ended = run("demo --seconds 0.3 --output json");
    assert!(passed(&ended, "simulator") > 0);
    assert!(ended.json().1["why_not_kernel"].as_str().unwrap().contains("no AF_XDP"));
    let ended = run("demo --backend kernel");
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("no AF_XDP"), "{}", ended.stderr);
}

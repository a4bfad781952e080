//! 3: not permitted, and what would be.

use std::env;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::{fs, path::Path};

use crate::tool::{Ended, Tool, plain};
use crate::verdict::passed;
use crate::wire::{turn, wire};

/// Runs `program` with these words behind it by way of setpriv; `None`, after saying so, without it.
fn with_less(restriction: &str, program: &Path, words: &str) -> Option<Ended> {
    let mut command = Command::new("setpriv");
    command.args(restriction.split_whitespace()).arg(program).args(words.split_whitespace());
    plain(&mut command);
    let found = Command::new("setpriv").arg("--version").output();
    if found.is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        let required = env::var_os("FLUXCAP_REQUIRE_KERNEL").is_some_and(|value| value == "1");
        assert!(!required, "FLUXCAP_REQUIRE_KERNEL=1, but there is no setpriv (util-linux)");
        eprintln!("SKIPPED: needs setpriv (util-linux): {restriction} {words}");
        return None;
    }
    Some(Tool::run(&mut command))
}

fn fluxcap() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_fluxcap"))
}

/// No capability at all.
const NONE: &str = "--inh-caps=-all --bounding-set=-all";

#[test]
fn without_any_the_demo_runs_on_the_simulator_and_says_why() {
    let words = "demo --seconds 0.3 --output json";
    let Some(ended) = with_less(NONE, fluxcap(), words) else { return };
    assert!(passed(&ended, "simulator") > 0);
    let (_, last) = ended.json();
    for told in [&ended.stderr, last["why_not_kernel"].as_str().unwrap()] {
        assert!(told.contains("needs CAP_SYS_ADMIN"), "{told}");
        assert!(told.contains(&format!("sudo {} {words}", fluxcap().display())), "{told}");
    }

    let words = "demo --seconds 0.3";
    let Some(ended) = with_less(NONE, fluxcap(), words) else { return };
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    assert!(ended.stderr.starts_with("not on this machine's kernel: "), "{}", ended.stderr);
    assert!(ended.stdout[0].starts_with("running on the simulator: sim:"), "{:#?}", ended.stdout);
    let last = ended.stdout.last().unwrap();
    assert!(last.starts_with("PASSED on the simulator: sim:"), "{:#?}", ended.stdout);
}

#[test]
fn without_any_the_kernel_is_not_permitted() {
    let Some(ended) = with_less(NONE, fluxcap(), "demo --backend kernel") else { return };
    assert_eq!(ended.code(), Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("sudo "), "{}", ended.stderr);
    assert_eq!(ended.stdout, [""; 0]);

    let Some(ended) = with_less(NONE, fluxcap(), "bench") else { return };
    assert_eq!(ended.code(), Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("needs CAP_SYS_ADMIN"), "{}", ended.stderr);
}

#[test]
fn simulated_interfaces_want_none() {
    for tool in ["dump", "rxdrop", "txonly", "l2fwd"] {
        let words = format!("{tool} --simulator --seconds 0.2");
        let Some(ended) = with_less(NONE, fluxcap(), &words) else { return };
        assert_eq!(ended.code(), Some(0), "{words}: {}", ended.stderr);
    }
}

#[test]
fn nobody_is_told_the_capability_and_a_command_that_works() {
    let Some(_turn) = turn() else { return };
    // Where nobody can reach it.
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = directory.path().join("fluxcap");
    fs::copy(fluxcap(), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();

    let nobody = "--reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all";
    let words = "demo --backend kernel --seconds 0.2 --output json";
    let Some(ended) = with_less(nobody, &program, words) else { return };
    assert_eq!(ended.code(), Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("needs CAP_SYS_ADMIN"), "{}", ended.stderr);
    assert_eq!(ended.stdout, [""; 0]);
    let permitted = ended.stderr.lines().find_map(|line| line.trim().strip_prefix("sudo "));
    let permitted = permitted.unwrap_or_else(|| panic!("no command: {}", ended.stderr));
    assert_eq!(permitted, format!("{} {words}", program.display()));

    // We are root: the command without sudo.
    let mut permitted = permitted.split_whitespace();
    let mut command = Command::new(permitted.next().unwrap());
    plain(command.args(permitted));
    let ended = Tool::run(&mut command);
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    assert_eq!(ended.json().1["passed"], true);
}

#[test]
fn each_capability_that_the_demo_lacks_is_named() {
    let Some(_turn) = turn() else { return };
    for capability in ["sys_admin", "net_admin", "net_raw"] {
        let less = format!("--inh-caps=-{capability} --bounding-set=-{capability}");
        let words = "demo --seconds 0.2 --backend kernel";
        let Some(ended) = with_less(&less, fluxcap(), words) else { return };
        assert_eq!(ended.code(), Some(3), "{capability}: {}", ended.stderr);
        let named = format!("needs CAP_{}", capability.to_uppercase());
        assert!(ended.stderr.contains(&named), "{capability}: {}", ended.stderr);
        assert!(ended.stderr.contains("sudo "), "{capability}: {}", ended.stderr);
    }
}

#[test]
fn each_capability_that_a_tool_lacks_is_named() {
    let Some(wire) = wire() else { return };
    let words = format!("rxdrop --seconds 0.2 --interface {}", wire.end().name());
    // For bpf(2), CAP_SYS_ADMIN serves in place of CAP_BPF and of CAP_NET_ADMIN. It answers alike for
    // want of either, so which of the two is named is left open.
    for (less, named) in [
        ("-net_raw", "CAP_NET_RAW"),
        ("-bpf,-sys_admin", "CAP_BPF"),
        ("-net_admin,-sys_admin", "CAP_"),
    ] {
        let less = format!("--inh-caps={less} --bounding-set={less}");
        let run = || with_less(&less, fluxcap(), &words);
        let Some(ended) = wire.end().namespace().run(run).unwrap() else { return };
        assert_eq!(ended.code(), Some(3), "{less}: {}", ended.stderr);
        assert!(ended.stderr.contains(&format!("needs {named}")), "{less}: {}", ended.stderr);
    }
    assert_eq!(wire.end().xdp_attached().unwrap(), None);
}

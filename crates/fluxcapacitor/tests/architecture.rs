//! The house rules that a compiler does not hold: who imports whom, and where `unsafe` stands.
// They ask cargo, which does not run under Wine.
#![cfg(not(windows))]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Crate, and what of ours it may import. Development dependencies may be any (they are not built for
/// users), as long as they make no circle.
const ARROWS: [(&str, &[&str]); 8] = [
    ("fluxcapacitor-proto", &[]),
    ("fluxcapacitor-ebpf", &[]),
    ("fluxcapacitor-core", &[]),
    ("fluxcapacitor", &["fluxcapacitor-core", "fluxcapacitor-ebpf", "fluxcapacitor-proto"]),
    ("fluxcapacitor-smoltcp", &["fluxcapacitor"]),
    ("fluxcapacitor-testbed", &[]),
    // Core for the generator of `fluxcap bench`, and for the processors that it is measured on.
    ("fluxcapacitor-cli", &["fluxcapacitor", "fluxcapacitor-core", "fluxcapacitor-testbed"]),
    (
        "fluxcapacitor-conformance",
        &["fluxcapacitor", "fluxcapacitor-core", "fluxcapacitor-testbed"],
    ),
];

/// Crates that only commands may import.
const ONLY_IN_COMMANDS: [&str; 4] = ["clap", "anyhow", "ratatui", "crossterm"];

/// Crates that are one.
const COMMANDS: [&str; 2] = ["fluxcapacitor-cli", "fluxcapacitor-conformance"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All packages but the maintainers' tools, which nobody builds upon.
fn packages() -> Vec<Value> {
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&cargo.stdout).unwrap();
    let mut packages = metadata["packages"].as_array().unwrap().clone();
    packages.retain(|package| package["name"] != "xtask" && package["name"] != "guest-init");
    packages
}

#[test]
fn crates_import_along_the_arrows_only() {
    let packages = packages();
    let names: BTreeSet<_> =
        packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    assert_eq!(names, ARROWS.iter().map(|(name, _)| *name).collect(), "a crate without arrows");
    for package in &packages {
        let name = package["name"].as_str().unwrap();
        let (_, allowed) = ARROWS.iter().find(|(krate, _)| *krate == name).unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let imported = dependency["name"].as_str().unwrap();
            if dependency["kind"] == "dev" {
                continue;
            }
            if names.contains(imported) {
                assert!(allowed.contains(&imported), "{name} imports {imported}");
            }
            if ONLY_IN_COMMANDS.contains(&imported) {
                assert!(COMMANDS.contains(&name), "{name} imports {imported}");
            }
        }
    }
}

/// Every Rust file below `directory`.
fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Whether a line of code, comments and strings aside, has the keyword.
fn has_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let mut outside_strings = code.split('"').step_by(2);
    outside_strings.any(|code| {
        code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe")
    })
}

#[test]
fn unsafe_stands_in_core_alone_and_safety_md_lists_where() {
    let root = root();
    let safety = fs::read_to_string(root.join("SAFETY.md")).unwrap();
    for package in packages() {
        let name = package["name"].as_str().unwrap().to_owned();
        let directory = root.join("crates").join(&name);
        let mut files = Vec::new();
        sources(&directory, &mut files);
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            let shown = file.strip_prefix(&directory).unwrap().display().to_string();
            let has = text.lines().any(has_unsafe);
            if name != "fluxcapacitor-core" {
                assert!(!has, "unsafe in {name}/{shown}");
            } else if shown.starts_with("src") {
                let allows = text.contains("#![allow(unsafe_code)]");
                assert_eq!(has, allows, "{shown}: `unsafe` and its permission go together");
                assert!(!allows || text.contains("# Safety"), "{shown}: no Safety heading");
                let listed =
                    safety.contains(&format!("\n| `{}` |", shown.trim_start_matches("src/")));
                assert_eq!(
                    has, listed,
                    "{shown}: SAFETY.md lists the files with unsafe, and no others"
                );
            }
        }
        if name != "fluxcapacitor-core" {
            let lib = ["src/lib.rs", "src/main.rs"].map(|entry| directory.join(entry));
            let text = lib.iter().find_map(|entry| fs::read_to_string(entry).ok()).unwrap();
            assert!(text.contains("#![forbid(unsafe_code)]"), "{name} does not forbid unsafe");
        }
    }
    for tool in ["xtask", "xtask/guest"] {
        let text = fs::read_to_string(root.join(tool).join("src/main.rs")).unwrap();
        assert!(text.contains("#![forbid(unsafe_code)]"), "{tool} does not forbid unsafe");
    }
}

/// Programs over other crates, whose calls are unsafe. They are in a workspace that no user builds.
const PEERS: [&str; 3] = ["bin/xdp.rs", "bin/xdpilone.rs", "bin/xsk-rs.rs"];

#[test]
fn of_the_peers_only_those_are_unsafe_whose_crates_are() {
    let directory = root().join("benches/peers/src");
    let (mut files, mut found) = (Vec::new(), BTreeSet::new());
    sources(&directory, &mut files);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let shown = file.strip_prefix(&directory).unwrap().display().to_string();
        let has = text.lines().any(has_unsafe);
        assert_eq!(has, text.contains("#![allow(unsafe_code, reason = "), "{shown}");
        if has {
            found.insert(shown);
        }
    }
    assert_eq!(found, PEERS.map(str::to_owned).into());
    let manifest = fs::read_to_string(root().join("benches/peers/Cargo.toml")).unwrap();
    assert!(manifest.contains("unsafe_code = \"deny\""), "the peers do not deny unsafe");
    assert!(manifest.contains("publish = false"), "the peers can be published");
}

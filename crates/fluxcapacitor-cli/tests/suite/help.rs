//! What `--help` says is what `tests/help` says; `FLUXCAP_BLESS=1` writes it there.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::{env, fs};

use crate::tool::{Tool, fluxcap};

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/help")
}

/// The help as on a terminal of 100 columns.
fn help(subcommand: &str) -> String {
    let ended = Tool::run(fluxcap(&format!("{subcommand} --help")).env("COLUMNS", "100"));
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    ended.stdout.join("\n") + "\n"
}

/// The names under "Commands:", but for `help` itself.
fn subcommands(help: &str) -> Vec<&str> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    listed
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect()
}

#[test]
fn help_is_as_committed() {
    let top = help("");
    let subcommands = subcommands(&top);
    assert!(subcommands.contains(&"demo"), "{top}");
    let mut pages = vec![("fluxcap", top.clone())];
    pages.extend(subcommands.into_iter().map(|name| (name, help(name))));

    let bless = env::var_os("FLUXCAP_BLESS").is_some_and(|value| value == "1");
    let mut expected = BTreeSet::new();
    for (name, said) in &pages {
        let file = directory().join(format!("{name}.txt"));
        if bless {
            fs::write(&file, said).unwrap();
        }
        let committed = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            committed == *said,
            "{} differs; FLUXCAP_BLESS=1 rewrites it. --help says:\n{said}",
            file.display()
        );
        expected.insert(file);
    }
    let found = fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().path());
    assert_eq!(found.collect::<BTreeSet<_>>(), expected, "a page for each subcommand, no others");
}

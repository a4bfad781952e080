//! Nobody reads any more: `fluxcap … | head -1`.

use std::io::{BufRead, BufReader, pipe};
use std::process::Stdio;

use crate::tool::{PATIENCE, end, fluxcap};
use crate::wire::{turn, wire};

/// Reads a line of standard output, closes it, and waits for the end.
fn head(mut tool: std::process::Child, what: &str) {
    let mut line = String::new();
    BufReader::new(tool.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(!line.is_empty(), "{what}");
    assert_eq!(end(&mut tool, PATIENCE).code(), Some(1), "{what}");
}

#[test]
fn a_tool_ends_when_nobody_reads() {
    for words in [
        "rxdrop",
        "rxdrop --wait poll --output json",
        "txonly",
        "txonly --wait busy --output json",
        "l2fwd --wait poll",
        "l2fwd --output json",
    ] {
        let Some(wire) = wire() else { return };
        let mut command = wire.command(words);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        head(wire.end().namespace().run(|| command.spawn().unwrap()).unwrap(), words);
        assert_eq!(wire.end().xdp_attached().unwrap(), None, "{words}");
    }
}

#[test]
fn the_demo_ends_when_nobody_reads() {
    for output in ["table", "json"] {
        let Some(_turn) = turn() else { return };
        let mut command = fluxcap(&format!("demo --seconds 60 --output {output}"));
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        head(command.spawn().unwrap(), output);
    }
}

#[test]
fn an_error_that_cannot_be_told_keeps_its_code() {
    for (words, code) in [("rxdrop -i nosuch0", 1), ("txonly -i lo --packet-size 10", 2)] {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let mut command = fluxcap(words);
        command.stdout(writer.try_clone().unwrap()).stderr(writer);
        let status = end(&mut command.spawn().unwrap(), PATIENCE);
        assert_eq!(status.code(), Some(code), "{words}");
    }
}

#[test]
fn closed_standard_error_is_no_reason_to_stop() {
    let Some(wire) = wire() else { return };
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let mut command = wire.command("rxdrop --seconds 0.1 --wait busy --output json");
    command.stdout(Stdio::piped()).stderr(writer);
    let run = || {
        let child = command.spawn().unwrap();
        child.wait_with_output().unwrap()
    };
    let output = wire.end().namespace().run(run).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"final\":true"));
}

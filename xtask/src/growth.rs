//! How cost grows, and what it takes to begin: the benches that tell, and the sizes of what is built.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;

use crate::document::{Marks, today};
use crate::workspace;

/// Where the curves stand.
pub const CURVES: (&str, Marks) = (
    "docs/performance.md",
    Marks { begin: "<!-- growth: written by `cargo xtask growth` -->", end: "<!-- /growth -->" },
);

#[derive(Debug, Args)]
pub struct Options {
    /// Print it, and do not write it into the document
    #[arg(long)]
    print: bool,
}

/// Measures, and writes.
pub fn run(options: &Options) -> Result<()> {
    let growth = bench(&["--features", "simulator", "--bench", "growth"])?;
    let workers = bench(&["--bench", "workers"])?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    // Each says on its first line what it was run on, and how often.
    let (conditions, growth) = growth.split_once('\n').context("the bench says nothing")?;
    let text = format!(
        "Measured on {}: Linux {}, {conditions}.\n\n```text\n{}\n\n{}\n```\n\n{}",
        today()?,
        kernel.trim(),
        growth.trim(),
        workers.trim(),
        built()?
    );
    if options.print {
        println!("{text}");
        return Ok(());
    }
    let (document, marks) = CURVES;
    marks.write(&workspace::root().join(document), &text)?;
    println!("{document} is written");
    Ok(())
}

fn bench(which: &[&str]) -> Result<String> {
    let arguments = ["bench", "--package", "fluxcapacitor"];
    workspace::read(workspace::cargo().args(arguments).args(which).current_dir(workspace::root()))
}

/// What is built, how large it is, and how long that takes from nothing.
fn built() -> Result<String> {
    let directory = workspace::target().join("growth");
    let (raw, full) = (["--no-default-features"].as_slice(), [].as_slice());
    let mut text = String::from("| From nothing | crates | seconds |\n|---|---|---|\n");
    for (what, package, features) in [
        ("the library, raw mode alone (`default-features = false`)", "fluxcapacitor", raw),
        ("the library", "fluxcapacitor", full),
        ("`fluxcap`", "fluxcapacitor-cli", full),
    ] {
        let seconds = build(&directory, package, features)?;
        let crates = crates(package, features)?;
        text += &format!("| {what} | {crates} | {seconds:.0} |\n");
    }
    let fluxcap = directory.join("release/fluxcap");
    let stripped = directory.join("fluxcap");
    workspace::run(Command::new("strip").arg("-o").arg(&stripped).arg(&fluxcap))?;
    let mib = |file: &Path| Ok::<_, anyhow::Error>(fs::metadata(file)?.len() as f64 / 1_048_576.0);
    text += &format!(
        "\n`fluxcap` has {:.1} MiB, {:.1} MiB without symbols and line numbers (`strip`).\n",
        mib(&fluxcap)?,
        mib(&stripped)?
    );
    fs::remove_dir_all(&directory)?;
    Ok(text)
}

/// Builds a package into a directory that is empty; says how many seconds it took.
fn build(directory: &Path, package: &str, features: &[&str]) -> Result<f64> {
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    let mut cargo = workspace::cargo();
    cargo.args(["build", "--release", "--package", package]).args(features);
    let started = Instant::now();
    workspace::read(cargo.env("CARGO_TARGET_DIR", directory).current_dir(workspace::root()))?;
    Ok(started.elapsed().as_secs_f64())
}

/// How many crates a package is built from, itself included.
fn crates(package: &str, features: &[&str]) -> Result<usize> {
    let mut cargo = workspace::cargo();
    cargo.args(["tree", "--package", package, "--edges", "normal", "--prefix", "none"]);
    let tree = workspace::read(cargo.args(features).current_dir(workspace::root()))?;
    let mut names: Vec<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    names.sort_unstable();
    names.dedup();
    Ok(names.len())
}

//! The tests are tested: each mutant breaks the library in one small way, and its killers must fail.
//!
//! A mutant is a file in `xtask/mutants`. What is built is a copy of the workspace: the files that one works
//! on are never touched.

mod killer;
mod mutant;
mod scratch;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::workspace;
use killer::{Killer, Outcome};
use mutant::Mutant;
use scratch::Scratch;

#[derive(Debug, Args)]
pub struct Options {
    /// Run this mutant only; may be given again
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,

    /// Run every Nth mutant, from the Kth on: for N machines
    #[arg(long, value_name = "K/N", default_value = "1/1")]
    part: Part,

    /// Leave out the mutants that only tests on a real kernel can kill; those need root
    #[arg(long)]
    without_kernel: bool,

    /// Say what there is, and run nothing
    #[arg(long)]
    list: bool,
}

/// The `k`th of `n` shares, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    k: usize,
    n: usize,
}

impl FromStr for Part {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers =
            text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
        match numbers {
            Some((k, n)) if 1 <= k && k <= n => Ok(Self { k, n }),
            _ => Err("two numbers as 1/3, the first of which is not the larger"),
        }
    }
}

/// Runs the mutants that were asked for.
pub fn run(options: &Options) -> Result<()> {
    let mutants = options.choose(Mutant::all(&workspace::root().join("xtask/mutants"))?)?;
    if options.list {
        for Mutant { name, why, .. } in &mutants {
            println!("{name:<32} {why}");
        }
        return Ok(());
    }

    let started = Instant::now();
    let scratch = Scratch::new()?;
    check_the_killers(&mutants, &scratch)?;
    row("mutant", "seconds", "killed by");
    let mut survivors = 0;
    for mutant in &mutants {
        let started = Instant::now();
        let killed_by = scratch.mutated(mutant, |scratch| {
            kill(mutant, scratch).with_context(|| format!("mutant {}", mutant.name))
        })?;
        let seconds = format!("{:.1}", started.elapsed().as_secs_f64());
        row(&mutant.name, seconds, killed_by.as_deref().unwrap_or("NOBODY"));
        survivors += usize::from(killed_by.is_none());
    }
    println!("{} mutants in {} s", mutants.len(), started.elapsed().as_secs());
    ensure!(survivors == 0, "{survivors} of {} mutants survive", mutants.len());
    Ok(())
}

impl Options {
    fn choose(&self, mut mutants: Vec<Mutant>) -> Result<Vec<Mutant>> {
        for name in &self.only {
            ensure!(
                mutants.iter().any(|mutant| mutant.name == *name),
                "there is no mutant {name}: --list says which there are"
            );
        }
        mutants.retain(|mutant| self.only.is_empty() || self.only.contains(&mutant.name));
        mutants.retain(|mutant| !self.without_kernel || !mutant.needs_kernel());
        // Those of one build next to each other.
        mutants.sort_by_key(Mutant::builds);
        Ok(mutants.into_iter().skip(self.part.k - 1).step_by(self.part.n).collect())
    }
}

/// A test that fails by itself, or that is not there, kills nobody.
fn check_the_killers(mutants: &[Mutant], scratch: &Scratch) -> Result<()> {
    let killers: BTreeSet<&Killer> = mutants.iter().flat_map(|mutant| &mutant.killers).collect();
    println!("{} tests without any mutant", killers.len());
    for killer in killers {
        match killer.run(scratch)? {
            Outcome::Passed { tests: 0 } => bail!("there is no such test: {killer}"),
            Outcome::Passed { .. } => {}
            Outcome::Failed { log, .. } => bail!("{killer} fails without any mutant:\n{log}"),
            Outcome::Hung => bail!("{killer} hangs without any mutant"),
        }
    }
    Ok(())
}

/// By what the mutant is killed; `None`, after saying so, if one of its killers lets it live.
fn kill(mutant: &Mutant, scratch: &Scratch) -> Result<Option<String>> {
    let mut killed_by = Vec::new();
    for killer in &mutant.killers {
        match killer.run(scratch)? {
            Outcome::Passed { .. } => {
                println!("{killer} does not notice that {}", mutant.why);
                return Ok(None);
            }
            Outcome::Failed { test, .. } => killed_by.push(format!("{}: {test}", killer.test)),
            Outcome::Hung => killed_by.push(format!("{killer}, which hangs")),
        }
    }
    Ok(Some(killed_by.join(" and ")))
}

fn row(mutant: &str, seconds: impl Display, killed_by: &str) {
    println!("{mutant:<32} {seconds:>7}  {killed_by}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_all_of_it_and_nothing_twice() {
        let mutants = || Mutant::all(&workspace::root().join("xtask/mutants")).unwrap();
        let mut names = Vec::new();
        for part in ["1/3", "2/3", "3/3"] {
            let part = part.parse().unwrap();
            let options = Options { only: Vec::new(), part, without_kernel: false, list: false };
            names.extend(options.choose(mutants()).unwrap().into_iter().map(|mutant| mutant.name));
        }
        names.sort();
        assert_eq!(names, mutants().into_iter().map(|mutant| mutant.name).collect::<Vec<_>>());
        for wrong in ["", "1", "0/3", "4/3", "1/0", "a/b", "-1/3"] {
            assert!(wrong.parse::<Part>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_mutant_fits_the_sources() {
        let mutants = Mutant::all(&workspace::root().join("xtask/mutants")).unwrap();
        let misfits = mutants.iter().filter_map(|mutant| {
            let text = std::fs::read_to_string(workspace::root().join(&mutant.file));
            text.map_err(Into::into).and_then(|text| mutant.applied(&text)).err()
        });
        assert_eq!(misfits.map(|error| error.to_string()).collect::<Vec<_>>(), [""; 0]);
    }
}

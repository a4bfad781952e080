//! A test that must notice a mutant.

use std::fmt;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use super::scratch::Scratch;
use crate::workspace;

/// A mutant may well wait for ever for what never comes: that is noticed, too.
const TIME_MAX: Duration = Duration::from_secs(60);

/// A test, or all tests of a target.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(deny_unknown_fields)]
pub struct Killer {
    /// How it is built.
    #[serde(default)]
    pub build: Build,
    /// Of which package.
    #[serde(default = "core")]
    package: String,
    /// With which features of it, as cargo takes them.
    #[serde(default)]
    features: String,
    /// The target: a file in `tests`, or `lib` for the unit tests.
    pub test: String,
    /// One test of it, by its full name; all if there is none.
    name: Option<String>,
    /// Whether it needs root and a kernel. It may not skip itself here.
    #[serde(default)]
    pub kernel: bool,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub enum Build {
    /// As users build it.
    #[default]
    Normal,
    /// With loom's atomics.
    Loom,
}

/// What came of a run.
#[derive(Debug)]
pub enum Outcome {
    Passed { tests: usize },
    Failed { test: String, log: String },
    Hung,
}

fn core() -> String {
    "fluxcapacitor-core".to_owned()
}

impl Killer {
    /// Builds it from the scratch copy, and runs it. An error if it does not build.
    pub fn run(&self, scratch: &Scratch) -> Result<Outcome> {
        let executable = self.build(scratch)?;
        let log = scratch.home().join("test.log");
        let said = File::create(&log)?;
        let mut command = Command::new(executable);
        if let Some(name) = &self.name {
            command.args(["--exact", name]);
        }
        if self.kernel {
            command.env("FLUXCAP_REQUIRE_KERNEL", "1");
        }
        command.current_dir(scratch.tree()).stderr(said.try_clone()?).stdout(said);
        let mut child = command.spawn().with_context(|| format!("cannot run {command:?}"))?;
        let Some(status) = wait(&mut child, TIME_MAX)? else { return Ok(Outcome::Hung) };
        // A test may write what it likes.
        let log = String::from_utf8_lossy(&fs::read(log)?).into_owned();
        Ok(if status.success() {
            Outcome::Passed { tests: log.lines().filter(|line| is_test(line, "ok")).count() }
        } else {
            Outcome::Failed { test: culprit(&log, status), log }
        })
    }

    /// Builds the target, and says where it is.
    fn build(&self, scratch: &Scratch) -> Result<PathBuf> {
        let mut cargo = workspace::cargo();
        cargo.current_dir(scratch.tree()).args(["test", "--quiet", "--package", &self.package]);
        cargo.args(["--features", &self.features]);
        match self.test.as_str() {
            "lib" => cargo.arg("--lib"),
            test => cargo.args(["--test", test]),
        };
        cargo.args(["--no-run", "--message-format", "json-render-diagnostics"]);
        // Fast to build, not to debug. Loom's models are small enough to need no release build.
        cargo.env("CARGO_PROFILE_TEST_DEBUG", "0").env("CARGO_INCREMENTAL", "1");
        cargo.env_remove("CARGO_ENCODED_RUSTFLAGS");
        match self.build {
            Build::Normal => cargo.env("RUSTFLAGS", ""),
            Build::Loom => cargo.env("RUSTFLAGS", "--cfg loom"),
        };
        let directory = match self.build {
            Build::Normal => "build",
            Build::Loom => "build-loom",
        };
        cargo.env("CARGO_TARGET_DIR", scratch.home().join(directory));
        let messages = workspace::read(&mut cargo).context("it does not build")?;
        executable(&messages).with_context(|| format!("cargo built no test: {self}"))
    }
}

/// The one test executable in what cargo says, a JSON object a line.
fn executable(messages: &str) -> Option<PathBuf> {
    let mut built = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    built.find_map(|message| {
        let of_a_test = message["profile"]["test"] == true;
        message["executable"].as_str().filter(|_| of_a_test).map(PathBuf::from)
    })
}

/// Waits for the end of a test; kills it, and gives nothing, if it takes too long.
fn wait(child: &mut Child, time_max: Duration) -> Result<Option<ExitStatus>> {
    let deadline = Instant::now() + time_max;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(Duration::from_millis(10));
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

/// Whether a line of a test's output says that one of them ended like this.
fn is_test(line: &str, end: &str) -> bool {
    line.starts_with("test ") && line.ends_with(&format!("... {end}"))
}

/// The test that failed, or how the process ended before it could say.
fn culprit(log: &str, status: ExitStatus) -> String {
    let failed = log.lines().find(|line| is_test(line, "FAILED"));
    let name = failed.and_then(|line| line.split(' ').nth(1));
    name.map_or_else(|| status.to_string(), str::to_owned)
}

impl fmt::Display for Killer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.test)?;
        self.name.as_ref().map_or(Ok(()), |name| write!(f, ": {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_test_says_is_read() {
        let log = "\
running 2 tests
test a_ring ... ok
test another ... FAILED
test result: FAILED. 1 passed; 1 failed";
        assert_eq!(log.lines().filter(|line| is_test(line, "ok")).count(), 1);
        assert_eq!(culprit(log, ExitStatus::default()), "another");
        assert!(culprit("aborted", ExitStatus::default()).starts_with("exit status"));
    }

    #[cfg(unix)]
    #[test]
    fn a_test_that_hangs_is_ended() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        assert!(wait(&mut child, Duration::from_millis(50)).unwrap().is_none());
        assert!(child.try_wait().unwrap().is_some(), "it is gone");
        let mut child = Command::new("true").spawn().unwrap();
        assert!(wait(&mut child, TIME_MAX).unwrap().is_some_and(|status| status.success()));
    }
}

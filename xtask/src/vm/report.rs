//! What came out of a guest.

use std::fmt;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Deserializer;

use super::kernel::Kernel;
use super::nic::Nic;
use super::qemu::Ended;
use super::table::Grant;

/// One value of a guest's report.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Value {
    /// How a program has ended.
    Ended { program: String, code: i32 },
    /// The runs of cases.
    Runs(Vec<Run>),
    /// What was granted of what was asked for.
    Grants(Vec<Grant>),
}

/// How a run of a case ended, as `conformance --output json` says it.
#[derive(Debug, Deserialize)]
struct Run {
    case: String,
    backend: String,
    busy_polling: bool,
    verdict: String,
    difference: Option<String>,
}

/// How a guest did.
#[derive(Debug)]
pub struct Report {
    kernel: String,
    nic: Nic,
    runs: Vec<Run>,
    grants: Vec<Grant>,
    /// What is wrong, besides.
    wrong: Vec<String>,
    took: Duration,
}

impl Report {
    /// Reads what a guest has left, whose programs were so many.
    pub fn of(
        kernel: &Kernel,
        nic: Nic,
        ended: Ended,
        took: Duration,
        programs: usize,
    ) -> Result<Self> {
        let text = fs::read_to_string(&ended.report)?;
        let (mut runs, mut grants) = (Vec::new(), Vec::new());
        let (mut wrong, mut done) = (ended.trouble, 0);
        for value in Deserializer::from_str(&text).into_iter::<Value>() {
            match value
                .with_context(|| format!("{} says what it should not", ended.report.display()))
            {
                Ok(Value::Runs(found)) => runs.extend(found),
                Ok(Value::Grants(found)) => grants.extend(found),
                Ok(Value::Ended { program, code }) => {
                    done += 1;
                    if code != 0 {
                        wrong.push(format!("{program} ended with {code}"));
                    }
                }
                Err(error) => wrong.push(format!("{error:#}")),
            }
        }
        if ended.hung {
            wrong.push("it did not end, and was ended".to_owned());
        }
        if done < programs {
            wrong.push(format!("{done} of {programs} programs came to their end"));
        }
        Ok(Self { kernel: kernel.version.clone(), nic, runs, grants, wrong, took })
    }

    /// As `uname -r` says it.
    pub fn kernel(&self) -> &str {
        &self.kernel
    }

    /// What it had two of.
    pub const fn nic(&self) -> Nic {
        self.nic
    }

    /// What its driver granted of what was asked for.
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// Whether all is as it should be.
    pub fn is_good(&self) -> bool {
        self.wrong.is_empty() && self.runs.iter().all(|run| run.difference.is_none())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |verdict| self.runs.iter().filter(|run| run.verdict == verdict).count();
        let (kernel, nic, seconds) = (&self.kernel, self.nic, self.took.as_secs());
        let (pass, not_run, fail) = (count("pass"), count("not-run"), count("fail"));
        write!(
            f,
            "{kernel} with {nic}: {pass} pass, {not_run} not run, {fail} fail, in {seconds} s"
        )?;
        for run in &self.runs {
            if let Some(difference) = &run.difference {
                let busy = if run.busy_polling { " (busy)" } else { "" };
                write!(f, "\n    {}{busy} on {}: {difference}", run.case, run.backend)?;
            }
        }
        self.wrong.iter().try_for_each(|wrong| write!(f, "\n    {wrong}"))
    }
}

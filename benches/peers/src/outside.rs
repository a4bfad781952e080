//! Programs that are no crates: run until we are to stop, and their own words turned into the line that we end with.

use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Stop;

/// How long a program may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks at it.
const LOOK: Duration = Duration::from_millis(20);

/// A program that is killed with us.
pub fn command(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]);
    command
}

/// Runs it until it is to stop, and gives what it has printed.
pub fn run(command: &mut Command, stop: &Stop) -> Result<String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().context("starting it by setpriv (util-linux)")?;
    let mut stdout = child.stdout.take().context("it has no output")?;
    let reading = thread::spawn(move || {
        let mut said = Vec::new();
        stdout.read_to_end(&mut said).map(|_| String::from_utf8_lossy(&said).into_owned())
    });
    while !stop.is_set() {
        if let Some(status) = child.try_wait()? {
            let said = reading.join().map_err(|_| anyhow::anyhow!("a panic"))??;
            bail!("it ended by itself, {status}:\n{said}");
        }
        thread::sleep(LOOK);
    }
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT)?;
    let stopped = Instant::now();
    while child.try_wait()?.is_none() {
        if stopped.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            bail!("it did not end at SIGINT");
        }
        thread::sleep(LOOK);
    }
    Ok(reading.join().map_err(|_| anyhow::anyhow!("a panic"))??)
}

/// The number behind the last `name` in `text`, with or without commas in it.
pub fn number_after(text: &str, name: &str) -> Result<u64> {
    let at = text.rfind(name).with_context(|| format!("no {name} in\n{text}"))?;
    let digits: String = text[at + name.len()..]
        .trim_start()
        .chars()
        .take_while(|letter| letter.is_ascii_digit() || *letter == ',')
        .filter(char::is_ascii_digit)
        .collect();
    digits.parse().with_context(|| format!("no number after {name} in\n{text}"))
}

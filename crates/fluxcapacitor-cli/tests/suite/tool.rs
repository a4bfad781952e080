//! A `fluxcap` that runs.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
#[cfg(target_os = "linux")]
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use nix::sys::signal::{Signal, kill};
#[cfg(target_os = "linux")]
use nix::unistd::Pid;
use serde_json::Value;

/// How long anything may take that takes no time to speak of: a machine with other work is slow.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The command with these words behind it, and nothing of ours in its environment.
pub fn fluxcap(words: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fluxcap"));
    command.args(words.split_whitespace());
    plain(&mut command);
    command
}

/// Takes our variables out of the environment, and the terminal away.
pub fn plain(command: &mut Command) {
    let ours = env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FLUXCAP_"));
    for (name, _) in ours {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
}

/// A process that is killed when this is dropped, and the lines that it writes.
#[derive(Debug)]
pub struct Tool {
    child: Child,
    pub stdout: Lines,
    pub stderr: Lines,
}

/// How a process ended, and all that it wrote.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: Vec<String>,
    pub stderr: String,
}

impl Tool {
    /// Starts it in the network namespace of the calling thread.
    pub fn start(command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = Lines::of(child.stdout.take().unwrap());
        let stderr = Lines::of(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    /// Runs it to its end.
    pub fn run(command: &mut Command) -> Ended {
        Self::start(command).end(3 * PATIENCE)
    }

    #[cfg(target_os = "linux")]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    #[cfg(target_os = "linux")]
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.id() as i32), signal).unwrap();
    }

    /// Waits for its end.
    pub fn end(&mut self, within: Duration) -> Ended {
        let status = end(&mut self.child, within);
        let (stdout, stderr) = (self.stdout.rest(), self.stderr.rest().join("\n"));
        Ended { status, stdout, stderr }
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for the end of `child`, which is killed when it does not come.
pub fn end(child: &mut Child, within: Duration) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if started.elapsed() > within {
            child.kill().unwrap();
            panic!("it still ran after {within:?}");
        }
        thread::sleep(Duration::from_millis(2));
    }
}

impl Ended {
    /// The exit code; none after a signal.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// What it wrote to stdout, as one object a line: those before the last, and the last.
    #[track_caller]
    pub fn json(&self) -> (Vec<Value>, Value) {
        let parse = |line: &String| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
        };
        let mut lines: Vec<Value> = self.stdout.iter().map(parse).collect();
        let last = lines.pop().unwrap_or_else(|| panic!("nothing on stdout: {self:?}"));
        (lines, last)
    }
}

/// Lines, read as they come: a pipe that is full would stop the process.
#[derive(Debug)]
pub struct Lines {
    incoming: Receiver<String>,
    read: Vec<String>,
}

impl Lines {
    fn of(output: impl Read + Send + 'static) -> Self {
        let (tell, incoming) = mpsc::channel();
        thread::spawn(move || {
            BufReader::new(output)
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| tell.send(line))
        });
        Self { incoming, read: Vec::new() }
    }

    /// Waits for a line that contains `part`.
    #[cfg(target_os = "linux")]
    #[track_caller]
    pub fn wait_for(&mut self, part: &str) -> &str {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.incoming.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.read.push(line),
                Err(RecvTimeoutError::Timeout) => panic!("no {part:?} in {:#?}", self.read),
                Err(_) => panic!("it ended without {part:?}: {:#?}", self.read),
            }
            if self.read.last().is_some_and(|line| line.contains(part)) {
                return self.read.last().unwrap();
            }
        }
    }

    /// All lines, once the process has ended.
    fn rest(&mut self) -> Vec<String> {
        self.read.extend(self.incoming.iter());
        std::mem::take(&mut self.read)
    }
}

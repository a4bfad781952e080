//! Programs that run inside a namespace.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    error::{Result, TestbedError},
    namespace::NetNs,
};

/// Between two looks at a program that is to end.
const END_POLL: Duration = Duration::from_millis(5);

/// For how long a program that has ended may leave its output open, held by a child of its own.
const OUTPUT_PATIENCE: Duration = Duration::from_secs(5);

/// A program that runs inside a namespace; killed when it is dropped.
///
/// Its output is read as it comes, so that it never waits for a reader. It outlives a parent that is killed, and holds its
/// namespace for as long.
#[derive(Debug)]
#[must_use = "dropping it kills the program"]
pub struct Process {
    child: Child,
    program: String,
    stdout: Receiver<Vec<u8>>,
    stderr: Receiver<Vec<u8>>,
}

/// How a program has ended, and what it has said that was not asked for before.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ended {
    /// How.
    pub status: ExitStatus,
    /// What is left of its output.
    pub stdout: Vec<u8>,
    /// What is left of its error output.
    pub stderr: Vec<u8>,
}

impl Process {
    /// Starts `command` inside the namespace, with nothing on its standard input.
    ///
    /// # Errors
    ///
    /// [`TestbedError::NoProgram`] when it cannot be started, otherwise as [`NetNs::run`].
    pub fn start(namespace: &NetNs, mut command: Command) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A process starts in the namespace of the thread that makes it.
        let started = namespace.run(move || command.spawn())?;
        let refused = |source| TestbedError::NoProgram { program: program.clone(), source };
        let mut child = started.map_err(refused)?;
        let (stdout, stderr) = (lines(child.stdout.take()), lines(child.stderr.take()));
        Ok(Self { child, program, stdout, stderr })
    }

    /// The next line of its output, without its end; none after `timeout`, or when there is no more.
    #[must_use]
    pub fn line(&self, timeout: Duration) -> Option<String> {
        self.stdout.recv_timeout(timeout).ok().map(text)
    }

    /// The next line of its error output, without its end; none after `timeout`, or when there is no more.
    #[must_use]
    pub fn error_line(&self, timeout: Duration) -> Option<String> {
        self.stderr.recv_timeout(timeout).ok().map(text)
    }

    /// Interrupts it, as Ctrl-C does.
    ///
    /// # Errors
    ///
    /// [`TestbedError::Sys`] when it has ended.
    pub fn interrupt(&self) -> Result<()> {
        self.signal(Signal::SIGINT)
    }

    /// Asks it to end, as `kill` does.
    ///
    /// # Errors
    ///
    /// [`TestbedError::Sys`] when it has ended.
    pub fn terminate(&self) -> Result<()> {
        self.signal(Signal::SIGTERM)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        // Not reaped before `wait` or the drop: the number is still its own.
        kill(Pid::from_raw(self.child.id() as i32), signal)
            .map_err(|source| TestbedError::sys("kill", source))
    }

    /// Waits for its end, for `timeout` at most; then it is killed.
    ///
    /// # Errors
    ///
    /// [`TestbedError::NotEnded`] when it had to be killed, with what it had said by then.
    pub fn wait(mut self, timeout: Duration) -> Result<Ended> {
        let start = Instant::now();
        loop {
            let status =
                self.child.try_wait().map_err(|source| TestbedError::sys("wait4", source))?;
            if let Some(status) = status {
                let (stdout, stderr) = (rest(&self.stdout), rest(&self.stderr));
                return Ok(Ended { status, stdout, stderr });
            }
            if start.elapsed() >= timeout {
                let _ended = self.child.kill();
                let said = [rest(&self.stdout), rest(&self.stderr)].concat();
                let said = String::from_utf8_lossy(&said).into_owned();
                let program = self.program.clone();
                return Err(TestbedError::NotEnded { program, waited: timeout, said });
            }
            thread::sleep(END_POLL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Lines as they come, each with its end.
fn lines(from: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (to, lines) = channel();
    let Some(from) = from else { return lines };
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        loop {
            let mut line = Vec::new();
            let is_over = from.read_until(b'\n', &mut line).map_or(true, |len| len == 0);
            if is_over || to.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

fn text(line: Vec<u8>) -> String {
    String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned()
}

/// All that is still to come.
fn rest(from: &Receiver<Vec<u8>>) -> Vec<u8> {
    let mut rest = Vec::new();
    loop {
        match from.recv_timeout(OUTPUT_PATIENCE) {
            Ok(line) => rest.extend(line),
            Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => return rest,
        }
    }
}

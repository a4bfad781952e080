//! Contestants that are programs of others.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{self, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use fluxcapacitor_core::sys::cpu;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;

use super::case::{Case, Scenario, name};
use super::noise::Schedule;
use super::trial::Ended;
use super::wire::{NOBODY, Wire};

/// How long a program may take to begin, and to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long it has after its XDP program is attached: sockets may be bound after that.
const BIND_TIME: Duration = Duration::from_millis(200);

/// Between two looks at it.
const LOOK: Duration = Duration::from_millis(10);

/// Exit code that says: I cannot do that.
const USAGE: i32 = 2;

/// A command, with words that stand for what it is to do.
#[derive(Clone, Debug)]
pub struct Template(Vec<String>);

/// One that runs.
#[derive(Debug)]
pub struct Command {
    flags: Arc<Flags>,
    thread: JoinHandle<Result<Told>>,
}

/// What the thread that watches it is told.
#[derive(Debug, Default)]
struct Flags {
    /// The number of its process, once there is one.
    process: AtomicU32,
    stop: AtomicBool,
}

/// What it has told by its end; nothing if it cannot do that.
type Told = Option<Ended>;

/// The last line that it prints.
#[derive(Debug, Deserialize)]
struct Counts {
    rx_packets: u64,
    tx_packets: u64,
}

impl Template {
    /// None of no words.
    pub fn new(command: &str) -> Option<Self> {
        let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
        (!words.is_empty()).then_some(Self(words))
    }

    fn fill(&self, interface: &str, queue: u32, case: Case, cpu: usize) -> process::Command {
        let scenario = match case.scenario {
            Scenario::PingPong => Scenario::L2fwd,
            other => other,
        };
        let destination = NOBODY.map(|byte| format!("{byte:02x}")).join(":");
        let fill = |word: &String| {
            word.replace("{interface}", interface)
                .replace("{queue}", &queue.to_string())
                .replace("{scenario}", &name(&scenario))
                .replace("{wait}", &name(&case.wait))
                .replace("{batch}", &case.batch.to_string())
                .replace("{packet_size}", &case.packet_size.to_string())
                .replace("{destination}", &destination)
                .replace("{cpu}", &cpu.to_string())
        };
        // Killed with us, however we end: the signal comes when the thread that has started it ends.
        let mut command = process::Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).args(self.0.iter().map(fill));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

impl Command {
    /// Starts it, and waits until it takes or sends packets.
    pub fn start(
        wire: &mut Wire,
        template: &Template,
        case: Case,
        queue: u32,
        on: usize,
    ) -> Result<Option<Self>> {
        let mut command = template.fill(wire.interface(), queue, case, on);
        let flags = Arc::<Flags>::default();
        let told = Arc::clone(&flags);
        let thread = wire.spawn("contestant", move || {
            // What it starts stays there, too, unless it sees to that itself.
            cpu::pin(on).context("pinning the contestant")?;
            run(&mut command, &told)
        })?;
        let this = Self { flags, thread };
        let (started, before) = (Instant::now(), wire.counted()?.tx);
        loop {
            if this.is_ended() {
                return match joined(this.thread)? {
                    None => Ok(None),
                    Some(_) => bail!("the contestant ended before it was told to"),
                };
            }
            let has_begun = match case.scenario {
                Scenario::Txonly => wire.counted()?.tx > before,
                _ => wire.has_program()?,
            };
            if has_begun {
                thread::sleep(BIND_TIME);
                return Ok(Some(this));
            }
            if started.elapsed() > PATIENCE {
                this.stop()?;
                bail!("the contestant has neither sent nor attached a program in {PATIENCE:?}");
            }
            thread::sleep(LOOK);
        }
    }

    pub fn schedule(&self) -> Schedule {
        Schedule::of_process(self.flags.process.load(Relaxed))
    }

    pub fn is_ended(&self) -> bool {
        self.thread.is_finished()
    }

    pub fn stop(self) -> Result<Ended> {
        self.flags.stop.store(true, Relaxed);
        joined(self.thread)?.context("the contestant cannot do that, and says so late")
    }
}

fn joined(thread: JoinHandle<Result<Told>>) -> Result<Told> {
    thread.join().map_err(|_| anyhow::anyhow!("the contestant's thread panicked"))?
}

/// Runs it until it is to stop.
fn run(command: &mut process::Command, flags: &Flags) -> Result<Told> {
    let mut child = command.spawn().context("starting the contestant by setpriv (util-linux)")?;
    flags.process.store(child.id(), Relaxed);
    let (tell, said) = sync_channel(1);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    // What nobody reads would stop it.
    let errors = thread::spawn(move || all(stderr));
    thread::spawn(move || tell.send(last_line(stdout)));
    let mut signalled: Option<Instant> = None;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        match signalled {
            None if flags.stop.load(Relaxed) => {
                kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT)?;
                signalled = Some(Instant::now());
            }
            Some(at) if at.elapsed() > PATIENCE => {
                child.kill()?;
                child.wait()?;
                bail!("the contestant did not end at SIGINT");
            }
            _ => thread::sleep(LOOK),
        }
    };
    if status.code() == Some(USAGE) && signalled.is_none() {
        return Ok(None);
    }
    let errors = errors.join().unwrap_or_default();
    let how =
        status.signal().map_or_else(|| status.to_string(), |number| format!("signal {number}"));
    ensure!(status.success(), "the contestant failed: {how}\n{errors}");
    let line = said.recv_timeout(PATIENCE).unwrap_or_default();
    let Counts { rx_packets, tx_packets } = serde_json::from_str(&line).with_context(|| {
        format!("the contestant's last line is not JSON with rx_packets and tx_packets: {line}\n{errors}")
    })?;
    Ok(Some(Ended { rx: rx_packets, tx: tx_packets, lost: None, kicks: None }))
}

fn all(from: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut from) = from {
        // What could be read is told.
        let _ = from.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn last_line(from: Option<impl Read>) -> String {
    let lines =
        from.into_iter().flat_map(|from| BufReader::new(from).lines().map_while(Result::ok));
    lines.filter(|line| !line.trim().is_empty()).last().unwrap_or_default()
}

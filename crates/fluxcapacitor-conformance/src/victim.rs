//! A process that is ended in the middle of something.
//!
//! It is the same program once more, told by its environment what to be.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::process::{self, Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use fluxcapacitor::FluxBuilder;
use fluxcapacitor::builder::{BusyPoll, NapiDeferral};
use fluxcapacitor_testbed::{End, NetNs, VethPair};
pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

use crate::verdict::{Outcome, Stop};

/// What a process is to be, the path of a namespace, and the name of an interface there.
const VARIABLE: &str = "FLUXCAP_CONFORMANCE_VICTIM";

/// What it says when it is ready.
const READY: &str = "READY ";

/// What a process is killed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// One that has a socket on the interface, and its program.
    Socket,
    /// One that busy polls a socket on the interface with IRQs deferred, until SIGINT or SIGTERM.
    Deferring,
    /// One that holds a namespace, and in it the peer of a new interface in ours.
    Namespace,
}

/// Another process; killed on drop.
#[derive(Debug)]
pub struct Victim(Child);

impl Victim {
    /// Starts `program`, which begins with [`be_if_asked`], and waits until it has what its role says;
    /// gives the name of the interface that it is about.
    ///
    /// # Errors
    /// [`Stop::Failed`] if it ends before that.
    pub fn start(program: &Path, role: Role, end: &End) -> Outcome<(Self, String)> {
        let role = match role {
            Role::Socket => "socket",
            Role::Deferring => "deferring",
            Role::Namespace => "namespace",
        };
        let namespace = end.namespace().as_fd().as_raw_fd();
        let what = format!("{role} /proc/{}/fd/{namespace} {}", process::id(), end.name());
        let mut child = Command::new(program)
            .env(VARIABLE, what)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take();
        let victim = Self(child);
        let mut line = String::new();
        if let Some(stdout) = stdout {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let name = line.strip_prefix(READY).ok_or_else(|| {
            Stop::failed(format!("{} ended before it was ready", program.display()))
        })?;
        Ok((victim, name.trim_end().to_owned()))
    }

    /// Asks it to end, and waits until it has done so in good order.
    ///
    /// # Errors
    /// [`Stop::Failed`] if it does not.
    pub fn end(mut self, signal: Signal) -> Outcome {
        kill_process(Pid::from_child(&self.0), signal).map_err(io::Error::from)?;
        let status = self.0.wait()?;
        if status.success() { Ok(()) } else { Err(Stop::failed(format!("{signal:?}: {status}"))) }
    }

    /// Kills it, without a last word.
    ///
    /// # Errors
    /// [`Stop::Failed`] if it cannot be.
    pub fn kill(mut self) -> Outcome {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// What this process is, if it was started to be killed: stands first in `main`.
#[must_use]
pub fn be_if_asked() -> Option<ExitCode> {
    let what = env::var(VARIABLE).ok()?;
    Some(match be(&what) {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            eprintln!("{VARIABLE}={what}: {stop:?}");
            ExitCode::FAILURE
        }
    })
}

fn be(what: &str) -> Outcome {
    let mut words = what.split(' ');
    let (Some(role), Some(path), Some(name)) = (words.next(), words.next(), words.next()) else {
        return Err(Stop::failed("role, namespace and interface are to be named"));
    };
    let namespace = NetNs::open(path)?;
    if role == "socket" {
        let _socket = namespace.run(|| FluxBuilder::new(name).build_raw())??;
        return wait_to_be_killed(name);
    }
    if role == "deferring" {
        return namespace.run(|| poll_until_signalled(name))?;
    }
    let pair = VethPair::create(&namespace, &NetNs::new()?, 1)?;
    wait_to_be_killed(pair.a().name())
}

/// As `fluxcap` does it: signals set a flag, and all is dropped.
fn poll_until_signalled(name: &str) -> Outcome {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [Signal::INT, Signal::TERM] {
        signal_hook::flag::register(signal.as_raw(), Arc::clone(&stop))?;
    }
    let deferral = Some(NapiDeferral::default());
    let busy_poll = BusyPoll { deferral, ..BusyPoll::default() };
    let socket = FluxBuilder::new(name).busy_poll(busy_poll).build_raw()?;
    println!("{READY}{name}");
    io::stdout().flush()?;
    let orphaned = Arc::clone(&stop);
    thread::spawn(move || {
        let _read = io::stdin().read_to_end(&mut Vec::new());
        orphaned.store(true, Relaxed);
    });
    while !stop.load(Relaxed) {
        socket.device().kick_rx()?;
    }
    Ok(())
}

/// Or for the end of the process that started it.
fn wait_to_be_killed(name: &str) -> Outcome {
    println!("{READY}{name}");
    io::stdout().flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

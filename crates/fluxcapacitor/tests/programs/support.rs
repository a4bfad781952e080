//! Programs and their clients in namespaces.

use std::net::IpAddr;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fluxcapacitor_testbed::{Ended, NetNs, Process, permitted};

use crate::program::program;

/// How long anything may take that should take a moment.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// One test at a time, so that none starves another of the machine; `None`, after saying so, where none is
/// permitted.
pub fn turn() -> Option<MutexGuard<'static, ()>> {
    static TURN: Mutex<()> = Mutex::new(());
    permitted().then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner))
}

pub fn ip(address: &str) -> IpAddr {
    address.parse().unwrap()
}

/// An example that runs.
pub struct Running(Process);

impl Running {
    /// Starts an example, and waits until it has said what it was granted of `interfaces`.
    pub fn start(example: &str, namespace: &NetNs, interfaces: &[&str], options: &[&str]) -> Self {
        let mut command = Command::new(program(example));
        command.args(interfaces.iter().flat_map(|name| ["--interface", name])).args(options);
        let running = Self(Process::start(namespace, command).unwrap());
        for name in interfaces {
            while !running.says().starts_with(&format!("{name} (veth) queue 0 of 1: ")) {}
        }
        running
    }

    /// The next thing that it says.
    pub fn says(&self) -> String {
        self.0.error_line(PATIENCE).expect("it says something")
    }

    /// Interrupts it, and gives what it has printed then, the counters.
    pub fn end(self) -> String {
        self.0.interrupt().unwrap();
        self.ended()
    }

    /// The same, by SIGTERM.
    pub fn terminate(self) -> String {
        self.0.terminate().unwrap();
        self.ended()
    }

    fn ended(self) -> String {
        let ended = self.0.wait(PATIENCE).unwrap();
        assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
        String::from_utf8(ended.stdout).unwrap()
    }
}

/// A client, to its end.
#[track_caller]
pub fn client(namespace: &NetNs, program: &str, arguments: &[&str]) -> Ended {
    let mut command = Command::new(program);
    command.args(arguments);
    Process::start(namespace, command).unwrap().wait(6 * PATIENCE).unwrap()
}

/// `ping`, all of which have to be answered.
#[track_caller]
pub fn ping(namespace: &NetNs, count: u32, arguments: &[&str]) {
    let count = count.to_string();
    let ended =
        client(namespace, "ping", &[&["-c", &count, "-i", "0.05", "-w", "60"], arguments].concat());
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(said.contains(&format!("{count} received, 0% packet loss")), "{said}");
    assert!(ended.status.success(), "{said}");
}

/// The number in front of each place where `text` has `words`; there is one at least.
#[track_caller]
pub fn numbers(text: &str, words: &str) -> Vec<u64> {
    let before = text.match_indices(words).map(|(at, _)| text[..at].trim_end());
    let number = |before: &str| before.rsplit([' ', '\n', '(']).next().unwrap().parse();
    let numbers: Vec<_> = before.map(|before| number(before).unwrap()).collect();
    assert!(!numbers.is_empty(), "no {words:?} in {text}");
    numbers
}

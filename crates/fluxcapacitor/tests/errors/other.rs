//! Another process, which has what the tests want or lacks what they have.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::process::{self, Child, Command, Stdio};

use fluxcapacitor_testbed::{End, NetNs};

use crate::{link, memory, taken};

/// Set for the other process: its part, and its words.
const PART: &str = "FLUXCAP_ERRORS_OTHER";

/// It ends with the test at the latest: when its input does.
pub struct Other {
    process: Child,
    /// What it said when it was ready.
    pub said: String,
}

impl Other {
    /// Runs this program again in the part of `part`, and waits until it is ready.
    pub fn start(part: &str, words: &str) -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .args(["other::part", "--exact", "--ignored", "--nocapture"])
            .env(PART, format!("{part} {words}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = process.stdout.take().unwrap();
        let mut other = Self { process, said: String::new() };
        let lines = BufReader::new(stdout).lines().map_while(io::Result::ok);
        let mut said = lines.filter_map(|line| Some(line.split_once("READY")?.1.trim().to_owned()));
        other.said = said.next().expect("it ended before it was ready");
        other
    }

    /// As [`Other::start`], for the interface of `end`.
    pub fn on(end: &End, part: &str) -> Self {
        Self::start(part, &place(end))
    }

    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// The path of a namespace while this process lives, and an interface there.
pub fn place(end: &End) -> String {
    let fd = end.namespace().as_fd().as_raw_fd();
    format!("/proc/{}/fd/{fd} {}", process::id(), end.name())
}

/// What [`place`] was made of.
pub fn find(place: &str) -> (NetNs, &str) {
    let (namespace, interface) = place.split_once(' ').unwrap();
    (NetNs::open(namespace).unwrap(), interface)
}

/// Says `words`, and holds on to what the caller has until nobody listens any more.
pub fn ready(words: &str) {
    println!("\nREADY {words}");
    io::stdout().flush().unwrap();
    let _end_of_input = io::stdin().read(&mut [0]);
}

#[test]
#[ignore = "a process that other tests start"]
fn part() {
    let Ok(part) = env::var(PART) else { return };
    let (part, words) = part.split_once(' ').unwrap();
    match part {
        "socket" => taken::hold_a_socket(words),
        "native" | "generic" => taken::hold_a_program(part, words),
        "pairs" => link::hold_pairs(),
        "little-memory" => memory::have_little(words),
        _ => panic!("no part {part}"),
    }
}

//! The example, as a user runs it, against curl in a namespace of its own.
//!
//! Without root the tests with the kernel say that they were skipped; with `FLUXCAP_REQUIRE_KERNEL=1` they fail instead.
#![cfg(target_os = "linux")]

use std::env;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use fluxcapacitor_testbed::{End, NetNs, Process, VethPair, permitted};

const SERVER: &str = "10.9.0.2";
const PAGE: &str = "<!doctype html><title>smoltcp</title><h1>Served by smoltcp over AF_XDP</h1>\n";

/// For how long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program, beside this one in the target directory: `cargo test` has built it.
fn program() -> PathBuf {
    let tests = env::current_exe().unwrap();
    let profile = tests.parent().and_then(|deps| deps.parent()).unwrap();
    let program = profile.join("examples").join("tcp_server");
    assert!(
        program.exists(),
        "there is no {}: `cargo build --examples` makes it, and so does `cargo test` unless it is told \
         which tests",
        program.display()
    );
    program
}

/// A link between a client's namespace and the server's.
struct Bench {
    client: NetNs,
    pair: VethPair,
    /// The kernel takes namespaces down under one lock: one test at a time.
    _turn: MutexGuard<'static, ()>,
}

impl Bench {
    /// `None`, after saying so, where it is not permitted.
    fn new() -> Option<Self> {
        static TURN: Mutex<()> = Mutex::new(());
        (permitted() && has_curl()).then(|| {
            let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
            let (client, server) = (NetNs::new().unwrap(), NetNs::new().unwrap());
            let pair = VethPair::create(&client, &server, 1).unwrap();
            pair.a().add_address([10, 9, 0, 1].into(), 24).unwrap();
            Self { client, pair, _turn: turn }
        })
    }

    fn serve(&self) -> Server {
        Server::start(self.pair.b())
    }

    /// What curl says; it has succeeded.
    fn curl(&self, arguments: &[&str]) -> Vec<u8> {
        let Output { status, stdout, stderr } = self.run(arguments);
        let complained = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "curl {arguments:?}: {status}, {complained}");
        stdout
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--max-time", "120"]).args(arguments);
        let output = self.client.run(move || command.output()).unwrap();
        output.unwrap()
    }

    fn connect(&self) -> TcpStream {
        let stream = self.client.run(|| TcpStream::connect((SERVER, 80))).unwrap().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

/// Whether there is a client to test with; says so if there is none.
fn has_curl() -> bool {
    if Command::new("curl").arg("--version").output().is_ok() {
        return true;
    }
    let is_required = env::var_os("FLUXCAP_REQUIRE_KERNEL").is_some_and(|value| value == "1");
    assert!(!is_required, "FLUXCAP_REQUIRE_KERNEL=1, but there is no curl");
    // Not eprintln!: the harness would keep it to itself.
    let _ = writeln!(io::stderr(), "SKIPPED: needs curl");
    false
}

fn url(path: &str) -> String {
    format!("http://{SERVER}{path}")
}

/// The five million bytes that the server is to send.
fn large() -> Vec<u8> {
    (0..5_000_000_u32).map(|n| (n.wrapping_mul(0x9e37_79b1) >> 24) as u8).collect()
}

/// A running server; killed on drop.
struct Server {
    process: Process,
}

impl Server {
    /// Starts it on `end`, and waits until it has said what it was granted.
    fn start(end: &End) -> Self {
        let mut command = Command::new(program());
        command.args(["--interface", end.name(), "--address", SERVER]);
        let process = Process::start(end.namespace(), command).unwrap();
        let granted = process.error_line(PATIENCE).unwrap();
        assert!(granted.starts_with(&format!("{} (veth) queue 0", end.name())), "{granted}");
        Self { process }
    }

    /// Ends it, and says how many answers it has given with `status`.
    fn answers(self, status: &str) -> usize {
        self.process.interrupt().unwrap();
        let said = self.process.wait(PATIENCE).unwrap().stdout;
        let lines = String::from_utf8(said).unwrap();
        lines.lines().filter(|line| line.ends_with(status)).count()
    }
}

#[test]
fn curl_gets_the_page_over_and_over() {
    let Some(bench) = Bench::new() else { return };
    let server = bench.serve();
    for _ in 0..20 {
        assert_eq!(String::from_utf8(bench.curl(&[&url("/")])).unwrap(), PAGE);
    }
    // Two requests over one connection, which curl counts.
    let got = bench.curl(&[&url("/"), &url("/"), "-w", "%{num_connects}"]);
    assert_eq!(String::from_utf8(got).unwrap(), format!("{PAGE}1{PAGE}0"));
    assert_eq!(server.answers("200 OK"), 22);
}

#[test]
fn five_at_a_time_get_five_megabytes_each() {
    let Some(bench) = Bench::new() else { return };
    let server = bench.serve();
    let expected = large();
    let started = Instant::now();
    assert!(bench.curl(&[&url("/large")]) == expected, "not what was to be sent");
    let alone = started.elapsed();
    let started = Instant::now();
    thread::scope(|scope| {
        let get = || scope.spawn(|| bench.curl(&[&url("/large")]) == expected);
        let clients = [(); 5].map(|()| get());
        assert_eq!(clients.map(|client| client.join().unwrap()), [true; 5]);
    });
    println!("5 MB alone took {alone:?}, 5 of them at a time {:?}", started.elapsed());
    assert_eq!(server.answers("200 OK"), 6);
}

#[test]
fn connections_are_open_at_the_same_time() {
    let Some(bench) = Bench::new() else { return };
    let _server = bench.serve();
    let mut streams: Vec<TcpStream> = (0..10).map(|_| bench.connect()).collect();
    // The last one first: none waits for another.
    for stream in streams.iter_mut().rev() {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert_eq!(body, PAGE);
    }
}

#[test]
fn requests_of_other_kinds_are_answered_too() {
    let Some(bench) = Bench::new() else { return };
    let server = bench.serve();
    let status = ["-o", "/dev/null", "-w", "%{http_code}"];
    // A request of several segments, which the kernel would leave to be cut by hardware if it could.
    let long = format!("X-Long: {}", "x".repeat(10_000));
    assert_eq!(bench.curl(&[&[&*url("/"), "-H", &long][..], &status].concat()), b"200");
    assert_eq!(bench.curl(&[&[&*url("/nothing")][..], &status].concat()), b"404");
    assert_eq!(bench.curl(&[&[&*url("/"), "-d", "x=1"][..], &status].concat()), b"405");
    // One that is too long is cut off, and the server lives.
    let too_long = format!("X-Long: {}", "x".repeat(100_000));
    let cut_off = bench.run(&[&url("/"), "-H", &too_long]);
    assert!(!cut_off.status.success());
    assert_eq!(bench.curl(&[&url("/")]), PAGE.as_bytes());
    assert_eq!(server.answers("200 OK"), 2);
}

#[test]
fn it_ends_by_a_signal_and_leaves_nothing() {
    let Some(bench) = Bench::new() else { return };
    for signal in [Process::interrupt, Process::terminate] {
        let Server { process } = bench.serve();
        assert_eq!(bench.curl(&[&url("/")]), PAGE.as_bytes());
        signal(&process).unwrap();
        let ended = process.wait(PATIENCE).unwrap();
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        assert_eq!(bench.pair.b().xdp_attached().unwrap(), None);
    }
}

#[test]
fn what_cannot_be_is_said() {
    for (arguments, status, said) in [
        (&[][..], 2, "usage: tcp_server"),
        (&["--interface", "eth0"], 2, "usage: tcp_server"),
        (&["--interface", "nosuch0", "--address", "10.9.0.2"], 1, "no interface nosuch0"),
        (&["--interface", "lo", "--address", "10.9.0.2.7"], 1, "invalid IPv4 address"),
        (&["--interface", "lo", "--address", SERVER, "--port", "0"], 1, "number"),
    ] {
        let Output { status: ended, stderr, .. } =
            Command::new(program()).args(arguments).output().unwrap();
        let text = String::from_utf8(stderr).unwrap();
        assert_eq!(ended.code(), Some(status), "{arguments:?}: {text}");
        assert!(text.contains(said), "{arguments:?}: {text}");
    }
}

#[test]
fn on_the_simulator_it_has_a_client_of_its_own() {
    let Output { status, stdout, stderr } =
        Command::new(program()).arg("--simulator").output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    let said = String::from_utf8(stdout).unwrap();
    for line in ["115 bytes: HTTP/1.1 200 OK", "5000044 bytes: HTTP/1.1 200 OK"] {
        assert!(said.lines().any(|said| said == line), "{said}");
    }
    assert!(said.contains("HTTP/1.1 404 Not Found"), "{said}");
}

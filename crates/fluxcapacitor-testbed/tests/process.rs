//! Programs and servers inside namespaces, and that every wait for them ends.
#![cfg(target_os = "linux")]

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, TcpStream},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use fluxcapacitor_testbed::{HttpServer, NetNs, Process, TestbedError, permitted};

const SECOND: Duration = Duration::from_secs(1);

/// How long something that must happen may take: a machine with other work is slow.
const PATIENCE: Duration = Duration::from_secs(30);

fn shell(namespace: &NetNs, script: &str) -> Process {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    Process::start(namespace, command).unwrap()
}

#[test]
fn a_program_is_inside_and_its_output_is_had_line_by_line() {
    if !permitted() {
        return;
    }
    let namespace = NetNs::new().unwrap();
    let script = "readlink /proc/self/ns/net; echo talk >&2; echo last; printf rest; exit 3";
    let process = shell(&namespace, script);
    let inside = format!("net:[{}]", namespace.inode());
    assert_eq!(process.line(PATIENCE).as_deref(), Some(inside.as_str()));
    assert_eq!(process.error_line(PATIENCE).as_deref(), Some("talk"));
    let ended = process.wait(PATIENCE).unwrap();
    assert_eq!((ended.status.code(), ended.stdout.as_slice()), (Some(3), &b"last\nrest"[..]));
}

#[test]
fn signals_arrive_and_what_does_not_end_is_killed() {
    if !permitted() {
        return;
    }
    let namespace = NetNs::new().unwrap();
    let trap = "trap 'echo INT; exit' INT; trap 'echo TERM; exit' TERM; echo ready; \
                while :; do sleep 0.01; done";
    for is_interrupt in [true, false] {
        let process = shell(&namespace, trap);
        assert_eq!(process.line(PATIENCE).as_deref(), Some("ready"));
        if is_interrupt { process.interrupt() } else { process.terminate() }.unwrap();
        let said = if is_interrupt { b"INT\n".as_slice() } else { b"TERM\n" };
        assert_eq!(process.wait(PATIENCE).unwrap().stdout, said);
    }
    let started = Instant::now();
    let slow = shell(&namespace, "echo before; exec sleep 60");
    let error = slow.wait(2 * SECOND).unwrap_err();
    assert!(matches!(&error, TestbedError::NotEnded { said, .. } if said == "before\n"), "{error}");
    assert!(started.elapsed() < PATIENCE);
    let nothing = Process::start(&namespace, Command::new("no-such-program")).unwrap_err();
    assert!(nothing.to_string().contains("is it installed?"), "{nothing}");
}

#[test]
fn a_web_server_answers_inside_and_ends() {
    if !permitted() {
        return;
    }
    let namespace = NetNs::new().unwrap();
    let address = (IpAddr::from(Ipv4Addr::LOCALHOST), 0).into();
    let server = HttpServer::start(&namespace, address, "backend").unwrap();
    let address = server.address();
    let get = |path: &str| {
        namespace.run(|| {
            let mut stream = TcpStream::connect(address).unwrap();
            write!(stream, "GET {path} HTTP/1.1\r\nHost: it\r\n\r\n").unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
            answer.split_off(end)
        })
    };
    assert_eq!(get("/").unwrap(), b"backend");
    thread::scope(|scope| {
        for len in [0, 1, 300_000] {
            scope.spawn(move || {
                assert_eq!(get(&format!("/bytes/{len}")).unwrap(), HttpServer::body(len));
            });
        }
    });
    drop(server);
    assert!(namespace.run(|| TcpStream::connect(address).is_err()).unwrap());
}

//! Every program on the simulator, as a user runs it; and what it says to a wrong call.

use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use crate::program::program;

/// Runs it to its end. Wine says now and then that it cannot start a program, while others start, too.
fn output(command: &mut Command) -> Output {
    const ERROR_INTERNAL_ERROR: i32 = 1359;
    for _ in 0..10 {
        match command.output() {
            Err(error) if cfg!(windows) && error.raw_os_error() == Some(ERROR_INTERNAL_ERROR) => {
                thread::sleep(Duration::from_millis(100));
            }
            ended => return ended.unwrap(),
        }
    }
    panic!("{command:?} does not start")
}

fn run(example: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = output(Command::new(program(example)).args(arguments));
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

/// It ends well, and has said each of these.
#[track_caller]
fn plays(example: &str, arguments: &[&str], says: &[&str]) {
    let (status, said, complained) = run(example, &[&["--simulator"], arguments].concat());
    assert_eq!(status, Some(0), "{said}\n{complained}");
    for expected in says {
        assert!(said.contains(expected), "no {expected:?} in {said}");
    }
}

/// It refuses the call, says this and how to call it.
#[track_caller]
fn refuses(example: &str, arguments: &[&str], says: &str) {
    let (status, said, complained) = run(example, arguments);
    assert_eq!((status, said.as_str()), (Some(2), ""), "{arguments:?}: {complained}");
    assert!(complained.starts_with(&format!("{example}: ")), "{arguments:?}: {complained}");
    assert!(complained.contains(says), "{arguments:?}: no {says:?} in {complained}");
    assert!(complained.contains(&format!("usage: {example} ")), "{arguments:?}: {complained}");
}

/// What each program does with wrong options, and with `--help`.
fn is_called_as_all_are(example: &str) {
    refuses(example, &[], "--interface is missing");
    refuses(example, &["--interface"], "--interface wants a value");
    refuses(example, &["--fast"], "--fast is not an option");
    refuses(example, &["eth0"], "eth0 is not an option");
    let (status, said, complained) = run(example, &["--interface", "--help"]);
    assert_eq!((status, complained.as_str()), (Some(0), ""));
    assert!(said.starts_with(&format!("usage: {example} --interface IF ")), "{said}");
}

#[test]
fn balancer() {
    is_called_as_all_are("balancer");
    let service = ["--interface", "a", "--address", "10.9.0.100", "--port", "80"];
    refuses("balancer", &service[..2], "--address is missing");
    refuses("balancer", &service[..4], "--port is missing");
    refuses("balancer", &service, "--target is missing");
    let unusable = [&service[..4], &["--port", "http"]].concat();
    refuses("balancer", &unusable, "--port wants a number from 0 to 65535, not `http`");
    let unusable = [&service[..], &["--target", "10.9.0.3", "--target", "b"]].concat();
    refuses("balancer", &unusable, "--target wants an IPv4 address, not `b`");
    plays(
        "balancer",
        &[],
        &[
            " were moved as 10.9.0.4 went, and back\n",
            " connections: to 10.9.0.5, in ",
            "0 packets: dropped, no target was up\n0 packets: dropped, no room in the tx ring\n",
        ],
    );
}

#[test]
fn bridge() {
    is_called_as_all_are("bridge");
    refuses("bridge", &["--interface", "a"], "--interface is wanted 2 times, and given 1 times");
    plays(
        "bridge",
        &[],
        &["total: 200 received, 200 sent, 0 kept, 0 dropped", "100 checksums completed"],
    );
}

#[test]
fn firewall() {
    is_called_as_all_are("firewall");
    let two = ["--interface", "a", "--interface", "b"];
    refuses("firewall", &two, "without a --allow, nothing would pass");
    let denied = [&two[..], &["--deny", "any"]].concat();
    refuses("firewall", &denied, "without a --allow, nothing would pass");
    for (rule, why) in [
        ("", "`` is neither a prefix nor a protocol"),
        ("tcpp:23", "`tcpp:23` is neither a prefix nor a protocol"),
        ("10.9.0/24", "`10.9.0/24` is neither a prefix nor a protocol"),
        ("10.9.0.0/33", "a prefix of 10.9.0.0 has 0 to 32 bits, not `33`"),
        ("fd09::/129", "a prefix of fd09:: has 0 to 128 bits, not `129`"),
        ("tcp:70000", "a port is a number from 0 to 65535, not `70000`"),
        ("icmp:3", "icmp has no ports"),
        ("tcp,udp", "a rule has one protocol"),
        ("10.9.0.1,10.9.0.2", "a rule has one prefix"),
    ] {
        let says = format!("--deny {rule}: {why}");
        refuses("firewall", &[&two[..], &["--deny", rule]].concat(), &says);
    }
    plays(
        "firewall",
        &[],
        &[
            "total: 200 received, 80 sent, 0 kept, 120 dropped (0 unsettled, 120 discarded,",
            "80 packets: deny udp:23\n40 packets: allow 10.9.0.0/24\n40 packets: deny any\n",
            "0 packets: fit no rule, denied\n40 packets: ARP\n",
        ],
    );
}

#[test]
fn responder() {
    is_called_as_all_are("responder");
    refuses("responder", &["--interface", "a", "--interface", "b"], "wanted 1 times, and given 2");
    refuses("responder", &["--interface", "a"], "--address is missing");
    let unusable = ["--interface", "a", "--address", "10.9.0"];
    refuses("responder", &unusable, "--address wants an IPv4 address, not `10.9.0`");
    plays(
        "responder",
        &[],
        &[
            "total: 202 received, 201 sent, 0 kept, 1 dropped (0 unsettled, 1 discarded,",
            "1 ARP requests and 200 echo requests answered, 1 packets ignored",
        ],
    );
}

#[cfg(feature = "async")]
#[test]
fn udp_echo() {
    is_called_as_all_are("udp_echo");
    let unusable = ["--interface", "a", "--address", "10.9.0.2", "--port", "70000"];
    refuses("udp_echo", &unusable, "--port wants a port, not `70000`");
    plays("udp_echo", &[], &["total: 201 received, 200 sent", "200 datagrams echoed"]);
}

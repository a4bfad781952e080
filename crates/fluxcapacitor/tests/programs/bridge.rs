//! Two namespaces that only the bridge joins.

use std::net::SocketAddr;
use std::process::Command;

use fluxcapacitor_testbed::{HttpServer, NetNs, Process, VethPair};
use serde_json::Value;

use crate::support::{PATIENCE, Running, client, ip, numbers, ping, turn};

/// Far ends of two veth pairs; the near ones are in a namespace of the bridge's own.
struct Joined {
    left: NetNs,
    right: NetNs,
    pairs: [VethPair; 2],
    bridge: Running,
}

const LEFT: [(&str, u8); 2] = [("10.9.0.1", 24), ("fd09::1", 64)];
const RIGHT: [(&str, u8); 2] = [("10.9.0.2", 24), ("fd09::2", 64)];

fn joined() -> Joined {
    let far = || NetNs::builder().ipv6(true).build().unwrap();
    let (left, right, middle) = (far(), far(), NetNs::new().unwrap());
    let pairs = [&left, &right].map(|far| VethPair::create(far, &middle, 1).unwrap());
    let names = [pairs[0].b().name(), pairs[1].b().name()];
    let bridge = Running::start("bridge", &middle, &names, &[]);
    for (pair, addresses) in pairs.iter().zip([LEFT, RIGHT]) {
        for (address, prefix_len) in addresses {
            pair.a().add_address(ip(address), prefix_len).unwrap();
        }
    }
    Joined { left, right, pairs, bridge }
}

#[test]
fn ping_over_both_versions_of_ip_and_neighbours_find_each_other() {
    let Some(_turn) = turn() else { return };
    let Joined { left, right, pairs, bridge } = joined();
    ping(&left, 20, &["10.9.0.2"]);
    ping(&right, 20, &["-s", "1400", "10.9.0.1"]);
    ping(&left, 20, &["-6", "fd09::2"]);
    ping(&right, 20, &["-6", "-s", "1400", "fd09::1"]);

    let said = bridge.terminate();
    let total = said.lines().find(|line| line.starts_with("total: ")).unwrap();
    let [received, sent] = [" received", " sent"].map(|words| numbers(total, words)[0]);
    assert_eq!(received, sent, "{said}");
    assert!(received >= 160, "{said}");
    for pair in &pairs {
        assert_eq!(pair.b().xdp_attached().unwrap(), None);
    }
}

#[test]
fn ten_megabytes_arrive_as_they_were_sent() {
    let Some(_turn) = turn() else { return };
    const LEN: usize = 10_000_000;
    let Joined { left, right, pairs: _pairs, bridge } = joined();
    for (version, (address, _)) in ["-4", "-6"].iter().zip(RIGHT) {
        let server = HttpServer::start(&right, (ip(address), 80).into(), "right").unwrap();
        let url = format!("http://{}/bytes/{LEN}", SocketAddr::new(ip(address), 80));
        let got = client(&left, "curl", &[version, "-sS", "--max-time", "120", &url]);
        assert!(got.status.success(), "{}", String::from_utf8_lossy(&got.stderr));
        assert!(got.stdout == HttpServer::body(LEN), "{} of {LEN} bytes", got.stdout.len());
        drop(server);
    }
    let said = bridge.end();
    // Both sides count on hardware for their checksums: without the bridge's, no segment would be accepted.
    assert!(numbers(&said, " checksums completed")[0] > 2 * LEN as u64 / 1460, "{said}");
}

#[test]
fn iperf_hardly_sends_anything_twice() {
    let Some(_turn) = turn() else { return };
    let Joined { left, right, pairs: _pairs, bridge } = joined();
    // How many segments were sent, and how many of them again.
    let measured = |address| {
        let mut command = Command::new("iperf3");
        command.args(["-s", "-1", "-p", "5201", "--forceflush"]);
        let server = Process::start(&right, command).unwrap();
        while !server.line(PATIENCE).expect("it listens").contains("listening") {}
        let sent = client(&left, "iperf3", &["-c", address, "-p", "5201", "-t", "3", "-J"]);
        let report: Value = serde_json::from_slice(&sent.stdout).unwrap();
        assert!(sent.status.success() && report["error"].is_null(), "{report:#}");
        assert!(server.wait(PATIENCE).unwrap().status.success());
        let [bytes, again] = ["bytes", "retransmits"]
            .map(|field| report["end"]["sum_sent"][field].as_u64().unwrap());
        let segments = bytes / 1448;
        eprintln!("{address}: {again} of {segments} segments sent again in 3 s");
        assert!(segments > 1000, "{address}: {segments} segments in 3 s");
        (segments, again)
    };
    for (address, _) in RIGHT {
        // A machine that is busy with other things may drop more now and then, a bridge that loses packets does always.
        let mut tries = (0..3).map(|_| measured(address));
        let is_good = tries.any(|(segments, again)| again * 100 <= segments);
        assert!(is_good, "{address}: more than one of a hundred segments is sent again each time");
    }
    drop(bridge);
}

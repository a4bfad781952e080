//! Two web servers behind the balancer, and a client, on one switch.

use std::fs;
use std::process::Command;

use fluxcapacitor_testbed::{HttpServer, NetNs, Process, VethPair};

use crate::support::{PATIENCE, Running, client, ip, numbers, turn};

const VIRTUAL: &str = "10.9.0.100";

/// A switch, and who is on it.
struct Network {
    _switch: NetNs,
    client: VethPair,
    balancer: VethPair,
    /// Alpha at 10.9.0.3, and beta at 10.9.0.4.
    targets: [VethPair; 2],
    _servers: [HttpServer; 2],
}

fn network() -> Network {
    let switch = NetNs::new().unwrap();
    let ip_command = |namespace: &NetNs, words: &str| {
        let ended = client(namespace, "ip", &words.split(' ').collect::<Vec<_>>());
        assert!(ended.status.success(), "{words}: {}", String::from_utf8_lossy(&ended.stderr));
    };
    ip_command(&switch, "link add name switch up type bridge");
    let host = |address: Option<&str>| {
        let pair = VethPair::create(&NetNs::new().unwrap(), &switch, 1).unwrap();
        ip_command(&switch, &format!("link set {} master switch", pair.b().name()));
        address.iter().for_each(|address| pair.a().add_address(ip(address), 24).unwrap());
        pair
    };
    let (client, balancer) = (host(Some("10.9.0.1")), host(None));
    let targets = ["10.9.0.3", "10.9.0.4"].map(|address| host(Some(address)));
    let serve = |(name, at): (&str, usize)| {
        let namespace = targets[at].a().namespace();
        // What the program says that a target has to be told.
        let settings = [("arp_ignore", "1"), ("arp_announce", "2")];
        for (setting, value) in settings {
            let path = format!("/proc/sys/net/ipv4/conf/all/{setting}");
            namespace.run(|| fs::write(path, value)).unwrap().unwrap();
        }
        ip_command(namespace, &format!("address add {VIRTUAL}/32 dev lo"));
        HttpServer::start(namespace, (ip(VIRTUAL), 80).into(), name).unwrap()
    };
    let _servers = [("alpha", 0), ("beta", 1)].map(serve);
    Network { _switch: switch, client, balancer, targets, _servers }
}

impl Network {
    fn start(&self) -> Running {
        let options =
            ["--address", VIRTUAL, "--port", "80", "--target", "10.9.0.3", "--target", "10.9.0.4"];
        let end = self.balancer.a();
        let running = Running::start("balancer", end.namespace(), &[end.name()], &options);
        let mut up = [(); 2].map(|()| says_of_a_target(&running));
        up.sort();
        assert_eq!(up, ["10.9.0.3 is up", "10.9.0.4 is up"]);
        running
    }

    /// Who answered, over `count` connections.
    fn ask(&self, count: usize) -> Vec<String> {
        let url = format!("http://{VIRTUAL}/");
        let script =
            format!("for i in $(seq {count}); do curl -sS --max-time 60 {url} || echo; echo; done");
        let ended = client(self.client.a().namespace(), "sh", &["-c", &script]);
        let said = String::from_utf8(ended.stdout).unwrap();
        let answers: Vec<_> = said.lines().map(str::to_owned).collect();
        assert_eq!(answers.len(), count, "{said}{}", String::from_utf8_lossy(&ended.stderr));
        assert!(answers.iter().all(|name| ["alpha", "beta"].contains(&name.as_str())), "{said}");
        answers
    }

    /// A download of `len` bytes from the server of this name, at 3 MB a second, that has begun.
    fn download(&self, len: usize, from: &str) -> Process {
        let url = format!("http://{VIRTUAL}/bytes/{len}");
        for _ in 0..50 {
            let mut curl = Command::new("curl");
            curl.args(["-sSi", "--no-buffer", "--limit-rate", "3M", "--max-time", "120", &url]);
            let curl = Process::start(self.client.a().namespace(), curl).unwrap();
            assert_eq!(curl.line(PATIENCE).as_deref(), Some("HTTP/1.1 200 OK\r"));
            if curl.line(PATIENCE) == Some(format!("Server: {from}\r")) {
                return curl;
            }
        }
        panic!("none of 50 connections led to {from}");
    }
}

/// The next thing that it says of a target; before that, it may still be saying what it was granted.
fn says_of_a_target(balancer: &Running) -> String {
    loop {
        let said = balancer.says();
        if said.starts_with("10.9.0.") {
            return said;
        }
    }
}

fn of(answers: &[String], name: &str) -> usize {
    answers.iter().filter(|answer| *answer == name).count()
}

#[test]
fn connections_are_spread_and_who_goes_takes_its_own_alone() {
    let Some(_turn) = turn() else { return };
    let network = network();
    let balancer = network.start();

    let answers = network.ask(60);
    // Even odds: that it is fewer than 10 of 60 happens once in thirty million times.
    let spread = ["alpha", "beta"].map(|name| of(&answers, name));
    assert!(spread.iter().all(|share| *share >= 10), "{spread:?}");

    const LEN: usize = 30_000_000;
    let (alphas, betas) = (network.download(LEN, "alpha"), network.download(LEN, "beta"));
    network.targets[0].a().set_down().unwrap();
    assert_eq!(says_of_a_target(&balancer), "10.9.0.3 is down");
    assert_eq!(of(&network.ask(30), "beta"), 30);
    let got = betas.wait(6 * PATIENCE).unwrap();
    assert!(got.status.success(), "{}", String::from_utf8_lossy(&got.stderr));
    assert!(got.stdout.ends_with(&HttpServer::body(LEN)), "{} of {LEN} bytes", got.stdout.len());
    let lost = alphas.wait(6 * PATIENCE).unwrap();
    assert!(!lost.status.success() && lost.stdout.len() < LEN, "its server was taken away");

    network.targets[0].a().set_up().unwrap();
    assert_eq!(says_of_a_target(&balancer), "10.9.0.3 is up");
    assert!(of(&network.ask(60), "alpha") >= 10);

    let said = balancer.end();
    let connections = numbers(&said, " connections: to ");
    assert!(connections.iter().sum::<u64>() >= 150, "{said}");
    assert_eq!(numbers(&said, " packets: dropped"), [0, 0], "{said}");
    assert_eq!(network.balancer.a().xdp_attached().unwrap(), None);
}

//! A client and a server with the firewall in between.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use fluxcapacitor_testbed::{NetNs, VethPair};

use crate::support::{PATIENCE, Running, ip, numbers, ping, turn};

#[test]
fn what_is_allowed_passes_and_every_packet_is_accounted_for() {
    let Some(_turn) = turn() else { return };
    let [client, server, middle] = [(); 3].map(|()| NetNs::new().unwrap());
    let [inner, outer] = [&client, &server].map(|far| VethPair::create(far, &middle, 1).unwrap());
    let rules = ["--deny", "tcp:23", "--deny", "10.9.0.77", "--allow", "10.9.0.0/24"];
    let firewall =
        Running::start("firewall", &middle, &[inner.b().name(), outer.b().name()], &rules);
    inner.a().add_address(ip("10.9.0.1"), 24).unwrap();
    outer.a().add_address(ip("10.9.0.2"), 24).unwrap();
    let before = [&inner, &outer].map(|pair| pair.a().counters().unwrap());

    ping(&client, 20, &["10.9.0.2"]);
    let listen = |port| server.run(|| TcpListener::bind(("10.9.0.2", port))).unwrap().unwrap();
    let (_open, _closed) = (listen(22), listen(23));
    let connect = |port, patience| {
        let address = SocketAddr::new(ip("10.9.0.2"), port);
        client.run(|| TcpStream::connect_timeout(&address, patience).map(drop)).unwrap()
    };
    connect(22, PATIENCE).unwrap();
    // It asks a second time after a second.
    let (started, patience) = (Instant::now(), Duration::from_millis(1500));
    assert_eq!(connect(23, patience).unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert!(started.elapsed() >= patience);

    // The connection that was dropped says goodbye in both directions.
    std::thread::sleep(Duration::from_millis(100));
    let said = firewall.end();
    let [client, server] = [(&inner, before[0]), (&outer, before[1])]
        .map(|(pair, before)| pair.a().counters().unwrap().since(&before));
    let total = &said[said.find("total: ").unwrap()..];
    let number = |words| numbers(total, words)[0];
    assert_eq!(number(" received"), client.tx_packets + server.tx_packets, "{said}");
    assert_eq!(number(" sent"), client.rx_packets + server.rx_packets, "{said}");
    let denied = number(" packets: deny tcp:23");
    assert!(denied >= 1, "{said}");
    assert_eq!(client.tx_packets - server.rx_packets, denied, "{said}");
    assert_eq!(server.tx_packets, client.rx_packets, "{said}");
    let (allowed, arp) = (number(" packets: allow 10.9.0.0/24"), number(" packets: ARP"));
    // 20 echoes and their answers, and what opens a connection and closes one side of it.
    assert!(allowed >= 45 && arp >= 2, "{said}");
    assert_eq!(allowed + arp, number(" sent"), "{said}");
    assert_eq!(allowed + arp + denied, number(" received"), "{said}");
    assert_eq!(number(" packets: fit no rule"), 0, "{said}");
    assert_eq!(number(" packets: deny 10.9.0.77"), 0, "{said}");
}

#[test]
fn a_host_that_is_denied_hears_nothing() {
    let Some(_turn) = turn() else { return };
    let [client, server, middle] = [(); 3].map(|()| NetNs::new().unwrap());
    let [inner, outer] = [&client, &server].map(|far| VethPair::create(far, &middle, 1).unwrap());
    let rules = ["--allow", "10.9.0.2,udp:53", "--deny", "10.9.0.2", "--allow", "any"];
    let firewall =
        Running::start("firewall", &middle, &[inner.b().name(), outer.b().name()], &rules);
    inner.a().add_address(ip("10.9.0.1"), 24).unwrap();
    outer.a().add_address(ip("10.9.0.2"), 24).unwrap();
    outer.a().add_address(ip("10.9.0.3"), 24).unwrap();

    ping(&client, 5, &["10.9.0.3"]);
    let unheard =
        crate::support::client(&client, "ping", &["-c", "3", "-i", "0.05", "-W", "1", "10.9.0.2"]);
    assert_eq!(unheard.status.code(), Some(1), "{}", String::from_utf8_lossy(&unheard.stdout));
    let said = firewall.end();
    assert_eq!(numbers(&said, " packets: deny 10.9.0.2"), [3], "{said}");
    assert_eq!(numbers(&said, " packets: allow any"), [10], "{said}");
}

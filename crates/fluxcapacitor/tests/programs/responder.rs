//! The kernel's `ping` against the responder.

use fluxcapacitor_testbed::{NetNs, VethPair};

use crate::support::{Running, ip, numbers, ping, turn};

#[test]
fn ping_loses_nothing_and_every_packet_is_accounted_for() {
    let Some(_turn) = turn() else { return };
    let (client, host) = (NetNs::new().unwrap(), NetNs::new().unwrap());
    let pair = VethPair::create(&client, &host, 1).unwrap();
    pair.a().add_address(ip("10.9.0.1"), 24).unwrap();
    let options = ["--address", "10.9.0.2"];
    let responder = Running::start("responder", &host, &[pair.b().name()], &options);
    let before = pair.a().counters().unwrap();

    ping(&client, 20, &["10.9.0.2"]);
    ping(&client, 5, &["-s", "1400", "-M", "do", "10.9.0.2"]);

    let said = responder.end();
    let carried = pair.a().counters().unwrap().since(&before);
    let [received, sent] =
        [" received", " sent"].map(|words| *numbers(&said, words).last().unwrap());
    assert_eq!((received, sent), (carried.tx_packets, carried.rx_packets), "{said}");
    let [arp, echo, ignored] =
        [" ARP", " echo", " packets ignored"].map(|words| numbers(&said, words)[0]);
    assert!(arp >= 1, "{said}");
    assert_eq!((echo, ignored, arp + echo, received), (25, 0, sent, sent), "{said}");
    assert_eq!(pair.b().xdp_attached().unwrap(), None);
}

//! What a pair is made of, what its ends can be asked and told.
#![cfg(target_os = "linux")]

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket},
    thread,
    time::Duration,
};

use fluxcapacitor_testbed::{
    Counters, LINK_NAME_PREFIX, NetNs, Queues, TestbedError, VethPair, permitted,
};

const A: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 88, 0, 1));
const B: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 88, 0, 2));

fn pair(queues: u32) -> VethPair {
    let (a, b) = (NetNs::new().unwrap(), NetNs::new().unwrap());
    VethPair::create(&a, &b, queues).unwrap()
}

#[test]
fn a_datagram_crosses() {
    if !permitted() {
        return;
    }
    let pair = pair(1);
    pair.a().add_address(A, 24).unwrap();
    pair.b().add_address(B, 24).unwrap();
    // With neighbours known, the datagram is the only packet.
    pair.a().add_neighbour(B, pair.b().mac()).unwrap();
    let bind = |address| move || UdpSocket::bind((address, 88)).unwrap();
    let sender = pair.a().namespace().run(bind(A)).unwrap();
    let receiver = pair.b().namespace().run(bind(B)).unwrap();
    receiver.set_read_timeout(Some(Duration::from_secs(30))).unwrap();

    sender.send_to(b"1.21 gigawatts", (B, 88)).unwrap();

    let mut buffer = [0; 64];
    let (length, from) = receiver.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"1.21 gigawatts");
    assert_eq!(from, (A, 88).into());
    let sent = pair.a().counters().unwrap();
    let received = pair.b().counters().unwrap();
    let frame_len = 14 + 20 + 8 + 14;
    assert_eq!((sent.tx_packets, sent.tx_bytes), (1, frame_len));
    assert_eq!((received.rx_packets, received.rx_bytes), (1, frame_len));
    assert_eq!(received.since(&received), Counters::default());
}

#[test]
fn a_new_pair_is_silent() {
    if !permitted() {
        return;
    }
    let pair = pair(2);
    thread::sleep(Duration::from_millis(500));
    assert_eq!(pair.a().counters().unwrap(), Counters::default());
    assert_eq!(pair.b().counters().unwrap(), Counters::default());
}

#[test]
fn both_ends_have_all_queues() {
    if !permitted() {
        return;
    }
    for queues in [1, 3, 16] {
        let pair = pair(queues);
        let wanted = Queues { rx: queues, tx: queues };
        assert_eq!(pair.a().queues().unwrap(), wanted);
        assert_eq!(pair.b().queues().unwrap(), wanted);
    }
}

#[test]
fn links_are_in_their_namespaces_alone() {
    if !permitted() {
        return;
    }
    let (a, b) = (NetNs::new().unwrap(), NetNs::new().unwrap());
    let pair = VethPair::create(&a, &b, 1).unwrap();
    assert!(pair.a().name().starts_with(LINK_NAME_PREFIX));
    assert_eq!(a.links().unwrap(), ["lo", pair.a().name()]);
    assert_eq!(b.links().unwrap(), ["lo", pair.b().name()]);
    assert_eq!(pair.a().mac()[0], 0x02);
    assert_ne!(pair.a().mac(), pair.b().mac());

    let named = VethPair::builder(&a, &b)
        .names("left", "right")
        .macs([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
        .mtu(9000)
        .build()
        .unwrap();
    assert_eq!(named.a().name(), "left");
    assert_eq!(named.b().mac(), [2, 0, 0, 0, 0, 2]);
    let taken = VethPair::builder(&a, &b).names("left", "other").build();
    assert!(matches!(taken, Err(TestbedError::Exists { ref name }) if name == "left"), "{taken:?}");

    named.delete().unwrap();
    drop(pair);
    assert_eq!(a.links().unwrap(), ["lo"]);
    assert_eq!(b.links().unwrap(), ["lo"]);
}

#[test]
fn one_namespace_may_hold_both_ends() {
    if !permitted() {
        return;
    }
    let namespace = NetNs::new().unwrap();
    let pair = VethPair::create(&namespace, &namespace, 1).unwrap();
    assert_eq!(namespace.links().unwrap().len(), 3);
    drop(pair);
    assert_eq!(namespace.links().unwrap(), ["lo"]);
}

#[test]
fn down_takes_the_peers_carrier() {
    if !permitted() {
        return;
    }
    let pair = pair(1);
    pair.a().set_down().unwrap();
    let late = pair.b().wait_up(Duration::from_millis(1500));
    assert!(matches!(late, Err(TestbedError::NotUp { .. })), "{late:?}");
    pair.a().set_up().unwrap();
    pair.a().wait_up(Duration::from_secs(30)).unwrap();
    pair.b().wait_up(Duration::from_secs(30)).unwrap();
}

#[test]
fn a_deleted_link_is_gone() {
    if !permitted() {
        return;
    }
    let pair = pair(1);
    let end = pair.b().clone();
    pair.delete().unwrap();
    let gone = |error| matches!(error, TestbedError::Gone { name } if name == end.name());
    assert!(gone(end.counters().unwrap_err()));
    assert!(gone(end.set_up().unwrap_err()));
    assert!(gone(end.set_gro(true).unwrap_err()));
    assert!(gone(end.add_address(A, 24).unwrap_err()));
    assert!(gone(end.wait_up(Duration::from_secs(30)).unwrap_err()));
}

#[test]
fn settings_out_of_range_are_refused() {
    if !permitted() {
        return;
    }
    let namespace = NetNs::new().unwrap();
    let builder = || VethPair::builder(&namespace, &namespace);
    let refused = [
        builder().queues(0),
        builder().queues(4097),
        builder().mtu(67),
        builder().mtu(65536),
        builder().names("", "b"),
        builder().names("a", "sixteen-bytes-xx"),
        builder().macs([1, 0, 0, 0, 0, 0], [2, 0, 0, 0, 0, 0]),
    ];
    for builder in refused {
        let made = builder.build();
        assert!(matches!(made, Err(TestbedError::Invalid { .. })), "{made:?}");
    }
}

#[test]
fn limits_are_the_kernels() {
    if !permitted() {
        return;
    }
    let namespace = NetNs::new().unwrap();
    let builder = || VethPair::builder(&namespace, &namespace).up(false);
    builder().queues(4096).build().unwrap().delete().unwrap();
    builder().mtu(68).build().unwrap().delete().unwrap();
    let pair = builder().mtu(65535).build().unwrap();
    pair.a().set_mtu(1500).unwrap();
    assert!(pair.a().set_mtu(65536).is_err());
}

#[test]
fn ipv6_is_off_unless_asked_for() {
    if !permitted() {
        return;
    }
    let address = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1));
    let refused = pair(1).a().add_address(address, 64).unwrap_err();
    assert!(matches!(refused, TestbedError::Ipv6Disabled { .. }), "{refused}");

    let with_ipv6 = || NetNs::builder().ipv6(true).build().unwrap();
    let pair = VethPair::create(&with_ipv6(), &with_ipv6(), 1).unwrap();
    pair.a().add_address(address, 64).unwrap();
    // Without duplicate address detection the address can be bound at once.
    let bound = pair.a().namespace().run(|| UdpSocket::bind((address, 0)).map(drop));
    bound.unwrap().unwrap();
}

#[test]
fn no_program_is_attached_at_first() {
    if !permitted() {
        return;
    }
    assert_eq!(pair(1).a().xdp_attached().unwrap(), None);
}

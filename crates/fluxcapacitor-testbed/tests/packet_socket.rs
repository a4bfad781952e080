//! Raw frames between the ends, and what offloads do to them.
#![cfg(target_os = "linux")]

use std::{
    net::{IpAddr, Ipv4Addr, UdpSocket},
    time::{Duration, Instant},
};

use fluxcapacitor_testbed::{NetNs, PacketSocket, TestbedError, VethPair, permitted};

/// How long something that must happen may take: a machine with other work is slow.
const PATIENCE: Duration = Duration::from_secs(30);

fn pair() -> VethPair {
    let (a, b) = (NetNs::new().unwrap(), NetNs::new().unwrap());
    VethPair::create(&a, &b, 2).unwrap()
}

/// A frame to nobody, of a type that no stack answers.
fn frame(fill: u8, length: usize) -> Vec<u8> {
    let mut frame = vec![fill; length];
    frame[..6].copy_from_slice(&[0x02, 0xde, 0xad, 0, 0, 1]);
    frame[6..12].copy_from_slice(&[0x02, 0xbe, 0xef, 0, 0, 1]);
    frame[12..14].copy_from_slice(&[0x88, 0xb5]);
    frame
}

#[test]
fn frames_cross_both_ways() {
    if !permitted() {
        return;
    }
    let pair = pair();
    let a = PacketSocket::open(pair.a()).unwrap();
    let b = PacketSocket::open(pair.b()).unwrap();
    let mut buffer = [0; 2048];
    for (length, fill) in [(14, 0), (60, 1), (1514, 2)] {
        a.send(&frame(fill, length)).unwrap();
        b.send(&frame(fill + 100, length)).unwrap();
        assert_eq!(b.recv(&mut buffer, PATIENCE).unwrap(), Some(length));
        assert_eq!(buffer[..length], frame(fill, length));
        assert_eq!(a.recv(&mut buffer, PATIENCE).unwrap(), Some(length));
        assert_eq!(buffer[..length], frame(fill + 100, length));
    }
    // Nothing else was there, and none of what each side sent itself.
    assert_eq!(a.recv(&mut buffer, Duration::ZERO).unwrap(), None);
    assert_eq!(b.recv(&mut buffer, Duration::ZERO).unwrap(), None);
    assert_eq!(pair.b().counters().unwrap().rx_packets, 3);
}

#[test]
fn a_burst_fits_the_receive_buffer() {
    if !permitted() {
        return;
    }
    let pair = pair();
    let a = PacketSocket::open(pair.a()).unwrap();
    let b = PacketSocket::open(pair.b()).unwrap();
    for fill in 0..2000_u32 {
        a.send(&frame(fill as u8, 1514)).unwrap();
    }
    let mut buffer = [0; 2048];
    for fill in 0..2000_u32 {
        assert_eq!(b.recv(&mut buffer, PATIENCE).unwrap(), Some(1514));
        assert_eq!(buffer[14], fill as u8);
    }
}

#[test]
fn receiving_is_bounded() {
    if !permitted() {
        return;
    }
    let pair = pair();
    let socket = PacketSocket::open(pair.a()).unwrap();
    let start = Instant::now();
    let received = socket.recv(&mut [0; 64], Duration::from_millis(50));
    assert_eq!(received.unwrap(), None);
    assert!(start.elapsed() >= Duration::from_millis(50));
    assert!(start.elapsed() < PATIENCE);
}

#[test]
fn other_links_are_not_heard() {
    if !permitted() {
        return;
    }
    let namespace = NetNs::new().unwrap();
    let one = VethPair::create(&namespace, &namespace, 1).unwrap();
    let other = VethPair::create(&namespace, &namespace, 1).unwrap();
    let listener = PacketSocket::open(one.b()).unwrap();
    let sender = PacketSocket::open(other.a()).unwrap();
    sender.send(&frame(1, 60)).unwrap();
    let heard = listener.recv(&mut [0; 64], Duration::from_millis(50));
    assert_eq!(heard.unwrap(), None);
}

#[test]
fn wrong_lengths_are_refused() {
    if !permitted() {
        return;
    }
    let pair = pair();
    let a = PacketSocket::open(pair.a()).unwrap();
    let b = PacketSocket::open(pair.b()).unwrap();
    assert!(a.send(&frame(0, 1600)).is_err());
    assert!(a.send(&[0; 13]).is_err());
    a.send(&frame(0, 100)).unwrap();
    a.send(&frame(1, 60)).unwrap();
    let mut buffer = [0; 64];
    let long = b.recv(&mut buffer, PATIENCE);
    assert!(
        matches!(long, Err(TestbedError::FrameTooLong { frame_len: 100, buffer_len: 64 })),
        "{long:?}"
    );
    assert_eq!(b.recv(&mut buffer, PATIENCE).unwrap(), Some(60));
}

#[test]
fn a_deleted_end_cannot_be_opened() {
    if !permitted() {
        return;
    }
    let pair = pair();
    let end = pair.a().clone();
    pair.delete().unwrap();
    let gone = PacketSocket::open(&end);
    assert!(matches!(gone, Err(TestbedError::Gone { .. })), "{gone:?}");
}

#[test]
fn checksum_offload_can_be_turned_off() {
    if !permitted() {
        return;
    }
    let address = IpAddr::from(Ipv4Addr::new(10, 88, 0, 1));
    let peer = IpAddr::from(Ipv4Addr::new(10, 88, 0, 2));
    let pair = pair();
    pair.a().add_address(address, 24).unwrap();
    pair.a().add_neighbour(peer, pair.b().mac()).unwrap();
    let tap = PacketSocket::open(pair.b()).unwrap();
    let bind = || UdpSocket::bind((address, 0)).unwrap();
    let sender = pair.a().namespace().run(bind).unwrap();
    let sum_is_right = || {
        sender.send_to(b"great scott!", (peer, 88)).unwrap();
        let mut buffer = [0; 128];
        let length = tap.recv(&mut buffer, PATIENCE).unwrap().unwrap();
        udp_sum(&buffer[14..length]) == 0xffff
    };

    assert!(!sum_is_right(), "veth leaves checksums out by default");
    let feature = "tx-checksum-ip-generic";
    pair.a().set_feature(feature, false).unwrap();
    assert!(sum_is_right());
    pair.a().set_feature(feature, true).unwrap();
    assert!(!sum_is_right());
}

/// Ones' complement sum over pseudo-header and UDP of an IPv4 packet without options.
fn udp_sum(packet: &[u8]) -> u16 {
    let udp = &packet[20..];
    let words = packet[12..20].chunks(2).chain(udp.chunks(2));
    let word = |bytes: &[u8]| u32::from(bytes[0]) << 8 | bytes.get(1).map_or(0, |&b| b.into());
    let mut sum = words.map(word).sum::<u32>() + 17 + udp.len() as u32;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[test]
fn features_answer_by_name() {
    if !permitted() {
        return;
    }
    let pair = pair();
    pair.a().set_gro(true).unwrap();
    pair.a().set_gro(true).unwrap();
    pair.a().set_gro(false).unwrap();
    let unknown = pair.a().set_feature("flux-capacitor", true);
    assert!(matches!(unknown, Err(TestbedError::Feature { .. })), "{unknown:?}");
}

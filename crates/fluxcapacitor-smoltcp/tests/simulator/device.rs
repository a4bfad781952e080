//! The device itself: what it says of itself, and what it does with a packet.

use std::time::Duration;

use fluxcapacitor::proto::IpProtocol;
use fluxcapacitor::proto::checksum::{self, PseudoHeader};
use fluxcapacitor::simulator::control::{NicConfig, Profile, World};
use fluxcapacitor::{Error, FluxBuilder};
use fluxcapacitor_smoltcp::FluxDevice;
use smoltcp::phy::{Device, Medium, RxToken, TxToken};
use smoltcp::time::Instant;

use crate::bench::{Bench, PORT, SECOND, Station, address_v6};

#[test]
fn it_says_what_the_interface_can() {
    let world = World::new(1);
    let nic = world.nic(NicConfig::new("a").mtu(1400)).unwrap();
    let builder = FluxBuilder::new(nic.name()).rx_size(512).tx_size(256);
    let device = FluxDevice::of(builder.build_system().unwrap()).unwrap();
    assert_eq!(device.ethernet_address().unwrap().0, nic.mac());
    assert_eq!(device.granted().rings.tx, 256);
    let capabilities = device.capabilities();
    assert_eq!(capabilities.medium, Medium::Ethernet);
    assert_eq!(capabilities.max_transmission_unit, 1414);
    assert_eq!(capabilities.max_burst_size, Some(256));
    let sums = capabilities.checksum;
    for sum in [sums.ipv4, sums.tcp, sums.udp, sums.icmpv4, sums.icmpv6] {
        assert!(sum.rx() && sum.tx());
    }
}

#[test]
fn a_burst_is_no_longer_than_there_are_frames() {
    let world = World::new(1);
    let nic = world.nic(NicConfig::new("a")).unwrap();
    let few = FluxBuilder::new(nic.name()).frames(100).build_system().unwrap();
    let device = FluxDevice::of(few).unwrap();
    assert_eq!(device.capabilities().max_burst_size, Some(50));
}

#[test]
fn it_is_one_queue() {
    let world = World::new(1);
    let nic = world.nic(NicConfig::new("a").queues(2)).unwrap();
    let system = FluxBuilder::new(nic.name()).queues([0, 1]).build_system().unwrap();
    let refused = FluxDevice::of(system).unwrap_err();
    assert!(matches!(refused, Error::Invalid { .. }), "{refused}");
}

/// A packet to station 2, from whatever IPv4 address.
fn packet(bench: &Bench, from: [u8; 4], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = (20 + payload.len() as u16).to_be_bytes();
    let mut header = [0x45, 0, high, low, 0, 0, 0, 0, 64, protocol, 0, 0, 0, 0, 0, 0, 10, 9, 0, 2];
    header[12..16].copy_from_slice(&from);
    let sum = checksum::of(&header);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    let addresses = [&bench.two.nic.mac()[..], &bench.one.nic.mac(), &[8, 0]].concat();
    [&addresses, &header[..], payload].concat()
}

/// A datagram of 100 bytes from station 1 to station 2.
fn datagram(bench: &Bench, number: u8) -> Vec<u8> {
    let [high, low] = PORT.to_be_bytes();
    let header = [high, low, high, low, 0, 108, 0, 0];
    packet(bench, [10, 9, 0, 1], 17, &[&header[..], &[number; 100]].concat())
}

#[test]
fn packets_from_nowhere_harm_nobody() {
    let mut bench = Bench::new(8, Profile::Copy);
    let (two, _) = (bench.two.add_tcp(4096), bench.two.add_udp());
    bench.two.tcp(two).listen(80).unwrap();
    let mut syn = [0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0];
    let mut ping = [8, 0, 0, 0, 0, 1, 0, 1];
    let closed = [0, 9, 0, 9, 0, 8, 0, 0];
    for from in [[0; 4], [10, 9, 0, 1]] {
        let pseudo = PseudoHeader::v4(from.into(), [10, 9, 0, 2].into());
        syn[16..18].fill(0);
        let sum = !pseudo.sum(IpProtocol::TCP, 20).bytes(&syn).fold();
        syn[16..18].copy_from_slice(&sum.to_be_bytes());
        ping[2..4].fill(0);
        let sum = checksum::of(&ping);
        ping[2..4].copy_from_slice(&sum.to_be_bytes());
        for (protocol, payload) in [(6, &syn[..]), (1, &ping), (17, &closed)] {
            bench.two.nic.inject(&packet(&bench, from, protocol, payload));
            let now = bench.now();
            (0..3).for_each(|_| _ = bench.two.poll(now));
        }
        let is_answered = bench.two.tcp(two).state() != smoltcp::socket::tcp::State::Listen;
        assert_eq!(is_answered, from != [0; 4]);
    }
    bench.run(|station, _| station.nic.counters().rx_packets > 0);
    bench.conserved();
}

#[test]
fn half_a_checksum_is_completed_and_a_wrong_one_is_refused() {
    let mut bench = Bench::new(1, Profile::Copy);
    let two = bench.two.add_udp();
    let pseudo = PseudoHeader::v4([10, 9, 0, 1].into(), [10, 9, 0, 2].into());
    let half = pseudo.sum(IpProtocol::UDP, 108).fold();
    for (number, sum, arrives) in [(1, half, true), (2, half ^ 1, false), (3, half, true)] {
        let mut packet = datagram(&bench, number);
        packet[40..42].copy_from_slice(&sum.to_be_bytes());
        bench.two.nic.inject(&packet);
        let now = bench.now();
        bench.two.poll(now);
        let received = bench.two.udp(two).recv().ok().map(|(bytes, _)| bytes.to_vec());
        assert_eq!(received, arrives.then(|| vec![number; 100]));
    }
}

#[test]
fn what_is_longer_than_the_interface_takes_is_dropped_and_counted() {
    let mut bench = Bench::new(2, Profile::Copy);
    let (one, two) = (bench.one.add_udp(), bench.two.add_udp());
    let to = (address_v6(2), PORT);
    // 1452 bytes are the most that fit; 1700 would fit a frame, 4000 not even that.
    for len in [10, 1453, 1700, 4000, 1452] {
        bench.one.udp(one).send_slice(&vec![len as u8; len], to).unwrap();
    }
    let mut received = Vec::new();
    bench.run(|_, station| {
        received.extend(station.udp(two).recv().map(|(bytes, _)| bytes.len()));
        received.len() == 2
    });
    assert_eq!(received, [10, 1452]);
    assert_eq!((bench.one.device.too_long(), bench.two.device.too_long()), (3, 0));
    bench.conserved();
}

#[test]
fn no_packet_costs_an_allocation() {
    let mut bench = Bench::new(3, Profile::Copy);
    let packet = datagram(&bench, 1);
    let nic = bench.two.nic.clone();
    let device = &mut bench.two.device;
    for _ in 0..2 {
        (0..500).for_each(|_| nic.inject(&packet));
        let (mut received, mut sent) = (0, 0);
        let counted = allocation_counter::measure(|| {
            while received < 500 {
                let Some((rx, tx)) = device.receive(Instant::ZERO) else { continue };
                rx.consume(|bytes| assert_eq!(bytes, packet));
                received += 1;
                // A flush would have the simulator allocate.
                if received % 10 == 0 {
                    tx.consume(packet.len(), |to| to.copy_from_slice(&packet));
                    sent += 1;
                }
            }
        });
        assert_eq!((counted.count_total, sent), (0, 50));
        device.flush().unwrap();
    }
    assert_eq!(nic.counters().tx_packets, 100);
    bench.conserved();
}

#[test]
fn tokens_that_are_not_used_lose_nothing_but_the_packet() {
    let mut bench = Bench::new(4, Profile::Copy);
    let (packet, nic) = (datagram(&bench, 1), bench.two.nic.clone());
    for _ in 0..10_000 {
        nic.inject(&packet);
        drop(bench.two.device.receive(Instant::ZERO));
        let _unused = bench.two.device.transmit(Instant::ZERO);
    }
    assert_eq!((nic.counters().rx_dropped, nic.counters().tx_packets), (0, 0));
    bench.conserved();
}

#[test]
fn an_interface_that_has_gone_is_told() {
    for (poll_first, sends) in [(false, false), (true, true)] {
        let mut bench = Bench::new(5, Profile::Copy);
        let (one, _two) = bench.udp();
        bench.one.nic.remove();
        let now = bench.now();
        if sends {
            bench.one.send(one, 2, 100);
        }
        // After 64 packets there is a flush, in a poll that has no error to tell of it by.
        for _ in 0..if poll_first { 100 } else { 0 } {
            bench.one.poll(now);
        }
        let Station { device, .. } = &mut bench.one;
        assert_eq!(device.transmit(Instant::ZERO).is_none(), poll_first);
        let error = device.wait(None, SECOND).unwrap_err();
        assert!(matches!(error, Error::LinkGone), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn its_descriptor_is_readable_while_there_are_packets() {
    use std::io::Read;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    let mut bench = Bench::new(6, Profile::Copy);
    let is_readable = |device: &FluxDevice| {
        let mut stream = UnixStream::from(device.as_fd().try_clone_to_owned().unwrap());
        stream.read(&mut [0]).is_ok()
    };
    assert!(!is_readable(&bench.two.device));
    bench.two.nic.inject(&datagram(&bench, 1));
    assert!(is_readable(&bench.two.device));
    bench.two.poll(Instant::ZERO);
    bench.two.device.wait(None, Duration::ZERO).unwrap();
    assert!(!is_readable(&bench.two.device));
}

//! Packets of several frames.

use std::io::Write;
use std::net::{IpAddr, TcpStream};
use std::time::Instant;

use fluxcapacitor::hook::{Attach, AttachMode};
use fluxcapacitor::proto::checksum;
use fluxcapacitor::raw::{Interest, Waited};
use fluxcapacitor::system::{self, Batch};
use fluxcapacitor_testbed::PacketSocket;

use super::{PATIENCE, SECOND, conserved, open, packet, pair};

#[test]
fn jumbo_frames_are_echoed_native_and_generic() {
    for (attach, mode) in
        [(Attach::Native, AttachMode::Native), (Attach::Generic, AttachMode::Generic)]
    {
        let Some(pair) = pair(1) else { return };
        pair.a().set_mtu(9000).unwrap();
        pair.b().set_mtu(9000).unwrap();
        let peer = PacketSocket::open(pair.a()).unwrap();
        let mut raw = open(pair.b(), |builder| builder.attach(attach).multi_buffer(true)).unwrap();
        let granted = raw.granted();
        assert_eq!((granted.attach, granted.segments_max), (Some(mode), 17), "{granted}");
        assert!(granted.multi_buffer);

        let mut buffer = vec![0; 16384];
        for number in 0..200u32 {
            let mut sent = packet(pair.a(), pair.b(), number);
            sent.extend((number..).flat_map(u32::to_be_bytes).take(number as usize * 38));
            peer.send(&sent).unwrap();
            assert_eq!(raw.wait(Interest::Rx, PATIENCE).unwrap(), Waited::Ready, "{number}");
            let mut whole = raw.rx.receive_whole(64).unwrap();
            let mut chain = whole.next().expect("a packet");
            assert!(whole.next().is_none());
            drop(whole);
            assert_eq!(chain.segments(), (sent.len() as u32).div_ceil(1792));
            let bytes: Vec<u8> = raw.umem.slices(&chain).unwrap().flatten().copied().collect();
            assert!(bytes == sent, "{mode}, {number}");

            // Back with another first and last byte.
            let mut slices = raw.umem.slices_mut(&mut chain).unwrap();
            slices.next().unwrap()[..6].copy_from_slice(&pair.a().mac());
            *slices.last().unwrap_or(&mut [0]).last_mut().unwrap() = 7;
            raw.tx.push_chain(chain).unwrap();
            raw.flush().unwrap();
            raw.reclaim().unwrap();
            raw.refill().unwrap();
            let len = peer.recv(&mut buffer, PATIENCE).unwrap().expect("its echo");
            assert_eq!(len, sent.len());
            assert_eq!(buffer[..6], pair.a().mac());
            assert_eq!(buffer[6..len - 1], sent[6..len - 1]);
            if len > 1792 {
                assert_eq!(buffer[len - 1], 7);
            }
        }
        raw.reclaim().unwrap();
        conserved(&raw);
        assert_eq!(raw.statistics().unwrap().tx_invalid_descs, 0);
    }
}

/// The same as packets that are owned.
#[test]
fn jumbo_frames_are_owned_and_sent_on() {
    let Some(pair) = pair(1) else { return };
    pair.a().set_mtu(9000).unwrap();
    pair.b().set_mtu(9000).unwrap();
    let peer = PacketSocket::open(pair.a()).unwrap();
    let raw = open(pair.b(), |builder| builder.multi_buffer(true)).unwrap();
    let ((mut rx, mut tx), mut batch) = (system::split(raw), Batch::new(8));
    let mut buffer = vec![0; 16384];
    for number in 0..200u32 {
        let mut sent = packet(pair.a(), pair.b(), number);
        sent.extend((number..).flat_map(u32::to_be_bytes).take(number as usize * 38));
        peer.send(&sent).unwrap();
        assert_eq!(rx.recv_timeout(&mut batch, PATIENCE).unwrap(), 1, "{number}");
        let mut packet = batch.pop().unwrap();
        assert_eq!(packet.is_linear(), sent.len() <= 1792);
        let bytes: Vec<u8> = packet.segments().flatten().copied().collect();
        assert!(bytes == sent, "{number}");
        packet.data_mut()[..6].copy_from_slice(&pair.a().mac());
        tx.send(packet).unwrap();
        tx.flush().unwrap();
        let len = peer.recv(&mut buffer, PATIENCE).unwrap().expect("its echo");
        assert_eq!((len, &buffer[6..len]), (sent.len(), &sent[6..]));
    }
    // The peer has a packet before the kernel is through with it.
    let deadline = Instant::now() + PATIENCE;
    while tx.in_flight() > 0 && Instant::now() < deadline {
        tx.reclaim().unwrap();
    }
    assert_eq!((tx.in_flight(), tx.umem().census().tx), (0, 0));
}

#[test]
fn what_is_longer_than_the_link_takes_is_not_fit_for_a_chain() {
    let Some(pair) = pair(1) else { return };
    pair.b().set_mtu(65535).unwrap();
    let refused = open(pair.b(), |builder| builder.multi_buffer(true)).unwrap_err();
    assert!(refused.to_string().contains("37 frames, and 17 are the most"), "{refused}");
}

/// Ethernet, IPv4 and TCP: what a listener answers to a SYN, so that the other end sends as much as it may.
fn syn_ack(syn: &[u8]) -> Vec<u8> {
    let next = u32::from_be_bytes(syn[38..42].try_into().unwrap()).wrapping_add(1);
    let mut reply = [&syn[6..12], &syn[..6], &[8, 0]].concat();
    reply.extend([0x45, 0, 0, 44, 0, 0, 0x40, 0, 64, 6, 0, 0]);
    reply.extend([&syn[30..34], &syn[26..30]].concat());
    reply.extend([&syn[36..38], &syn[34..36], &[0, 0, 0, 1], &next.to_be_bytes()].concat());
    // SYN and ACK; a window; and segments of 1460 bytes.
    reply.extend([0x60, 0x12, 0xff, 0xff, 0, 0, 0, 0, 2, 4, 0x05, 0xb4]);
    let header = checksum::of(&reply[14..34]).to_be_bytes();
    reply[24..26].copy_from_slice(&header);
    let pseudo = [&reply[26..34], &[0, 6, 0, 24], &reply[34..]].concat();
    reply[50..52].copy_from_slice(&checksum::of(&pseudo).to_be_bytes());
    reply
}

#[test]
fn what_the_peer_has_not_cut_comes_whole_or_is_dropped_and_that_is_said() {
    for multi_buffer in [true, false] {
        let Some(pair) = pair(1) else { return };
        let [near, far] = [[10, 88, 0, 1], [10, 88, 0, 2]].map(IpAddr::from);
        pair.a().add_address(near, 24).unwrap();
        pair.a().add_neighbour(far, pair.b().mac()).unwrap();
        let mut raw =
            open(pair.b(), |builder| builder.attach(Attach::Generic).multi_buffer(multi_buffer))
                .unwrap();
        let warned = raw.granted().shortfalls().any(|line| line.contains("longer than a frame"));
        assert_eq!(warned, !multi_buffer, "{:?}", raw.granted());

        let client = pair.a().namespace().spawn("client", move || {
            let mut stream = TcpStream::connect_timeout(&(far, 80).into(), PATIENCE).unwrap();
            stream.write_all(&[7; 20_000]).unwrap();
        });
        let deadline = Instant::now() + PATIENCE;
        let mut longest = 0;
        while longest <= 1514 && raw.statistics().unwrap().rx_dropped == 0 {
            assert!(Instant::now() < deadline, "nothing longer than 1514 bytes was sent");
            raw.wait(Interest::Rx, SECOND / 10).unwrap();
            for chain in raw.rx.receive_whole(64).unwrap() {
                longest = longest.max(chain.len());
                let first = raw.umem.packet(chain.first().unwrap()).unwrap();
                let is_syn = first.len() >= 54 && first[12..14] == [8, 0] && first[47] == 2;
                let reply = is_syn.then(|| syn_ack(first));
                raw.pool.give_chain(chain).unwrap();
                if let Some(reply) = reply {
                    raw.tx.push_chain(raw.pool.write(&reply).unwrap()).unwrap();
                }
            }
            raw.flush().unwrap();
            raw.reclaim().unwrap();
            raw.refill().unwrap();
        }
        assert_eq!(longest > 1514, multi_buffer, "{longest}");
        client.unwrap().join().unwrap();
        conserved(&raw);
    }
}

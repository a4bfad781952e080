//! Splitting, and halves that go before each other.

use fluxcapacitor::builder::Queues;
use fluxcapacitor::simulator::control::NicConfig;
use fluxcapacitor::system::{self, Batch};
use fluxcapacitor::{Error, FluxBuilder, Packet};

use crate::bench::{Bench, PROFILES, SECOND, at_rest, none_stranded, packet, packets};

#[test]
fn a_queue_is_free_when_both_halves_are_gone() {
    let bench = Bench::new(PROFILES[0]);
    for rx_first in [true, false] {
        let (rx, tx) = bench.open(|builder| builder);
        let reader = rx.stats_reader();
        let busy = || FluxBuilder::new(bench.nic.name()).build_raw();
        if rx_first {
            drop(rx);
            assert!(busy().is_err(), "the other half has it still");
            drop(tx);
        } else {
            drop(tx);
            assert!(busy().is_err(), "the other half has it still");
            drop(rx);
        }
        assert_eq!(reader.read().unwrap().queues[0].socket, None);
        drop(busy().unwrap());
    }
}

#[test]
fn a_sender_that_goes_leaves_its_frames_to_the_receiver() {
    for profile in PROFILES {
        let bench = Bench::new(profile);
        let (mut rx, mut tx) = bench.open(|builder| builder.frames(128).fill_size(128).tx_size(64));
        // Some in its pool, some on their way home to it, some sent, and some that come home later.
        let mut own: Vec<Packet> = std::iter::from_fn(|| tx.allocate()).take(40).collect();
        let late = own.split_off(30);
        for mut packet in own.drain(20..) {
            packet.write(&self::packet(1)).unwrap();
            tx.send(packet).unwrap();
        }
        bench.finish(&mut tx);
        drop(own);
        drop(tx);
        let mut held: Vec<Packet> = Vec::new();
        let mut receive = |rx: &mut fluxcapacitor::FluxRx, count: usize| {
            for number in 0..1000 {
                if held.len() == count {
                    break;
                }
                bench.inject(&packets(number..number + 1));
                held.extend(bench.receive(rx));
            }
            assert_eq!(held.len(), count, "{profile:?}: {}", rx.umem().census());
        };
        receive(&mut rx, 128 - late.len());
        drop(late);
        receive(&mut rx, 128);
        drop(held);
        assert_eq!(bench.receive(&mut rx).len(), 0);
        at_rest(rx.umem());
    }
}

#[test]
fn a_receiver_that_goes_does_not_hinder_the_sender() {
    for profile in PROFILES {
        let bench = Bench::new(profile);
        let (mut rx, mut tx) = bench.open(|builder| builder.frames(128).tx_size(32));
        bench.inject(&packets(0..10));
        let mut batch = Batch::new(64);
        rx.recv_timeout(&mut batch, SECOND).unwrap();
        drop(rx);
        assert_eq!(tx.send_batch(&mut batch).unwrap(), 10);
        bench.finish(&mut tx);
        for number in 10..200 {
            let mut packet = tx.allocate().expect("its own frames are enough");
            packet.write(&self::packet(number)).unwrap();
            tx.send(packet).unwrap();
            bench.finish(&mut tx);
        }
        assert!(bench.sent() == packets(0..200), "{profile:?}");
        assert_eq!(tx.umem().census().total(), 128);
    }
}

/// Fresh packets come by the batch, behind what is in it, as far as there is room and there are frames.
#[test]
fn fresh_packets_come_by_the_batch() {
    for profile in PROFILES {
        let bench = Bench::new(profile);
        let (mut rx, mut tx) = bench.open(|builder| builder.frames(128).tx_size(32));
        let own = tx.umem().census().user as usize;
        let (mut batch, mut sent) = (Batch::new(24), Vec::new());
        for round in 0..100 {
            bench.inject(&packets(round..round + 1));
            rx.recv_timeout(&mut batch, SECOND).unwrap();
            assert_eq!(tx.allocate_batch(&mut batch, 70).unwrap(), 23, "{own} frames");
            for packet in batch.iter_mut().skip(1) {
                assert_eq!((packet.len(), packet.headroom(), packet.queue()), (70, 256, 0));
                packet.data_mut().fill(round as u8);
            }
            sent.push(packet(round));
            sent.extend((0..23).map(|_| vec![round as u8; 70]));
            assert_eq!(tx.send_batch(&mut batch).unwrap(), 24);
            bench.finish(&mut tx);
        }
        assert!(bench.sent() == sent, "{profile:?}");
        let refused = tx.allocate_batch(&mut batch, 1793).unwrap_err();
        assert_eq!((refused.need, refused.have, batch.len()), (1793, 1792, 0));
        tx.allocate_batch(&mut batch, usize::MAX).unwrap_err();
        let mut most = Batch::new(1000);
        assert_eq!(tx.allocate_batch(&mut most, 1792).unwrap(), own);
        assert_eq!(tx.allocate_batch(&mut most, 60).unwrap(), 0, "there is none left");
        drop(most);
        assert_eq!(tx.allocate_batch(&mut batch, 0).unwrap(), 24, "they have come home");
        drop(batch);
        at_rest(rx.umem());
    }
}

#[test]
fn each_queue_gives_halves_of_its_own() {
    let bench = Bench::new(PROFILES[0]);
    let nic = bench.world.nic(NicConfig::new("three").queues(3)).unwrap();
    let system =
        FluxBuilder::new(nic.name()).queues(Queues::All).frames(256).build_system().unwrap();
    let granted: Vec<_> = system.granted().map(|granted| granted.queue).collect();
    assert_eq!(granted, [0, 1, 2]);
    let error = system.split().unwrap_err().to_string();
    assert!(error.contains('3') && error.contains("into_queues()"), "{error}");
    let system =
        FluxBuilder::new(nic.name()).queues(Queues::All).frames(256).build_system().unwrap();
    let mut queues = system.into_queues();
    let mut batch = Batch::new(8);
    for (queue, (rx, tx)) in (0..).zip(&mut queues) {
        assert_eq!((rx.granted().queue, tx.granted().queue), (queue, queue));
        nic.inject_on(queue, &packet(queue));
        assert_eq!(rx.recv_timeout(&mut batch, SECOND).unwrap(), 1);
        assert_eq!(batch.iter().next().unwrap().queue(), queue);
        // They are of different memories.
        let (mine, other) = (batch.pop().unwrap(), (queue as usize + 1) % 3);
        assert_eq!(tx.allocate().unwrap().queue(), queue);
        tx.send(mine).unwrap();
        tx.flush().unwrap();
        assert_eq!(nic.transmitted(), Some(packet(queue)));
        assert_ne!(other, queue as usize);
    }
    let several = FluxBuilder::new(nic.name()).interface(bench.nic.name()).build_system();
    let error = several.unwrap_err();
    assert!(matches!(&error, Error::Invalid { what: "interfaces", .. }), "{error}");
    assert!(error.to_string().contains("build_engine()"), "{error}");
}

#[test]
fn a_raw_socket_is_split_as_it_is() {
    let bench = Bench::new(PROFILES[0]);
    let mut raw = FluxBuilder::new(bench.nic.name()).frames(256).build_raw().unwrap();
    bench.inject(&packets(0..40));
    let taken: Vec<_> = raw.rx.receive(20).unwrap().collect();
    let umem = raw.umem.clone();
    let (mut rx, mut tx) = system::split(raw);
    let rest = bench.receive(&mut rx);
    assert!(rest.iter().map(|packet| packet.data().to_vec()).eq(packets(20..40)));
    drop(rest);
    bench.inject(&packets(0..40));
    assert_eq!(bench.receive(&mut rx).len(), 40);
    bench.finish(&mut tx);
    // Those that were taken in raw mode are in hand: nobody has given them back.
    for (segment, number) in taken.iter().zip(0..) {
        assert_eq!(umem.packet(segment).unwrap(), packet(number));
    }
    at_rest(&umem);
    drop((rx, tx));
    let (mut rx, mut tx) = bench.open(|builder| builder.frames(256));
    none_stranded(&bench, &mut rx, &mut tx);
}

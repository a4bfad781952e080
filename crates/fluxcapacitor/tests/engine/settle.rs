//! What becomes of a packet, and that it is counted as that and nothing else.

use fluxcapacitor::engine::TxFull;
use fluxcapacitor::simulator::control::Profile;
use fluxcapacitor::stats::{Drops, QueueStats};
use fluxcapacitor::{Packet, PacketRef};

use crate::bench::{Bench, PROFILES, at_rest, bytes, inject, number_of, packets, total};

/// The counters of `received` packets, to be changed.
fn counted(received: &[Vec<u8>]) -> QueueStats {
    let mut stats = QueueStats::default();
    (stats.rx_packets, stats.rx_bytes) = (received.len() as u64, bytes(received));
    stats
}

#[test]
fn what_is_transmitted_leaves_as_it_was_changed_and_in_order() {
    for profile in PROFILES {
        let bench = Bench::new(profile, 1, 1);
        let (mut engine, umem) = bench.open(|builder| builder);
        let mut expected = packets(0..1000);
        for burst in expected.chunks(200) {
            inject(&bench.nics[0], burst);
            let seen = bench.turns(&mut engine, |batch| {
                for mut packet in batch {
                    assert_eq!((packet.port(), packet.queue()), (0, 0));
                    assert_eq!(packet.interface(), bench.nics[0].name());
                    let number = number_of(packet.data()) as u8;
                    packet.data_mut()[..12].fill(number);
                    packet.transmit();
                }
            });
            assert_eq!(seen, 200);
        }
        let mut stats = counted(&expected);
        for packet in &mut expected {
            let number = number_of(packet) as u8;
            packet[..12].fill(number);
        }
        assert!(bench.sent(0) == expected, "{profile:?}");
        (stats.tx_packets, stats.tx_bytes) = (1000, stats.rx_bytes);
        assert_eq!(total(&engine), stats);
        at_rest(&umem, 0);
    }
}

#[test]
fn packets_are_forwarded_both_ways_between_two_interfaces_over_one_memory() {
    for profile in PROFILES {
        let bench = Bench::new(profile, 2, 1);
        let (mut engine, umem) = bench.open(|builder| builder);
        let (onward, back) = (packets(0..500), packets(1000..1400));
        for round in 0..5 {
            inject(&bench.nics[0], &onward[round * 100..][..100]);
            inject(&bench.nics[1], &back[round * 80..][..80]);
            bench.turns(&mut engine, |batch| {
                let other = 1 - batch.port();
                batch.into_iter().for_each(|packet| packet.forward(other));
            });
        }
        assert!(bench.sent(1) == onward && bench.sent(0) == back, "{profile:?}");
        let stats = engine.stats().unwrap();
        let ports: Vec<_> = stats.queues.iter().map(|queue| &*queue.interface).collect();
        assert_eq!(ports, [bench.nics[0].name(), bench.nics[1].name()]);
        let [zero, one] = &stats.queues[..] else { panic!("{stats}") };
        assert_eq!((zero.rx_packets, zero.tx_packets), (500, 400));
        assert_eq!((one.rx_packets, one.tx_packets), (400, 500));
        assert_eq!((zero.rx_bytes, zero.tx_bytes), (bytes(&onward), bytes(&back)));
        assert_eq!((one.rx_bytes, one.tx_bytes), (bytes(&back), bytes(&onward)));
        assert_eq!(stats.total().drops, Drops::default());
        at_rest(&umem, 0);
    }
}

#[test]
fn each_way_to_settle_is_counted_as_itself() {
    for profile in PROFILES {
        let bench = Bench::new(profile, 2, 1);
        let (mut engine, umem) = bench.open(|builder| builder);
        let received = packets(0..600);
        let mut kept: Vec<Packet> = Vec::new();
        for burst in received.chunks(150) {
            inject(&bench.nics[0], burst);
            bench.turns(&mut engine, |batch| {
                for mut packet in batch {
                    match number_of(packet.data()) % 8 {
                        0 => packet.transmit(),
                        1 | 2 => packet.forward(1),
                        3 => kept.push(packet.keep()),
                        4 => packet.discard(),
                        // There are two, 0 and 1.
                        5 => packet.forward(2),
                        // Of nothing, nothing can be sent.
                        6 => {
                            let len = packet.len() as i32;
                            packet.adjust_tail(-len).unwrap();
                            assert!(packet.is_empty());
                            packet.transmit();
                        }
                        _ => drop(packet),
                    }
                }
            });
        }
        let mut stats = counted(&received);
        let sent = |of: [usize; 2]| {
            received.iter().enumerate().filter(move |(n, _)| of.contains(&(n % 8)))
        };
        stats.tx_packets = 225;
        stats.tx_bytes =
            sent([0, 0]).chain(sent([1, 2])).map(|(_, packet)| packet.len() as u64).sum();
        stats.kept = 75;
        (stats.drops.unsettled, stats.drops.discarded, stats.drops.tx_refused) = (75, 75, 150);
        assert_eq!(total(&engine), stats, "{profile:?}");
        assert_eq!(stats.drops.total() + stats.kept + stats.tx_packets, stats.rx_packets);
        assert!(bench.sent(0).iter().eq(sent([0, 0]).map(|(_, packet)| packet)));
        assert!(bench.sent(1).iter().eq(sent([1, 2]).map(|(_, packet)| packet)));
        for (at, packet) in kept.iter().enumerate() {
            assert_eq!(packet.data(), received[at * 8 + 3]);
            assert_eq!((packet.port(), packet.queue()), (0, 0));
        }
        at_rest(&umem, kept.len() as u32);
    }
}

#[test]
fn an_engine_says_what_was_granted_and_takes_nonsense_for_the_least() {
    let bench = Bench::new(Profile::Copy, 2, 1);
    let (engine, _umem) = bench.open(|builder| builder.frames(512));
    let granted: Vec<_> = engine.granted().map(|granted| granted.interface.as_str()).collect();
    assert_eq!(granted, [bench.nics[0].name(), bench.nics[1].name()]);
    let mut engine = engine.batch(0).low_water(0).tx_full(TxFull::Drop);
    inject(&bench.nics[1], &packets(0..3));
    let mut sizes = Vec::new();
    bench.turns(&mut engine, |batch| sizes.push((batch.port(), batch.len())));
    assert_eq!(sizes, [(1, 1); 3], "batches of one");
}

#[test]
fn kept_packets_are_ones_own_and_their_frames_come_home_when_they_are_dropped() {
    for profile in PROFILES {
        let bench = Bench::new(profile, 1, 1);
        let (mut engine, umem) = bench.open(|builder| builder.frames(256).fill_size(256));
        // Four times as many packets as there are frames.
        for round in 0..8 {
            let sent = packets(round * 128..(round + 1) * 128);
            let mut kept = Vec::new();
            inject(&bench.nics[0], &sent);
            bench.turns(&mut engine, |batch| {
                kept.extend(batch.into_iter().map(PacketRef::keep));
            });
            assert_eq!(kept.len(), 128, "{profile:?}, round {round}");
            let same = std::thread::spawn(move || {
                kept.iter_mut().zip(&sent).all(|(packet, sent)| {
                    let same = packet.data() == sent;
                    packet.data_mut().fill(0);
                    same
                })
            });
            assert!(same.join().unwrap());
            bench.turns(&mut engine, |_| panic!("nothing has come"));
        }
        assert_eq!(engine.stats().unwrap().total().kept, 1024);
        at_rest(&umem, 0);
    }
}

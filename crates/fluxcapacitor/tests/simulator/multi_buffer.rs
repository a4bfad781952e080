//! Packets of several frames.

use fluxcapacitor::builder::ZeroCopy;
use fluxcapacitor::hook::{Attach, AttachMode};
use fluxcapacitor::raw::{Interest, Kick, Statistics, Waited};
use fluxcapacitor::simulator::control::{Fault, Nic, Profile, Rule};
use fluxcapacitor::{Error, FluxBuilder, FluxRaw};

use crate::bench::{Bench, PROFILES, SECOND, conserved};

const MTU: u32 = 9000;

fn jumbo(seed: u64, profile: Profile) -> Bench {
    let bench = Bench::new(seed, profile);
    bench.a.set_mtu(MTU).unwrap();
    bench.b.set_mtu(MTU).unwrap();
    bench
}

fn open(nic: &Nic, configure: impl FnOnce(FluxBuilder) -> FluxBuilder) -> FluxRaw {
    configure(FluxBuilder::new(nic.name()).multi_buffer(true)).build_raw().unwrap()
}

/// No two are alike, and no two frames of one are.
fn packet(number: u32, len: usize) -> Vec<u8> {
    let mut packet = vec![2; 12];
    packet.extend([0x88, 0xb5]);
    packet.extend((number..).flat_map(u32::to_be_bytes).take(len - packet.len()));
    packet
}

fn send(raw: &mut FluxRaw, packets: &[Vec<u8>]) {
    for packet in packets {
        let chain = raw.pool.write(packet).unwrap();
        raw.tx.push_chain(chain).unwrap();
    }
    raw.flush().unwrap();
    raw.reclaim().unwrap();
}

/// All that has come, as bytes and in so many segments; its frames are posted again.
fn receive(raw: &mut FluxRaw) -> Vec<(Vec<u8>, u32)> {
    let mut packets = Vec::new();
    while raw.wait(Interest::Rx, SECOND).unwrap() == Waited::Ready {
        for packet in raw.rx.receive_whole(64).unwrap() {
            let bytes = raw.umem.slices(&packet).unwrap().flatten().copied().collect();
            packets.push((bytes, packet.segments()));
            raw.pool.give_chain(packet).unwrap();
        }
        raw.refill().unwrap();
    }
    packets
}

#[test]
fn jumbo_frames_are_echoed() {
    for profile in PROFILES {
        let bench = jumbo(1, profile);
        let (mut a, mut b) = (open(&bench.a, |b| b), open(&bench.b, |b| b.frame_size(4096)));
        let granted = a.granted();
        assert!(granted.multi_buffer && granted.segments_max == 17, "{granted}");
        assert_eq!((granted.attach, granted.zero_copy), (Some(AttachMode::Native), false));
        assert!(granted.to_string().contains("packets of up to 17 frames"), "{granted}");
        let why = granted.why_copied.clone().unwrap_or_default();
        assert_eq!(why.contains("packets of several"), profile == Profile::ZeroCopy, "{why}");

        let lengths = [60, 1792, 1793, 3840, 3841, 9014];
        let sent: Vec<_> = (0..).zip(lengths).map(|(n, len)| packet(n * 7000, len)).collect();
        send(&mut a, &sent);
        let mut echoed = 0;
        while b.wait(Interest::Rx, SECOND).unwrap() == Waited::Ready {
            for packet in b.rx.receive_whole(64).unwrap() {
                b.tx.push_chain(packet).unwrap();
                echoed += 1;
            }
            b.flush().unwrap();
            b.reclaim().unwrap();
            b.refill().unwrap();
        }
        assert_eq!(echoed, sent.len());
        let received = receive(&mut a);
        let segments: Vec<u32> = received.iter().map(|(_, segments)| *segments).collect();
        assert_eq!(segments, [1, 1, 2, 3, 3, 6]);
        assert!(received.into_iter().map(|(bytes, _)| bytes).eq(sent), "{profile:?}");
        [&a, &b].into_iter().for_each(conserved);
    }
}

#[test]
fn a_packet_comes_whole_or_not_at_all() {
    let bench = jumbo(2, Profile::Copy);
    let long = packet(1, 9000);
    let check = |raw: &FluxRaw, expected: fn(&mut Statistics)| {
        let mut statistics = Statistics::default();
        expected(&mut statistics);
        assert_eq!(raw.statistics().unwrap(), statistics);
    };
    // Eight frames are posted: one packet takes six of them.
    let mut raw = open(&bench.b, |b| b.frames(16).fill_size(8).tx_size(8));
    (0..3).for_each(|_| bench.b.inject(&long));
    check(&raw, |s| s.rx_dropped = 2);
    // There are two, and then none at all.
    (0..3).for_each(|_| bench.b.inject(&packet(2, 100)));
    check(&raw, |s| (s.rx_dropped, s.rx_fill_ring_empty_descs) = (3, 1));
    bench.b.inject(&long);
    check(&raw, |s| (s.rx_dropped, s.rx_fill_ring_empty_descs) = (4, 2));
    assert_eq!(receive(&mut raw).len(), 3);
    conserved(&raw);
    drop(raw);

    bench.world.run_for(SECOND);
    let mut raw = open(&bench.b, |b| b.rx_size(8));
    (0..3).for_each(|_| bench.b.inject(&long));
    check(&raw, |s| s.rx_ring_full = 2);
    assert_eq!((raw.rx.occupancy(), receive(&mut raw)), (6, vec![(long, 6)]));
    conserved(&raw);
}

#[test]
fn a_packet_may_be_cut_by_the_budget_and_goes_out_whole() {
    let bench = jumbo(3, Profile::Copy);
    let mut raw = open(&bench.a, |b| b.tx_size(512));
    let mut peer = open(&bench.b, |b| b);
    assert_eq!(raw.granted().tx_budget, Some(256));
    // Five frames to a packet, so that the last one is cut behind the first.
    let sent: Vec<_> = (0..52).map(|number| packet(number * 9000, 9000)).collect();
    for packet in &sent {
        let chain = raw.pool.write(packet).unwrap();
        raw.tx.push_chain(chain).unwrap();
    }
    raw.tx.publish();
    assert_eq!(raw.device().kick_tx().unwrap(), Kick::Again);
    assert_eq!((raw.tx.occupancy(), raw.reclaim().unwrap()), (4, 255));
    raw.flush().unwrap();
    raw.reclaim().unwrap();
    assert!(receive(&mut peer).into_iter().map(|(bytes, _)| bytes).eq(sent));
    assert_eq!((raw.statistics().unwrap().tx_invalid_descs, raw.census().tx), (0, 0));
    [&raw, &peer].into_iter().for_each(conserved);
}

#[test]
fn without_it_jumbo_frames_are_refused_or_dropped() {
    let bench = jumbo(4, Profile::Copy);
    let refused = FluxBuilder::new(bench.b.name()).build_raw().unwrap_err();
    assert!(matches!(refused, Error::Invalid { what: "frame size", .. }), "{refused}");
    assert!(refused.to_string().contains("or ask for multi_buffer"), "{refused}");

    for nic in [&bench.a, &bench.b] {
        nic.set_mtu(1500).unwrap();
    }
    let raw = FluxBuilder::new(bench.b.name()).build_raw().unwrap();
    assert!(!raw.granted().multi_buffer && raw.granted().segments_max == 1);
    bench.b.set_mtu(MTU).unwrap();
    bench.b.inject(&packet(1, 1793));
    assert_eq!((raw.statistics().unwrap().rx_dropped, raw.rx.occupancy()), (1, 0));
}

#[test]
fn a_driver_takes_jumbo_frames_with_a_program_that_does() {
    for profile in PROFILES {
        let bench = jumbo(5, profile);
        assert!(!bench.b.facts().native_xdp);
        let plain =
            |attach| fluxcapacitor::hook::Hook::open(bench.b.name(), attach, &Default::default());
        let refused = plain(Attach::Native).unwrap_err();
        assert!(matches!(refused, Error::NoNativeMode { .. }), "{refused}");
        let generic = plain(Attach::Auto).unwrap();
        assert!(generic.why_not_native().unwrap().contains("ask for multi_buffer"));
        drop(generic);
        assert_eq!(open(&bench.b, |b| b.attach(Attach::Native)).granted().why_not_native, None);
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let bench = jumbo(6, Profile::ZeroCopy);
    let ask = |configure: fn(FluxBuilder) -> FluxBuilder| {
        configure(FluxBuilder::new(bench.b.name()).multi_buffer(true)).build_raw().unwrap_err()
    };
    let refused = ask(|b| b.zero_copy(ZeroCopy::Require));
    assert!(matches!(&refused, Error::NoZeroCopy { why, .. } if why.contains("several segments")));
    // Six frames to a packet.
    let refused = ask(|b| b.rx_size(4));
    assert!(refused.to_string().contains("6 frames, and 4 are the most"), "{refused}");
    bench.b.set_mtu(65_535).unwrap();
    let refused = ask(|b| b.frame_size(4096));
    assert!(refused.to_string().contains("18 frames, and 17 are the most"), "{refused}");
}

#[test]
fn no_frame_is_lost_to_forged_packets_without_an_end() {
    let bench = jumbo(7, Profile::Copy);
    let (mut a, mut b) = (open(&bench.a, |b| b), open(&bench.b, |b| b));
    let strikes = bench.world.fault(Rule::new(Fault::Forge).one_in(3));
    let mut came = 0;
    for number in 0..400 {
        send(&mut a, &[packet(number, 5000), packet(number, 60)]);
        for packet in b.rx.receive_whole(64).unwrap() {
            b.tx.push_chain(packet).unwrap();
        }
        b.flush().unwrap();
        b.reclaim().unwrap();
        b.refill().unwrap();
        for packet in a.rx.receive_whole(64).unwrap() {
            came += 1;
            a.pool.give_chain(packet).unwrap();
        }
        a.refill().unwrap();
        [&a, &b].into_iter().for_each(conserved);
    }
    let rejected = a.rx.rejected() + b.rx.rejected();
    assert!(strikes.count() > 100 && rejected > 200, "{rejected}");
    // What stood behind a descriptor that was to go on was taken for its end.
    assert!((400..800).contains(&came), "{came} of 800");
}

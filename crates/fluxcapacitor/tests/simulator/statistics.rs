//! `XDP_STATISTICS`, with the kernel's quirks.

use fluxcapacitor::FluxBuilder;
use fluxcapacitor::raw::{FluxRaw, Statistics};
use fluxcapacitor::simulator::control::Profile;

use crate::bench::{Bench, conserved, packet, push};

fn small(bench: &Bench, configure: impl FnOnce(FluxBuilder) -> FluxBuilder) -> FluxRaw {
    configure(FluxBuilder::new(bench.b.name())).build_raw().unwrap()
}

fn check(raw: &FluxRaw, expected: impl Fn(&mut Statistics)) {
    let mut statistics = Statistics::default();
    expected(&mut statistics);
    assert_eq!(raw.statistics().unwrap(), statistics);
}

#[test]
fn an_empty_fill_ring_counts_twice() {
    let bench = Bench::new(1, Profile::Copy);
    let mut raw = small(&bench, |b| b.frames(8).fill_size(8).tx_size(8));
    (0..6).for_each(|number| bench.b.inject(&packet(number)));
    check(&raw, |s| (s.rx_dropped, s.rx_fill_ring_empty_descs) = (2, 2));
    let received: Vec<_> = raw.rx.receive(64).unwrap().collect();
    assert_eq!(received.len(), 4);
    received.into_iter().for_each(|segment| raw.pool.give(segment.into_frame()).unwrap());
    conserved(&raw);
}

#[test]
fn a_full_rx_ring_keeps_the_frame_for_the_next_packet() {
    let bench = Bench::new(2, Profile::Copy);
    let mut raw = small(&bench, |b| b.rx_size(2));
    (0..5).for_each(|number| bench.b.inject(&packet(number)));
    check(&raw, |s| s.rx_ring_full = 3);
    let posted = raw.fill.occupancy();
    for number in 0..2 {
        let segment = raw.rx.pop().unwrap().unwrap();
        assert_eq!(raw.umem.packet(&segment).unwrap(), packet(number));
        raw.pool.give(segment.into_frame()).unwrap();
    }
    bench.b.inject(&packet(9));
    assert_eq!(raw.fill.occupancy(), posted, "the frame was at hand");
    let segment = raw.rx.pop().unwrap().unwrap();
    assert_eq!(raw.umem.packet(&segment).unwrap(), packet(9));
    raw.pool.give(segment.into_frame()).unwrap();
    conserved(&raw);
}

#[test]
fn a_packet_that_does_not_fit_is_dropped_and_counted() {
    let bench = Bench::new(3, Profile::Copy);
    // The MTU allows 1518 bytes, and a frame takes 1792: longer packets do not come in at all.
    let raw = small(&bench, |b| b);
    bench.b.inject(&[0; 1600]);
    check(&raw, |_| ());
    assert_eq!(bench.b.counters().rx_dropped, 1);
    bench.b.inject(&[0; 1518]);
    assert_eq!(raw.rx.occupancy(), 1);
}

#[test]
fn looking_for_packets_in_vain_counts() {
    let bench = Bench::new(4, Profile::Copy);
    let mut raw = small(&bench, |b| b);
    raw.device().kick_tx().unwrap();
    check(&raw, |s| s.tx_ring_empty_descs = 1);
    push(&mut raw, &[packet(1)]);
    check(&raw, |s| s.tx_ring_empty_descs = 2);
}

//! Our reading of packets against that of `etherparse` and `smoltcp::wire`.

#[path = "bodies/differ.rs"]
mod differ;
#[path = "support/mutate.rs"]
mod mutate;
#[path = "support/pcap.rs"]
mod pcap;
#[path = "support/plain.rs"]
mod plain;
#[path = "support/stack.rs"]
mod stack;

use fluxcapacitor_proto::layers::{End, Layers};
use proptest::prelude::*;

#[test]
fn captures() {
    let compared: usize = pcap::all().iter().map(|packet| differ::run(&packet.bytes)).sum();
    assert!(compared > 250, "{compared}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn mutated_captures(frame in mutate::mutated(0)) {
        differ::run(&frame);
    }

    #[test]
    fn generated(frame in stack::frame()) {
        prop_assert!(differ::run(&frame) >= 2);
        let layers = Layers::of(&frame);
        prop_assert_eq!(layers.truncated(), None);
        prop_assert_eq!(layers.end(), End::Payload, "{:?}", layers);
        // Every packet inside is whole, and every checksum right.
        for layer in layers.as_slice() {
            use fluxcapacitor_proto::Protocol::{Ipv4, Ipv6};
            if matches!(layer.protocol, Ipv4 | Ipv6) {
                prop_assert!(plain::all_right(layer.slice(&frame[..]).unwrap()));
            }
        }
    }
}

//! No bytes make anything panic: the bodies of the fuzz targets, driven by proptest, on noise and on packets with noise.

#[path = "bodies/answer.rs"]
mod answer;
#[path = "bodies/change.rs"]
mod change;
#[path = "support/mutate.rs"]
mod mutate;
#[path = "bodies/parse.rs"]
mod parse;
#[path = "support/pcap.rs"]
mod pcap;
#[path = "support/plain.rs"]
mod plain;
#[path = "bodies/tunnel.rs"]
mod tunnel;

use mutate::mutated;
use proptest::collection::vec;
use proptest::prelude::*;

fn prefixed(prefix: usize, skip: usize) -> impl Strategy<Value = Vec<u8>> {
    (vec(any::<u8>(), prefix), mutated(skip)).prop_map(|(mut prefix, packet)| {
        prefix.extend(packet);
        prefix
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn noise(bytes in vec(any::<u8>(), 0..200)) {
        parse::run(&bytes);
        change::run(&bytes);
        tunnel::run(&bytes);
        answer::run(&bytes);
    }

    #[test]
    fn parse_mutated(frame in mutated(0), packet in mutated(14), deeper in mutated(34)) {
        parse::run(&frame);
        parse::run(&packet);
        parse::run(&deeper);
    }

    #[test]
    fn change_mutated(bytes in prefixed(48, 14)) {
        change::run(&bytes);
    }

    #[test]
    fn tunnel_mutated(bytes in prefixed(4, 0)) {
        tunnel::run(&bytes);
    }

    #[test]
    fn answer_mutated(bytes in prefixed(1, 0)) {
        answer::run(&bytes);
    }
}

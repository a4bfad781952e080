//! Packets of the captures with noise in them.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::pcap;

/// A packet of the captures, less its first `skip` bytes, some of its bytes changed, and maybe cut.
pub fn mutated(skip: usize) -> impl Strategy<Value = Vec<u8>> {
    let packets: Vec<Vec<u8>> = pcap::all().into_iter().map(|packet| packet.bytes).collect();
    let change = (any::<prop::sample::Index>(), any::<u8>());
    (prop::sample::select(packets), vec(change, 0..6), any::<prop::sample::Index>(), any::<bool>())
        .prop_map(move |(mut bytes, changes, cut, cuts)| {
            bytes.drain(..skip);
            for (at, value) in changes {
                // Most fields that steer a parser are in front.
                let reach = bytes.len().min(80);
                bytes[at.index(reach)] = value;
            }
            if cuts {
                bytes.truncate(cut.index(bytes.len() + 1));
            }
            bytes
        })
}

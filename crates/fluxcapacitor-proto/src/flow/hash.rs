//! A hash that both directions of a flow share.

use crate::encap::Endpoints;

use super::{FlowKey, HAS_VLAN};

/// Odd numbers without pattern: the fraction of the golden ratio, and of the square roots of 2 and 3.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
const ROOT_2: u64 = 0x6a09_e667_f3bc_c909;
const ROOT_3: u64 = 0xbb67_ae85_84ca_a73b;

/// Both halves of a wide product, mixed.
#[inline]
const fn fold(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

/// Each end becomes one number; the smaller goes first, whoever sent.
#[inline]
pub(super) const fn symmetric(flow: &FlowKey, seed: u64) -> u64 {
    let (source_port, destination_port) = (flow.source_port(), flow.destination_port());
    let (from, to) = match flow.ends() {
        Endpoints::V4(source, destination) => {
            let from = (source.to_bits() as u64) << 16 | source_port as u64;
            let to = (destination.to_bits() as u64) << 16 | destination_port as u64;
            (from, to)
        }
        Endpoints::V6(source, destination) => {
            let from = end_v6(source.to_bits(), source_port, seed);
            let to = end_v6(destination.to_bits(), destination_port, seed);
            (from, to)
        }
    };
    let (low, high) = if from < to { (from, to) } else { (to, from) };
    let mixed = fold(low ^ seed ^ ROOT_2, high ^ seed.rotate_left(32) ^ ROOT_3);
    fold(mixed ^ flow.protocol().0 as u64 ^ options(flow), GOLDEN)
}

#[inline]
const fn end_v6(address: u128, port: u16, seed: u64) -> u64 {
    let upper = (address >> 64) as u64;
    fold(upper ^ seed ^ ROOT_3, address as u64 ^ ROOT_2 ^ (port as u64).rotate_right(16))
}

/// VLAN and tunnel in one number that is 0 if neither counts.
#[inline]
const fn options(flow: &FlowKey) -> u64 {
    // A tunnel's number has room for the protocol, which comes to it, in front and behind.
    (flow.transport & !(HAS_VLAN - 1)) ^ flow.tunnel.rotate_left(8)
}

//! The Internet checksum of so many bytes.

use etherparse as ep;
use smoltcp::wire as st;

use super::Judge;
use super::packet::{self, unknown};

pub fn rows(judge: &mut impl Judge) {
    for len in [20, 64, 1500, 9000] {
        let bytes = packet::noise(len);
        let row = &format!("checksum of {len} bytes");
        let right = fluxcapacitor_proto::checksum::of(&bytes);
        assert_eq!(right, !fold(ep::checksum::u64_16bit_word::add_slice(0, &bytes)).to_be());
        assert_eq!(right, pnet_packet::util::checksum(&bytes, usize::MAX));
        // `checksum::of`.
        judge.row(row, "fluxcapacitor", || fluxcapacitor_proto::checksum::of(unknown(&bytes)));
        // `Sum16BitWords::add_slice`, `ones_complement`.
        judge.row(row, "etherparse", || {
            ep::checksum::Sum16BitWords::new().add_slice(unknown(&bytes)).ones_complement()
        });
        // `Icmpv4Packet::verify_checksum`: its sum alone is not public, and this is nothing else.
        judge.row(row, "smoltcp", || {
            st::Icmpv4Packet::new_unchecked(unknown(&bytes)).verify_checksum()
        });
        // `util::checksum`, no word skipped.
        judge.row(row, "pnet", || pnet_packet::util::checksum(unknown(&bytes), usize::MAX));
    }
}

fn fold(mut sum: u64) -> u16 {
    while sum >> 16 != 0 {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}

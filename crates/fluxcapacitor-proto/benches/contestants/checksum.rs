//! The Internet checksum of so many bytes.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use etherparse as ep;
use smoltcp::wire as st;

use crate::packet;

pub fn rows(c: &mut Criterion) {
    for len in [20, 64, 1500, 9000] {
        let bytes = packet::noise(len);
        let mut group = c.benchmark_group("checksum");
        group.throughput(Throughput::Bytes(len as u64));
        let right = fluxcapacitor_proto::checksum::of(&bytes);
        assert_eq!(right, !fold(ep::checksum::u64_16bit_word::add_slice(0, &bytes)).to_be());
        assert_eq!(right, pnet_packet::util::checksum(&bytes, usize::MAX));
        // `checksum::of`.
        group.bench_function(BenchmarkId::new("fluxcapacitor", len), |b| {
            b.iter(|| fluxcapacitor_proto::checksum::of(black_box(&bytes)));
        });
        // `Sum16BitWords::add_slice`, `ones_complement`.
        group.bench_function(BenchmarkId::new("etherparse", len), |b| {
            b.iter(|| {
                ep::checksum::Sum16BitWords::new().add_slice(black_box(&bytes)).ones_complement()
            });
        });
        // `Icmpv4Packet::verify_checksum`: its sum alone is not public, and this is nothing else.
        group.bench_function(BenchmarkId::new("smoltcp", len), |b| {
            b.iter(|| st::Icmpv4Packet::new_unchecked(black_box(&bytes[..])).verify_checksum());
        });
        // `util::checksum`, no word skipped.
        group.bench_function(BenchmarkId::new("pnet", len), |b| {
            b.iter(|| pnet_packet::util::checksum(black_box(&bytes), usize::MAX));
        });
        group.finish();
    }
}

fn fold(mut sum: u64) -> u16 {
    while sum >> 16 != 0 {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}

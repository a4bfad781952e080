//! The same work by this crate, `etherparse`, `smoltcp::wire` and `pnet_packet`, in one run.
//!
//! Each contestant takes its fastest documented calls and reads the same fields; each function names them.
//!
//!     cargo bench -p fluxcapacitor-proto --bench peers

mod checksum;
mod packet;
mod parse;
mod push;
mod rewrite;

use criterion::{criterion_group, criterion_main};

criterion_group!(peers, parse::rows, checksum::rows, rewrite::rows, push::rows);
criterion_main!(peers);

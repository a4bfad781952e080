//! Every setter keeps every checksum right, on any bytes. The body is one of the crate's tests, which run it on stable too.

#![no_main]

#[path = "../../crates/fluxcapacitor-proto/tests/bodies/change.rs"]
mod change;
#[path = "../../crates/fluxcapacitor-proto/tests/support/plain.rs"]
mod plain;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| change::run(bytes));

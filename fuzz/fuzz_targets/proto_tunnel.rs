//! Push and pop undo each other, on any bytes. The body is one of the crate's tests, which run it on stable too.

#![no_main]

#[path = "../../crates/fluxcapacitor-proto/tests/bodies/tunnel.rs"]
mod tunnel;
#[path = "../../crates/fluxcapacitor-proto/tests/support/plain.rs"]
mod plain;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tunnel::run(bytes));

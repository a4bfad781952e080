//! Every parser and accessor, on any bytes. The body is one of the crate's tests, which run it on stable too.

#![no_main]

#[path = "../../crates/fluxcapacitor-proto/tests/bodies/parse.rs"]
mod parse;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| parse::run(bytes));

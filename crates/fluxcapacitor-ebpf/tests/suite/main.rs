//! The crate from the outside: encodings, programs, and their runs in an interpreter.
//!
//! One binary, a module for each subject.

#![forbid(unsafe_code)]

mod assembling;
mod decoding;
mod disassembly;
mod drop_odd;
mod encoding;
mod interpreter;
mod names;
mod redirect;
mod targets;

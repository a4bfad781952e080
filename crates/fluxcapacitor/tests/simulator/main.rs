//! The simulator, through the calls that a user makes. No privilege, any system.
#![cfg(feature = "simulator")]

mod bench;
mod bind;
mod faults;
mod multi_buffer;
mod pcap;
mod program;
mod queues;
mod refill;
mod statistics;
mod tap;
mod traffic;
mod worlds;

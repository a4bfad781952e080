//! AF_XDP for Rust: safe, zero-copy kernel-bypass networking, without a C library, clang or nightly.
//!
//! One socket, driven in raw mode by its four rings:
//!
//! ```no_run
//! // It needs a network interface and CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF.
//! use fluxcapacitor::{FluxBuilder, raw::Interest};
//! use std::time::Duration;
//!
//! let mut raw = FluxBuilder::new("eth0").queue(0).build_raw()?;
//! println!("{}", raw.granted());
//! loop {
//!     raw.wait(Interest::Rx, Duration::from_millis(100))?;
//!     for packet in raw.rx.receive(64)? {
//!         println!("{} bytes", raw.umem.packet(&packet)?.len());
//!         raw.pool.give(packet.into_frame())?;
//!     }
//!     raw.refill()?;
//! }
//! # #[allow(unreachable_code)]
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`builder`]: from the name of an interface to a socket
//! - [`raw`]: the four rings, the packet memory and the socket
//! - [`granted`]: what the kernel gave of what was asked for, and why not more
//! - [`tap`]: snapshots of the packets that go by, for another thread to look at
//! - [`hook`]: the XDP program and its map
//! - [`ebpf`]: instructions to write XDP programs with
//! - [`proto`]: zero-copy views of protocols
//!
//! - `simulator`: interfaces that are simulated, on every system (feature `simulator`)
//!
//! Sockets exist on Linux. Elsewhere everything compiles, and opening an interface says so; simulated
//! interfaces open everywhere.

#![forbid(unsafe_code)]

pub mod builder;
pub mod engine;
pub mod granted;
mod half;
#[cfg_attr(
    not(any(target_os = "linux", feature = "simulator")),
    allow(dead_code, unused_variables)
)]
pub mod hook;
pub mod packet;
pub mod poller;
#[cfg_attr(
    not(any(target_os = "linux", feature = "simulator")),
    allow(dead_code, unused_variables)
)]
mod port;
pub mod raw;
#[cfg(feature = "simulator")]
pub mod simulator;
pub mod stats;
pub mod system;
pub mod tap;

pub use builder::FluxBuilder;
pub use engine::{EngineHandle, FluxEngine, PacketBatch};
pub use fluxcapacitor_core::{Error, Result, ring, umem};
pub use fluxcapacitor_ebpf as ebpf;
pub use fluxcapacitor_proto as proto;
pub use granted::Granted;
pub use hook::XskMap;
pub use packet::{Packet, PacketRef};
pub use poller::Poller;
pub use raw::FluxRaw;
pub use stats::Stats;
pub use system::{FluxRx, FluxSystem, FluxTx, split};

/// The README's program compiles.
#[cfg(all(doctest, target_os = "linux", feature = "simulator"))]
#[doc = include_str!("../../../README.md")]
struct Readme;

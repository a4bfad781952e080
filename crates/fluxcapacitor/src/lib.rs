//! AF_XDP for Rust: safe, zero-copy kernel-bypass networking, without a C library, clang or nightly.
//!
//! One socket, three ways to drive it. An engine lends packets to a callback, which says what becomes of each:
//!
//! ```no_run
//! // It needs a network interface and CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF.
//! use fluxcapacitor::FluxBuilder;
//! use fluxcapacitor::proto::EthHeader;
//!
//! let mut engine = FluxBuilder::new("eth0").build_engine()?;
//! engine.granted().for_each(|granted| println!("{granted}"));
//! engine.run(|batch| {
//!     for mut packet in batch {
//!         let Ok((ethernet, _)) = EthHeader::mut_from_prefix(packet.data_mut()) else { continue };
//!         let (source, destination) = (ethernet.source(), ethernet.destination());
//!         ethernet.set_source(destination);
//!         ethernet.set_destination(source);
//!         packet.transmit();
//!     }
//! })?;
//! # Ok::<(), fluxcapacitor::Error>(())
//! ```
//!
//! - [`engine`]: mode A, a loop with a callback, on one or many queues and interfaces
//! - [`system`]: mode B, halves that receive and send packets which are owned; for tokio with feature `async`
//! - [`raw`]: mode C, the four rings, the packet memory and the socket
//!
//! - [`builder`]: from the names of interfaces to any of these
//! - [`packet`]: packets that are lent, and packets that are owned
//! - [`poller`]: how a loop waits
//! - [`stats`]: what became of every packet
//! - [`granted`]: what the kernel gave of what was asked for, and why not more
//! - [`tap`]: snapshots of the packets that go by, for another thread to look at
//! - [`hook`]: the XDP program and its map
//! - [`ebpf`]: instructions to write XDP programs with
//! - [`proto`]: zero-copy views of protocols (feature `proto`, on by default)
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
mod trace;

pub use builder::FluxBuilder;
pub use engine::{EngineHandle, FluxEngine, PacketBatch};
pub use fluxcapacitor_core::{Error, Result, ring, umem};
pub use fluxcapacitor_ebpf as ebpf;
pub use fluxcapacitor_proto as proto;
pub use granted::Granted;
pub use hook::XskMap;
pub use packet::{ChainRef, Packet, PacketRef};
pub use poller::Poller;
pub use raw::FluxRaw;
pub use stats::Stats;
#[cfg(feature = "async")]
pub use system::{AsyncFluxRx, AsyncFluxTx};
pub use system::{FluxRx, FluxSystem, FluxTx, split};

/// The README's program compiles.
#[cfg(all(doctest, target_os = "linux", feature = "simulator"))]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// So do those of the guide to the modes.
#[cfg(all(doctest, target_os = "linux", feature = "async"))]
#[doc = include_str!("../../../docs/choosing-a-mode.md")]
struct ChoosingAMode;

//! The unsafe heart of fluxcapacitor: AF_XDP sockets, packet memory, rings and the frame ledger.
//!
//! Users import the crate `fluxcapacitor`, which is built on this one. What is here is safe to call
//! all the same: no sequence of safe calls, and nothing that a peer writes into a ring, makes two
//! tokens of one frame.
//!
//! ```
//! use fluxcapacitor_core::ring::{Descriptor, LaneRings, RingSizes};
//! use fluxcapacitor_core::umem::{Layout, PageSize, UmemRegion};
//!
//! let (umem, mut pool) = UmemRegion::new(Layout::new(2048, 64, 0)?, PageSize::Base)?;
//! let (mut rings, mut peer) = LaneRings::on_heap(&umem, RingSizes::default(), 0)?;
//!
//! // Post all frames; play the kernel: receive a packet into the first; and take it.
//! rings.fill.extend(pool.drain())?;
//! rings.fill.publish();
//! let addr = peer.fill.pop()?.unwrap();
//! peer.rx.push(Descriptor { addr: addr + 256, len: 60, options: 0 })?.unwrap();
//! peer.rx.publish();
//! let packet = rings.rx.pop()?.unwrap();
//! assert_eq!(umem.packet(&packet)?.len(), 60);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`ring`]: the four rings, and the cursors that they are made of
//! - [`umem`]: packet memory, frames, and who holds each
//! - [`backend`]: what stands behind the rings
//! - [`lane`]: from nothing to four rings and a bound socket
//! - [`sys`]: the kernel's interfaces, one file each (Linux)
//! - `simulator`: simulated NICs behind the same rings (feature `simulator`)
//! - [`error`](Error): what can go wrong

pub mod backend;
mod error;
#[cfg(not(loom))]
#[cfg_attr(
    not(any(target_os = "linux", feature = "simulator")),
    allow(dead_code, unused_variables)
)]
pub mod lane;
pub mod ring;
#[cfg(all(feature = "simulator", not(loom)))]
pub mod simulator;
mod sync;
#[cfg(all(target_os = "linux", not(loom)))]
pub mod sys;
pub mod umem;
/// The simulator, by the name that it was first described under.
#[cfg(all(feature = "simulator", not(loom)))]
pub mod windows_stubs {
    pub use crate::simulator::*;
}

pub use error::{Error, Result};

//! Network namespaces and veth pairs, made and removed by guards.
//!
//! For tests, benches and demonstrations that need a real kernel and must leave nothing behind. Links and addresses
//! are made in process over netlink; no command is run for them and nothing is written below `/run`.
//!
//! **Namespaces are anonymous**: file descriptors and threads alone hold them, so the kernel removes them, with
//! every link inside, when the process ends, however it ends.
//!
//! # Examples
//!
//! ```
//! # #[cfg(not(target_os = "linux"))]
//! # fn main() {}
//! # #[cfg(target_os = "linux")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::net::{IpAddr, UdpSocket};
//!
//! use fluxcapacitor_testbed::{NetNs, VethPair, permitted};
//!
//! if !permitted() {
//!     return Ok(());
//! }
//! let (left, right) = (NetNs::new()?, NetNs::new()?);
//! let pair = VethPair::create(&left, &right, 1)?;
//! pair.a().add_address(IpAddr::from([10, 0, 0, 1]), 24)?;
//! pair.b().add_address(IpAddr::from([10, 0, 0, 2]), 24)?;
//!
//! let receiver = right.run(|| UdpSocket::bind("10.0.0.2:88"))??;
//! let sender = left.run(|| UdpSocket::bind("10.0.0.1:0"))??;
//! sender.send_to(b"88 mph", "10.0.0.2:88")?;
//!
//! let mut buffer = [0; 16];
//! assert_eq!(receiver.recv(&mut buffer)?, 6);
//! assert!(pair.b().counters()?.rx_packets >= 1);
//! # Ok(())
//! # }
//! ```
//!
//! | Module | What it holds |
//! |---|---|
//! | `namespace` | `NetNs`: a network namespace, and threads inside it |
//! | `veth` | `VethPair` and its two `End`s: addresses, counters, offloads |
//! | `packet_socket` | `PacketSocket`: raw Ethernet frames in and out of one end |
//! | `process` | `Process`: a program that runs inside a namespace |
//! | `http` | `HttpServer`: a small web server inside a namespace |
//! | `permission` | `permitted`: may this process do any of this? |
//! | `error` | `TestbedError` |
//!
//! Linux only: elsewhere the crate is empty.

#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
pub mod error;
#[cfg(target_os = "linux")]
pub mod http;
#[cfg(target_os = "linux")]
pub mod namespace;
#[cfg(target_os = "linux")]
pub mod packet_socket;
#[cfg(target_os = "linux")]
pub mod permission;
#[cfg(target_os = "linux")]
pub mod process;
#[cfg(target_os = "linux")]
pub mod veth;

#[cfg(target_os = "linux")]
mod ethtool;
#[cfg(target_os = "linux")]
mod netlink;

#[cfg(target_os = "linux")]
#[doc(inline)]
pub use crate::{
    error::TestbedError,
    http::HttpServer,
    namespace::{NetNs, NetNsBuilder},
    packet_socket::PacketSocket,
    permission::permitted,
    process::{Ended, Process},
    veth::{Counters, End, LINK_NAME_PREFIX, Queues, VethBuilder, VethPair},
};

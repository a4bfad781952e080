//! TCP/IP in user space: [smoltcp](https://docs.rs/smoltcp/0.12) over AF_XDP.
//!
//! [`FluxDevice`] is a queue of a network interface as smoltcp's [`Device`](smoltcp::phy::Device). The stack reads
//! packets where the kernel has put them and writes them where the kernel takes them from.
//!
//! ```
//! use fluxcapacitor::FluxBuilder;
//! use fluxcapacitor_smoltcp::FluxDevice;
//! use fluxcapacitor_smoltcp::smoltcp::iface::{Config, Interface, SocketSet};
//! use fluxcapacitor_smoltcp::smoltcp::time::Instant;
//! use fluxcapacitor_smoltcp::smoltcp::wire::{IpAddress, IpCidr};
//! use std::time::Duration;
//!
//! # let world = fluxcapacitor::simulator::control::World::new(1);
//! # let nic = world.nic(fluxcapacitor::simulator::control::NicConfig::new("eth0"))?;
//! # let eth0 = nic.name();
//! let mut device = FluxDevice::of(FluxBuilder::new(eth0).build_system()?)?;
//! let address = device.ethernet_address().ok_or("no Ethernet interface")?;
//! let mut interface = Interface::new(Config::new(address.into()), &mut device, Instant::now());
//! interface.update_ip_addrs(|addresses| {
//!     let _room_for_one = addresses.push(IpCidr::new(IpAddress::v4(10, 9, 0, 2), 24));
//! });
//! let mut sockets = SocketSet::new(Vec::new()); // here go the sockets
//!
//! # let who_has = [
//! #     &[0xff; 6][..], &[2, 0, 0, 0, 0, 9, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 9, 10, 9, 0, 1],
//! #     &[0; 6], &[10, 9, 0, 2],
//! # ].concat();
//! # nic.inject(&who_has);
//! # let mut turns = 0..3;
//! # let mut is_stopping = || turns.next().is_none();
//! while !is_stopping() {
//!     let now = Instant::now();
//!     interface.poll(now, &mut device, &mut sockets);
//!     // here sockets are read from and written to
//!     device.wait(interface.poll_delay(now, &sockets), Duration::from_millis(100))?;
//! }
//! # assert_eq!(nic.transmitted().unwrap()[20..22], [0, 2], "it says that it is 10.9.0.2");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # smoltcp 0.12
//!
//! Later versions want a newer Rust than this library does. What they have mended, and what to do until then:
//! - When a FIN arrives, what was sent and not acknowledged is not sent again if it was lost: a client should not shut
//!   its sending side down while it receives. A window that has closed is not probed. So give sockets a
//!   [`set_timeout`](smoltcp::socket::tcp::Socket::set_timeout), or they may stand still for ever.
//! - After such a FIN, a [`set_keep_alive`](smoltcp::socket::tcp::Socket::set_keep_alive) sends a zero in place of the
//!   last byte that was lost: leave it off.
//! - It panics when it answers a packet from 0.0.0.0: [`FluxDevice`] drops those, but for UDP.
//! - Where overflow is checked, as in debug builds, a gap in what was received at the wrap of sequence numbers panics:
//!   `[profile.dev.package.smoltcp] overflow-checks = false`.
//!
//! # Modules
//!
//! - `device`: [`FluxDevice`]: capabilities, when packets leave, how to wait
//! - `incoming`, `outgoing`: packets on their way in and out
//! - `token`: what smoltcp reads one packet through, and writes one

#![forbid(unsafe_code)]

mod device;
mod incoming;
mod outgoing;
mod token;

pub use device::FluxDevice;
/// The version of smoltcp that [`FluxDevice`] is a device of.
pub use smoltcp;
pub use token::{RxToken, TxToken};

//! Simulated interfaces: [`FluxBuilder`](crate::FluxBuilder) opens them by their names, as it does real ones.
//! What of the kernel they model, and what not, is a table in [`fluxcapacitor_core::simulator`].
//!
//! ```
//! use fluxcapacitor::FluxBuilder;
//! use fluxcapacitor::simulator::control::{NicConfig, World};
//!
//! let world = World::new(1);
//! let nic = world.nic(NicConfig::new("eth0"))?;
//! let mut raw = FluxBuilder::new(nic.name()).build_raw()?;
//!
//! nic.inject(&[0; 60]);
//! let packet = raw.rx.pop()?.unwrap();
//! assert_eq!(raw.umem.packet(&packet)?, [0; 60]);
//!
//! raw.tx.push(packet).unwrap();
//! raw.flush()?;
//! assert_eq!(nic.transmitted().unwrap(), [0; 60]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

/// Worlds, their NICs, and what goes wrong in them.
pub mod control {
    pub use fluxcapacitor_core::simulator::{
        Attached, Captured, Counters, Facts, Fault, LinkConfig, Live, Nic, NicConfig, Profile,
        Rule, SocketMap, Strikes, World,
    };
}

pub mod pcap;

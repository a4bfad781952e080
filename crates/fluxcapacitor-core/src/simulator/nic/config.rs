//! A NIC to be made.

use crate::error::{Error, Result};

/// How a NIC serves AF_XDP sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Profile {
    /// As a driver that cannot do without copies, such as veth: packets are sent inside the kick, some
    /// at a time, and each packet comes to the queue that its sender's has the number of.
    #[default]
    Copy,
    /// As the driver of a card that can: it sleeps until it is kicked, sends on its own while it is
    /// awake, and spreads packets over the queues by the hash of their flow. Copies, if it is asked to.
    ZeroCopy,
}

/// A NIC to be made. Everything has a default but the name.
#[derive(Clone, Debug)]
#[must_use = "it is made by `World::nic`"]
pub struct NicConfig {
    pub(super) name: String,
    pub(super) queues: u32,
    pub(super) mtu: u32,
    pub(super) profile: Profile,
    pub(super) mac: Option<[u8; 6]>,
}

impl NicConfig {
    /// A NIC of this name, unique in its world: one queue, MTU 1500, [`Profile::Copy`], up.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), queues: 1, mtu: 1500, profile: Profile::Copy, mac: None }
    }

    /// How many queues; 1 by default, 64 at most.
    pub fn queues(mut self, queues: u32) -> Self {
        self.queues = queues;
        self
    }

    /// Longest packet in bytes, without the Ethernet header; 1500 by default.
    pub fn mtu(mut self, bytes: u32) -> Self {
        self.mtu = bytes;
        self
    }

    /// How it serves sockets; by copying, by default.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Its address; by default one that is unique in its world.
    pub fn mac(mut self, mac: [u8; 6]) -> Self {
        self.mac = Some(mac);
        self
    }
}

pub(super) fn check_mtu(bytes: u32) -> Result<()> {
    if (68..=65_535).contains(&bytes) {
        return Ok(());
    }
    Err(Error::invalid("MTU of a NIC", bytes, "it is 68 to 65535 bytes"))
}

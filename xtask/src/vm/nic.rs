//! The network cards that QEMU has a model of, and a driver without copies is for.

use std::fmt;

use clap::ValueEnum;

use super::kernel::{Flavour, Kernel};

/// What every kernel has.
pub const VETH: &[&str] = &["veth-native", "veth-generic"];

/// A model of a network card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Nic {
    /// virtio-net with an IOMMU's rules, which its zero-copy wants
    Virtio,
    /// Intel's 82576
    Igb,
    /// virtio-net as it is by default, which has no zero-copy
    VirtioPlain,
}

impl Nic {
    /// As QEMU is told of it.
    pub const fn device(self) -> &'static str {
        match self {
            Self::Virtio => "virtio-net-pci,iommu_platform=on,disable-legacy=on",
            Self::Igb => "igb",
            Self::VirtioPlain => "virtio-net-pci,disable-legacy=on",
        }
    }

    /// The least of a kernel that has its driver.
    pub const fn flavour(self) -> Flavour {
        match self {
            Self::Igb => Flavour::Full,
            Self::Virtio | Self::VirtioPlain => Flavour::Cloud,
        }
    }

    /// What the suite calls it.
    pub const fn backend(self) -> &'static str {
        match self {
            Self::Virtio | Self::VirtioPlain => "qemu-virtio",
            Self::Igb => "qemu-igb",
        }
    }

    /// What the suite runs on in a guest that has it: on its cards where their driver does without copies, otherwise
    /// on what every kernel has. Of one that never does, only what it grants is asked.
    pub fn backends(self, kernel: &Kernel) -> &'static [&'static str] {
        match self {
            Self::VirtioPlain => &[],
            Self::Virtio if kernel.has_zero_copy() => &["qemu-virtio"],
            Self::Igb if kernel.has_zero_copy() => &["qemu-igb"],
            Self::Virtio | Self::Igb => VETH,
        }
    }
}

impl fmt::Display for Nic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Virtio => "virtio",
            Self::Igb => "igb",
            Self::VirtioPlain => "virtio-plain",
        })
    }
}

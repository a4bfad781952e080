//! What the cases can run on.

use std::fmt;
use std::str::FromStr;

/// Something that carries packets between two ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Backend {
    /// Simulated interfaces, on any system.
    Simulator,
    /// Simulated interfaces whose driver copies nothing, on any system.
    SimulatorZeroCopy,
    /// The kernel's veth, XDP in the driver, copy mode.
    VethNative,
    /// The kernel's veth, XDP on socket buffers.
    VethGeneric,
    /// Two virtio cards of a virtual machine, zero-copy.
    QemuVirtio,
    /// Two Intel cards (igb) of a virtual machine, zero-copy.
    QemuIgb,
}

impl Backend {
    /// All that `expected.toml` may speak of.
    pub const ALL: &[Self] = &[
        Self::Simulator,
        Self::SimulatorZeroCopy,
        Self::VethNative,
        Self::VethGeneric,
        Self::QemuVirtio,
        Self::QemuIgb,
    ];

    /// Those that this build can run on, with nothing but a kernel.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|backend| match backend {
            Self::Simulator | Self::SimulatorZeroCopy => true,
            Self::VethNative | Self::VethGeneric => cfg!(target_os = "linux"),
            Self::QemuVirtio | Self::QemuIgb => false,
        })
    }

    /// Whether a port that goes takes its peer along.
    #[must_use]
    pub const fn is_veth(self) -> bool {
        matches!(self, Self::VethNative | Self::VethGeneric)
    }

    /// Whether it runs on interfaces that are there: two must be named, on one wire, that nothing else is done with.
    #[must_use]
    pub const fn wants_ports(self) -> bool {
        cfg!(target_os = "linux") && matches!(self, Self::QemuVirtio | Self::QemuIgb)
    }

    /// As the command line and `expected.toml` name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Simulator => "simulator",
            Self::SimulatorZeroCopy => "simulator-zero-copy",
            Self::VethNative => "veth-native",
            Self::VethGeneric => "veth-generic",
            Self::QemuVirtio => "qemu-virtio",
            Self::QemuIgb => "qemu-igb",
        }
    }

    /// Whether the other end of the rings is a kernel.
    #[must_use]
    pub const fn is_kernel(self) -> bool {
        !matches!(self, Self::Simulator | Self::SimulatorZeroCopy)
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Backend {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().copied().find(|backend| backend.name() == name);
        found.ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|backend| backend.name()).collect();
            format!("no backend {name}; there are {}", names.join(", "))
        })
    }
}

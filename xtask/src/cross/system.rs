//! The systems.

use clap::ValueEnum;

/// Another system, and how far we get with it here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum System {
    /// Build, and run the tests under Wine
    Windows,
    /// Check the types only: there is no linker for it
    Macos,
    /// Build, and run the tests under qemu: a big-endian Linux
    S390x,
}

/// What can be tested anywhere: not the command line, nor what makes links and namespaces.
const TEST: &[&str] = &[
    "test",
    "--package=fluxcapacitor",
    "--package=fluxcapacitor-core",
    "--package=fluxcapacitor-ebpf",
    "--package=fluxcapacitor-proto",
    "--features=simulator,async",
];

/// The same without fluxcapacitor-ebpf, which refuses to encode on big-endian hosts, and what imports it; and
/// without the kernel's interfaces, `sys` and the target `bpf` (the one with a b): qemu does not translate them.
const TEST_BIG_ENDIAN: &[&str] = &[
    "test",
    "--package=fluxcapacitor-core",
    "--package=fluxcapacitor-proto",
    "--lib",
    "--test=[!b]*",
    "--",
    "--skip=sys::",
];

const CHECK: &[&str] = &[
    "check",
    "--workspace",
    "--exclude=fluxcapacitor-testbed",
    "--all-targets",
    "--features=simulator,async",
];

impl System {
    /// As rustc calls it.
    pub const fn triple(self) -> &'static str {
        match self {
            Self::Windows => "x86_64-pc-windows-gnu",
            Self::Macos => "aarch64-apple-darwin",
            Self::S390x => "s390x-unknown-linux-gnu",
        }
    }

    /// What Debian's packages give us for it.
    pub const fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Windows => &["gcc-mingw-w64-x86-64-posix", "wine64"],
            Self::Macos => &[],
            Self::S390x => &["gcc-s390x-linux-gnu", "libc6-dev-s390x-cross", "qemu-user-static"],
        }
    }

    /// The words for cargo, unless told otherwise.
    pub fn todo(self) -> Vec<&'static str> {
        match self {
            Self::Windows => TEST.to_vec(),
            Self::S390x => TEST_BIG_ENDIAN.to_vec(),
            Self::Macos => CHECK.to_vec(),
        }
    }
}

//! The hook: the XDP program on an interface, and the map from its queues to sockets.

#[cfg(target_os = "linux")]
mod kernel;
mod map;
mod program;
#[cfg(feature = "simulator")]
mod simulated;

use std::fmt;

use fluxcapacitor_core::Result;
#[cfg(feature = "simulator")]
use fluxcapacitor_core::simulator::Attached;
#[cfg(target_os = "linux")]
use fluxcapacitor_core::sys::bpf::Link;
#[cfg(target_os = "linux")]
pub use fluxcapacitor_core::sys::netdev::Interface;

use crate::port::Port;
#[cfg(target_os = "linux")]
pub(crate) use kernel::driver;
pub use map::XskMap;
pub use program::XdpProgram;

/// Where the XDP program is to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attach {
    /// In the driver if that is offered, else generic; [`Granted`](crate::Granted) says which, and why.
    #[default]
    Auto,
    /// In the driver, or not at all.
    Native,
    /// In the stack, on socket buffers: works on every interface, and is slower.
    Generic,
}

/// Where an XDP program does run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttachMode {
    /// In the driver.
    Native,
    /// In the stack, on socket buffers.
    Generic,
}

impl fmt::Display for AttachMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Generic => "generic",
        })
    }
}

/// Our XDP program, on an interface for as long as this lives.
///
/// It redirects the packets of each queue that has a socket in the map, and passes all others to the
/// stack. The attachment is a BPF link: dropping this detaches the program, and so does the kernel when
/// the process ends, however it ends, unless a forked child has inherited the link and lives on.
#[derive(Debug)]
pub struct Hook {
    // Detached first: fields drop in this order.
    _holder: Holder,
    map: XskMap,
    mode: AttachMode,
    why_not_native: Option<String>,
}

/// What keeps a program attached.
#[derive(Debug)]
enum Holder {
    #[cfg(target_os = "linux")]
    Kernel(#[expect(dead_code, reason = "dropping it detaches")] Link),
    #[cfg(feature = "simulator")]
    Simulated(#[expect(dead_code, reason = "dropping it detaches")] Attached),
}

impl Hook {
    /// Attaches a program to the interface of this name, real or simulated, with a map for all its queues.
    ///
    /// # Errors
    /// As [`FluxBuilder::build_raw`](crate::FluxBuilder::build_raw), as far as it is about the interface and
    /// the program.
    pub fn open(interface: &str, attach: Attach, program: &XdpProgram) -> Result<Self> {
        Port::find(interface)?.attach(attach, program)
    }

    /// The map by which the program redirects.
    #[must_use]
    pub const fn map(&self) -> &XskMap {
        &self.map
    }

    /// Where the program runs.
    #[must_use]
    pub const fn mode(&self) -> AttachMode {
        self.mode
    }

    /// Why it does not run in the driver, if it was to.
    #[must_use]
    pub fn why_not_native(&self) -> Option<&str> {
        self.why_not_native.as_deref()
    }
}

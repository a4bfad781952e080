//! What the demo runs on: this machine's kernel, or a simulated one.

#[cfg(target_os = "linux")]
mod kernel;
mod simulated;

use fluxcapacitor::{Error, FluxRaw};

use super::Backend;
use super::platform::Platform;
use crate::exit::NotPermitted;

/// Two ends; the near one generates, the far one forwards.
#[derive(Debug)]
pub enum Wire {
    /// A veth pair.
    #[cfg(target_os = "linux")]
    Kernel(kernel::Veth),
    /// Two simulated interfaces.
    Simulated(simulated::Link),
}

/// A wire with a socket on each end.
#[derive(Debug)]
pub struct Opened {
    pub wire: Wire,
    pub near: FluxRaw,
    pub far: FluxRaw,
    pub platform: Platform,
}

/// MAC addresses of both ends.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    pub near: [u8; 6],
    pub far: [u8; 6],
}

/// The interfaces' own counters, of packets.
#[derive(Clone, Copy, Debug)]
pub struct WireCounters {
    pub near_tx: u64,
    pub far_rx: u64,
    pub far_tx: u64,
    pub near_rx: u64,
}

/// This system's kernel has not what the demo needs.
#[derive(Debug)]
struct Lacking(String);

impl Wire {
    /// Makes it and opens both ends, or says what is in the way, and which command would be allowed to.
    pub fn open(backend: Backend) -> anyhow::Result<Opened> {
        match backend {
            Backend::Kernel => kernel(),
            Backend::Simulator => simulated(None),
            Backend::Auto => match kernel() {
                Err(error) if is_out_of_reach(&error) => simulated(Some(format!("{error:#}"))),
                result => result,
            },
        }
    }

    /// MAC addresses of both ends.
    pub fn addresses(&self) -> Addresses {
        match self {
            #[cfg(target_os = "linux")]
            Self::Kernel(veth) => veth.addresses(),
            Self::Simulated(link) => link.addresses(),
        }
    }

    /// The interfaces' own counters.
    pub fn counters(&self) -> anyhow::Result<WireCounters> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Kernel(veth) => veth.counters(),
            Self::Simulated(link) => Ok(link.counters()),
        }
    }
}

#[cfg(target_os = "linux")]
fn kernel() -> anyhow::Result<Opened> {
    let veth = kernel::Veth::new()?;
    let (near, far) = veth.open()?;
    let platform = Platform::kernel(near.granted(), far.granted());
    Ok(Opened { wire: Wire::Kernel(veth), near, far, platform })
}

#[cfg(not(target_os = "linux"))]
fn kernel() -> anyhow::Result<Opened> {
    let why = "this system's kernel has no AF_XDP; Linux has: there, `fluxcap demo` runs on it";
    Err(Lacking(why.to_owned()).into())
}

fn simulated(why_not_kernel: Option<String>) -> anyhow::Result<Opened> {
    let link = simulated::Link::new()?;
    let (near, far) = link.open()?;
    let platform = Platform::simulator(near.granted(), far.granted(), why_not_kernel);
    Ok(Opened { wire: Wire::Simulated(link), near, far, platform })
}

/// Whether the kernel may not or cannot serve, rather than fails at what it should do: that is no
/// reason to look elsewhere.
fn is_out_of_reach(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let unsupported = matches!(cause.downcast_ref(), Some(Error::Unsupported { .. }));
        unsupported || cause.is::<NotPermitted>() || cause.is::<Lacking>()
    })
}

impl WireCounters {
    /// What has come since.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            near_tx: self.near_tx - earlier.near_tx,
            far_rx: self.far_rx - earlier.far_rx,
            far_tx: self.far_tx - earlier.far_tx,
            near_rx: self.near_rx - earlier.near_rx,
        }
    }
}

impl std::fmt::Display for Lacking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Lacking {}

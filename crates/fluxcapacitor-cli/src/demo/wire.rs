//! What the demo runs on: two namespaces and a veth pair, held by this process alone.

use anyhow::Context;
use fluxcapacitor::{FluxBuilder, FluxRaw};
use fluxcapacitor_testbed::{Counters, End, NetNs, TestbedError, VethPair};

use crate::exit::NotPermitted;

/// The near end generates, the far end forwards.
#[derive(Debug)]
pub struct Wire {
    pair: VethPair,
}

/// MAC addresses of both ends.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    pub near: [u8; 6],
    pub far: [u8; 6],
}

/// The interfaces' own counters.
#[derive(Clone, Copy, Debug)]
pub struct WireCounters {
    pub near: Counters,
    pub far: Counters,
}

impl Wire {
    /// Makes it, or says which command would be allowed to.
    pub fn new() -> anyhow::Result<Self> {
        let make = || {
            let (near, far) = (NetNs::new()?, NetNs::new()?);
            VethPair::create(&near, &far, 1)
        };
        let pair = make().map_err(|error: TestbedError| {
            if error.is_permission() {
                anyhow::Error::new(NotPermitted(format!(
                    "{error}\nthis is permitted:\n  {}",
                    as_root()
                )))
            } else {
                anyhow::Error::new(error).context("making two namespaces and a veth pair")
            }
        })?;
        Ok(Self { pair })
    }

    /// Opens a socket on each end.
    pub fn open(&self) -> anyhow::Result<(FluxRaw, FluxRaw)> {
        let open = |end: &End| -> anyhow::Result<FluxRaw> {
            let built = end.namespace().run(|| FluxBuilder::new(end.name()).build_raw())?;
            built.map_err(|error| {
                if error.is_permission() {
                    let error =
                        NotPermitted(format!("{error}\nthis is permitted:\n  {}", as_root()));
                    return anyhow::Error::new(error);
                }
                anyhow::Error::new(error)
            })
        };
        let near = open(self.pair.a()).context("opening the near end")?;
        let far = open(self.pair.b()).context("opening the far end")?;
        Ok((near, far))
    }

    /// MAC addresses of both ends.
    pub fn addresses(&self) -> Addresses {
        Addresses { near: self.pair.a().mac(), far: self.pair.b().mac() }
    }

    /// The interfaces' own counters.
    pub fn counters(&self) -> anyhow::Result<WireCounters> {
        Ok(WireCounters { near: self.pair.a().counters()?, far: self.pair.b().counters()? })
    }
}

impl WireCounters {
    /// What has come since.
    pub fn since(&self, earlier: &Self) -> Self {
        Self { near: self.near.since(&earlier.near), far: self.far.since(&earlier.far) }
    }
}

/// This very command, as root.
fn as_root() -> String {
    let program = std::env::current_exe()
        .map_or_else(|_| "fluxcap".into(), |path| path.display().to_string());
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    format!("sudo {program} {}", arguments.join(" "))
}

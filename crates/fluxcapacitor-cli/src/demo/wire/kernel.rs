//! Two namespaces and a veth pair, held by this process alone.

use std::io::{self, ErrorKind};

use anyhow::Context;
use fluxcapacitor::{FluxBuilder, FluxRaw};
use fluxcapacitor_testbed::{End, NetNs, TestbedError, VethPair};

use super::{Addresses, Lacking, WireCounters};
use crate::exit::NotPermitted;

/// The near end is `a`, the far end `b`.
#[derive(Debug)]
pub struct Veth {
    pair: VethPair,
}

impl Veth {
    /// Makes it, or says which command would be allowed to.
    pub fn new() -> anyhow::Result<Self> {
        let make = || {
            let (near, far) = (NetNs::new()?, NetNs::new()?);
            VethPair::create(&near, &far, 1)
        };
        let pair = make().map_err(refused)?;
        Ok(Self { pair })
    }

    /// Opens a socket on each end.
    pub fn open(&self) -> anyhow::Result<(FluxRaw, FluxRaw)> {
        let open = |end: &End| -> anyhow::Result<FluxRaw> {
            let built = end.namespace().run(|| FluxBuilder::new(end.name()).build_raw())?;
            built.map_err(|error| {
                if error.is_permission() {
                    return not_permitted(&error);
                }
                anyhow::Error::new(error)
            })
        };
        let near = open(self.pair.a()).context("opening the near end")?;
        let far = open(self.pair.b()).context("opening the far end")?;
        Ok((near, far))
    }

    pub fn addresses(&self) -> Addresses {
        Addresses { near: self.pair.a().mac(), far: self.pair.b().mac() }
    }

    pub fn counters(&self) -> anyhow::Result<WireCounters> {
        let (near, far) = (self.pair.a().counters()?, self.pair.b().counters()?);
        Ok(WireCounters {
            near_tx: near.tx_packets,
            far_rx: far.rx_packets,
            far_tx: far.tx_packets,
            near_rx: near.rx_packets,
        })
    }
}

fn refused(error: TestbedError) -> anyhow::Error {
    const MAKING: &str = "making two namespaces and a veth pair";
    if error.is_permission() {
        return not_permitted(&error);
    }
    let said = format!("{MAKING}: {error}");
    // ENOSYS or EOPNOTSUPP: a kernel without namespaces or veth.
    if io::Error::from(error).kind() == ErrorKind::Unsupported {
        return Lacking(said).into();
    }
    anyhow::Error::msg(said)
}

fn not_permitted(error: &dyn std::error::Error) -> anyhow::Error {
    NotPermitted(format!("{error}\nthis is permitted:\n  {}", as_root())).into()
}

/// This very command, as root.
fn as_root() -> String {
    let program = std::env::current_exe()
        .map_or_else(|_| "fluxcap".into(), |path| path.display().to_string());
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    format!("sudo {program} {}", arguments.join(" "))
}

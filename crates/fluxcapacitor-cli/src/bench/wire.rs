//! Where contestants run: on one end of a veth pair, or on an interface that there is.

use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context;
use fluxcapacitor_core::sys::netdev::{Interface, LinkCounters, RouteSocket};
use fluxcapacitor_testbed::{NetNs, TestbedError, VethPair};

use crate::exit::NotPermitted;

/// For how long counters must stand still to count as settled, and how long they have for it.
const STILL: Duration = Duration::from_millis(10);
const SETTLE_MAX: Duration = Duration::from_secs(2);

/// Destination of what is sent to nobody in particular: a station that is not on the wire, so that the stack
/// at the other end drops it as early as it can.
pub const NOBODY: [u8; 6] = [0x02, 0, 0, 0, 0, 0xfe];

/// The interface that a contestant drives, and what is at its other end if that is ours.
#[derive(Debug)]
pub struct Wire {
    pair: Option<VethPair>,
    namespace: NetNs,
    interface: Interface,
    socket: RouteSocket,
}

/// What the kernel has counted on the contestant's interface.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counted {
    /// Packets that came as far as the XDP program.
    pub rx: u64,
    /// Packets that were lost on their way in.
    pub rx_dropped: u64,
    /// Packets that left, or were lost on their way out.
    pub tx: u64,
}

impl Wire {
    /// A veth pair between two namespaces; or why that cannot be, and which command could.
    pub fn veth() -> anyhow::Result<Self> {
        let make = || {
            let (near, far) = (NetNs::new()?, NetNs::new()?);
            Ok((VethPair::create(&near, &far, 1)?, far))
        };
        let (pair, namespace) = make().map_err(refused)?;
        let name = pair.b().name().to_owned();
        Self::on(Some(pair), namespace, &name)
    }

    /// An interface of this namespace.
    pub fn given(name: &str) -> anyhow::Result<Self> {
        Self::on(None, NetNs::current()?, name)
    }

    fn on(pair: Option<VethPair>, namespace: NetNs, name: &str) -> anyhow::Result<Self> {
        let found = namespace.run(|| Ok((Interface::by_name(name)?, RouteSocket::open()?)))?;
        let found: std::io::Result<_> = found;
        let (interface, socket) = found.with_context(|| format!("looking at {name}"))?;
        Ok(Self { pair, namespace, interface, socket })
    }

    /// The name of the contestant's interface.
    pub fn interface(&self) -> &str {
        &self.interface.name
    }

    /// The driver of the contestant's interface.
    pub fn driver(&self) -> &str {
        self.interface.driver.as_deref().unwrap_or("none")
    }

    /// Where packets for the contestant go to.
    pub fn contestant_mac(&self) -> [u8; 6] {
        self.interface.mac.unwrap_or_default()
    }

    /// The other end, if that is ours: its namespace, name and index.
    pub fn other_end(&self) -> Option<(&NetNs, &str, u32)> {
        let end = self.pair.as_ref()?.a();
        Some((end.namespace(), end.name(), end.index()))
    }

    /// Starts a thread at the contestant's end.
    pub fn spawn<T: Send + 'static>(
        &self,
        name: &str,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> anyhow::Result<JoinHandle<T>> {
        Ok(self.namespace.spawn(name, body)?)
    }

    /// Whether an XDP program is on the contestant's interface.
    pub fn has_program(&self) -> anyhow::Result<bool> {
        let index = self.interface.index;
        let found: std::io::Result<_> = self.namespace.run(|| Interface::by_index(index))?;
        Ok(found?.xdp.is_some())
    }

    /// What has been counted up to now.
    pub fn counted(&mut self) -> anyhow::Result<Counted> {
        let LinkCounters { rx_packets, rx_dropped, tx_packets, tx_dropped, .. } =
            self.socket.link_counters(self.interface.index).context("reading the counters")?;
        Ok(Counted { rx: rx_packets, rx_dropped, tx: tx_packets + tx_dropped })
    }

    /// The same once nothing more comes, or has not ended to come for a while.
    pub fn settled(&mut self) -> anyhow::Result<Counted> {
        let started = Instant::now();
        let mut before = self.counted()?;
        loop {
            thread::sleep(STILL);
            let now = self.counted()?;
            if (now.rx, now.tx) == (before.rx, before.tx) || started.elapsed() > SETTLE_MAX {
                return Ok(now);
            }
            before = now;
        }
    }
}

impl Counted {
    /// What has come since.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            rx: self.rx - earlier.rx,
            rx_dropped: self.rx_dropped - earlier.rx_dropped,
            tx: self.tx - earlier.tx,
        }
    }
}

fn refused(error: TestbedError) -> anyhow::Error {
    if error.is_permission() {
        let how = "as root it may; --interface needs no namespaces, only CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF";
        return NotPermitted(format!("{error}\n{how}")).into();
    }
    anyhow::Error::new(error).context("making two namespaces and a veth pair")
}

//! Mode B: halves that receive and send packets which are owned, on threads of their own.

#[cfg(feature = "async")]
mod asynchronous;
mod batch;
mod rx;
mod tx;

use std::sync::Arc;

use fluxcapacitor_core::umem::SharedFrameState;
use fluxcapacitor_core::{Error, Result};

#[cfg(feature = "async")]
pub use asynchronous::{AsyncFluxRx, AsyncFluxTx};
pub use batch::{Batch, Drain, IntoIter, Iter, IterMut};
pub use rx::FluxRx;
pub use tx::FluxTx;

use crate::granted::Granted;
use crate::half;
use crate::raw::{FluxRaw, Group, Lane};
use crate::stats::StatsReader;
use crate::umem::{FramePool, UmemRegion};

/// Queues that are open, to be split into halves.
///
/// ```
/// # #[cfg(feature = "simulator")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use fluxcapacitor::simulator::control::{LinkConfig, NicConfig, World};
/// # use std::time::Duration;
/// # let world = World::new(1);
/// # let nic = world.nic(NicConfig::new("eth0"))?;
/// use fluxcapacitor::FluxBuilder;
/// use fluxcapacitor::system::Batch;
///
/// # let eth0 = nic.name();
/// let (mut rx, mut tx) = FluxBuilder::new(eth0).build_system()?.split()?;
/// let mut batch = Batch::new(64);
/// # nic.inject(&[0; 60]);
/// rx.recv_timeout(&mut batch, Duration::from_secs(1))?;
/// for packet in batch.drain() {
///     // It is owned: it could go to another thread and leave from there.
///     tx.send(packet).expect("an empty ring has room");
/// }
/// tx.flush()?;
/// # Ok(()) }
/// # #[cfg(not(feature = "simulator"))]
/// # fn main() {}
/// ```
#[derive(Debug)]
pub struct FluxSystem {
    groups: Vec<Group>,
}

impl FluxSystem {
    pub(crate) const fn of(groups: Vec<Group>) -> Self {
        Self { groups }
    }

    /// What was granted, queue by queue.
    pub fn granted(&self) -> impl Iterator<Item = &Granted> {
        self.groups.iter().flat_map(|group| &group.lanes).map(|lane| &lane.granted)
    }

    /// The halves of the one queue that is open.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there are several: [`FluxSystem::into_queues`] gives all.
    pub fn split(self) -> Result<(FluxRx, FluxTx)> {
        let mut queues = self.into_queues();
        match (queues.pop(), queues.len()) {
            (Some(halves), 0) => Ok(halves),
            (_, others) => {
                let why = "split() is for one; into_queues() gives the halves of each";
                Err(Error::invalid("queues to split", others + 1, why))
            }
        }
    }

    /// The halves of the one queue that is open, for tasks of tokio.
    ///
    /// # Errors
    /// As [`FluxSystem::split`] and [`AsyncFluxRx::new`].
    #[cfg(feature = "async")]
    pub fn split_async(self) -> Result<(AsyncFluxRx, AsyncFluxTx)> {
        let (rx, tx) = self.split()?;
        Ok((AsyncFluxRx::new(rx)?, AsyncFluxTx::new(tx)?))
    }

    /// The halves of each queue, in the order in which they were named. Each queue has packet memory of its own.
    #[must_use]
    pub fn into_queues(self) -> Vec<(FluxRx, FluxTx)> {
        let one = |mut group: Group| {
            // It was opened on one interface.
            Some(halves(group.lanes.pop()?, group.pool, &group.umem, group.tx_reserve))
        };
        self.groups.into_iter().filter_map(one).collect()
    }
}

/// Splits a socket into its halves: `FluxRx` has the rx and the fill ring, `FluxTx` the tx and the completion
/// ring, and a [`SharedFrameState`] links them, by which frames go home.
///
/// Each half may go to a thread of its own. The queue is free when both are dropped.
#[must_use]
pub fn split(raw: FluxRaw) -> (FluxRx, FluxTx) {
    let (lane, pool, umem, tx_reserve) = raw.into_lane();
    halves(lane, pool, &umem, tx_reserve)
}

fn halves(lane: Lane, mut pool: FramePool, umem: &UmemRegion, tx_reserve: u32) -> (FluxRx, FluxTx) {
    let (receives, sends, source) = half::split(lane, umem.census().rx);
    let shared = SharedFrameState::new(umem);
    let reader = StatsReader(vec![source]);
    let mut reserve = FramePool::new(umem);
    let _same_umem = reserve.give_all(pool.drain().take(tx_reserve as usize));
    let alive = Arc::new(());
    let sender = Arc::downgrade(&alive);
    let rx = FluxRx::new(receives, pool, Arc::clone(&shared), sender, reader.clone());
    (rx, FluxTx::new(sends, reserve, tx_reserve, shared, alive, reader))
}

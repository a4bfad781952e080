//! The half that receives.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use fluxcapacitor_core::Result;
use futures_core::Stream;

use super::super::{Batch, FluxRx};
use super::poll_turn;
use super::source::Source;
use crate::granted::Granted;
use crate::packet::Packet;
use crate::stats::{Stats, StatsReader};

/// How many packets a stream takes out of the ring at a time.
const STREAM_BATCH: usize = 64;

/// Receives packets that are owned, in tasks of tokio: [`AsyncFluxRx::recv`] in batches, or one by one as a
/// [`Stream`].
///
/// On the runtime that it was made in, of one thread or of several. While there are no packets the task sleeps,
/// and wakes ten times a second to look at the link. Dropping a future of it loses nothing.
///
/// ```
/// # #[cfg(feature = "simulator")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use fluxcapacitor::simulator::control::{NicConfig, World};
/// # let world = World::new(1);
/// # let nic = world.nic(NicConfig::new("eth0"))?;
/// use fluxcapacitor::FluxBuilder;
/// use fluxcapacitor::system::Batch;
///
/// # let eth0 = nic.name();
/// let (mut rx, mut tx) = FluxBuilder::new(eth0).build_system()?.split_async()?;
/// # nic.inject(&[0; 60]);
/// let mut batch = Batch::new(64);
/// rx.recv(&mut batch).await?;
/// tx.send_batch(&mut batch).await?; // an echo
/// tx.flush().await?;
/// # Ok(()) }
/// # #[cfg(not(feature = "simulator"))]
/// # fn main() {}
/// ```
#[derive(Debug)]
pub struct AsyncFluxRx {
    source: Source,
    rx: FluxRx,
    /// What the stream has taken out of the ring and not given out.
    taken: Batch,
}

impl AsyncFluxRx {
    /// Of a half, in the runtime that is to drive it.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) outside of a runtime of tokio;
    /// [`Error::Sys`](crate::Error::Sys) if the descriptor cannot be watched.
    ///
    /// # Panics
    /// If the runtime was built without timers or without I/O (`Builder::enable_all`), as tokio does.
    pub fn new(rx: FluxRx) -> Result<Self> {
        let source = Source::new(rx.shared_device())?;
        Ok(Self { source, rx, taken: Batch::new(STREAM_BATCH) })
    }

    /// Receives what has arrived, as far as `batch` has room, and says how many packets that were; waits for the
    /// first. With no room there are 0, at once.
    ///
    /// Cancel-safe: packets that were received are in the batch.
    ///
    /// # Errors
    /// [`Error::LinkGone`](crate::Error::LinkGone) at most 100 ms after the interface has gone;
    /// [`Error::Ring`](crate::Error::Ring) if a ring is corrupt.
    pub async fn recv(&mut self, batch: &mut Batch) -> Result<usize> {
        poll_fn(|context| self.poll_recv(context, batch)).await
    }

    /// The same, for those who poll.
    ///
    /// # Errors
    /// As [`AsyncFluxRx::recv`].
    pub fn poll_recv(
        &mut self,
        context: &mut Context<'_>,
        batch: &mut Batch,
    ) -> Poll<Result<usize>> {
        ready!(poll_turn(context));
        let before = batch.len();
        while let Some(packet) = self.taken.pop() {
            if let Err(packet) = batch.push(packet) {
                self.taken.unpop(packet);
                break;
            }
        }
        loop {
            self.rx.recv(batch)?;
            let received = batch.len() - before;
            if received > 0 || batch.room() == 0 {
                self.source.rest();
                return Poll::Ready(Ok(received));
            }
            ready!(self.source.poll_packets(context))?;
        }
    }

    /// What was granted.
    #[must_use]
    pub fn granted(&self) -> &Granted {
        self.rx.granted()
    }

    /// What has been counted up to now, on both halves.
    ///
    /// # Errors
    /// [`Error::Sys`](crate::Error::Sys) if the socket does not tell its own counters.
    pub fn stats(&self) -> Result<Stats> {
        self.rx.stats()
    }

    /// What reads the counters of both halves, from any thread.
    #[must_use]
    pub fn stats_reader(&self) -> StatsReader {
        self.rx.stats_reader()
    }

    /// The half itself. Packets that a stream has taken out of the ring and not given out are dropped.
    #[must_use]
    pub fn into_inner(self) -> FluxRx {
        self.rx
    }
}

/// The packets, one by one. It ends with an error only, and goes on behind it.
impl Stream for AsyncFluxRx {
    type Item = Result<Packet>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            ready!(poll_turn(context));
            if let Some(packet) = this.taken.pop() {
                return Poll::Ready(Some(Ok(packet)));
            }
            if let Err(error) = this.rx.recv(&mut this.taken) {
                return Poll::Ready(Some(Err(error)));
            }
            if !this.taken.is_empty() {
                this.source.rest();
                continue;
            }
            if let Err(error) = ready!(this.source.poll_packets(context)) {
                return Poll::Ready(Some(Err(error)));
            }
        }
    }
}

const _: () = {
    const fn is_send<T: Send + 'static>() {}
    is_send::<AsyncFluxRx>();
    is_send::<Arc<crate::raw::Device>>();
};

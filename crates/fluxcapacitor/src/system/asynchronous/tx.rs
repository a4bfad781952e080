//! The half that sends.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use fluxcapacitor_core::{Error, Result};
use futures_sink::Sink;

use super::super::{Batch, FluxTx};
use super::{Timer, poll_turn};
use crate::granted::Granted;
use crate::packet::Packet;
use crate::raw::Interest;
use crate::ring::PushError;
use crate::stats::{Stats, StatsReader};

/// How long a full ring is left alone: nothing wakes a task when frames were sent.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Sends packets that are owned, in tasks of tokio: one, a batch, or as a [`Sink`].
///
/// What was put into the ring leaves with [`AsyncFluxTx::flush`]. Where the ring is full, it is flushed and
/// looked at every millisecond: the kernel wakes nobody when frames were sent.
#[derive(Debug)]
pub struct AsyncFluxTx {
    tx: FluxTx,
    timer: Timer,
}

impl AsyncFluxTx {
    /// Of a half, in the runtime that is to drive it.
    ///
    /// # Errors
    /// [`Error::Invalid`] outside of a runtime of tokio.
    ///
    /// # Panics
    /// If the runtime was built without timers (`Builder::enable_all`), as tokio does.
    pub fn new(tx: FluxTx) -> Result<Self> {
        Ok(Self { tx, timer: Timer::new()? })
    }

    /// A fresh packet without bytes, as [`FluxTx::allocate`]; waits while all frames of this half are under way.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    /// As [`AsyncFluxTx::flush`].
    pub async fn allocate(&mut self) -> Result<Packet> {
        self.allocated(FluxTx::allocate).await
    }

    /// Fresh packets, as [`FluxTx::allocate_batch`]; waits while all frames of this half are under way. It says 0 if the
    /// batch is full.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    /// As [`AsyncFluxTx::flush`]; [`Error::Invalid`] if so many bytes do not fit a frame, and the batch is as it was.
    pub async fn allocate_batch(&mut self, batch: &mut Batch, len: usize) -> Result<usize> {
        let is_full = batch.room() == 0;
        let allocated = self.allocated(|tx| match tx.allocate_batch(batch, len) {
            Ok(0) if !is_full => None,
            allocated => Some(allocated),
        });
        allocated
            .await?
            .map_err(|refused| Error::invalid("packet length", len, refused.to_string()))
    }

    /// What `allocate` gives, once it does.
    async fn allocated<T>(
        &mut self,
        mut allocate: impl FnMut(&mut FluxTx) -> Option<T>,
    ) -> Result<T> {
        poll_fn(|context| {
            loop {
                ready!(poll_turn(context));
                if let Some(allocated) = allocate(&mut self.tx) {
                    self.timer.unset();
                    return Poll::Ready(Ok(allocated));
                }
                self.tx.flush()?;
                ready!(self.poll_while(context))?;
            }
        })
        .await
    }

    /// Waits until the tx ring has room for a packet.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    /// As [`AsyncFluxTx::flush`].
    pub async fn ready(&mut self) -> Result<()> {
        poll_fn(|context| self.poll_room(context)).await
    }

    /// Puts a packet into the tx ring, if it has room; it leaves with [`AsyncFluxTx::flush`].
    ///
    /// # Errors
    /// As [`FluxTx::send`].
    pub fn try_send(&mut self, packet: Packet) -> Result<(), PushError<Packet>> {
        self.tx.send(packet)
    }

    /// Puts a packet into the tx ring, waiting for room; it leaves with [`AsyncFluxTx::flush`].
    ///
    /// Cancelled, the packet is dropped: where that matters, await [`AsyncFluxTx::ready`], and
    /// [try](AsyncFluxTx::try_send) then.
    ///
    /// # Errors
    /// As [`AsyncFluxTx::flush`]; [`Error::Foreign`] and [`Error::Invalid`] for a packet that cannot be sent,
    /// which is dropped.
    pub async fn send(&mut self, packet: Packet) -> Result<()> {
        self.ready().await?;
        self.put(packet)
    }

    /// Puts all packets of `batch` into the tx ring, waiting for room; they leave with [`AsyncFluxTx::flush`].
    ///
    /// Cancel-safe: what was not put there is in the batch.
    ///
    /// # Errors
    /// As [`AsyncFluxTx::send`]; what comes behind a packet that cannot be sent is in the batch.
    pub async fn send_batch(&mut self, batch: &mut Batch) -> Result<usize> {
        let mut sent = 0;
        while !batch.is_empty() {
            self.ready().await?;
            sent += self.tx.send_batch(batch).map_err(refused)?;
        }
        Ok(sent)
    }

    /// Waits until the kernel has taken all packets out of the tx ring. While the link is down that does not
    /// happen.
    ///
    /// Cancel-safe: what is left goes with the next flush.
    ///
    /// # Errors
    /// [`Error::LinkGone`] if the interface has gone; [`Error::Ring`] if a ring is corrupt.
    pub async fn flush(&mut self) -> Result<()> {
        poll_fn(|context| self.poll_sent(context)).await
    }

    /// Flushes, and waits until all packets were sent and their frames are back, to be received into or sent
    /// from again.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    /// As [`AsyncFluxTx::flush`].
    pub async fn drained(&mut self) -> Result<()> {
        self.flush().await?;
        poll_fn(|context| {
            loop {
                self.tx.reclaim()?;
                if self.tx.in_flight() == 0 {
                    self.timer.unset();
                    return Poll::Ready(Ok(()));
                }
                ready!(self.poll_while(context))?;
            }
        })
        .await
    }

    /// What was granted.
    #[must_use]
    pub fn granted(&self) -> &Granted {
        self.tx.granted()
    }

    /// What has been counted up to now, on both halves.
    ///
    /// # Errors
    /// [`Error::Sys`] if the socket does not tell its own counters.
    pub fn stats(&self) -> Result<Stats> {
        self.tx.stats()
    }

    /// What reads the counters of both halves, from any thread.
    #[must_use]
    pub fn stats_reader(&self) -> StatsReader {
        self.tx.stats_reader()
    }

    /// The half itself.
    #[must_use]
    pub fn into_inner(self) -> FluxTx {
        self.tx
    }

    fn put(&mut self, packet: Packet) -> Result<()> {
        self.tx.send(packet).map_err(refused)
    }

    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            ready!(poll_turn(context));
            if self.tx.room()? > 0 {
                self.timer.unset();
                return Poll::Ready(Ok(()));
            }
            self.tx.flush()?;
            if self.tx.room()? == 0 {
                ready!(self.poll_while(context))?;
            }
        }
    }

    fn poll_sent(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            ready!(poll_turn(context));
            self.tx.flush()?;
            if !self.tx.unsent() {
                self.timer.unset();
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_while(context))?;
        }
    }

    /// A while, and a look at the link behind it: a driver that is awake is not kicked, and nothing else tells.
    fn poll_while(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(self.timer.poll_every(context, LOOK_EVERY));
        let device = self.tx.device();
        #[cfg(feature = "simulator")]
        if let Some(socket) = device.socket().as_simulated() {
            socket.let_pass(LOOK_EVERY);
        }
        Poll::Ready(device.wait(Interest::Tx, Duration::ZERO).map(|_either_way| ()))
    }
}

/// Why a packet cannot be sent. It is dropped.
fn refused(refused: PushError<Packet>) -> Error {
    match refused {
        PushError::Foreign(_) => Error::Foreign,
        PushError::Corrupt(_, corrupt) => Error::Ring(corrupt),
        refused => Error::invalid("packet", "to send", refused.to_string()),
    }
}

/// As [`AsyncFluxTx::send`] and [`AsyncFluxTx::flush`].
impl Sink<Packet> for AsyncFluxTx {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_room(context)
    }

    fn start_send(mut self: Pin<&mut Self>, packet: Packet) -> Result<()> {
        self.put(packet)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_sent(context)
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_flush(context)
    }
}

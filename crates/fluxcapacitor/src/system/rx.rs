//! The half that receives.

#[cfg(unix)]
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use fluxcapacitor_core::umem::{Home, Origin, Parcel, SharedFrameState};
use fluxcapacitor_core::{Error, Result};

use super::Batch;
use crate::granted::Granted;
use crate::half::RxHalf;
use crate::packet::Packet;
use crate::poller::NAP;
use crate::raw::{Device, Interest, Waited};
use crate::stats::{Counter, Stats, StatsReader};
use crate::tap::{Direction, Feed, Tap};
use crate::umem::{FramePool, UmemRegion};

/// How many frames may be missing in the fill ring before it is refilled.
const LOW_WATER: u32 = 64;

/// Receives packets that are owned: the rx and the fill ring of a queue.
///
/// Whoever drops a packet, on whatever thread, sends its frame home, and the next call here posts it again. So
/// it receives for as long as somebody calls and packets are dropped or sent.
#[derive(Debug)]
pub struct FluxRx {
    // Detached and closed first: fields drop in this order.
    half: RxHalf,
    pool: FramePool,
    shared: Arc<SharedFrameState>,
    /// How many frames there are to receive into: all that the other half does not keep.
    share: u32,
    /// Of the other half, for as long as there is that.
    sender: Weak<()>,
    reader: StatsReader,
    /// What sees the packets that come in.
    feed: Option<Feed>,
}

impl FluxRx {
    pub(super) fn new(
        half: RxHalf,
        pool: FramePool,
        shared: Arc<SharedFrameState>,
        sender: Weak<()>,
        reader: StatsReader,
    ) -> Self {
        let share = half.out() + pool.len() as u32;
        Self { half, pool, shared, share, sender, reader, feed: None }
    }

    /// Has `tap` see the packets that come in, before [`FluxRx::recv`] returns; takes the place of an earlier one.
    #[must_use]
    pub fn tap(mut self, tap: &Tap) -> Self {
        self.feed = tap.feed(Direction::Rx, &self.half.granted);
        self
    }

    /// Receives what has arrived, as far as `batch` has room, and says how many packets that were; 0 at once if
    /// there are none.
    ///
    /// A link that is down is no error: nothing arrives.
    ///
    /// # Errors
    /// [`Error::LinkGone`] if the interface has gone, as far as a call tells; [`Error::Ring`] if a ring is corrupt.
    #[inline]
    pub fn recv(&mut self, batch: &mut Batch) -> Result<usize> {
        let mut received = self.take(batch)?;
        // Round the end of the ring it takes two batches, and another behind what is rejected.
        while self.half.rx.known() > 0 && batch.room() > 0 {
            match self.take(batch)? {
                // Of a packet of several segments, the end has not come.
                0 if self.half.granted.multi_buffer => break,
                more => received += more,
            }
        }
        self.refill()?;
        Ok(received as usize)
    }

    /// The same, but waits for the first packet, for `timeout` at most.
    ///
    /// # Errors
    /// As [`FluxRx::recv`]; that the interface has gone, at most 100 ms later.
    pub fn recv_timeout(&mut self, batch: &mut Batch, timeout: Duration) -> Result<usize> {
        let started = Instant::now();
        loop {
            let received = self.recv(batch)?;
            if received > 0 || batch.room() == 0 {
                return Ok(received);
            }
            let left = timeout.saturating_sub(started.elapsed());
            // It ends early when the link is down; in a simulated world, it has taken all of its time.
            if self.wait(left)? == Waited::TimedOut {
                return self.recv(batch);
            }
            if started.elapsed() >= timeout {
                return self.recv(batch);
            }
        }
    }

    /// Sleeps until there is a packet, or the time is up.
    ///
    /// # Errors
    /// Those of [`Device::wait`].
    pub fn wait(&mut self, timeout: Duration) -> Result<Waited> {
        if self.half.rx.occupancy() > 0 {
            return Ok(Waited::Ready);
        }
        self.half.busy_poll().or_else(unless_down)?;
        let mut left = timeout;
        // Nothing can come before a frame has come home, and nothing tells when one has.
        while self.half.is_starved() && left > NAP {
            let napping = Instant::now();
            match self.half.device.wait(Interest::Rx, NAP)? {
                Waited::TimedOut => {}
                ended => return Ok(ended),
            }
            // In a simulated world, which has its own time, a nap has taken none of ours.
            left = left.saturating_sub(napping.elapsed().max(NAP));
            self.refill()?;
        }
        self.half.device.wait(Interest::Rx, left)
    }

    /// The packet memory, to see who holds how many frames.
    #[must_use]
    pub fn umem(&self) -> &UmemRegion {
        self.shared.umem()
    }

    /// What was granted.
    #[must_use]
    pub fn granted(&self) -> &Granted {
        &self.half.granted
    }

    /// The socket.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.half.device
    }

    #[cfg(feature = "async")]
    pub(super) const fn shared_device(&self) -> &Arc<Device> {
        &self.half.device
    }

    /// What has been counted up to now, on both halves.
    ///
    /// # Errors
    /// [`Error::Sys`] if the socket does not tell its own counters.
    pub fn stats(&self) -> Result<Stats> {
        self.reader.read()
    }

    /// What reads the counters of both halves, from any thread.
    #[must_use]
    pub fn stats_reader(&self) -> StatsReader {
        self.reader.clone()
    }

    #[inline]
    fn take(&mut self, batch: &mut Batch) -> Result<u32> {
        // The kernel counts queues in u16.
        let origin = Origin { queue: self.half.device.queue() as u16, port: 0 };
        let rejected = self.half.rx.rejected();
        let (packets, bytes) = if self.half.granted.multi_buffer {
            self.take_whole(batch, origin)?
        } else {
            let (rx, shared) = (&mut self.half.rx, &self.shared);
            let (packets, bytes) =
                batch.extend(|slots| rx.receive_into(slots, (shared, origin), Packet::new))?;
            self.half.moved(packets, 0);
            (packets, bytes)
        };
        let counters = &self.half.counters;
        if packets > 0 {
            counters.add(Counter::RxPackets, u64::from(packets));
            counters.add(Counter::RxBytes, bytes);
        }
        if let Some(feed) = &mut self.feed {
            let before = batch.len().saturating_sub(packets as usize);
            feed.see_all(batch.iter().skip(before).map(Packet::data));
        }
        let rejected = self.half.rx.rejected() - rejected;
        if rejected > 0 {
            counters.add(Counter::Rejected, rejected);
        }
        Ok(packets)
    }

    /// The same where packets may have several segments; says how many there were, and their bytes.
    #[inline(never)]
    fn take_whole(&mut self, batch: &mut Batch, origin: Origin) -> Result<(u32, u64)> {
        let max = u32::try_from(batch.room()).unwrap_or(u32::MAX);
        let (mut packets, mut frames, mut bytes) = (0, 0, 0);
        for chain in self.half.rx.receive_whole(max)? {
            bytes += u64::from(chain.len());
            frames += chain.segments();
            // It is of this UMEM, unless somebody has put another in its place; and there is room for it.
            let made = Parcel::new(&self.shared, Home::Rx, chain, origin);
            let parcel = made.map_err(|_| Error::Foreign)?;
            packets += u32::from(batch.push(Packet::new(parcel)).is_ok());
        }
        self.half.moved(frames, 0);
        Ok((packets, bytes))
    }

    /// Posts frames that have come home, once enough are missing.
    #[inline]
    fn refill(&mut self) -> Result<()> {
        let wanted = self.half.wanted(self.share)?;
        if wanted < self.half.enough(LOW_WATER, self.share) {
            return Ok(());
        }
        if self.half.granted.multi_buffer {
            // Of packets that were rejected: with an honest kernel, none.
            self.pool.give_chain(self.half.rx.salvage())?;
        }
        if self.sender.strong_count() == 0 {
            self.share = self.umem().layout().frames();
            self.shared.take(Home::Tx, &mut self.pool)?;
        }
        if self.half.take_home(&self.shared, &mut self.pool, wanted)? > 0 {
            self.half.publish().or_else(unless_down)?;
        }
        Ok(())
    }
}

/// A link that is down is a state, and comes back.
pub(super) fn unless_down(error: Error) -> Result<()> {
    if matches!(error, Error::LinkDown) { Ok(()) } else { Err(error) }
}

#[cfg(unix)]
impl AsFd for FluxRx {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.half.device.as_fd()
    }
}

#[cfg(unix)]
impl AsRawFd for FluxRx {
    fn as_raw_fd(&self) -> RawFd {
        self.half.device.as_raw_fd()
    }
}

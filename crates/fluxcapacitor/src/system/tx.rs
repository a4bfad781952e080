//! The half that sends.

use std::sync::Arc;
use std::time::{Duration, Instant};

#[cfg(doc)]
use fluxcapacitor_core::Error;
use fluxcapacitor_core::Result;
use fluxcapacitor_core::umem::{Home, Origin, Parcel, SharedFrameState};

use super::Batch;
use super::rx::unless_down;
use crate::granted::Granted;
use crate::half::TxHalf;
use crate::packet::Packet;
use crate::proto::buffer::NoRoom;
use crate::raw::Device;
use crate::ring::PushError;
use crate::stats::{Stats, StatsReader};
use crate::tap::{Direction, Feed, Tap};
use crate::umem::{FramePool, UmemRegion, XDP_PACKET_HEADROOM};

/// Sends packets that are owned: the tx and the completion ring of a queue.
///
/// Packets are those that the other half has received, or fresh ones from [`FluxTx::allocate`] and
/// [`FluxTx::allocate_batch`]. They leave with
/// [`FluxTx::flush`]. Frames that were sent come back with any call here; what is more than this half began
/// with goes to the other, to be received into. So call [`FluxTx::reclaim`] now and then when you have sent and
/// send no more. Packets that were not flushed when it is dropped, or not completed, take their frames along until
/// the queue is closed.
///
/// To feed it from many threads, give it to one and the others a bounded channel:
/// ```
/// # #[cfg(feature = "simulator")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use fluxcapacitor::simulator::control::{NicConfig, World};
/// # let world = World::new(1);
/// # let nic = world.nic(NicConfig::new("eth0"))?;
/// # let (mut rx, mut tx) = fluxcapacitor::FluxBuilder::new(nic.name()).build_system()?.split()?;
/// # for _ in 0..3 { nic.inject(&[0; 60]); }
/// # let mut batch = fluxcapacitor::system::Batch::new(64);
/// # rx.recv_timeout(&mut batch, std::time::Duration::from_secs(1))?;
/// use fluxcapacitor::Packet;
/// use std::sync::mpsc::sync_channel;
///
/// let (to_sender, packets) = sync_channel::<Packet>(1024);
/// let sender = std::thread::spawn(move || -> fluxcapacitor::Result<()> {
///     while let Ok(first) = packets.recv() {
///         for packet in std::iter::once(first).chain(packets.try_iter().take(63)) {
///             // Full: dropped here. Its frame goes home by itself.
///             let _ = tx.send(packet);
///         }
///         tx.flush()?;
///     }
///     Ok(())
/// });
/// for packet in batch.drain() {
///     to_sender.send(packet)?; // from as many threads as there are clones of it
/// }
/// drop(to_sender);
/// sender.join().expect("no panic")?;
/// # Ok(()) }
/// # #[cfg(not(feature = "simulator"))]
/// # fn main() {}
/// ```
#[derive(Debug)]
pub struct FluxTx {
    // Detached and closed first: fields drop in this order.
    half: TxHalf,
    pool: FramePool,
    /// How many frames this half keeps.
    reserve: u32,
    shared: Arc<SharedFrameState>,
    /// The other half looks whether there still is this one.
    #[expect(dead_code, reason = "dropped, it is gone")]
    alive: Arc<()>,
    reader: StatsReader,
    /// Frames that were flushed and have not come back.
    under_way: usize,
    /// What sees the packets that are pushed.
    feed: Option<Feed>,
}

impl FluxTx {
    pub(super) fn new(
        mut half: TxHalf,
        pool: FramePool,
        reserve: u32,
        shared: Arc<SharedFrameState>,
        alive: Arc<()>,
        reader: StatsReader,
    ) -> Self {
        let _same_umem = half.tx.expect_from(&shared);
        let (under_way, feed) = (0, None);
        Self { half, pool, reserve, shared, alive, reader, under_way, feed }
    }

    /// Has `tap` see the packets that are put into the tx ring; takes the place of an earlier one.
    #[must_use]
    pub fn tap(mut self, tap: &Tap) -> Self {
        self.feed = tap.feed(Direction::Tx, &self.half.granted);
        self
    }

    /// A fresh packet without bytes, to be written by [`Packet::write`] or grown by [`Packet::resize`]; none while
    /// all frames of this half are under way. There is headroom of 256 bytes, and what was asked for.
    #[inline]
    pub fn allocate(&mut self) -> Option<Packet> {
        if self.pool.is_empty() {
            // A corrupt ring shows in the next flush.
            let _none = self.reclaim();
        }
        let frame = self.pool.take()?;
        let start = XDP_PACKET_HEADROOM + self.half.granted.headroom;
        // The kernel counts queues in u16.
        let origin = Origin { queue: self.half.device.queue() as u16, port: 0 };
        // It is of this UMEM.
        Parcel::fresh(&self.shared, Home::Tx, (frame, start), origin).ok().map(Packet::new)
    }

    /// Puts fresh packets of `len` bytes into `batch`, as many as it has room for and there are frames, and says how many.
    /// The bytes hold whatever was there before: write them.
    ///
    /// It takes less a packet than [`FluxTx::allocate`].
    ///
    /// # Errors
    /// [`NoRoom`] if so many bytes do not fit a frame, and the batch is as it was.
    pub fn allocate_batch(&mut self, batch: &mut Batch, len: usize) -> Result<usize, NoRoom> {
        if self.pool.len() < batch.room() {
            // A corrupt ring shows in the next flush.
            let _none = self.reclaim();
        }
        let Self { half, pool, shared, .. } = self;
        let start = XDP_PACKET_HEADROOM + half.granted.headroom;
        let have = half.granted.frame_size - start;
        let short = u32::try_from(len).unwrap_or(u32::MAX);
        // The kernel counts queues in u16.
        let origin = Origin { queue: half.device.queue() as u16, port: 0 };
        let fresh = batch.extend(|slots| {
            let of = (&*shared, Home::Tx, origin);
            let taken = pool.take_parcels(slots, (start, short), of, Packet::new)?;
            Ok((taken, 0))
        });
        // They are of this UMEM.
        fresh
            .map_or(Err(NoRoom { need: len, have: have as usize }), |(taken, _)| Ok(taken as usize))
    }

    /// Puts a packet into the tx ring; it leaves with [`FluxTx::flush`].
    ///
    /// # Errors
    /// [`PushError`] with the packet: [`PushError::Full`] if the ring is full, [`PushError::Foreign`] for a packet
    /// of another socket (copy it into one that was [allocated](FluxTx::allocate) here), [`PushError::Empty`]
    /// for one without bytes, [`PushError::TooManySegments`] for one of more than
    /// [`Granted::segments_max`](crate::Granted::segments_max).
    #[inline]
    pub fn send(&mut self, packet: Packet) -> Result<(), PushError<Packet>> {
        if let Some(feed) = &mut self.feed {
            feed.prepare(packet.data());
        }
        match self.half.tx.push_parcel(packet.into_parcel()) {
            Ok(()) => Ok(()),
            Err(refused) => {
                if let Some(feed) = &mut self.feed {
                    feed.refused();
                }
                Err(refused.map(Packet::new))
            }
        }
    }

    /// Puts packets from the front of `batch` into the tx ring, as many as it has room for, and says how
    /// many; the others stay in the batch. They leave with [`FluxTx::flush`].
    ///
    /// # Errors
    /// As [`FluxTx::send`], but for a full ring; those before it were taken, those behind it are in the batch.
    pub fn send_batch(&mut self, batch: &mut Batch) -> Result<usize, PushError<Packet>> {
        let mut sent = 0;
        loop {
            // A tap sees each by itself.
            if self.feed.is_none() {
                sent += self.push_front(batch);
            }
            // What is left, if any: the first of it is unusual, or there is no room, or the ring ends in memory.
            match self.send_first(batch)? {
                0 => return Ok(sent),
                one => sent += one,
            }
        }
    }

    /// As many packets as can be pushed one like the other. A loop of its own, with all registers for itself.
    #[inline(never)]
    fn push_front(&mut self, batch: &mut Batch) -> usize {
        let tx = &mut self.half.tx;
        batch.take_front(|slots| tx.push_parcels(slots, Packet::into_parcel, Packet::new))
    }

    /// The first packet, if there is one and room for it; says how many that were.
    #[cold]
    fn send_first(&mut self, batch: &mut Batch) -> Result<usize, PushError<Packet>> {
        let Some(packet) = batch.pop() else { return Ok(0) };
        match self.send(packet) {
            Ok(()) => Ok(1),
            Err(PushError::Full(packet)) => {
                batch.unpop(packet);
                Ok(0)
            }
            Err(refused) => Err(refused),
        }
    }

    /// Has the kernel send what is in the tx ring, and takes completions.
    ///
    /// In copy mode packets leave inside the system call, with zero-copy soon after. What the kernel leaves in the
    /// ring for now goes with the next flush. A link that is down is no error: packets wait in the ring.
    ///
    /// # Errors
    /// [`Error::LinkGone`] if the interface has gone; [`Error::Ring`] if a ring is corrupt.
    #[inline]
    pub fn flush(&mut self) -> Result<()> {
        let tx = &mut self.half.tx;
        let (segments, further, bytes) = (tx.unpublished(), tx.take_further(), tx.take_bytes());
        tx.settle();
        self.under_way += segments as usize;
        if let Some(feed) = &mut self.feed {
            feed.settle();
        }
        let sent = if segments > 0 {
            self.half.send(u64::from(segments - further), bytes)
        } else {
            self.half.flush()
        };
        self.reclaim()?;
        sent.or_else(unless_down)
    }

    /// Takes completions, and says how many. Frames beyond what this half began with go to the other one.
    ///
    /// # Errors
    /// [`Error::Ring`] if the completion ring is corrupt.
    #[inline]
    pub fn reclaim(&mut self) -> Result<usize> {
        let short = self.reserve.saturating_sub(self.pool.len() as u32);
        let completion = &mut self.half.completion;
        let kept = if short > 0 { completion.reclaim(&mut self.pool, short)? } else { 0 };
        let reclaimed = (kept + completion.send_home(&self.shared, Home::Rx, u32::MAX)?) as usize;
        self.under_way = self.under_way.saturating_sub(reclaimed);
        self.shared.take(Home::Tx, &mut self.pool)?;
        let surplus = self.pool.len().saturating_sub(self.reserve as usize);
        if surplus > 0 {
            self.shared.give_all(Home::Rx, self.pool.drain().take(surplus))?;
        }
        Ok(reclaimed)
    }

    /// Flushes, and waits until the tx ring has room for a packet, for `timeout` at most; says whether it has.
    ///
    /// # Errors
    /// As [`FluxTx::flush`]; [`Error::LinkDown`] at once while the link is down: there will be no room.
    pub fn wait(&mut self, timeout: Duration) -> Result<bool> {
        let started = Instant::now();
        self.flush()?;
        loop {
            let before = self.pool.len();
            self.half.make_room(&mut self.pool)?;
            self.under_way = self.under_way.saturating_sub(self.pool.len() - before);
            self.reclaim()?;
            if self.half.tx.room()? > 0 {
                return Ok(true);
            }
            if started.elapsed() >= timeout {
                return Ok(false);
            }
        }
    }

    /// How many packets fit into the tx ring now.
    ///
    /// # Errors
    /// [`Error::Ring`] if the ring is corrupt.
    pub fn room(&mut self) -> Result<usize> {
        Ok(self.half.tx.room()? as usize)
    }

    /// How many packets are under way: in the tx ring, with the kernel or in the completion ring. Zero once all
    /// were completed and reclaimed.
    #[must_use]
    pub const fn in_flight(&self) -> usize {
        self.under_way + self.half.tx.unpublished() as usize
    }

    /// How many packets the kernel has not taken out of the tx ring yet, or that wait for a flush.
    #[cfg(feature = "async")]
    pub(super) fn unsent(&self) -> bool {
        self.half.tx.unpublished() > 0 || self.half.tx.occupancy() > 0
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
}

impl Drop for FluxTx {
    /// What it kept, the other half receives into; also what comes home to it later.
    fn drop(&mut self) {
        let _corrupt_ring = self.half.reclaim(&mut self.pool);
        let _same_umem = self.shared.give_all(Home::Rx, self.pool.drain());
    }
}

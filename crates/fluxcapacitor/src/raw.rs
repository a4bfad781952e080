//! Mode C: the four rings, with guard rails.

mod device;

#[cfg(unix)]
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

pub use device::Device;
use fluxcapacitor_core::Result;
pub use fluxcapacitor_core::backend::{Interest, Kick, Statistics, Waited};

use crate::granted::Granted;
use crate::half;
use crate::ring::{CompletionRing, FillRing, LaneRings, RxRing, TxRing};
use crate::umem::{Census, FramePool, UmemRegion};

/// A socket on one queue: its four rings, its packet memory, and a pool of the frames that are free.
///
/// The rings, the pool and the memory are fields, so that several can be borrowed at a time:
/// `raw.fill.extend(raw.rx.receive(64)?.map(Segment::into_frame))` posts what was received straight
/// back. Nothing reaches the kernel before it is published; the methods here publish, and kick the
/// kernel when it asks for that.
///
/// Closing is dropping: the program is detached, the socket closed, the rings unmapped and the memory
/// freed, in this order. The same queue can be opened again at once.
#[derive(Debug)]
pub struct FluxRaw {
    // Detached and closed first: fields drop in this order.
    device: Device,
    /// Packets received.
    pub rx: RxRing,
    /// Frames to receive into.
    pub fill: FillRing,
    /// Packets to send.
    pub tx: TxRing,
    /// Frames that were sent.
    pub completion: CompletionRing,
    /// Frames that are free.
    pub pool: FramePool,
    /// The packet memory.
    pub umem: UmemRegion,
    granted: Granted,
    tx_reserve: u32,
}

/// The parts of a [`FluxRaw`], to be taken to different threads.
///
/// The queue is free again when the device and the four rings are all dropped.
#[derive(Debug)]
#[expect(missing_docs, reason = "as in FluxRaw")]
pub struct RawParts {
    pub device: Device,
    pub rx: RxRing,
    pub fill: FillRing,
    pub tx: TxRing,
    pub completion: CompletionRing,
    pub pool: FramePool,
    pub umem: UmemRegion,
    pub granted: Granted,
}

/// One queue that is open, without the memory that it is over.
#[derive(Debug)]
pub(crate) struct Lane {
    // Detached and closed first: fields drop in this order.
    pub(crate) device: Device,
    pub(crate) rings: LaneRings,
    pub(crate) granted: Granted,
}

/// The queues that share one packet memory: those that forward to each other.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) lanes: Vec<Lane>,
    pub(crate) pool: FramePool,
    pub(crate) umem: UmemRegion,
    /// How many frames are kept back from the fill rings.
    pub(crate) tx_reserve: u32,
}

impl FluxRaw {
    /// One lane, with the memory that it alone uses.
    pub(crate) fn new(lane: Lane, pool: FramePool, umem: UmemRegion, tx_reserve: u32) -> Self {
        let Lane { device, rings: LaneRings { fill, rx, tx, completion }, granted } = lane;
        Self { device, rx, fill, tx, completion, pool, umem, granted, tx_reserve }
    }

    /// The same, to be driven in another way: the lane, its memory, and how many frames are for sending.
    pub(crate) fn into_lane(self) -> (Lane, FramePool, UmemRegion, u32) {
        let Self { device, rx, mut fill, mut tx, completion, mut pool, umem, granted, tx_reserve } =
            self;
        // What an exchange has left aside: nobody looks for that again. In a pool of another UMEM there is no place.
        let _same_umem = fill.give_aside(&mut pool);
        let _a_corrupt_ring_shows_later = tx.push_waiting(|_| ());
        let _same_umem = tx.give_up_waiting(&mut pool);
        tx.take_bytes();
        let rings = LaneRings { fill, rx, tx, completion };
        (Lane { device, rings, granted }, pool, umem, tx_reserve)
    }

    /// What the kernel gave, and why not more.
    #[must_use]
    pub const fn granted(&self) -> &Granted {
        &self.granted
    }

    /// The socket and the program.
    #[must_use]
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// Takes it apart, so that rx and fill may go to one thread, tx and completion to another.
    #[must_use]
    pub fn into_parts(self) -> RawParts {
        let Self { device, rx, fill, tx, completion, pool, umem, granted, tx_reserve: _ } = self;
        RawParts { device, rx, fill, tx, completion, pool, umem, granted }
    }

    /// Posts free frames to the fill ring, all but the tx reserve, and says how many. Leaves room for the
    /// frames of packets that are waiting in the rx ring. Frames of packets that the rx ring has rejected
    /// ([`RxRing::salvage`]) go to the pool before.
    ///
    /// # Errors
    /// [`Error::Ring`](crate::Error::Ring) if the fill ring is corrupt; those of [`Device::kick_rx`].
    #[inline]
    pub fn refill(&mut self) -> Result<u32> {
        // Of packets that were rejected: with an honest kernel, none.
        if self.pool.umem().id() == self.umem.id() {
            let _same_umem = self.pool.give_chain(self.rx.salvage());
        }
        let spare = self.pool.len().saturating_sub(self.tx_reserve as usize) as u32;
        // Packets that were received and not taken yet will want to go back: `RxRing::recycle`.
        let room = self.fill.room()?.saturating_sub(self.rx.occupancy());
        let posted = self.fill.refill(&mut self.pool, spare.min(room))?;
        self.publish_fill()?;
        Ok(posted)
    }

    /// Shows the kernel the frames pushed to the fill ring, and wakes it if it sleeps for want of
    /// some.
    ///
    /// # Errors
    /// Those of [`Device::kick_rx`].
    #[inline]
    pub fn publish_fill(&mut self) -> Result<()> {
        self.fill.publish();
        if self.fill.needs_wakeup() {
            self.device.kick_rx()?;
        }
        Ok(())
    }

    /// Shows the kernel the packets pushed to the tx ring, and has it send them.
    ///
    /// In copy mode packets are sent inside the system call, some at a time: it is repeated while
    /// packets are left and the last call sent any. With zero-copy it is made when the driver asks.
    /// What is left after that (the completion ring is full, memory is short) goes with the next
    /// flush: take completions in between. A completion says that the kernel is done with the frame; a
    /// link without a carrier drops the packet all the same.
    ///
    /// # Errors
    /// Those of [`Device::kick_tx`].
    #[inline]
    pub fn flush(&mut self) -> Result<()> {
        half::flush(&mut self.tx, &self.device, &self.granted, &mut 0)
    }

    /// Takes frames that were sent back into the pool, and says how many.
    ///
    /// # Errors
    /// [`Error::Ring`](crate::Error::Ring) if the completion ring is corrupt.
    #[inline]
    pub fn reclaim(&mut self) -> Result<u32> {
        self.completion.reclaim(&mut self.pool, self.completion.size())
    }

    /// Sleeps until there is what `interest` names, or the time is up.
    ///
    /// # Errors
    /// Those of [`Device::wait`].
    #[inline]
    pub fn wait(&self, interest: Interest, timeout: Duration) -> Result<Waited> {
        if interest == Interest::Rx && self.rx.occupancy() > 0 {
            return Ok(Waited::Ready);
        }
        self.device.wait(interest, timeout)
    }

    /// The socket's counters.
    ///
    /// # Errors
    /// [`Error::Sys`](crate::Error::Sys).
    pub fn statistics(&self) -> Result<Statistics> {
        self.device.statistics()
    }

    /// Who holds how many frames.
    #[must_use]
    pub fn census(&self) -> Census {
        self.umem.census()
    }
}

#[cfg(unix)]
impl AsFd for FluxRaw {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

#[cfg(unix)]
impl AsRawFd for FluxRaw {
    fn as_raw_fd(&self) -> RawFd {
        self.device.as_raw_fd()
    }
}

//! A packet that is a value.

use std::sync::Arc;
use std::{fmt, mem};

use fluxcapacitor_core::umem::{Home, SharedFrameState};

use crate::proto::PacketBuffer;
use crate::proto::buffer::NoRoom;
use crate::umem::{Chain, Foreign, Frame, Segment};

/// A packet that is owned: it can be kept, sent to another thread, changed, and sent out.
///
/// Dropped, on any thread and at any time, its frame goes home to where it is received into or sent from
/// again; also when the socket has long been closed. Forgotten (`mem::forget`), it takes its frame along, and
/// no more.
///
/// It cannot be sent twice, nor used once it was sent:
/// ```compile_fail,E0382
/// # use fluxcapacitor::{Packet, FluxTx};
/// # fn f(tx: &mut FluxTx, packet: Packet) {
/// let _ = tx.send(packet);
/// let _ = tx.send(packet);
/// # }
/// ```
/// ```compile_fail,E0382
/// # use fluxcapacitor::{Packet, FluxTx};
/// # fn f(tx: &mut FluxTx, packet: Packet) {
/// let _ = tx.send(packet);
/// packet.len();
/// # }
/// ```
/// Nor can its bytes be held on to:
/// ```compile_fail,E0505
/// # use fluxcapacitor::{Packet, FluxTx};
/// # fn f(tx: &mut FluxTx, mut packet: Packet) {
/// let bytes = packet.data_mut();
/// let _ = tx.send(packet);
/// bytes[0] = 1;
/// # }
/// ```
/// or there be two of it:
/// ```compile_fail,E0599
/// # fn f(packet: fluxcapacitor::Packet) {
/// let twice = packet.clone();
/// # }
/// ```
/// Written first and sent once, it may:
/// ```
/// # use fluxcapacitor::{Packet, FluxTx};
/// # fn f(tx: &mut FluxTx, mut packet: Packet) {
/// let bytes = packet.data_mut();
/// bytes[0] = 1;
/// let _ = tx.send(packet);
/// # }
/// ```
#[must_use = "dropped, its frame goes home and its bytes are gone"]
pub struct Packet {
    /// Of no segments once it has gone elsewhere, and never while it can be called.
    chain: Chain,
    shared: Arc<SharedFrameState>,
    home: Home,
    port: u8,
    queue: u16,
}

/// What a packet is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) chain: Chain,
    pub(crate) home: Home,
    pub(crate) port: usize,
    pub(crate) queue: u32,
}

const _: () = {
    const fn is_send<T: Send + 'static>() {}
    is_send::<Packet>();
    assert!(size_of::<Packet>() <= 48);
};

impl Packet {
    #[inline]
    pub(crate) fn new(shared: &Arc<SharedFrameState>, parts: Parts) -> Self {
        let Parts { chain, home, port, queue } = parts;
        // There are at most 8 ports, and the kernel counts queues in u16.
        let (port, queue) = (port as u8, queue as u16);
        Self { chain, shared: Arc::clone(shared), home, port, queue }
    }

    /// Its bytes; of a packet of several segments, those of the first, where the headers are.
    #[inline]
    #[must_use]
    pub fn data(&self) -> &[u8] {
        let Some(segment) = self.chain.first() else { return &[] };
        self.shared.umem().packet(segment).unwrap_or(&[])
    }

    /// Its bytes, to write; of a packet of several segments, those of the first.
    #[inline]
    #[must_use]
    pub fn data_mut(&mut self) -> &mut [u8] {
        self.segments_mut().next().unwrap_or(&mut [])
    }

    /// Whether all of it lies in one segment: always, unless `multi_buffer` was asked for.
    #[inline]
    #[must_use]
    pub const fn is_linear(&self) -> bool {
        self.chain.segments() <= 1
    }

    /// Its bytes, segment by segment.
    pub fn segments(&self) -> impl Iterator<Item = &[u8]> {
        self.shared.umem().slices(&self.chain).into_iter().flatten()
    }

    /// Its bytes, segment by segment, to write; all may be held at a time.
    pub fn segments_mut(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.shared.umem().slices_mut(&mut self.chain).into_iter().flatten()
    }

    /// Length in bytes, all segments together.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.chain.len() as usize
    }

    /// Whether it has no bytes.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of the interface that it came in by, from 0, in the order in which they were named.
    #[inline]
    #[must_use]
    pub const fn port(&self) -> usize {
        self.port as usize
    }

    /// The queue that it came in by, or was made for.
    #[inline]
    #[must_use]
    pub const fn queue(&self) -> u32 {
        self.queue as u32
    }

    /// Bytes by which its head can grow; 0 for one of several segments.
    #[inline]
    #[must_use]
    pub fn headroom(&self) -> usize {
        self.room().0 as usize
    }

    /// Bytes by which its tail can grow; 0 for one of several segments.
    #[inline]
    #[must_use]
    pub fn tailroom(&self) -> usize {
        self.room().1 as usize
    }

    /// Moves its start: a negative `delta` grows it, a positive one cuts it, as `bpf_xdp_adjust_head` does. New
    /// bytes hold whatever was there before.
    ///
    /// # Errors
    /// [`NoRoom`], also for a packet of several segments, and the packet is untouched.
    #[inline]
    pub fn adjust_head(&mut self, delta: i32) -> Result<(), NoRoom> {
        self.adjust(i64::from(delta), 0)
    }

    /// Moves its end: a positive `delta` grows it, a negative one cuts it, as `bpf_xdp_adjust_tail` does.
    ///
    /// # Errors
    /// [`NoRoom`], also for a packet of several segments, and the packet is untouched.
    #[inline]
    pub fn adjust_tail(&mut self, delta: i32) -> Result<(), NoRoom> {
        self.adjust(0, i64::from(delta))
    }

    /// Makes it of `len` bytes, by its tail.
    ///
    /// # Errors
    /// [`NoRoom`] if they do not fit its frame, and the packet is untouched.
    #[inline]
    pub fn resize(&mut self, len: usize) -> Result<(), NoRoom> {
        let (need, have) = (len, self.len() + self.tailroom());
        let Ok(target) = i64::try_from(len) else { return Err(NoRoom { need, have }) };
        self.adjust(0, target - self.len() as i64).map_err(|_| NoRoom { need, have })
    }

    /// Makes it a copy of `bytes`, from where it begins.
    ///
    /// # Errors
    /// [`NoRoom`] if they do not fit its frame, and the packet is untouched.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), NoRoom> {
        self.resize(bytes.len())?;
        self.data_mut().copy_from_slice(bytes);
        Ok(())
    }

    /// Takes the segments out; without them it is not seen any more.
    #[inline]
    pub(crate) fn take(&mut self) -> Chain {
        mem::take(&mut self.chain)
    }

    /// Puts the segments of the same packet back.
    #[inline]
    pub(crate) fn put_back(&mut self, chain: Chain) {
        self.chain = chain;
    }

    #[inline]
    fn room(&self) -> (u32, u32) {
        let size = self.shared.umem().layout().frame_size();
        match self.chain.first() {
            Some(only) if self.is_linear() => (only.start(), size - only.start() - only.len()),
            _ => (0, 0),
        }
    }

    #[inline]
    fn adjust(&mut self, head: i64, tail: i64) -> Result<(), NoRoom> {
        let adjusted = match self.take().into_segment() {
            Ok(mut segment) => {
                let adjusted = segment.adjust(self.shared.umem(), head, tail);
                self.chain = segment.into();
                adjusted
            }
            Err(chain) => {
                self.chain = chain;
                false
            }
        };
        if adjusted { Ok(()) } else { Err(no_room(self, head, tail)) }
    }
}

/// What there was no room for, in the terms of the end that was moved.
#[cold]
pub(super) fn no_room(packet: &impl PacketBuffer, head: i64, tail: i64) -> NoRoom {
    let size = |delta: i64| usize::try_from(delta.unsigned_abs()).unwrap_or(usize::MAX);
    let len = packet.bytes().len();
    match (head, tail) {
        (..=-1, _) => NoRoom { need: size(head), have: packet.headroom() },
        (1.., _) => NoRoom { need: size(head), have: len },
        (0, ..=-1) => NoRoom { need: size(tail), have: len },
        (0, _) => NoRoom { need: size(tail), have: packet.tailroom() },
    }
}

impl PacketBuffer for Packet {
    #[inline]
    fn bytes(&self) -> &[u8] {
        self.data()
    }

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        self.data_mut()
    }

    #[inline]
    fn headroom(&self) -> usize {
        Self::headroom(self)
    }

    #[inline]
    fn tailroom(&self) -> usize {
        Self::tailroom(self)
    }

    #[inline]
    fn adjust_head(&mut self, delta: i32) -> Result<(), NoRoom> {
        Self::adjust_head(self, delta)
    }

    #[inline]
    fn adjust_tail(&mut self, delta: i32) -> Result<(), NoRoom> {
        Self::adjust_tail(self, delta)
    }
}

impl Drop for Packet {
    #[inline]
    fn drop(&mut self) {
        match self.take().into_segment() {
            // As most are.
            Ok(only) => {
                let _same_umem: Result<(), Foreign<Frame>> =
                    self.shared.give(self.home, only.into_frame());
            }
            Err(chain) => self.give_all(chain),
        }
    }
}

impl Packet {
    /// Sends the frames of several segments home.
    #[cold]
    fn give_all(&self, mut chain: Chain) {
        let umem = self.shared.umem();
        let segments = std::iter::from_fn(|| umem.take_first(&mut chain).ok().flatten());
        let _same_umem = self.shared.give_all(self.home, segments.map(Segment::into_frame));
    }
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet")
            .field("len", &self.len())
            .field("segments", &self.chain.segments())
            .field("port", &self.port)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

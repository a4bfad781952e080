//! A packet that is a value.

use std::fmt;
use std::sync::Arc;

use fluxcapacitor_core::umem::{Home, SharedFrameState};

use crate::proto::PacketBuffer;
use crate::proto::buffer::NoRoom;
use crate::umem::{Frame, Segment};

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
    /// None once it has gone elsewhere, and never while it can be called.
    segment: Option<Segment>,
    shared: Arc<SharedFrameState>,
    home: Home,
    port: u8,
    queue: u16,
}

/// What a packet is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) segment: Option<Segment>,
    pub(crate) home: Home,
    pub(crate) port: usize,
    pub(crate) queue: u32,
}

const _: () = {
    const fn is_send<T: Send + 'static>() {}
    is_send::<Packet>();
    assert!(size_of::<Packet>() <= 40);
};

impl Packet {
    #[inline]
    pub(crate) fn new(shared: &Arc<SharedFrameState>, parts: Parts) -> Self {
        let Parts { segment, home, port, queue } = parts;
        // There are at most 8 ports, and the kernel counts queues in u16.
        let (port, queue) = (port as u8, queue as u16);
        Self { segment, shared: Arc::clone(shared), home, port, queue }
    }

    /// Its bytes.
    #[inline]
    #[must_use]
    pub fn data(&self) -> &[u8] {
        let Some(segment) = &self.segment else { return &[] };
        self.shared.umem().packet(segment).unwrap_or(&[])
    }

    /// Its bytes, to write.
    #[inline]
    #[must_use]
    pub fn data_mut(&mut self) -> &mut [u8] {
        let Some(segment) = &mut self.segment else { return &mut [] };
        self.shared.umem().packet_mut(segment).unwrap_or(&mut [])
    }

    /// Length in bytes.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.segment.as_ref().map_or(0, |segment| segment.len() as usize)
    }

    /// Whether it has no bytes.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
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

    /// Bytes by which its head can grow.
    #[inline]
    #[must_use]
    pub fn headroom(&self) -> usize {
        self.room().0 as usize
    }

    /// Bytes by which its tail can grow.
    #[inline]
    #[must_use]
    pub fn tailroom(&self) -> usize {
        self.room().1 as usize
    }

    /// Moves its start: a negative `delta` grows it, a positive one cuts it, as `bpf_xdp_adjust_head` does. New
    /// bytes hold whatever was there before.
    ///
    /// # Errors
    /// [`NoRoom`], and the packet is untouched.
    #[inline]
    pub fn adjust_head(&mut self, delta: i32) -> Result<(), NoRoom> {
        self.adjust(i64::from(delta), 0)
    }

    /// Moves its end: a positive `delta` grows it, a negative one cuts it, as `bpf_xdp_adjust_tail` does.
    ///
    /// # Errors
    /// [`NoRoom`], and the packet is untouched.
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

    /// Takes the segment out; without one it is not seen any more.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<Segment> {
        self.segment.take()
    }

    /// Puts the segment of the same packet back.
    #[inline]
    pub(crate) fn put_back(&mut self, segment: Segment) {
        self.segment = Some(segment);
    }

    #[inline]
    fn room(&self) -> (u32, u32) {
        let size = self.shared.umem().layout().frame_size();
        let Some(segment) = &self.segment else { return (0, 0) };
        (segment.start(), size - segment.start() - segment.len())
    }

    #[inline]
    fn adjust(&mut self, head: i64, tail: i64) -> Result<(), NoRoom> {
        let umem = self.shared.umem();
        let adjusted =
            self.segment.as_mut().is_some_and(|segment| segment.adjust(umem, head, tail));
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
        if let Some(frame) = self.segment.take().map(Segment::into_frame) {
            let _same_umem: Result<(), crate::umem::Foreign<Frame>> =
                self.shared.give(self.home, frame);
        }
    }
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet")
            .field("len", &self.len())
            .field("port", &self.port)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

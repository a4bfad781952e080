//! A packet that is a value.

use std::fmt;

use fluxcapacitor_core::umem::Parcel;

use crate::proto::PacketBuffer;
use crate::proto::buffer::NoRoom;

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
    parcel: Parcel,
}

const _: () = {
    const fn is_send<T: Send + 'static>() {}
    is_send::<Packet>();
    assert!(size_of::<Option<Packet>>() <= 24);
};

impl Packet {
    #[inline]
    pub(crate) const fn new(parcel: Parcel) -> Self {
        Self { parcel }
    }

    #[inline]
    pub(crate) const fn parcel(&self) -> &Parcel {
        &self.parcel
    }

    #[inline]
    pub(crate) fn into_parcel(self) -> Parcel {
        self.parcel
    }

    /// Its bytes; of a packet of several segments, those of the first, where the headers are.
    #[inline]
    #[must_use]
    pub fn data(&self) -> &[u8] {
        self.parcel.bytes()
    }

    /// Its bytes, to write; of a packet of several segments, those of the first.
    #[inline]
    #[must_use]
    pub fn data_mut(&mut self) -> &mut [u8] {
        self.parcel.bytes_mut()
    }

    /// Whether all of it lies in one segment: always, unless `multi_buffer` was asked for.
    #[inline]
    #[must_use]
    pub const fn is_linear(&self) -> bool {
        self.parcel.is_linear()
    }

    /// Its bytes, segment by segment.
    pub fn segments(&self) -> impl Iterator<Item = &[u8]> {
        self.parcel.slices()
    }

    /// Its bytes, segment by segment, to write; all may be held at a time.
    pub fn segments_mut(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.parcel.slices_mut()
    }

    /// Length in bytes, all segments together.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.parcel.len() as usize
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
        self.parcel.origin().port as usize
    }

    /// The queue that it came in by, or was made for.
    #[inline]
    #[must_use]
    pub const fn queue(&self) -> u32 {
        self.parcel.origin().queue as u32
    }

    /// Bytes by which its head can grow; 0 for one of several segments.
    #[inline]
    #[must_use]
    pub fn headroom(&self) -> usize {
        self.parcel.room().0 as usize
    }

    /// Bytes by which its tail can grow; 0 for one of several segments.
    #[inline]
    #[must_use]
    pub fn tailroom(&self) -> usize {
        self.parcel.room().1 as usize
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
        if u32::try_from(len).is_ok_and(|len| self.parcel.resize(len)) {
            return Ok(());
        }
        Err(NoRoom { need: len, have: self.len() + self.tailroom() })
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

    #[inline]
    fn adjust(&mut self, head: i64, tail: i64) -> Result<(), NoRoom> {
        if self.parcel.adjust(head, tail) { Ok(()) } else { Err(no_room(self, head, tail)) }
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

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet")
            .field("len", &self.len())
            .field("segments", &self.parcel.segments())
            .field("port", &self.port())
            .field("queue", &self.queue())
            .finish_non_exhaustive()
    }
}

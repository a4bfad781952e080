//! A packet that is lent to a callback.

use std::fmt;

use fluxcapacitor_core::ring::Lent;

use super::Packet;
use super::owned::no_room;
use crate::engine::Turn;
use crate::proto::PacketBuffer;
use crate::proto::buffer::NoRoom;

/// A received packet, lent to the callback of an engine, which decides what becomes of it: it is sent back,
/// [forwarded](PacketRef::forward), [kept](PacketRef::keep) or [discarded](PacketRef::discard), each without a copy.
///
/// One that is dropped is dropped: its frame goes back to be received into, and it is counted as unsettled.
///
/// It cannot outlive its batch, nor be used once it is settled:
/// ```compile_fail,E0382
/// # use fluxcapacitor::PacketRef;
/// # fn f(packet: PacketRef<'_>) {
/// packet.transmit();
/// packet.transmit();
/// # }
/// ```
/// ```compile_fail,E0505
/// # use fluxcapacitor::PacketRef;
/// # fn f(mut packet: PacketRef<'_>) {
/// let bytes = packet.data_mut();
/// packet.transmit();
/// bytes[0] = 1;
/// # }
/// ```
/// ```compile_fail
/// # use fluxcapacitor::{FluxEngine, PacketRef};
/// # fn f(engine: &mut FluxEngine) {
/// let mut escaped = None;
/// let _ = engine.poll_once(|batch| escaped = batch.into_iter().next());
/// # }
/// ```
/// Written first and settled once, it may; and what is kept may leave:
/// ```
/// # use fluxcapacitor::{FluxEngine, Packet, PacketRef};
/// # fn f(mut packet: PacketRef<'_>) {
/// let bytes = packet.data_mut();
/// bytes[0] = 1;
/// packet.transmit();
/// # }
/// # fn g(engine: &mut FluxEngine) {
/// let mut kept: Option<Packet> = None;
/// let _ = engine.poll_once(|batch| kept = batch.into_iter().next().map(PacketRef::keep));
/// # }
/// ```
#[must_use = "dropped, it is dropped"]
pub struct PacketRef<'b> {
    lent: Lent<'b>,
    turn: &'b Turn<'b>,
}

impl<'b> PacketRef<'b> {
    #[inline]
    pub(crate) fn new(lent: Lent<'b>, turn: &'b Turn<'b>) -> Self {
        Self { lent, turn }
    }

    /// Its bytes.
    #[inline]
    #[must_use]
    pub fn data(&self) -> &[u8] {
        self.lent.bytes()
    }

    /// Its bytes, to write.
    #[inline]
    #[must_use]
    pub fn data_mut(&mut self) -> &mut [u8] {
        self.lent.bytes_mut()
    }

    /// Length in bytes.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.lent.len() as usize
    }

    /// Whether it has no bytes.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lent.is_empty()
    }

    /// The number of the interface that it came in by, from 0, in the order in which they were named.
    #[inline]
    #[must_use]
    pub fn port(&self) -> usize {
        self.turn.port()
    }

    /// The name of that interface.
    #[inline]
    #[must_use]
    pub fn interface(&self) -> &'b str {
        self.turn.interface()
    }

    /// The queue that it came in by.
    #[inline]
    #[must_use]
    pub fn queue(&self) -> u32 {
        self.turn.queue()
    }

    /// Bytes by which its head can grow.
    #[inline]
    #[must_use]
    pub fn headroom(&self) -> usize {
        self.lent.room().0 as usize
    }

    /// Bytes by which its tail can grow.
    #[inline]
    #[must_use]
    pub fn tailroom(&self) -> usize {
        self.lent.room().1 as usize
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

    /// Sends it, as it is now, out of the interface and the queue that it came in by.
    ///
    /// Where the tx ring is full, what [`TxFull`](crate::engine::TxFull) says is done; a packet without bytes is
    /// dropped and counted.
    #[inline]
    pub fn transmit(self) {
        self.turn.send_back(self.lent);
    }

    /// Sends it, as it is now, out of the interface of number `port`.
    ///
    /// As [`PacketRef::transmit`]; where there is no such port, it is dropped and counted.
    #[inline]
    pub fn forward(self, port: usize) {
        self.turn.send(port, self.lent);
    }

    /// Keeps it: it becomes an owned packet, which may leave the callback and this thread.
    ///
    /// Its frame is not received into before it is dropped: who keeps all frames receives nothing more.
    #[inline]
    pub fn keep(self) -> Packet {
        self.turn.keep();
        Packet::new(self.lent.into_parcel(self.turn.shared(), self.turn.origin()))
    }

    /// Drops it, and says so: it is counted as discarded.
    #[inline]
    pub fn discard(self) {
        self.turn.discard();
    }

    #[inline]
    fn adjust(&mut self, head: i64, tail: i64) -> Result<(), NoRoom> {
        if self.lent.adjust(head, tail) { Ok(()) } else { Err(no_room(self, head, tail)) }
    }
}

impl PacketBuffer for PacketRef<'_> {
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

impl fmt::Debug for PacketRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacketRef")
            .field("len", &self.len())
            .field("interface", &self.interface())
            .field("queue", &self.queue())
            .finish_non_exhaustive()
    }
}

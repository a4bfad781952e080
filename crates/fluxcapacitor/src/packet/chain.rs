//! A packet of several frames that is lent to a callback.

use std::fmt;

use fluxcapacitor_core::ring::LentChain;

use super::Packet;
use crate::engine::Turn;

/// A received packet that lies in several frames, lent to the callback of an engine: what [`PacketRef`](super::PacketRef)
/// is of one that lies in one.
///
/// One that is dropped is dropped: its frames go back to be received into, and it is counted as unsettled.
///
/// It cannot be used once it is settled:
/// ```compile_fail,E0382
/// # use fluxcapacitor::ChainRef;
/// # fn f(packet: ChainRef<'_>) {
/// packet.transmit();
/// packet.transmit();
/// # }
/// ```
/// ```compile_fail,E0505
/// # use fluxcapacitor::ChainRef;
/// # fn f(mut packet: ChainRef<'_>) {
/// let mut bytes = packet.segments_mut();
/// packet.transmit();
/// bytes.next();
/// # }
/// ```
/// Written first and settled once, it may:
/// ```
/// # use fluxcapacitor::ChainRef;
/// # fn f(mut packet: ChainRef<'_>) {
/// packet.segments_mut().for_each(|bytes| bytes[0] = 1);
/// packet.transmit();
/// # }
/// ```
#[must_use = "dropped, it is dropped"]
pub struct ChainRef<'b> {
    lent: LentChain<'b>,
    turn: &'b Turn<'b>,
}

impl<'b> ChainRef<'b> {
    pub(crate) fn new(lent: LentChain<'b>, turn: &'b Turn<'b>) -> Self {
        Self { lent, turn }
    }

    /// Its bytes, segment by segment: the headers are in the first.
    pub fn segments(&self) -> impl Iterator<Item = &[u8]> {
        self.lent.slices()
    }

    /// Its bytes, segment by segment, to write; all may be held at a time.
    pub fn segments_mut(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.lent.slices_mut()
    }

    /// Length in bytes, all segments together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lent.len() as usize
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lent.is_empty()
    }

    /// The number of the interface that it came in by, from 0, in the order in which they were named.
    #[must_use]
    pub fn port(&self) -> usize {
        self.turn.port()
    }

    /// The name of that interface.
    #[must_use]
    pub fn interface(&self) -> &'b str {
        self.turn.interface()
    }

    /// The queue that it came in by.
    #[must_use]
    pub fn queue(&self) -> u32 {
        self.turn.queue()
    }

    /// Sends it, as it is now, out of the interface and the queue that it came in by.
    ///
    /// Where the tx ring is full, what [`TxFull`](crate::engine::TxFull) says is done. One that has a segment without
    /// bytes, or more segments than the socket sends ([`Granted::segments_max`](crate::Granted::segments_max)), is
    /// dropped and counted.
    pub fn transmit(self) {
        self.turn.send_chain(self.turn.port(), self.lent);
    }

    /// Sends it, as it is now, out of the interface of number `port`.
    ///
    /// As [`ChainRef::transmit`]; where there is no such port, it is dropped and counted.
    pub fn forward(self, port: usize) {
        self.turn.send_chain(port, self.lent);
    }

    /// Keeps it: it becomes an owned packet, which may leave the callback and this thread.
    ///
    /// Its frames are not received into before it is dropped: who keeps all frames receives nothing more.
    pub fn keep(self) -> Packet {
        self.turn.keep();
        Packet::new(self.lent.into_parcel(self.turn.shared(), self.turn.origin()))
    }

    /// Drops it, and says so: it is counted as discarded.
    pub fn discard(self) {
        self.turn.discard();
    }
}

impl fmt::Debug for ChainRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainRef")
            .field("len", &self.len())
            .field("segments", &self.lent.segments())
            .field("interface", &self.interface())
            .field("queue", &self.queue())
            .finish_non_exhaustive()
    }
}

//! What smoltcp reads one packet through, and writes one.

use fluxcapacitor::Packet;
use fluxcapacitor::proto::checksum;
use smoltcp::phy;

use crate::outgoing::Outgoing;

/// A packet that has arrived. Its frame goes home when it was read, or dropped.
#[derive(Debug)]
#[must_use = "dropped, the packet is gone"]
pub struct RxToken {
    packet: Packet,
}

/// A frame and a slot of the tx ring, for one packet. Dropped, they are there for the next one.
#[derive(Debug)]
#[must_use = "it sends once it is consumed"]
pub struct TxToken<'d> {
    outgoing: &'d mut Outgoing,
}

impl RxToken {
    #[inline]
    pub(crate) const fn new(packet: Packet) -> Self {
        Self { packet }
    }
}

impl<'d> TxToken<'d> {
    /// For an `outgoing` that is ready.
    #[inline]
    pub(crate) const fn new(outgoing: &'d mut Outgoing) -> Self {
        Self { outgoing }
    }
}

impl phy::RxToken for RxToken {
    /// Lends the packet where the kernel has put it; its transport checksum is completed first, if its sender left
    /// that to hardware that a virtual interface has not got.
    #[inline]
    fn consume<R, F: FnOnce(&[u8]) -> R>(mut self, read: F) -> R {
        checksum::complete(self.packet.data_mut());
        read(self.packet.data())
    }
}

impl phy::TxToken for TxToken<'_> {
    /// Lends `len` bytes of the frame, with whatever a packet before has left in them: smoltcp writes all of them.
    /// What is longer than the interface takes is written, and dropped:
    /// [`FluxDevice::too_long`](crate::FluxDevice::too_long).
    #[inline]
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        self.outgoing.send(len, write)
    }
}

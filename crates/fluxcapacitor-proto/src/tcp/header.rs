//! The fixed part of the TCP header.

use zerocopy::network_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::checksum::Delta;

use super::TcpFlags;

/// The TCP header without options, as it is on the wire (RFC 9293, section 3.1).
///
/// Every setter keeps the checksum right if it was (RFC 1624), in constant time.
/// A [partial](crate::checksum::ChecksumStatus::Partial) one does not cover this header yet, and must be completed before.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct TcpHeader {
    source_port: U16,
    destination_port: U16,
    sequence: U32,
    acknowledgment: U32,
    offset_flags: U16,
    window: U16,
    checksum: U16,
    urgent_pointer: U16,
}

wire!(TcpHeader, 20, Tcp);

impl TcpHeader {
    /// A header without options or checksum; all that is not named here is 0.
    #[inline]
    pub const fn new(source_port: u16, destination_port: u16, flags: TcpFlags) -> Self {
        Self {
            source_port: U16::new(source_port),
            destination_port: U16::new(destination_port),
            sequence: U32::ZERO,
            acknowledgment: U32::ZERO,
            offset_flags: U16::new(5 << 12 | flags.bits()),
            window: U16::ZERO,
            checksum: U16::ZERO,
            urgent_pointer: U16::ZERO,
        }
    }

    /// Source port (RFC 9293, section 3.1).
    #[inline]
    pub const fn source_port(&self) -> u16 {
        self.source_port.get()
    }

    /// Destination port (RFC 9293, section 3.1).
    #[inline]
    pub const fn destination_port(&self) -> u16 {
        self.destination_port.get()
    }

    /// Sequence number (RFC 9293, section 3.1).
    #[inline]
    pub const fn sequence(&self) -> u32 {
        self.sequence.get()
    }

    /// Acknowledgment number (RFC 9293, section 3.1); counts if [`TcpFlags::ACK`] is set.
    #[inline]
    pub const fn acknowledgment(&self) -> u32 {
        self.acknowledgment.get()
    }

    /// Length of the header with its options, in bytes (RFC 9293, section 3.1, "Data Offset").
    #[inline]
    pub const fn header_len(&self) -> usize {
        (self.offset_flags.get() >> 12) as usize * 4
    }

    /// The control bits (RFC 9293, section 3.1).
    #[inline]
    pub const fn flags(&self) -> TcpFlags {
        TcpFlags::from_bits(self.offset_flags.get())
    }

    /// Receive window, unscaled (RFC 9293, section 3.1; RFC 7323, section 2.3).
    #[inline]
    pub const fn window(&self) -> u16 {
        self.window.get()
    }

    /// The checksum (RFC 9293, section 3.1).
    #[inline]
    pub const fn checksum(&self) -> u16 {
        self.checksum.get()
    }

    /// Urgent pointer (RFC 9293, section 3.1); counts if [`TcpFlags::URG`] is set.
    #[inline]
    pub const fn urgent_pointer(&self) -> u16 {
        self.urgent_pointer.get()
    }

    /// Sets the source port.
    #[inline]
    pub const fn set_source_port(&mut self, port: u16) {
        self.change(Delta::NONE.u16(self.source_port.get(), port));
        self.source_port = U16::new(port);
    }

    /// Sets the destination port.
    #[inline]
    pub const fn set_destination_port(&mut self, port: u16) {
        self.change(Delta::NONE.u16(self.destination_port.get(), port));
        self.destination_port = U16::new(port);
    }

    /// Exchanges source and destination port; the checksum does not change.
    #[inline]
    pub const fn swap_ports(&mut self) {
        core::mem::swap(&mut self.source_port, &mut self.destination_port);
    }

    /// Sets the sequence number.
    #[inline]
    pub const fn set_sequence(&mut self, sequence: u32) {
        self.change(Delta::NONE.u32(self.sequence.get(), sequence));
        self.sequence = U32::new(sequence);
    }

    /// Sets the acknowledgment number.
    #[inline]
    pub const fn set_acknowledgment(&mut self, acknowledgment: u32) {
        self.change(Delta::NONE.u32(self.acknowledgment.get(), acknowledgment));
        self.acknowledgment = U32::new(acknowledgment);
    }

    /// Sets the control bits.
    #[inline]
    pub const fn set_flags(&mut self, flags: TcpFlags) {
        let others = self.offset_flags.get() & !TcpFlags::ALL.bits();
        self.set_offset_flags(others | flags.bits());
    }

    /// Sets the length of the header, in units of four bytes.
    pub(crate) const fn set_data_offset(&mut self, words: u8) {
        self.set_offset_flags(self.offset_flags.get() & 0x0fff | (words as u16) << 12);
    }

    #[inline]
    const fn set_offset_flags(&mut self, new: u16) {
        self.change(Delta::NONE.u16(self.offset_flags.get(), new));
        self.offset_flags = U16::new(new);
    }

    /// Sets the receive window.
    #[inline]
    pub const fn set_window(&mut self, window: u16) {
        self.change(Delta::NONE.u16(self.window.get(), window));
        self.window = U16::new(window);
    }

    /// Sets the urgent pointer.
    #[inline]
    pub const fn set_urgent_pointer(&mut self, pointer: u16) {
        self.change(Delta::NONE.u16(self.urgent_pointer.get(), pointer));
        self.urgent_pointer = U16::new(pointer);
    }

    /// Sets the checksum field as it is.
    #[inline]
    pub const fn set_checksum(&mut self, checksum: u16) {
        self.checksum = U16::new(checksum);
    }

    #[inline]
    const fn change(&mut self, delta: Delta) {
        self.checksum = U16::new(delta.apply(self.checksum.get()));
    }
}

//! A packet in a slice.

use core::fmt;
use core::ops::Range;

use super::{NoRoom, PacketBuffer};

/// A packet somewhere in a slice, whose other bytes are its head and tail room.
///
/// ```
/// use fluxcapacitor_proto::{PacketBuffer, SliceBuffer};
///
/// let mut storage = [0; 64];
/// let mut packet = SliceBuffer::with_headroom(&mut storage, 16, b"payload")?;
/// packet.adjust_head(-4)?;
/// packet.bytes_mut()[..4].copy_from_slice(b"head");
/// packet.adjust_tail(-4)?;
/// assert_eq!(packet.bytes(), b"headpay");
/// assert_eq!((packet.headroom(), packet.tailroom()), (12, 45));
/// # Ok::<(), fluxcapacitor_proto::buffer::NoRoom>(())
/// ```
pub struct SliceBuffer<'a> {
    storage: &'a mut [u8],
    packet: Range<usize>,
}

impl<'a> SliceBuffer<'a> {
    /// The packet that is at `packet` in `storage`.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if the range is not inside.
    pub fn new(storage: &'a mut [u8], packet: Range<usize>) -> Result<Self, NoRoom> {
        let have = storage.len();
        if packet.start > packet.end || packet.end > have {
            return Err(NoRoom { need: packet.end.max(packet.start), have });
        }
        Ok(Self { storage, packet })
    }

    /// Copies `packet` into `storage`, behind so much headroom.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if it does not fit.
    pub fn with_headroom(
        storage: &'a mut [u8],
        headroom: usize,
        packet: &[u8],
    ) -> Result<Self, NoRoom> {
        let end = headroom.saturating_add(packet.len());
        let mut buffer = Self::new(storage, headroom..end)?;
        buffer.bytes_mut().copy_from_slice(packet);
        Ok(buffer)
    }
}

impl PacketBuffer for SliceBuffer<'_> {
    #[inline]
    fn bytes(&self) -> &[u8] {
        self.storage.get(self.packet.clone()).unwrap_or_default()
    }

    #[inline]
    fn bytes_mut(&mut self) -> &mut [u8] {
        self.storage.get_mut(self.packet.clone()).unwrap_or_default()
    }

    #[inline]
    fn headroom(&self) -> usize {
        self.packet.start
    }

    #[inline]
    fn tailroom(&self) -> usize {
        self.storage.len() - self.packet.end
    }

    #[inline]
    fn adjust_head(&mut self, delta: i32) -> Result<(), NoRoom> {
        let need = delta.unsigned_abs() as usize;
        let have = if delta < 0 { self.headroom() } else { self.packet.len() };
        if need > have {
            return Err(NoRoom { need, have });
        }
        self.packet.start =
            if delta < 0 { self.packet.start - need } else { self.packet.start + need };
        Ok(())
    }

    #[inline]
    fn adjust_tail(&mut self, delta: i32) -> Result<(), NoRoom> {
        let need = delta.unsigned_abs() as usize;
        let have = if delta < 0 { self.packet.len() } else { self.tailroom() };
        if need > have {
            return Err(NoRoom { need, have });
        }
        self.packet.end = if delta < 0 { self.packet.end - need } else { self.packet.end + need };
        Ok(())
    }
}

impl fmt::Debug for SliceBuffer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SliceBuffer")
            .field("headroom", &self.headroom())
            .field("len", &self.packet.len())
            .field("tailroom", &self.tailroom())
            .finish()
    }
}

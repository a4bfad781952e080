//! What lies in a ring slot: an address, or a descriptor.
//!
//! A slot is read and written as whole atomic words, each once. A peer that scribbles over it at the
//! same time makes us read nonsense, never anything undefined.

use crate::sync::{AtomicU64, Ordering::Relaxed};

/// `XDP_PKT_CONTD`: the packet goes on in the next descriptor (`include/uapi/linux/if_xdp.h`).
pub const XDP_PKT_CONTD: u32 = 1 << 0;

/// A value that lives in the slots of a ring. Sealed: the kernel knows two.
pub trait Slot: Copy + sealed::Sealed {
    /// The atomic words of one slot.
    #[doc(hidden)]
    type Cell;

    /// Number of 64-bit words that one slot takes.
    #[doc(hidden)]
    const WORDS: usize;

    /// The slots that `words` make up.
    #[doc(hidden)]
    fn cells(words: &[AtomicU64]) -> &[Self::Cell];

    /// Reads a slot, once.
    #[doc(hidden)]
    fn load(cell: &Self::Cell) -> Self;

    /// Writes a slot.
    #[doc(hidden)]
    fn store(self, cell: &Self::Cell);
}

/// One packet, or one segment of a packet, in the rx or the tx ring.
///
/// Plain numbers, as they stand in the ring: whoever wrote them may have lied.
#[doc(alias = "xdp_desc")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// Offset of the first byte from the start of the UMEM, in bytes.
    pub addr: u64,
    /// Length in bytes.
    pub len: u32,
    /// Flags, of which [`XDP_PKT_CONTD`] is the only one that every kernel knows.
    pub options: u32,
}

impl Descriptor {
    /// Whether the packet goes on in the next one.
    #[inline]
    pub(super) const fn goes_on(&self) -> bool {
        self.options & XDP_PKT_CONTD != 0
    }

    /// The length of a packet in a single segment; more than any frame has if an option is set, so that
    /// one comparison refuses both.
    #[inline]
    pub(super) const fn extent(&self) -> u64 {
        (self.options as u64) << 32 | self.len as u64
    }
}

impl Slot for u64 {
    type Cell = AtomicU64;
    const WORDS: usize = 1;

    #[inline]
    fn cells(words: &[AtomicU64]) -> &[AtomicU64] {
        words
    }

    #[inline]
    fn load(cell: &AtomicU64) -> Self {
        cell.load(Relaxed)
    }

    #[inline]
    fn store(self, cell: &AtomicU64) {
        cell.store(self, Relaxed);
    }
}

impl Slot for Descriptor {
    type Cell = [AtomicU64; 2];
    const WORDS: usize = 2;

    #[inline]
    fn cells(words: &[AtomicU64]) -> &[[AtomicU64; 2]] {
        words.as_chunks().0
    }

    #[inline]
    fn load([addr, rest]: &[AtomicU64; 2]) -> Self {
        let addr = addr.load(Relaxed);
        let (len, options) = unpack(rest.load(Relaxed));
        Self { addr, len, options }
    }

    #[inline]
    fn store(self, [addr, rest]: &[AtomicU64; 2]) {
        addr.store(self.addr, Relaxed);
        rest.store(pack(self.len, self.options), Relaxed);
    }
}

/// `len` and `options` share the second word of a descriptor, in memory order.
#[inline]
const fn pack(len: u32, options: u32) -> u64 {
    if cfg!(target_endian = "little") {
        (options as u64) << 32 | len as u64
    } else {
        (len as u64) << 32 | options as u64
    }
}

#[inline]
const fn unpack(word: u64) -> (u32, u32) {
    if cfg!(target_endian = "little") {
        (word as u32, (word >> 32) as u32)
    } else {
        ((word >> 32) as u32, word as u32)
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u64 {}
    impl Sealed for super::Descriptor {}
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_lies_in_memory_as_the_kernel_lays_it_out() {
        let descriptor =
            Descriptor { addr: 0x0102_0304_0506_0708, len: 60, options: XDP_PKT_CONTD };
        let words = [AtomicU64::new(0), AtomicU64::new(0)];
        descriptor.store(&words);

        let mut bytes = Vec::new();
        for word in &words {
            bytes.extend(word.load(Relaxed).to_ne_bytes());
        }
        assert_eq!(bytes[..8], descriptor.addr.to_ne_bytes());
        assert_eq!(bytes[8..12], 60u32.to_ne_bytes());
        assert_eq!(bytes[12..], XDP_PKT_CONTD.to_ne_bytes());
        assert_eq!(Descriptor::load(&words), descriptor);
    }
}

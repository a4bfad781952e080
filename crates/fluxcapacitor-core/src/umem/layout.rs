//! How a UMEM is cut into frames.

use crate::error::{Error, Result};

/// Bytes that the kernel keeps in front of every received packet, before the headroom asked for.
pub const XDP_PACKET_HEADROOM: u32 = 256;

/// Bytes that newer kernels want left behind the headroom: `struct skb_shared_info` and the shortest packet
/// that is worth it (found on Linux 6.18.44; older ones want 1).
const TAILROOM: u32 = 320 + 128;

/// The smallest frame the kernel takes, in bytes (`XDP_UMEM_MIN_CHUNK_SIZE`, `net/xdp/xdp_umem.c`).
pub const FRAME_SIZE_MIN: u32 = 2048;

/// The largest frame that works on every machine, in bytes: one page, and pages have 4096 or more.
pub const FRAME_SIZE_MAX: u32 = 4096;

/// Size, number and headroom of the frames of a UMEM; aligned, a power of two each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// What is left of an address by this is that of its frame's first byte.
    base_mask: u64,
    shift: u32,
    frames: u32,
    headroom: u32,
}

impl Layout {
    /// `frames` frames of `frame_size` bytes, with `headroom` bytes free in front of each received
    /// packet, beyond the kernel's own [`XDP_PACKET_HEADROOM`].
    ///
    /// # Errors
    /// [`Error::Invalid`], saying which number does not fit and what would.
    pub fn new(frame_size: u32, frames: u32, headroom: u32) -> Result<Self> {
        if !frame_size.is_power_of_two() || !(FRAME_SIZE_MIN..=FRAME_SIZE_MAX).contains(&frame_size)
        {
            return Err(Error::invalid("frame size", frame_size, "frames have 2048 or 4096 bytes"));
        }
        let bytes = u64::from(frame_size) * u64::from(frames);
        if frames == 0 || isize::try_from(bytes).is_err() {
            return Err(Error::invalid(
                "number of frames",
                frames,
                "it must be at least 1 and the UMEM must fit the address space",
            ));
        }
        // What xdp_umem_reg refuses with EINVAL, on every kernel.
        let most = frame_size - XDP_PACKET_HEADROOM - TAILROOM;
        if headroom > most {
            return Err(Error::invalid(
                "headroom",
                headroom,
                format!("frames of {frame_size} bytes leave at most {most}"),
            ));
        }
        let base_mask = !u64::from(frame_size - 1);
        Ok(Self { base_mask, shift: frame_size.trailing_zeros(), frames, headroom })
    }

    /// Bytes per frame.
    #[doc(alias = "chunk_size")]
    #[inline]
    pub const fn frame_size(&self) -> u32 {
        1 << self.shift
    }

    /// Number of frames.
    #[inline]
    pub const fn frames(&self) -> u32 {
        self.frames
    }

    /// Bytes kept free in front of each received packet, beyond [`XDP_PACKET_HEADROOM`].
    #[inline]
    pub const fn headroom(&self) -> u32 {
        self.headroom
    }

    /// Length of the whole UMEM in bytes.
    #[inline]
    pub const fn bytes(&self) -> usize {
        (self.frames as usize) << self.shift
    }

    /// The longest packet that fits one frame on reception, in bytes.
    #[inline]
    pub const fn packet_max(&self) -> u32 {
        self.frame_size() - XDP_PACKET_HEADROOM - self.headroom
    }

    /// Offset of a frame's first byte from the start of the UMEM.
    #[inline]
    pub(crate) const fn base(&self, index: usize) -> u64 {
        (index as u64) << self.shift
    }

    /// By how many bits a frame's number is shifted in an address.
    #[inline]
    pub(crate) const fn shift(&self) -> u32 {
        self.shift
    }

    /// What is left of an address by this is that of its frame's first byte.
    #[inline]
    pub(crate) const fn base_mask(&self) -> u64 {
        self.base_mask
    }

    /// The one place where an address from a ring becomes a frame, and the room from there to the end
    /// of the frame, in bytes.
    ///
    /// The frame may not exist: whoever asks the ledger finds out.
    #[inline]
    pub(crate) const fn split(&self, addr: u64) -> (u64, u32) {
        // Frame size less offset, in one operation less.
        let room = (addr as u32 | self.base_mask as u32).wrapping_neg();
        (addr >> self.shift, room)
    }

    /// The number of the frame that holds the byte at `addr`, which is one of this UMEM.
    #[inline]
    pub(crate) const fn index(&self, addr: u64) -> u32 {
        (addr >> self.shift) as u32
    }

    /// The bytes of a packet, `len` from offset `start` on, with the first of them moved by `head` and the end
    /// by `tail`: offset and length, if they lie within the frame and in order (`[in-chunk]`).
    #[inline]
    pub(crate) fn adjust(&self, start: u32, len: u32, head: i64, tail: i64) -> Option<(u32, u32)> {
        let first = i64::from(start).saturating_add(head);
        let end = (i64::from(start) + i64::from(len)).saturating_add(tail);
        // Behind the last byte there is no first one: its address would be that of the next frame.
        let inside = 0 <= first && first <= end && first < i64::from(self.frame_size());
        let inside = inside && end <= i64::from(self.frame_size());
        inside.then(|| (first as u32, (end - first) as u32))
    }

    /// Offset of an address into its frame.
    #[inline]
    pub(crate) const fn start(&self, addr: u64) -> u32 {
        addr as u32 & (self.frame_size() - 1)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_kernel_takes_is_a_layout() {
        for frame_size in [0, 1, 1024, 2047, 2049, 3000, 8192, u32::MAX] {
            assert!(Layout::new(frame_size, 16, 0).is_err(), "frame size {frame_size}");
        }
        assert!(Layout::new(2048, 0, 0).is_err());
        assert!(Layout::new(2048, 1, 2048 - 256 - 448 + 1).is_err());
        assert!(Layout::new(2048, 1, 2048 - 256 - 448).is_ok());
        assert!(Layout::new(4096, u32::MAX, 0).is_ok());
    }

    #[test]
    fn a_packet_moves_within_its_frame_alone() {
        let layout = Layout::new(2048, 8, 0).unwrap();
        let adjust = |head, tail| layout.adjust(256, 100, head, tail);
        assert_eq!(adjust(0, 0), Some((256, 100)));
        assert_eq!(adjust(-256, 0), Some((0, 356)));
        assert_eq!(adjust(-257, 0), None);
        assert_eq!(adjust(100, 0), Some((356, 0)));
        assert_eq!(adjust(101, 0), None);
        assert_eq!(adjust(0, 2048 - 356), Some((256, 2048 - 256)));
        assert_eq!(adjust(0, 2048 - 355), None);
        assert_eq!(adjust(0, -100), Some((256, 0)));
        assert_eq!(adjust(0, -101), None);
        assert_eq!(
            layout.adjust(0, 2048, 2048, 0),
            None,
            "it would begin where the next frame does"
        );
        for extreme in [i64::MIN, i64::MAX] {
            assert_eq!((adjust(extreme, 0), adjust(0, extreme)), (None, None));
        }
    }

    #[test]
    fn addresses_fall_apart_into_frame_and_offset() {
        let layout = Layout::new(2048, 8, 0).unwrap();
        assert_eq!(layout.split(0), (0, 2048));
        assert_eq!(layout.split(layout.base(7) + 256), (7, 2048 - 256));
        assert_eq!(layout.split(u64::MAX), (u64::MAX >> 11, 1));
        assert_eq!(layout.start(layout.base(7) + 256), 256);
        assert_eq!(layout.packet_max(), 1792);
    }
}

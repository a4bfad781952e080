//! Packets with room to grow, at their head and at their tail.

mod slice;

use core::{error, fmt};

pub use slice::SliceBuffer;

/// A packet that can grow and shrink at both ends, as the kernel's XDP programs know it.
///
/// What is [pushed](crate::encap) goes to the head without moving the payload. New bytes hold whatever was there before.
#[doc(alias = "bpf_xdp_adjust_head")]
pub trait PacketBuffer {
    /// The packet.
    fn bytes(&self) -> &[u8];

    /// The packet, to write.
    fn bytes_mut(&mut self) -> &mut [u8];

    /// Bytes by which the head can grow.
    fn headroom(&self) -> usize;

    /// Bytes by which the tail can grow.
    fn tailroom(&self) -> usize;

    /// Moves the start of the packet: a negative `delta` grows it, a positive one cuts it. The sign is that of the kernel's
    /// `bpf_xdp_adjust_head`.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if there is not so much headroom, or packet, and the packet is untouched.
    fn adjust_head(&mut self, delta: i32) -> Result<(), NoRoom>;

    /// Moves the end of the packet: a positive `delta` grows it, a negative one cuts it. The sign is that of the kernel's
    /// `bpf_xdp_adjust_tail`.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if there is not so much tailroom, or packet, and the packet is untouched.
    fn adjust_tail(&mut self, delta: i32) -> Result<(), NoRoom>;
}

/// A packet cannot grow, or shrink, by so much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRoom {
    /// Bytes asked for.
    pub need: usize,
    /// Bytes there.
    pub have: usize,
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { need, have } = self;
        write!(f, "no room in the packet buffer: {need} bytes asked for, {have} there")
    }
}

impl error::Error for NoRoom {}

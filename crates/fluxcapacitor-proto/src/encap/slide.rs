//! Moving the link header, to slide something in behind it or to take it out.

use crate::buffer::PacketBuffer;
use crate::ethernet::EtherType;
use crate::link::Link;

use super::EncapError;

/// Makes room for `outer` bytes behind the link header, and cuts the packet to end `padding` bytes earlier.
#[inline]
pub(super) fn open<P: PacketBuffer>(
    packet: &mut P,
    link: Link,
    outer: usize,
    padding: usize,
) -> Result<(), EncapError> {
    packet.adjust_head(-(outer as i32))?;
    packet.adjust_tail(-(padding as i32))?;
    if let Some(moved) = packet.bytes_mut().get_mut(..outer + link.len) {
        moved.copy_within(outer.., 0);
    }
    Ok(())
}

/// Takes away `outer` bytes behind the link header, and cuts the packet to end `padding` bytes earlier.
#[inline]
pub(super) fn close<P: PacketBuffer>(
    packet: &mut P,
    link: Link,
    outer: usize,
    padding: usize,
) -> Result<(), EncapError> {
    if let Some(moved) = packet.bytes_mut().get_mut(..outer + link.len) {
        moved.copy_within(..link.len, outer);
    }
    packet.adjust_head(outer as i32)?;
    packet.adjust_tail(-(padding as i32))?;
    Ok(())
}

/// Writes what follows the link header, and gives the bytes behind it.
#[inline]
pub(super) fn announce<P: PacketBuffer>(
    packet: &mut P,
    link: Link,
    ether_type: EtherType,
) -> &mut [u8] {
    let bytes = packet.bytes_mut();
    let (header, rest) = bytes.split_at_mut_checked(link.len).unwrap_or_default();
    if let Some(field) = header.last_chunk_mut::<2>() {
        *field = ether_type.0.to_be_bytes();
    }
    rest
}

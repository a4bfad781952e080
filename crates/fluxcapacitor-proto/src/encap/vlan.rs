//! VLAN tags.

use crate::buffer::PacketBuffer;
use crate::error::{Protocol, truncated};
use crate::ethernet::{EthHeader, EtherType};
use crate::vlan::{VlanHeader, VlanTag};

use super::EncapError;

/// Both addresses.
const ADDRESSES: usize = 12;
/// How far a tag moves them.
const TAG: i32 = VlanHeader::LEN as i32;

/// Pushes a customer tag (0x8100) behind the Ethernet addresses (IEEE 802.1Q, clause 9.3).
///
/// # Errors
///
/// [`EncapError::Parse`] if there is no Ethernet header, [`EncapError::NoRoom`] if 4 bytes of headroom lack.
#[inline]
pub fn push_vlan<P: PacketBuffer>(packet: &mut P, tag: VlanTag) -> Result<(), EncapError> {
    push_vlan_as(packet, EtherType::VLAN, tag)
}

/// Pushes a tag with a tag protocol of choice: [`EtherType::QINQ`] for the outer one of two.
///
/// # Errors
///
/// As [`push_vlan`].
#[inline]
pub fn push_vlan_as<P: PacketBuffer>(
    packet: &mut P,
    tag_protocol: EtherType,
    tag: VlanTag,
) -> Result<(), EncapError> {
    let have = packet.bytes().len();
    if have < EthHeader::LEN {
        return Err(truncated(Protocol::Ethernet, EthHeader::LEN, have).into());
    }
    packet.adjust_head(-TAG)?;
    if let Some(head) = packet.bytes_mut().first_chunk_mut::<{ ADDRESSES + VlanHeader::LEN }>() {
        let [t, u] = tag_protocol.0.to_be_bytes();
        let [v, w] = tag.0.to_be_bytes();
        // The addresses move down, and the tag takes their place: one number, so that there are two writes and not three.
        let tag = u128::from(u32::from_le_bytes([t, u, v, w])) << (8 * ADDRESSES);
        *head = (u128::from_le_bytes(*head) >> (8 * VlanHeader::LEN) | tag).to_le_bytes();
    }
    Ok(())
}

/// Pops the outermost tag.
///
/// # Errors
///
/// [`EncapError::Missing`] if there is none, [`EncapError::Parse`] if it is cut short.
#[inline]
pub fn pop_vlan<P: PacketBuffer>(packet: &mut P) -> Result<VlanTag, EncapError> {
    let (ethernet, rest) = EthHeader::ref_from_prefix(packet.bytes())?;
    if !ethernet.ether_type().is_vlan() {
        return Err(EncapError::Missing(Protocol::Vlan));
    }
    let tag = VlanHeader::ref_from_prefix(rest)?.0.tag();
    if let Some(head) = packet.bytes_mut().first_chunk_mut::<{ ADDRESSES + VlanHeader::LEN }>() {
        head.copy_within(..ADDRESSES, VlanHeader::LEN);
    }
    packet.adjust_head(TAG)?;
    Ok(tag)
}

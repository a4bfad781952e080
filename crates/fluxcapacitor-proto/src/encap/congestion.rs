//! What a tunnel's outer header says of congestion when it is taken off (RFC 6040, section 4.2).

use crate::ethernet::EtherType;
use crate::ipv4::Ipv4Header;
use crate::ipv6::Ipv6Header;

use super::EncapError;

/// The sender does not understand congestion marks.
const NOT_CAPABLE: u8 = 0b00;
const CAPABLE_1: u8 = 0b01;
const CAPABLE_0: u8 = 0b10;
/// Congestion was experienced.
const EXPERIENCED: u8 = 0b11;

/// What the inner packet is to say, if anything else than it does: nothing if it is no IP.
///
/// # Errors
///
/// [`EncapError::Congested`] if it met congestion and does not understand that.
#[inline]
pub(super) fn joined(
    outer: u8,
    ether_type: EtherType,
    inner: &[u8],
) -> Result<Option<u8>, EncapError> {
    if outer == NOT_CAPABLE {
        return Ok(None);
    }
    let inner = match ether_type {
        EtherType::IPV4 => Ipv4Header::ref_from_prefix(inner).map(|(ip, _)| ip.ecn()),
        EtherType::IPV6 => Ipv6Header::ref_from_prefix(inner).map(|(ip, _)| ip.ecn()),
        _ => return Ok(None),
    };
    match (inner, outer) {
        (Ok(NOT_CAPABLE), EXPERIENCED) => Err(EncapError::Congested),
        (Ok(CAPABLE_0 | CAPABLE_1), EXPERIENCED) | (Ok(CAPABLE_0), CAPABLE_1) => Ok(Some(outer)),
        _ => Ok(None),
    }
}

/// Writes what [`joined`] came to into the packet that is outermost now.
#[inline]
pub(super) fn mark(packet: &mut [u8], ether_type: EtherType, ecn: Option<u8>) {
    let Some(ecn) = ecn else { return };
    if ether_type == EtherType::IPV4 {
        if let Ok((ip, _)) = Ipv4Header::mut_from_prefix(packet) {
            ip.set_ecn(ecn);
        }
    } else if let Ok((ip, _)) = Ipv6Header::mut_from_prefix(packet) {
        ip.set_ecn(ecn);
    }
}

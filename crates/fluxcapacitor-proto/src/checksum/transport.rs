//! Where a transport keeps its checksum, for those who change what its pseudo-header covers.

use crate::ip::IpProtocol;

use super::Delta;

/// Applies to the checksum of the transport that starts at `payload` what a changed address does to it.
///
/// Nothing happens to protocols without pseudo-header, nor where the field is cut off.
#[inline]
pub(crate) fn update(protocol: IpProtocol, payload: &mut [u8], delta: Delta) {
    match protocol {
        IpProtocol::TCP => {
            if let Some(field) = field(payload, 16) {
                *field = delta.apply(u16::from_be_bytes(*field)).to_be_bytes();
            }
        }
        IpProtocol::UDP => {
            if let Some(field) = field(payload, 6) {
                *field = delta.apply_udp(u16::from_be_bytes(*field)).to_be_bytes();
            }
        }
        IpProtocol::ICMPV6 => {
            if let Some(field) = field(payload, 2) {
                *field = delta.apply(u16::from_be_bytes(*field)).to_be_bytes();
            }
        }
        _ => {}
    }
}

#[inline]
fn field(payload: &mut [u8], at: usize) -> Option<&mut [u8; 2]> {
    payload.get_mut(at..)?.first_chunk_mut()
}

//! The packets of the demo: numbered, and full of bytes that follow from the number.

use fluxcapacitor::proto::EthHeader;

use super::wire::Addresses;

/// For local experiments (IEEE 802).
const ETHER_TYPE: [u8; 2] = [0x88, 0xb5];

/// Bytes in front of the number.
const ETHERNET: usize = size_of::<EthHeader>();

/// Bytes in front of the filling.
const HEAD: usize = ETHERNET + size_of::<u64>();

/// Writes packet `number`, from near to far, all over `packet`.
pub fn write(packet: &mut [u8], addresses: Addresses, number: u64) {
    let (ethernet, rest) = packet.split_at_mut(ETHERNET);
    ethernet[..6].copy_from_slice(&addresses.far);
    ethernet[6..12].copy_from_slice(&addresses.near);
    ethernet[12..].copy_from_slice(&ETHER_TYPE);
    let (head, filling) = rest.split_at_mut(HEAD - ETHERNET);
    head.copy_from_slice(&number.to_be_bytes());
    let pattern = pattern(number);
    for bytes in filling.chunks_mut(8) {
        bytes.copy_from_slice(&pattern[..bytes.len()]);
    }
}

/// The number of a packet that came back, if it is one of ours and nothing but its addresses has
/// changed.
pub fn read(packet: &[u8], addresses: Addresses, len: usize) -> Option<u64> {
    let (ethernet, rest) = packet.split_at_checked(ETHERNET)?;
    let (head, filling) = rest.split_first_chunk::<8>()?;
    let number = u64::from_be_bytes(*head);
    let pattern = pattern(number);
    let intact = packet.len() == len
        && ethernet[..6] == addresses.near
        && ethernet[6..12] == addresses.far
        && ethernet[12..] == ETHER_TYPE
        && filling.chunks(8).all(|bytes| *bytes == pattern[..bytes.len()]);
    intact.then_some(number)
}

/// Different for every number (the multiplier is odd).
fn pattern(number: u64) -> [u8; 8] {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_packet_whose_addresses_were_swapped_is_read() {
        let addresses = Addresses { near: [2, 0, 0, 0, 0, 1], far: [2, 0, 0, 0, 0, 2] };
        let mut packet = [0; 61];
        write(&mut packet, addresses, 7);
        assert_eq!(read(&packet, addresses, 61), None);
        packet[..12].rotate_left(6);
        assert_eq!(read(&packet, addresses, 61), Some(7));
        assert_eq!(read(&packet, addresses, 60), None);
        for byte in 0..packet.len() {
            let mut damaged = packet;
            damaged[byte] ^= 0x10;
            assert_ne!(read(&damaged, addresses, 61), Some(7), "byte {byte}");
        }
        assert_eq!(read(&packet[..20], addresses, 20), None);
    }
}

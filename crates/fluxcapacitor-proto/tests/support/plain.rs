//! Checksums by plain loops, as the RFCs define them: what the library's fast ones are held against.

use std::ops::Range;

/// The folded ones' complement sum of the pieces, joined.
pub fn sum(pieces: &[&[u8]]) -> u16 {
    let bytes = pieces.concat();
    let mut sum = 0u32;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// Where the outermost IP packet of a frame lies, by what it says of its length: behind however many VLAN tags,
/// more than `Layers` tells apart.
#[allow(dead_code, reason = "not every body asks")]
pub fn ip_packet(frame: &[u8]) -> Option<Range<usize>> {
    let word = |at: usize| Some(u16::from_be_bytes([*frame.get(at)?, *frame.get(at + 1)?]));
    let mut at = 12;
    while matches!(word(at)?, 0x8100 | 0x88a8 | 0x9100) {
        at += 4;
    }
    let start = at + 2;
    match word(at)? {
        0x0800 => Some(start..start + usize::from(word(start + 2)?)),
        0x86dd => Some(start..start + 40 + usize::from(word(start + 4)?)),
        _ => None,
    }
}

/// Whether a packet's checksums are all right: of an IPv4 header, and of the transport behind either IP. Extension
/// headers are not read; no checksum of UDP over IPv4 counts as right.
#[allow(dead_code, reason = "not every body asks")]
pub fn all_right(ip: &[u8]) -> bool {
    let (addresses, protocol, transport) = if ip[0] >> 4 == 4 {
        let header = usize::from(ip[0] & 0xf) * 4;
        if sum(&[&ip[..header]]) != 0xffff {
            return false;
        }
        let total = usize::from(u16::from_be_bytes([ip[2], ip[3]]));
        (&ip[12..20], ip[9], &ip[header..total])
    } else {
        let len = usize::from(u16::from_be_bytes([ip[4], ip[5]]));
        (&ip[8..40], ip[6], &ip[40..40 + len])
    };
    let len = (transport.len() as u32).to_be_bytes();
    match protocol {
        1 => sum(&[transport]) == 0xffff,
        17 if transport[6..8] == [0, 0] => ip[0] >> 4 == 4,
        6 | 17 | 58 => sum(&[addresses, &[0, protocol], &len, transport]) == 0xffff,
        _ => true,
    }
}

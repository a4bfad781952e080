//! Which queue a packet goes to: the flow hash of network cards.

/// The key of Microsoft's RSS specification, which drivers fall back to.
const KEY: [u8; 40] = [
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
    0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
    0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
];

/// The queue, of `queues`, that a packet's flow hashes to; 0 if it has no IP addresses.
pub(super) fn queue(packet: &[u8], queues: u32) -> u32 {
    if queues < 2 {
        return 0;
    }
    // Cards look the hash up in a table of 128 entries, which names the queues in turn.
    flow(packet).map_or(0, |flow| (toeplitz(&flow) & 127) % queues)
}

/// Addresses and ports, as they lie in the packet.
fn flow(packet: &[u8]) -> Option<Vec<u8>> {
    const VLAN: [[u8; 2]; 2] = [[0x81, 0x00], [0x88, 0xa8]];
    let (mut ether_type, mut at) = (packet.get(12..14)?, 14);
    while VLAN.iter().any(|tag| tag == ether_type) {
        (ether_type, at) = (packet.get(at + 2..at + 4)?, at + 4);
    }
    let ip = packet.get(at..)?;
    let (addresses, protocol, header, fragment) = match ether_type {
        [0x08, 0x00] => {
            let fragment = u16::from_be_bytes([*ip.get(6)?, *ip.get(7)?]) & 0x3fff != 0;
            (ip.get(12..20)?, *ip.get(9)?, usize::from(*ip.first()? & 15) * 4, fragment)
        }
        [0x86, 0xdd] => (ip.get(8..40)?, *ip.get(6)?, 40, false),
        _ => return None,
    };
    let mut flow = addresses.to_vec();
    // TCP and UDP, unless in fragments, of which all but the first have no ports.
    if matches!(protocol, 6 | 17) && !fragment {
        flow.extend(ip.get(header..header + 4).unwrap_or_default());
    }
    Some(flow)
}

/// The Toeplitz hash: for each bit of the input that is set, the 32 bits of the key from there on.
fn toeplitz(input: &[u8]) -> u32 {
    let mut hash = 0;
    for bit in 0..input.len() * 8 {
        if input[bit / 8] & (0x80 >> (bit % 8)) != 0 {
            let window =
                KEY[bit / 8..].iter().take(5).fold(0u64, |key, byte| key << 8 | u64::from(*byte));
            hash ^= (window >> (8 - bit % 8)) as u32;
        }
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Verification suite of the RSS specification: addresses, ports, hash.
    #[test]
    fn the_hash_is_that_of_network_cards() {
        let flow = |source: [u8; 4], from: u16, target: [u8; 4], to: u16| {
            [&source[..], &target, &from.to_be_bytes(), &to.to_be_bytes()].concat()
        };
        let one = flow([66, 9, 149, 187], 2794, [161, 142, 100, 80], 1766);
        assert_eq!(toeplitz(&one), 0x51cc_c178);
        assert_eq!(toeplitz(&one[..8]), 0x323e_8fc2);
        let two = flow([199, 92, 111, 2], 14230, [65, 69, 140, 83], 4739);
        assert_eq!(toeplitz(&two), 0xc626_b0ea);
    }

    #[test]
    fn flows_spread_and_each_stays_on_its_queue() {
        let packet = |port: u16| {
            let mut packet = vec![0; 64];
            packet[12..14].copy_from_slice(&[0x08, 0x00]);
            packet[14] = 0x45;
            packet[23] = 17;
            packet[26..34].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
            packet[34..36].copy_from_slice(&port.to_be_bytes());
            packet
        };
        let mut seen = [0; 4];
        for port in 1000..1400 {
            let queue_of = queue(&packet(port), 4);
            assert_eq!(queue_of, queue(&packet(port), 4));
            seen[queue_of as usize] += 1;
        }
        assert!(seen.iter().all(|count| *count > 50), "{seen:?}");
        assert_eq!(queue(&[0; 60], 4), 0);
        assert_eq!(queue(&[], 4), 0);
    }
}

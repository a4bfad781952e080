//! The packets that all contestants get.

use std::hint::black_box;

use fluxcapacitor_proto::emit::Stack;
use fluxcapacitor_proto::{
    EthHeader, EtherType, IpProtocol, Ipv4Header, Ipv6Header, MacAddr, TcpFlags, TcpHeader,
    UdpHeader,
};

const A: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 0xa]);
const B: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 0xb]);

/// Ethernet, IPv4 and TCP around so many bytes.
pub fn tcp4(payload: usize) -> Vec<u8> {
    let stack = Stack::new()
        .with(EthHeader::new(B, A, EtherType::IPV4))
        .with(Ipv4Header::new([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), IpProtocol::TCP, 0))
        .with(TcpHeader::new(40000, 443, TcpFlags::ACK));
    let mut frame = vec![0; stack.len() + payload];
    stack.emit(&noise(payload), &mut frame).unwrap();
    frame
}

/// Ethernet, IPv6 and UDP around so many bytes.
pub fn udp6(payload: usize) -> Vec<u8> {
    let stack = Stack::new()
        .with(EthHeader::new(B, A, EtherType::IPV6))
        .with(Ipv6Header::new([1; 16].into(), [2; 16].into(), IpProtocol::UDP, 0))
        .with(UdpHeader::new(40000, 443, 0));
    let mut frame = vec![0; stack.len() + payload];
    stack.emit(&noise(payload), &mut frame).unwrap();
    frame
}

/// Bytes without pattern.
pub fn noise(len: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// Copies of a packet, by turns: a packet that comes in was not written a nanosecond ago, which would stall its reader.
pub struct Ring {
    packets: Vec<Vec<u8>>,
    turn: usize,
}

impl Ring {
    pub fn new(packet: &[u8]) -> Self {
        Self { packets: vec![packet.to_vec(); 16], turn: 0 }
    }

    pub fn next(&mut self) -> &mut [u8] {
        self.turn = (self.turn + 1) % 16;
        black_box::<&mut Vec<u8>>(&mut self.packets[self.turn])
    }
}

/// Bytes of which the compiler knows nothing.
///
/// It is the thin reference that is hidden: a wide one goes through memory as 16 bytes, and is read again as twice 8,
/// which takes about as long as the shortest bodies, and so makes them all alike.
#[inline(always)]
pub fn unknown(bytes: &Vec<u8>) -> &[u8] {
    black_box::<&Vec<u8>>(bytes)
}

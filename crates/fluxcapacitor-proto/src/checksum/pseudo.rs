//! The pseudo-header: what a transport checksum covers besides its own bytes.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::ip::IpProtocol;

use super::Sum;

/// The addresses and the IP version that a transport checksum covers.
///
/// RFC 9293, section 3.1 and RFC 768 for IPv4; RFC 8200, section 8.1 for IPv6. Protocol and length are added by the
/// protocol that has the checksum. [`Ipv4::pseudo_header`](crate::Ipv4::pseudo_header) and
/// [`Ipv6::pseudo_header`](crate::Ipv6::pseudo_header) make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PseudoHeader {
    addresses: Sum,
    is_ipv6: bool,
}

impl PseudoHeader {
    /// Of a packet between IPv4 addresses.
    #[inline]
    pub fn v4(source: Ipv4Addr, destination: Ipv4Addr) -> Self {
        let addresses = Sum::ZERO.bytes(&source.octets()).bytes(&destination.octets());
        Self { addresses, is_ipv6: false }
    }

    /// Of a packet between IPv6 addresses. `destination` is the final one, whatever the IPv6 header names on the way there.
    #[inline]
    pub fn v6(source: Ipv6Addr, destination: Ipv6Addr) -> Self {
        let addresses = Sum::ZERO.bytes(&source.octets()).bytes(&destination.octets());
        Self { addresses, is_ipv6: true }
    }

    /// Whether the addresses are IPv6, where UDP must have a checksum (RFC 8200, section 8.1).
    #[inline]
    pub const fn is_ipv6(self) -> bool {
        self.is_ipv6
    }

    /// The whole pseudo-header's sum, for a transport of `len` bytes, header included.
    #[inline]
    pub const fn sum(self, protocol: IpProtocol, len: usize) -> Sum {
        self.addresses.u16(protocol.0 as u16).u32(len as u32)
    }
}

//! Ethernet addresses.

use core::str::FromStr;
use core::{error, fmt};

/// A 48-bit Ethernet address (IEEE 802, clause 8).
///
/// ```
/// use fluxcapacitor_proto::MacAddr;
///
/// let address: MacAddr = "02:00:5e:10:00:01".parse()?;
/// assert!(address.is_local() && address.is_unicast());
/// assert_eq!(address.to_string(), "02:00:5e:10:00:01");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "EthernetAddress")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[cfg_attr(
    feature = "views",
    derive(
        zerocopy::FromBytes,
        zerocopy::IntoBytes,
        zerocopy::KnownLayout,
        zerocopy::Immutable,
        zerocopy::Unaligned
    )
)]
#[repr(transparent)]
pub struct MacAddr([u8; 6]);

impl MacAddr {
    /// The address of no interface: all zeros.
    pub const UNSPECIFIED: Self = Self([0; 6]);
    /// The address of all interfaces: all ones.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// An address from its six bytes, in the order in which they are sent.
    #[inline]
    pub const fn new(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// The six bytes, in the order in which they are sent.
    #[inline]
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// The group address that carries an IPv4 multicast group (RFC 1112, section 6.4).
    pub const fn of_ipv4_multicast(group: core::net::Ipv4Addr) -> Self {
        let [_, b, c, d] = group.octets();
        Self([0x01, 0x00, 0x5e, b & 0x7f, c, d])
    }

    /// The group address that carries an IPv6 multicast group (RFC 2464, section 7).
    pub const fn of_ipv6_multicast(group: core::net::Ipv6Addr) -> Self {
        let [.., a, b, c, d] = group.octets();
        Self([0x33, 0x33, a, b, c, d])
    }

    /// Whether all bits are set.
    #[inline]
    pub const fn is_broadcast(self) -> bool {
        matches!(self.0, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
    }

    /// Whether it names a group; broadcast is one (the I/G bit, IEEE 802, clause 8.2.2).
    #[inline]
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// Whether it names one interface.
    #[inline]
    pub const fn is_unicast(self) -> bool {
        !self.is_multicast()
    }

    /// Whether it was assigned locally, not by a maker (the U/L bit, IEEE 802, clause 8.2.2).
    #[inline]
    pub const fn is_local(self) -> bool {
        self.0[0] & 2 != 0
    }
}

impl From<[u8; 6]> for MacAddr {
    fn from(octets: [u8; 6]) -> Self {
        Self(octets)
    }
}

impl From<MacAddr> for [u8; 6] {
    fn from(address: MacAddr) -> Self {
        address.0
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no Ethernet address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseMacError(());

impl fmt::Display for ParseMacError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an Ethernet address: wanted six bytes in hex, as 02:00:00:00:00:01")
    }
}

impl error::Error for ParseMacError {}

impl FromStr for MacAddr {
    type Err = ParseMacError;

    /// Reads six pairs of hex digits, with `:` or `-` between them.
    fn from_str(text: &str) -> Result<Self, ParseMacError> {
        let separator = if text.contains('-') { '-' } else { ':' };
        let mut octets = [0; 6];
        let mut parts = text.split(separator);
        for octet in &mut octets {
            let part = parts.next().ok_or(ParseMacError(()))?;
            if part.len() != 2 || !part.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(ParseMacError(()));
            }
            *octet = u8::from_str_radix(part, 16).map_err(|_| ParseMacError(()))?;
        }
        if parts.next().is_some() { Err(ParseMacError(())) } else { Ok(Self(octets)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn text_both_ways() {
        let address = MacAddr::new([0, 0x1b, 0x21, 0xab, 0xcd, 0xef]);
        assert_eq!(address.to_string(), "00:1b:21:ab:cd:ef");
        assert_eq!("00-1B-21-AB-CD-EF".parse(), Ok(address));
        for wrong in
            ["", "0:1:2:3:4:5", "00:1b:21:ab:cd", "00:1b:21:ab:cd:ef:00", "+0:1b:21:ab:cd:ef"]
        {
            assert_eq!(wrong.parse::<MacAddr>(), Err(ParseMacError(())), "{wrong}");
        }
    }
}

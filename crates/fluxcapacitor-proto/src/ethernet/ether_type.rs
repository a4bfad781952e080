//! What an Ethernet payload is.

use core::fmt;

/// An EtherType (IEEE 802.3, clause 3.2.6; numbers by IANA, "IEEE 802 Numbers").
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EtherType(
    /// The number.
    pub u16,
);

impl EtherType {
    /// Internet Protocol, version 4 (RFC 894).
    pub const IPV4: Self = Self(0x0800);
    /// Address Resolution Protocol (RFC 826).
    pub const ARP: Self = Self(0x0806);
    /// Transparent Ethernet bridging: a whole frame inside GRE (RFC 1701, RFC 7637).
    pub const TRANSPARENT_ETHERNET: Self = Self(0x6558);
    /// A customer VLAN tag (IEEE 802.1Q, clause 9.6).
    pub const VLAN: Self = Self(0x8100);
    /// Internet Protocol, version 6 (RFC 2464, section 3).
    pub const IPV6: Self = Self(0x86dd);
    /// A service VLAN tag, the outer one of QinQ (IEEE 802.1ad; IEEE 802.1Q, clause 9.6).
    pub const QINQ: Self = Self(0x88a8);
    /// The outer tag as used before 802.1ad settled the number.
    pub const QINQ_OLD: Self = Self(0x9100);

    /// Whether a VLAN tag follows.
    #[inline]
    pub const fn is_vlan(self) -> bool {
        matches!(self, Self::VLAN | Self::QINQ | Self::QINQ_OLD)
    }

    /// Whether it is not a type but the length of an 802.3 frame (below 0x0600).
    #[inline]
    pub const fn is_length(self) -> bool {
        self.0 < 0x0600
    }
}

impl From<u16> for EtherType {
    fn from(number: u16) -> Self {
        Self(number)
    }
}

impl From<EtherType> for u16 {
    fn from(ether_type: EtherType) -> Self {
        ether_type.0
    }
}

impl fmt::Debug for EtherType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EtherType({:#06x})", self.0)
    }
}

impl fmt::Display for EtherType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::IPV4 => f.pad("IPv4"),
            Self::ARP => f.pad("ARP"),
            Self::TRANSPARENT_ETHERNET => f.pad("TEB"),
            Self::VLAN => f.pad("802.1Q"),
            Self::IPV6 => f.pad("IPv6"),
            Self::QINQ => f.pad("802.1Q-QinQ"),
            Self::QINQ_OLD => f.pad("802.1Q-9100"),
            Self(number) => write!(f, "{number:#06x}"),
        }
    }
}

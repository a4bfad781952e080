//! Why bytes are not what they were taken for.

use core::{error, fmt};

/// A protocol that this crate reads, as errors and layers name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// Ethernet II.
    Ethernet,
    /// An 802.1Q or 802.1ad tag.
    Vlan,
    /// Address Resolution Protocol.
    Arp,
    /// Internet Protocol, version 4.
    Ipv4,
    /// Internet Protocol, version 6.
    Ipv6,
    /// An extension header of IPv6.
    Ipv6Extension,
    /// User Datagram Protocol.
    Udp,
    /// Transmission Control Protocol.
    Tcp,
    /// Internet Control Message Protocol.
    Icmp,
    /// Internet Control Message Protocol for IPv6.
    Icmpv6,
    /// An option of neighbour or router discovery.
    Ndp,
    /// Virtual Extensible LAN.
    Vxlan,
    /// Generic Routing Encapsulation.
    Gre,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ethernet => "Ethernet",
            Self::Vlan => "VLAN",
            Self::Arp => "ARP",
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
            Self::Ipv6Extension => "IPv6 extension",
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Icmp => "ICMP",
            Self::Icmpv6 => "ICMPv6",
            Self::Ndp => "neighbour discovery option",
            Self::Vxlan => "VXLAN",
            Self::Gre => "GRE",
        })
    }
}

/// Why bytes could not be parsed. Nothing has been changed when it is returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseError {
    /// There are fewer bytes than the protocol needs, or than its length field claims.
    Truncated {
        /// What was being read.
        protocol: Protocol,
        /// Bytes needed, from the start of its header.
        need: usize,
        /// Bytes there.
        have: usize,
    },
    /// A length field is below the least that the protocol allows, or contradicts another.
    BadLength {
        /// What was being read.
        protocol: Protocol,
        /// What the field says, in bytes.
        found: usize,
        /// The least that it may say, in bytes.
        least: usize,
    },
    /// The version field is another protocol's.
    BadVersion {
        /// What was being read.
        protocol: Protocol,
        /// What the field says.
        found: u8,
    },
    /// A field holds what this crate does not read (an ARP hardware type, a GRE flag, a VXLAN without VNI).
    Unsupported {
        /// What was being read.
        protocol: Protocol,
        /// Which field.
        field: &'static str,
        /// What it says.
        found: u32,
    },
}

impl ParseError {
    /// What was being read when it failed.
    pub const fn protocol(&self) -> Protocol {
        match *self {
            Self::Truncated { protocol, .. }
            | Self::BadLength { protocol, .. }
            | Self::BadVersion { protocol, .. }
            | Self::Unsupported { protocol, .. } => protocol,
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { protocol, need, have } => {
                write!(f, "truncated {protocol}: needs {need} bytes, has {have}")
            }
            Self::BadLength { protocol, found, least } => {
                write!(f, "bad length in {protocol}: says {found} bytes, the least is {least}")
            }
            Self::BadVersion { protocol, found } => {
                write!(f, "not {protocol}: its version field says {found}")
            }
            Self::Unsupported { protocol, field, found } => {
                write!(f, "unsupported {protocol}: {field} is {found:#x}")
            }
        }
    }
}

impl error::Error for ParseError {}

/// Too few bytes; out of line, so that the path that succeeds stays short.
#[cold]
pub(crate) const fn truncated(protocol: Protocol, need: usize, have: usize) -> ParseError {
    ParseError::Truncated { protocol, need, have }
}

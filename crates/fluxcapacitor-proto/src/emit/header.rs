//! One header of a stack.

use crate::arp::ArpHeader;
use crate::ethernet::{EthHeader, EtherType};
use crate::gre::GreHeader;
use crate::icmp::IcmpHeader;
use crate::icmpv6::Icmpv6Header;
use crate::ip::IpProtocol;
use crate::ipv4::Ipv4Header;
use crate::ipv6::{Ipv6FragmentHeader, Ipv6Header};
use crate::tcp::TcpHeader;
use crate::udp::UdpHeader;
use crate::vlan::VlanHeader;
use crate::vxlan::VxlanHeader;

/// A header that can be in a [`Stack`](super::Stack). All but TCP with options convert into it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Header<'a> {
    /// Ethernet; its EtherType is set if another header follows.
    Ethernet(EthHeader),
    /// A VLAN tag; its EtherType is set if another header follows.
    Vlan(VlanHeader),
    /// ARP.
    Arp(ArpHeader),
    /// IPv4; length and checksum are set, and the protocol if another header follows.
    Ipv4(Ipv4Header),
    /// IPv6; length is set, and the next header if another follows.
    Ipv6(Ipv6Header),
    /// The fragment header of IPv6; its next header is set if another follows.
    Ipv6Fragment(Ipv6FragmentHeader),
    /// UDP; length and checksum are set.
    Udp(UdpHeader),
    /// TCP with its options; data offset and checksum are set.
    Tcp(TcpHeader, &'a [u8]),
    /// ICMP; the checksum is set.
    Icmp(IcmpHeader),
    /// ICMPv6; the checksum is set.
    Icmpv6(Icmpv6Header),
    /// VXLAN.
    Vxlan(VxlanHeader),
    /// GRE with a key if the header says so; the protocol type is set if another header follows.
    Gre(GreHeader, u32),
}

impl Header<'_> {
    /// Length on the wire, in bytes.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Ethernet(_) => EthHeader::LEN,
            Self::Vlan(_) => VlanHeader::LEN,
            Self::Arp(_) => ArpHeader::LEN,
            Self::Ipv4(_) => Ipv4Header::LEN,
            Self::Ipv6(_) => Ipv6Header::LEN,
            Self::Ipv6Fragment(_) => Ipv6FragmentHeader::LEN,
            Self::Udp(_) => UdpHeader::LEN,
            Self::Tcp(_, options) => TcpHeader::LEN + options.len(),
            Self::Icmp(_) => IcmpHeader::LEN,
            Self::Icmpv6(_) => Icmpv6Header::LEN,
            Self::Vxlan(_) => VxlanHeader::LEN,
            Self::Gre(header, _) => header.header_len(),
        }
    }

    /// What a link layer around it calls it; `around` tells an outer tag from an inner one.
    pub(super) fn ether_type(&self, around: &Self) -> Option<EtherType> {
        match self {
            Self::Ethernet(_) => Some(EtherType::TRANSPARENT_ETHERNET),
            Self::Vlan(_) => Some(match around {
                // Tags keep the tag protocol that they were given.
                Self::Ethernet(ethernet) if ethernet.ether_type().is_vlan() => {
                    ethernet.ether_type()
                }
                Self::Vlan(vlan) if vlan.ether_type().is_vlan() => vlan.ether_type(),
                _ => EtherType::VLAN,
            }),
            Self::Arp(_) => Some(EtherType::ARP),
            Self::Ipv4(_) => Some(EtherType::IPV4),
            Self::Ipv6(_) => Some(EtherType::IPV6),
            _ => None,
        }
    }

    /// What an IP header around it calls it.
    pub(super) fn ip_protocol(&self) -> Option<IpProtocol> {
        match self {
            Self::Ipv4(_) => Some(IpProtocol::IPV4),
            Self::Ipv6(_) => Some(IpProtocol::IPV6),
            Self::Ipv6Fragment(_) => Some(IpProtocol::FRAGMENT),
            Self::Udp(_) => Some(IpProtocol::UDP),
            Self::Tcp(..) => Some(IpProtocol::TCP),
            Self::Icmp(_) => Some(IpProtocol::ICMP),
            Self::Icmpv6(_) => Some(IpProtocol::ICMPV6),
            Self::Gre(..) => Some(IpProtocol::GRE),
            _ => None,
        }
    }
}

impl From<EthHeader> for Header<'_> {
    fn from(header: EthHeader) -> Self {
        Self::Ethernet(header)
    }
}

impl From<VlanHeader> for Header<'_> {
    fn from(header: VlanHeader) -> Self {
        Self::Vlan(header)
    }
}

impl From<ArpHeader> for Header<'_> {
    fn from(header: ArpHeader) -> Self {
        Self::Arp(header)
    }
}

impl From<Ipv4Header> for Header<'_> {
    fn from(header: Ipv4Header) -> Self {
        Self::Ipv4(header)
    }
}

impl From<Ipv6Header> for Header<'_> {
    fn from(header: Ipv6Header) -> Self {
        Self::Ipv6(header)
    }
}

impl From<Ipv6FragmentHeader> for Header<'_> {
    fn from(header: Ipv6FragmentHeader) -> Self {
        Self::Ipv6Fragment(header)
    }
}

impl From<UdpHeader> for Header<'_> {
    fn from(header: UdpHeader) -> Self {
        Self::Udp(header)
    }
}

impl From<TcpHeader> for Header<'_> {
    fn from(header: TcpHeader) -> Self {
        Self::Tcp(header, &[])
    }
}

impl From<IcmpHeader> for Header<'_> {
    fn from(header: IcmpHeader) -> Self {
        Self::Icmp(header)
    }
}

impl From<Icmpv6Header> for Header<'_> {
    fn from(header: Icmpv6Header) -> Self {
        Self::Icmpv6(header)
    }
}

impl From<VxlanHeader> for Header<'_> {
    fn from(header: VxlanHeader) -> Self {
        Self::Vxlan(header)
    }
}

impl From<GreHeader> for Header<'_> {
    fn from(header: GreHeader) -> Self {
        Self::Gre(header, 0)
    }
}

//! The outer IP header of a tunnel.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::checksum::PseudoHeader;
use crate::error::{ParseError, Protocol};
use crate::ethernet::EtherType;
use crate::ip::IpProtocol;
use crate::ipv4::{Ipv4, Ipv4Header};
use crate::ipv6::{Ipv6, Ipv6Header};

use super::EncapError;

/// Both ends of a tunnel, or of any other flow of packets: source first, destination second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoints {
    /// Over IPv4.
    V4(Ipv4Addr, Ipv4Addr),
    /// Over IPv6.
    V6(Ipv6Addr, Ipv6Addr),
}

impl Endpoints {
    /// Length of an IP header between them.
    #[inline]
    pub(crate) const fn header_len(self) -> usize {
        match self {
            Self::V4(..) => Ipv4Header::LEN,
            Self::V6(..) => Ipv6Header::LEN,
        }
    }

    #[inline]
    pub(crate) const fn ether_type(self) -> EtherType {
        match self {
            Self::V4(..) => EtherType::IPV4,
            Self::V6(..) => EtherType::IPV6,
        }
    }

    #[inline]
    pub(crate) fn pseudo_header(self) -> PseudoHeader {
        match self {
            Self::V4(source, destination) => PseudoHeader::v4(source, destination),
            Self::V6(source, destination) => PseudoHeader::v6(source, destination),
        }
    }

    /// What the outer header's length field has to say, if it can.
    #[inline]
    pub(crate) fn length_field(self, payload_len: usize) -> Result<u16, EncapError> {
        let len = match self {
            Self::V4(..) => Ipv4Header::LEN + payload_len,
            Self::V6(..) => payload_len,
        };
        u16::try_from(len).map_err(|_| EncapError::TooLong { len })
    }

    /// Writes the IP header at the start of `bytes`, and gives what is behind it.
    #[inline]
    pub(crate) fn write(
        self,
        bytes: &mut [u8],
        protocol: IpProtocol,
        length_field: u16,
        traffic_class: u8,
    ) -> Result<&mut [u8], ParseError> {
        match self {
            Self::V4(source, destination) => {
                let (header, rest) = Ipv4Header::mut_from_prefix(bytes)?;
                *header = Ipv4Header::new(source, destination, protocol, length_field);
                if traffic_class != 0 {
                    header.set_dscp(traffic_class >> 2);
                    header.set_ecn(traffic_class);
                }
                Ok(rest)
            }
            Self::V6(source, destination) => {
                let (header, rest) = Ipv6Header::mut_from_prefix(bytes)?;
                *header = Ipv6Header::new(source, destination, protocol, length_field);
                header.set_dscp(traffic_class >> 2);
                header.set_ecn(traffic_class);
                Ok(rest)
            }
        }
    }
}

/// The outer header of a packet that came out of a tunnel.
#[derive(Clone, Copy)]
pub(super) struct Outer<'a> {
    /// Length of the header, with options or extension headers.
    pub header_len: usize,
    /// What is behind it.
    pub protocol: IpProtocol,
    /// Its congestion notification.
    pub ecn: u8,
    /// The bytes behind it, without padding.
    pub payload: &'a [u8],
}

impl<'a> Outer<'a> {
    /// Reads the IP header behind a link header. A fragment does not count: `wanted` is not all there.
    pub fn of(
        ether_type: EtherType,
        packet: &'a [u8],
        wanted: Protocol,
    ) -> Result<Self, EncapError> {
        match ether_type {
            EtherType::IPV4 => {
                let ip = Ipv4::parse(packet)?;
                if ip.is_fragment() {
                    return Err(EncapError::Missing(wanted));
                }
                let (header_len, protocol, ecn) = (ip.header_len(), ip.protocol(), ip.ecn());
                Ok(Self { header_len, protocol, ecn, payload: ip.into_payload() })
            }
            EtherType::IPV6 => {
                let ip = Ipv6::parse(packet)?;
                let upper = ip.upper_layer()?;
                if upper.is_fragment {
                    return Err(EncapError::Missing(wanted));
                }
                let ecn = ip.ecn();
                let payload = ip.into_payload().get(upper.offset..).unwrap_or_default();
                let header_len = Ipv6Header::LEN + upper.offset;
                Ok(Self { header_len, protocol: upper.protocol, ecn, payload })
            }
            _ => Err(EncapError::Missing(wanted)),
        }
    }
}

//! The answer to a packet that cannot be delivered.

use crate::buffer::PacketBuffer;
use crate::encap::Endpoints;
use crate::error::{ParseError, Protocol};
use crate::ethernet::EtherType;
use crate::icmp::{Icmp, IcmpHeader, IcmpType, UnreachableCode};
use crate::icmpv6::{Icmpv6, Icmpv6Header, Icmpv6Type, Icmpv6UnreachableCode};
use crate::ip::IpProtocol;
use crate::ipv4::{Ipv4, Ipv4Header};
use crate::ipv6::{Ipv6, Ipv6Header};
use crate::link::Link;

use super::{ReplyError, from_one_to_one, is_host_v4, is_host_v6};

/// The most that a message is long, IP header included: RFC 1812, section 4.3.2.3; RFC 4443, section 2.4 (c).
const LEN_MAX_V4: usize = 576;
const LEN_MAX_V6: usize = 1280;

/// Why a packet cannot be delivered, in either version of IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unreachable {
    /// There is no route.
    NoRoute,
    /// The host does not answer.
    Host,
    /// Nobody listens on the port.
    Port,
    /// A filter forbids it.
    Prohibited,
}

impl Unreachable {
    const fn v4(self) -> UnreachableCode {
        match self {
            Self::NoRoute => UnreachableCode::NETWORK,
            Self::Host => UnreachableCode::HOST,
            Self::Port => UnreachableCode::PORT,
            Self::Prohibited => UnreachableCode::PROHIBITED,
        }
    }

    const fn v6(self) -> Icmpv6UnreachableCode {
        match self {
            Self::NoRoute => Icmpv6UnreachableCode::NO_ROUTE,
            Self::Host => Icmpv6UnreachableCode::ADDRESS,
            Self::Port => Icmpv6UnreachableCode::PORT,
            Self::Prohibited => Icmpv6UnreachableCode::PROHIBITED,
        }
    }
}

/// What is to be quoted, and between whom the message goes.
struct Offender {
    ends: Endpoints,
    /// Length of the IP packet, without padding.
    len: usize,
}

/// Turns a packet into the ICMP or ICMPv6 message to its sender that it cannot be delivered, and that quotes it (RFC 792,
/// page 4; RFC 1812, section 4.3.2; RFC 4443, section 3.1).
///
/// The message comes from the address that the packet went to. As much of the packet is quoted as fits in 576 bytes, over
/// IPv6 in 1280.
///
/// # Errors
///
/// [`ReplyError::IsAnError`], [`ReplyError::NotUnicast`] or [`ReplyError::IsAFragment`] where the RFCs forbid an answer,
/// [`ReplyError::NotARequest`] if it carries no IP, [`ReplyError::Parse`], or [`ReplyError::NoRoom`] if 28 bytes of
/// headroom lack, over IPv6 48.
pub fn unreachable<P: PacketBuffer>(packet: &mut P, why: Unreachable) -> Result<(), ReplyError> {
    let frame = packet.bytes();
    let (link, ip) = Link::parse(frame)?;
    from_one_to_one(frame)?;
    let (offender, len_max) = match link.ether_type {
        EtherType::IPV4 => (ipv4(ip)?, LEN_MAX_V4),
        EtherType::IPV6 => (ipv6(ip)?, LEN_MAX_V6),
        _ => return Err(ReplyError::NotARequest(Protocol::Ipv4)),
    };
    let headers = offender.ends.header_len() + IcmpHeader::LEN;
    let quoted = offender.len.min(len_max - headers);
    let cut = ip.len() - quoted;
    packet.adjust_head(-(headers as i32))?;
    packet.adjust_tail(-(cut as i32))?;
    let bytes = packet.bytes_mut();
    if let Some(moved) = bytes.get_mut(..headers + link.len) {
        moved.copy_within(headers.., 0);
    }
    Link::turn(bytes)?;
    write(bytes.get_mut(link.len..).unwrap_or_default(), offender.ends, quoted, why)?;
    Ok(())
}

fn write(
    bytes: &mut [u8],
    ends: Endpoints,
    quoted: usize,
    why: Unreachable,
) -> Result<(), ParseError> {
    let message_len = IcmpHeader::LEN + quoted;
    match ends {
        Endpoints::V4(..) => {
            let total_len = (Ipv4Header::LEN + message_len) as u16;
            let message = ends.write(bytes, IpProtocol::ICMP, total_len, 0)?;
            let (icmp, _) = IcmpHeader::mut_from_prefix(message)?;
            *icmp = IcmpHeader::new(IcmpType::UNREACHABLE, why.v4().0);
            Icmp::parse(message)?.fill_checksum();
        }
        Endpoints::V6(..) => {
            let message = ends.write(bytes, IpProtocol::ICMPV6, message_len as u16, 0)?;
            let (icmp, _) = Icmpv6Header::mut_from_prefix(message)?;
            *icmp = Icmpv6Header::new(Icmpv6Type::UNREACHABLE, why.v6().0);
            Icmpv6::parse(message)?.fill_checksum(ends.pseudo_header());
        }
    }
    Ok(())
}

fn ipv4(packet: &[u8]) -> Result<Offender, ReplyError> {
    let ip = Ipv4::parse(packet)?;
    let (source, destination) = (ip.source(), ip.destination());
    // The sender must be one host (RFC 1122, section 3.2.2).
    if !is_host_v4(destination) || !is_host_v4(source) || source.is_loopback() {
        return Err(ReplyError::NotUnicast);
    }
    if !ip.has_transport() {
        return Err(ReplyError::IsAFragment);
    }
    if ip.protocol() == IpProtocol::ICMP {
        let (icmp, _) = IcmpHeader::ref_from_prefix(ip.payload())?;
        if icmp.kind().is_error() {
            return Err(ReplyError::IsAnError);
        }
    }
    Ok(Offender { ends: Endpoints::V4(destination, source), len: ip.total_len().into() })
}

fn ipv6(packet: &[u8]) -> Result<Offender, ReplyError> {
    let ip = Ipv6::parse(packet)?;
    let (source, destination) = (ip.source(), ip.destination());
    if !is_host_v6(destination) || !is_host_v6(source) || source.is_loopback() {
        return Err(ReplyError::NotUnicast);
    }
    let upper = ip.upper_layer()?;
    if upper.fragment_offset != 0 {
        return Err(ReplyError::IsAFragment);
    }
    if upper.protocol == IpProtocol::ICMPV6 {
        let message = ip.payload().get(upper.offset..).unwrap_or_default();
        let kind = Icmpv6Header::ref_from_prefix(message)?.0.kind();
        if kind.is_error() || kind == Icmpv6Type::REDIRECT {
            return Err(ReplyError::IsAnError);
        }
    }
    let len = Ipv6Header::LEN + ip.payload().len();
    Ok(Offender { ends: Endpoints::V6(destination, source), len })
}

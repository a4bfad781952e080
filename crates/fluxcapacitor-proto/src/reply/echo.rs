//! The answer to an ICMP echo request.

use crate::error::Protocol;
use crate::ethernet::EtherType;
use crate::icmp::{IcmpHeader, IcmpType};
use crate::icmpv6::{Icmpv6Header, Icmpv6Type};
use crate::ip::IpProtocol;
use crate::ipv4::Ipv4;
use crate::ipv6::Ipv6;
use crate::link::Link;

use super::{ReplyError, from_one_to_one, is_host_v4, is_host_v6};

/// Hops that an answer may take.
const HOPS: u8 = 64;

/// Turns an ICMP or ICMPv6 echo request into its reply, whose length and payload are the same (RFC 792, page 14; RFC
/// 4443, section 4.2). It takes constant time: the checksum is updated.
///
/// # Errors
///
/// [`ReplyError::NotARequest`], [`ReplyError::NotUnicast`], [`ReplyError::IsAFragment`] or [`ReplyError::Parse`].
pub fn echo_reply(frame: &mut [u8]) -> Result<(), ReplyError> {
    let (link, _) = Link::parse(frame)?;
    from_one_to_one(frame)?;
    let packet = frame.get_mut(link.len..).unwrap_or_default();
    match link.ether_type {
        EtherType::IPV4 => ipv4(packet)?,
        EtherType::IPV6 => ipv6(packet)?,
        _ => return Err(ReplyError::NotARequest(Protocol::Icmp)),
    }
    Link::turn(frame)?;
    Ok(())
}

fn ipv4(packet: &mut [u8]) -> Result<(), ReplyError> {
    let mut ip = Ipv4::parse(packet)?;
    if ip.protocol() != IpProtocol::ICMP {
        return Err(ReplyError::NotARequest(Protocol::Icmp));
    }
    if ip.is_fragment() {
        return Err(ReplyError::IsAFragment);
    }
    if !is_host_v4(ip.source()) || !is_host_v4(ip.destination()) {
        return Err(ReplyError::NotUnicast);
    }
    let (icmp, _) = IcmpHeader::mut_from_prefix(ip.payload_mut())?;
    if icmp.kind() != IcmpType::ECHO_REQUEST {
        return Err(ReplyError::NotARequest(Protocol::Icmp));
    }
    icmp.set_kind(IcmpType::ECHO_REPLY);
    ip.swap_addresses();
    ip.set_ttl(HOPS);
    Ok(())
}

fn ipv6(packet: &mut [u8]) -> Result<(), ReplyError> {
    let mut ip = Ipv6::parse(packet)?;
    let upper = ip.upper_layer()?;
    if upper.protocol != IpProtocol::ICMPV6 {
        return Err(ReplyError::NotARequest(Protocol::Icmpv6));
    }
    if upper.is_fragment {
        return Err(ReplyError::IsAFragment);
    }
    if !is_host_v6(ip.source()) || !is_host_v6(ip.destination()) || upper.is_on_the_way {
        return Err(ReplyError::NotUnicast);
    }
    let message = ip.payload_mut().get_mut(upper.offset..).unwrap_or_default();
    let (icmp, _) = Icmpv6Header::mut_from_prefix(message)?;
    if icmp.kind() != Icmpv6Type::ECHO_REQUEST {
        return Err(ReplyError::NotARequest(Protocol::Icmpv6));
    }
    icmp.set_kind(Icmpv6Type::ECHO_REPLY);
    ip.swap_addresses();
    ip.set_hop_limit(HOPS);
    Ok(())
}

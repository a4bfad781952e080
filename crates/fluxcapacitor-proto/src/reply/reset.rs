//! The answer to a TCP segment that belongs to no connection.

use crate::buffer::PacketBuffer;
use crate::checksum::PseudoHeader;
use crate::encap::Endpoints;
use crate::error::Protocol;
use crate::ethernet::EtherType;
use crate::ip::IpProtocol;
use crate::ipv4::Ipv4;
use crate::ipv6::Ipv6;
use crate::link::Link;
use crate::tcp::{Tcp, TcpFlags, TcpHeader};

use super::{ReplyError, from_one_to_one, is_host_v4, is_host_v6};

/// Turns a TCP segment into the reset that answers it (RFC 9293, section 3.5.2), without IP or TCP options.
///
/// # Errors
///
/// [`ReplyError::NotARequest`] if the packet is not TCP, [`ReplyError::IsAnError`] if it is a reset,
/// [`ReplyError::NotUnicast`], [`ReplyError::IsAFragment`] or [`ReplyError::Parse`].
pub fn tcp_reset<P: PacketBuffer>(packet: &mut P) -> Result<(), ReplyError> {
    let (link, ip) = Link::parse(packet.bytes())?;
    let (ends, segment) = match link.ether_type {
        EtherType::IPV4 => ipv4(ip)?,
        EtherType::IPV6 => ipv6(ip)?,
        _ => return Err(ReplyError::NotARequest(Protocol::Tcp)),
    };
    from_one_to_one(packet.bytes())?;
    let reset = answer(&Tcp::parse(segment)?)?;
    let len = link.len + ends.header_len() + TcpHeader::LEN;
    let cut = packet.bytes().len().saturating_sub(len);
    packet.adjust_tail(-(cut as i32))?;
    let bytes = packet.bytes_mut();
    Link::turn(bytes)?;
    let ip = bytes.get_mut(link.len..).unwrap_or_default();
    let length_field = match ends {
        Endpoints::V4(..) => ends.header_len() + TcpHeader::LEN,
        Endpoints::V6(..) => TcpHeader::LEN,
    };
    let segment = ends.write(ip, IpProtocol::TCP, length_field as u16, 0)?;
    *TcpHeader::mut_from_prefix(segment)?.0 = reset;
    let pseudo: PseudoHeader = ends.pseudo_header();
    Tcp::parse(segment)?.fill_checksum(pseudo);
    Ok(())
}

/// The segment that answers: its sequence number is what the other side expects, if it said so.
fn answer(offender: &Tcp<&[u8]>) -> Result<TcpHeader, ReplyError> {
    let flags = offender.flags();
    if flags.contains(TcpFlags::RST) {
        return Err(ReplyError::IsAnError);
    }
    let (from, to) = (offender.destination_port(), offender.source_port());
    let mut reset = TcpHeader::new(from, to, TcpFlags::RST);
    if flags.contains(TcpFlags::ACK) {
        reset.set_sequence(offender.acknowledgment());
    } else {
        reset.set_flags(TcpFlags::RST | TcpFlags::ACK);
        reset.set_acknowledgment(offender.sequence().wrapping_add(offender.sequence_len()));
    }
    reset.set_checksum(0);
    Ok(reset)
}

/// Both ends of the answer, and the segment to answer.
fn ipv4(packet: &[u8]) -> Result<(Endpoints, &[u8]), ReplyError> {
    let ip = Ipv4::parse(packet)?;
    if ip.protocol() != IpProtocol::TCP {
        return Err(ReplyError::NotARequest(Protocol::Tcp));
    }
    if ip.is_fragment() {
        return Err(ReplyError::IsAFragment);
    }
    let (source, destination) = (ip.source(), ip.destination());
    if !is_host_v4(source) || !is_host_v4(destination) {
        return Err(ReplyError::NotUnicast);
    }
    Ok((Endpoints::V4(destination, source), ip.into_payload()))
}

/// Both ends of the answer, and the segment to answer.
fn ipv6(packet: &[u8]) -> Result<(Endpoints, &[u8]), ReplyError> {
    let ip = Ipv6::parse(packet)?;
    let upper = ip.upper_layer()?;
    if upper.protocol != IpProtocol::TCP {
        return Err(ReplyError::NotARequest(Protocol::Tcp));
    }
    if upper.is_fragment {
        return Err(ReplyError::IsAFragment);
    }
    let (source, destination) = (ip.source(), ip.destination());
    if !is_host_v6(source) || !is_host_v6(destination) || upper.is_on_the_way {
        return Err(ReplyError::NotUnicast);
    }
    let segment = ip.into_payload().get(upper.offset..).unwrap_or_default();
    Ok((Endpoints::V6(destination, source), segment))
}

//! IP inside IP (RFC 2003; RFC 2473; RFC 4213, section 3).

use crate::buffer::PacketBuffer;
use crate::error::Protocol;
use crate::ethernet::EtherType;
use crate::ip::IpProtocol;
use crate::link::Link;

use super::EncapError;
use super::congestion;
use super::inner::Inner;
use super::outer::{Endpoints, Outer};
use super::slide;

/// Puts the IP packet of a frame into another IP packet, either version into either.
///
/// The outer header takes over the traffic class (RFC 2003, section 3.1; RFC 6040, section 4.1), has 64 hops and must not
/// be fragmented. Padding behind the inner packet is cut off.
///
/// # Errors
///
/// [`EncapError::Missing`] if the frame carries no IP, [`EncapError::Parse`] if it cannot be read,
/// [`EncapError::TooLong`], or [`EncapError::NoRoom`] if 20 or 40 bytes of headroom lack.
#[inline]
pub fn push_ipip<P: PacketBuffer>(packet: &mut P, ends: Endpoints) -> Result<(), EncapError> {
    let (link, behind) = Link::parse(packet.bytes())?;
    let inner = Inner::of(link.ether_type, behind)?;
    let protocol = match link.ether_type {
        EtherType::IPV6 => IpProtocol::IPV6,
        _ => IpProtocol::IPV4,
    };
    let length_field = ends.length_field(inner.len)?;
    let padding = behind.len() - inner.len;
    slide::open(packet, link, ends.header_len(), padding)?;
    let rest = slide::announce(packet, link, ends.ether_type());
    ends.write(rest, protocol, length_field, inner.traffic_class)?;
    Ok(())
}

/// Takes the outer IP header off a packet inside a packet. Padding behind the outer packet goes too.
///
/// The inner header takes over that congestion was met on the way (RFC 6040, section 4.2), and stays as it is otherwise:
/// who forwards it takes a hop off (RFC 2003, section 3.1).
///
/// # Errors
///
/// [`EncapError::Missing`] if the frame carries no IP inside IP, or only a fragment; [`EncapError::Congested`] if the
/// packet must be dropped; [`EncapError::Parse`] if it cannot be read.
#[inline]
pub fn pop_ipip<P: PacketBuffer>(packet: &mut P) -> Result<(), EncapError> {
    let (link, behind) = Link::parse(packet.bytes())?;
    let outer = Outer::of(link.ether_type, behind, Protocol::Ipv4)?;
    let ether_type = match outer.protocol {
        IpProtocol::IPV4 => EtherType::IPV4,
        IpProtocol::IPV6 => EtherType::IPV6,
        _ => return Err(EncapError::Missing(Protocol::Ipv4)),
    };
    let ecn = congestion::joined(outer.ecn, ether_type, outer.payload)?;
    let padding = behind.len() - outer.header_len - outer.payload.len();
    slide::close(packet, link, outer.header_len, padding)?;
    congestion::mark(slide::announce(packet, link, ether_type), ether_type, ecn);
    Ok(())
}

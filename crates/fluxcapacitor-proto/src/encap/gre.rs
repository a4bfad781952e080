//! GRE tunnels.

use crate::buffer::PacketBuffer;
use crate::error::Protocol;
use crate::ethernet::EtherType;
use crate::gre::{Gre, GreHeader};
use crate::ip::IpProtocol;
use crate::link::Link;

use super::EncapError;
use super::congestion;
use super::inner::Inner;
use super::outer::{Endpoints, Outer};
use super::slide;

/// Puts the IP packet of a frame into GRE, with a key (RFC 2890) if there is one.
///
/// The outer header takes over the traffic class (RFC 6040, section 4.1), has 64 hops and must not be fragmented.
/// Padding behind the inner packet is cut off.
///
/// # Errors
///
/// [`EncapError::Missing`] if the frame carries no IP, [`EncapError::Parse`] if it cannot be read,
/// [`EncapError::TooLong`], or [`EncapError::NoRoom`] if 24 to 48 bytes of headroom lack.
#[inline]
pub fn push_gre<P: PacketBuffer>(
    packet: &mut P,
    ends: Endpoints,
    key: Option<u32>,
) -> Result<(), EncapError> {
    let (link, behind) = Link::parse(packet.bytes())?;
    let inner = Inner::of(link.ether_type, behind)?;
    let header = GreHeader::new(link.ether_type);
    let header = if key.is_some() { header.with_key() } else { header };
    let length_field = ends.length_field(header.header_len() + inner.len)?;
    let padding = behind.len() - inner.len;
    slide::open(packet, link, ends.header_len() + header.header_len(), padding)?;
    let rest = slide::announce(packet, link, ends.ether_type());
    let rest = ends.write(rest, IpProtocol::GRE, length_field, inner.traffic_class)?;
    let (field, rest) = GreHeader::mut_from_prefix(rest)?;
    *field = header;
    if let (Some(key), Some(field)) = (key, rest.first_chunk_mut::<4>()) {
        *field = key.to_be_bytes();
    }
    Ok(())
}

/// Takes the outer IP and the GRE header off, and gives the key. Padding behind the outer packet goes too.
///
/// A frame inside GRE ([`EtherType::TRANSPARENT_ETHERNET`]) becomes the packet; anything else keeps the outer link header.
/// An inner IP header takes over that congestion was met on the way (RFC 6040, section 4.2).
///
/// # Errors
///
/// [`EncapError::Missing`] if the frame carries no GRE, or only a fragment, or its checksum is wrong;
/// [`EncapError::Congested`] if the packet must be dropped; [`EncapError::Parse`] if it cannot be read.
#[inline]
pub fn pop_gre<P: PacketBuffer>(packet: &mut P) -> Result<Option<u32>, EncapError> {
    let (link, behind) = Link::parse(packet.bytes())?;
    let outer = Outer::of(link.ether_type, behind, Protocol::Gre)?;
    if outer.protocol != IpProtocol::GRE {
        return Err(EncapError::Missing(Protocol::Gre));
    }
    let gre = Gre::parse(outer.payload)?;
    if !gre.checksum_is_valid() {
        return Err(EncapError::Missing(Protocol::Gre));
    }
    let (key, inner) = (gre.key(), gre.protocol_type());
    let ecn = congestion::joined(outer.ecn, inner, gre.payload())?;
    let headers = outer.header_len + gre.header_len();
    let padding = behind.len() - outer.header_len - outer.payload.len();
    if inner == EtherType::TRANSPARENT_ETHERNET {
        packet.adjust_head((link.len + headers) as i32)?;
        packet.adjust_tail(-(padding as i32))?;
    } else {
        slide::close(packet, link, headers, padding)?;
        congestion::mark(slide::announce(packet, link, inner), inner, ecn);
    }
    Ok(key)
}

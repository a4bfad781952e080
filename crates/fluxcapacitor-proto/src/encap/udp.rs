//! UDP tunnels of any kind: what is inside is the caller's.

use crate::buffer::PacketBuffer;
use crate::error::Protocol;
use crate::ethernet::{EthHeader, MacAddr};
use crate::ip::IpProtocol;
use crate::link::Link;
use crate::udp::{Udp, UdpHeader};

use super::EncapError;
use super::outer::{Endpoints, Outer};

/// Where a UDP tunnel leads, and how its outer headers look: for Geneve, GUE, or a protocol of one's own.
///
/// The UDP checksum is there unless [left out](Self::udp_checksum), which only IPv4 may (RFC 768; RFC 8200, section 8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a tunnel does nothing until a packet is pushed into it"]
pub struct UdpTunnel {
    ethernet: EthHeader,
    ends: Endpoints,
    source_port: u16,
    destination_port: u16,
    udp_checksum: bool,
}

impl UdpTunnel {
    /// From and to these Ethernet addresses, endpoints and ports.
    #[inline]
    pub const fn new(
        source: MacAddr,
        destination: MacAddr,
        ends: Endpoints,
        source_port: u16,
        destination_port: u16,
    ) -> Self {
        let ethernet = EthHeader::new(destination, source, ends.ether_type());
        Self { ethernet, ends, source_port, destination_port, udp_checksum: true }
    }

    /// Whether IPv4 packets have a UDP checksum: by default they do. It costs a sum over the whole packet.
    pub const fn udp_checksum(self, wanted: bool) -> Self {
        let udp_checksum = wanted || matches!(self.ends, Endpoints::V6(..));
        Self { udp_checksum, ..self }
    }
}

/// Makes the whole packet the payload of a UDP datagram: outer Ethernet, IP and UDP header go in front of it.
///
/// What begins the packet is the caller's: a frame, an IP packet, or the header of a tunnel protocol, written into the
/// headroom before. The outer IP header has 64 hops and must not be fragmented.
///
/// ```
/// use fluxcapacitor_proto::encap::{self, Endpoints, UdpTunnel};
/// use fluxcapacitor_proto::{FlowKey, MacAddr, PacketBuffer, SliceBuffer};
///
/// let (a, b) = (MacAddr::new([2, 0, 0, 0, 0, 1]), MacAddr::new([2, 0, 0, 0, 0, 2]));
/// let ends = Endpoints::V4([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
/// let geneve = UdpTunnel::new(a, b, ends, 50000, 6081);
///
/// let mut storage = [0; 128];
/// let mut packet = SliceBuffer::with_headroom(&mut storage, 64, b"an inner frame")?;
/// packet.adjust_head(-8)?;
/// packet.bytes_mut()[..8].copy_from_slice(&[0, 0, 0x65, 0x58, 0, 0, 77, 0]); // RFC 8926, section 3.4
/// encap::push_udp(&mut packet, &geneve)?;
/// assert_eq!(FlowKey::of(packet.bytes())?.to_string(), "UDP 192.0.2.1:50000 > 192.0.2.2:6081");
///
/// assert_eq!(encap::pop_udp(&mut packet, 6081)?, 50000);
/// assert_eq!(packet.bytes()[8..], *b"an inner frame");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`EncapError::TooLong`], or [`EncapError::NoRoom`] if 42 bytes of headroom lack, over IPv6 62.
#[inline]
pub fn push_udp<P: PacketBuffer>(packet: &mut P, tunnel: &UdpTunnel) -> Result<(), EncapError> {
    let udp_len = UdpHeader::LEN + packet.bytes().len();
    let length_field = tunnel.ends.length_field(udp_len)?;
    let headers = EthHeader::LEN + tunnel.ends.header_len() + UdpHeader::LEN;
    packet.adjust_head(-(headers as i32))?;
    let (ethernet, rest) = EthHeader::mut_from_prefix(packet.bytes_mut())?;
    *ethernet = tunnel.ethernet;
    let datagram = tunnel.ends.write(rest, IpProtocol::UDP, length_field, 0)?;
    let (udp, _) = UdpHeader::mut_from_prefix(datagram)?;
    // The IP header's length field says as much or more, and could.
    *udp = UdpHeader::new(tunnel.source_port, tunnel.destination_port, udp_len as u16);
    if tunnel.udp_checksum {
        Udp::parse(datagram)?.fill_checksum(tunnel.ends.pseudo_header());
    }
    Ok(())
}

/// Takes outer link, IP and UDP header off a datagram to `destination_port`, and gives the source port. Padding behind
/// the outer packet goes too.
///
/// # Errors
///
/// [`EncapError::Missing`] if the packet carries no UDP to that port, or only a fragment; [`EncapError::Parse`] if it
/// cannot be read. Checksums are not verified.
#[inline]
pub fn pop_udp<P: PacketBuffer>(packet: &mut P, destination_port: u16) -> Result<u16, EncapError> {
    let frame = packet.bytes();
    let (link, behind) = Link::parse(frame)?;
    let outer = Outer::of(link.ether_type, behind, Protocol::Udp)?;
    if outer.protocol != IpProtocol::UDP {
        return Err(EncapError::Missing(Protocol::Udp));
    }
    let udp = Udp::parse(outer.payload)?;
    if udp.destination_port() != destination_port {
        return Err(EncapError::Missing(Protocol::Udp));
    }
    let source_port = udp.source_port();
    let headers = link.len + outer.header_len + UdpHeader::LEN;
    let padding = frame.len() - headers - udp.payload().len();
    packet.adjust_head(headers as i32)?;
    packet.adjust_tail(-(padding as i32))?;
    Ok(source_port)
}

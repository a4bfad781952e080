//! VXLAN tunnels.

use crate::buffer::PacketBuffer;
use crate::error::Protocol;
use crate::ethernet::{EthHeader, MacAddr};
use crate::ip::IpProtocol;
use crate::link::Link;
use crate::udp::{Udp, UdpHeader};
use crate::vxlan::{Vxlan, VxlanHeader};

use super::EncapError;
use super::outer::{Endpoints, Outer};

/// Bytes of UDP and VXLAN header.
const INSIDE_IP: usize = UdpHeader::LEN + VxlanHeader::LEN;
/// The most that is pushed: over IPv6.
const MOST: usize = EthHeader::LEN + crate::Ipv6Header::LEN + INSIDE_IP;

/// Where a VXLAN tunnel leads, and how its outer headers look (RFC 7348, section 5).
///
/// Over IPv4 the UDP checksum is left out (RFC 7348, section 5) unless [asked for](Self::udp_checksum); over IPv6 it is
/// always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a tunnel does nothing until a packet is pushed into it"]
pub struct VxlanTunnel {
    ethernet: EthHeader,
    ends: Endpoints,
    source_port: Option<u16>,
    vni: u32,
    udp_checksum: bool,
}

impl VxlanTunnel {
    /// From and to these Ethernet addresses and endpoints; the lower 24 bits of `vni` count.
    #[inline]
    pub const fn new(source: MacAddr, destination: MacAddr, ends: Endpoints, vni: u32) -> Self {
        let ethernet = EthHeader::new(destination, source, ends.ether_type());
        let udp_checksum = matches!(ends, Endpoints::V6(..));
        Self { ethernet, ends, source_port: None, vni, udp_checksum }
    }

    /// The outer UDP source port. By default it is drawn from a hash of the inner Ethernet addresses, between 49152 and
    /// 65535, so that routers spread the load (RFC 7348, section 5); a hash of the inner
    /// [flow](crate::FlowKey::symmetric_hash) spreads it finer.
    pub const fn source_port(self, port: u16) -> Self {
        Self { source_port: Some(port), ..self }
    }

    /// Whether IPv4 packets have an outer UDP checksum: by default not. It costs a sum over the whole packet.
    pub const fn udp_checksum(self, wanted: bool) -> Self {
        let udp_checksum = wanted || matches!(self.ends, Endpoints::V6(..));
        Self { udp_checksum, ..self }
    }
}

/// Puts a whole frame into VXLAN: outer Ethernet, IP, UDP and VXLAN header go in front of it.
///
/// # Errors
///
/// [`EncapError::TooLong`], or [`EncapError::NoRoom`] if 50 bytes of headroom lack, over IPv6 70.
#[inline]
pub fn push_vxlan<P: PacketBuffer>(packet: &mut P, tunnel: &VxlanTunnel) -> Result<(), EncapError> {
    let inner = packet.bytes();
    let udp_len = INSIDE_IP + inner.len();
    let length_field = tunnel.ends.length_field(udp_len)?;
    let source_port = tunnel.source_port.unwrap_or_else(|| entropy(inner));
    let headers = EthHeader::LEN + tunnel.ends.header_len() + INSIDE_IP;
    packet.adjust_head(-(headers as i32))?;
    let bytes = packet.bytes_mut();
    match bytes.first_chunk_mut::<MOST>() {
        Some(head) => write(head, tunnel, length_field, source_port, udp_len)?,
        None => write(bytes, tunnel, length_field, source_port, udp_len)?,
    }
    if tunnel.udp_checksum {
        let datagram = bytes.get_mut(EthHeader::LEN + tunnel.ends.header_len()..);
        Udp::parse(datagram.unwrap_or_default())?.fill_checksum(tunnel.ends.pseudo_header());
    }
    Ok(())
}

#[inline(always)]
fn write(
    bytes: &mut [u8],
    tunnel: &VxlanTunnel,
    length_field: u16,
    source_port: u16,
    udp_len: usize,
) -> Result<(), EncapError> {
    let (ethernet, rest) = EthHeader::mut_from_prefix(bytes)?;
    *ethernet = tunnel.ethernet;
    let rest = tunnel.ends.write(rest, IpProtocol::UDP, length_field, 0)?;
    let (udp, rest) = UdpHeader::mut_from_prefix(rest)?;
    *udp = UdpHeader::new(source_port, VxlanHeader::PORT, udp_len as u16);
    let (vxlan, _) = VxlanHeader::mut_from_prefix(rest)?;
    *vxlan = VxlanHeader::new(tunnel.vni);
    Ok(())
}

/// A port between 49152 and 65535 out of both Ethernet addresses.
#[inline]
fn entropy(frame: &[u8]) -> u16 {
    let Some(&[a, b, c, d, e, f, g, h, i, j, k, l]) = frame.first_chunk::<12>() else {
        return 0xc000;
    };
    let one = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    let other = u64::from_be_bytes([0, 0, g, h, i, j, k, l]);
    let mixed = one.rotate_left(24).wrapping_add(other).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    0xc000 | (mixed >> 50) as u16
}

/// Takes a frame out of VXLAN, and gives the network identifier. Padding behind the outer packet goes too.
///
/// # Errors
///
/// [`EncapError::Missing`] if the packet carries no UDP to port 4789, or only a fragment; [`EncapError::Parse`] if it
/// cannot be read. Checksums are not verified.
#[inline]
pub fn pop_vxlan<P: PacketBuffer>(packet: &mut P) -> Result<u32, EncapError> {
    let frame = packet.bytes();
    let (link, behind) = Link::parse(frame)?;
    let outer = Outer::of(link.ether_type, behind, Protocol::Vxlan)?;
    if outer.protocol != IpProtocol::UDP {
        return Err(EncapError::Missing(Protocol::Vxlan));
    }
    let udp = Udp::parse(outer.payload)?;
    if udp.destination_port() != VxlanHeader::PORT {
        return Err(EncapError::Missing(Protocol::Vxlan));
    }
    let vxlan = Vxlan::parse(udp.into_payload())?;
    let vni = vxlan.vni();
    let inner_len = vxlan.payload().len();
    let headers = link.len + outer.header_len + INSIDE_IP;
    let padding = frame.len() - headers - inner_len;
    packet.adjust_head(headers as i32)?;
    packet.adjust_tail(-(padding as i32))?;
    Ok(vni)
}

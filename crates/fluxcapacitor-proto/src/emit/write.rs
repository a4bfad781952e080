//! From a stack to bytes, innermost header first, so that sums cover what is done.

use crate::checksum::{self, PseudoHeader};
use crate::gre::GreHeader;
use crate::icmp::Icmp;
use crate::icmpv6::Icmpv6;
use crate::ipv6::Ipv6Header;
use crate::tcp::Tcp;
use crate::udp::Udp;

use super::header::Header;
use super::{HEADERS_MAX, Stack};

/// Fills `packet`, whose end is the payload already.
pub(super) fn all(stack: &Stack<'_>, packet: &mut [u8]) {
    let mut starts = [0; HEADERS_MAX];
    let mut at = 0;
    for (start, header) in starts.iter_mut().zip(stack.headers()) {
        *start = at;
        at += header.len();
    }
    let mut inside: Option<Header<'_>> = None;
    for index in (0..stack.count.min(HEADERS_MAX)).rev() {
        let (Some(header), Some(start)) = (stack.headers[index], starts.get(index)) else {
            continue;
        };
        let pseudo = stack.headers[..index].iter().rev().flatten().find_map(pseudo_header);
        if let Some(bytes) = packet.get_mut(*start..) {
            write(header, inside, pseudo, bytes);
        }
        inside = Some(header);
    }
}

fn pseudo_header(header: &Header<'_>) -> Option<PseudoHeader> {
    match header {
        Header::Ipv4(ip) => Some(PseudoHeader::v4(ip.source(), ip.destination())),
        Header::Ipv6(ip) => Some(PseudoHeader::v6(ip.source(), ip.destination())),
        _ => None,
    }
}

/// Writes one header to the start of `bytes`, which go on to the packet's end.
fn write(
    header: Header<'_>,
    inside: Option<Header<'_>>,
    pseudo: Option<PseudoHeader>,
    bytes: &mut [u8],
) {
    let len = bytes.len() as u16;
    let ether_type = inside.and_then(|inner| inner.ether_type(&header));
    let protocol = inside.and_then(|inner| inner.ip_protocol());
    match header {
        Header::Ethernet(mut ethernet) => {
            ethernet.set_ether_type(ether_type.unwrap_or(ethernet.ether_type()));
            put(bytes, ethernet.as_bytes());
        }
        Header::Vlan(mut vlan) => {
            vlan.set_ether_type(ether_type.unwrap_or(vlan.ether_type()));
            put(bytes, vlan.as_bytes());
        }
        Header::Arp(arp) => put(bytes, arp.as_bytes()),
        Header::Ipv4(mut ip) => {
            ip.clear_options();
            ip.set_protocol(protocol.unwrap_or(ip.protocol()));
            ip.set_total_len(len);
            ip.set_checksum(0);
            ip.set_checksum(checksum::of(ip.as_bytes()));
            put(bytes, ip.as_bytes());
        }
        Header::Ipv6(mut ip) => {
            ip.set_next_header(protocol.unwrap_or(ip.next_header()));
            ip.set_payload_len((bytes.len() - Ipv6Header::LEN) as u16);
            put(bytes, ip.as_bytes());
        }
        Header::Ipv6Fragment(mut fragment) => {
            fragment.set_next_header(protocol.unwrap_or(fragment.next_header()));
            put(bytes, fragment.as_bytes());
        }
        Header::Vxlan(vxlan) => put(bytes, vxlan.as_bytes()),
        Header::Gre(mut gre, key) => {
            gre.set_protocol_type(ether_type.unwrap_or(gre.protocol_type()));
            write_gre(gre, key, bytes);
        }
        transport => write_transport(transport, pseudo, bytes),
    }
}

/// Writes a header whose checksum covers all behind it.
fn write_transport(header: Header<'_>, pseudo: Option<PseudoHeader>, bytes: &mut [u8]) {
    match header {
        Header::Udp(mut udp) => {
            udp.set_len(bytes.len() as u16);
            put(bytes, udp.as_bytes());
            if let (Some(pseudo), Ok(mut udp)) = (pseudo, Udp::parse(bytes)) {
                udp.fill_checksum(pseudo);
            }
        }
        Header::Tcp(mut tcp, options) => {
            tcp.set_data_offset((5 + options.len() / 4) as u8);
            put(bytes, tcp.as_bytes());
            put(bytes.get_mut(crate::TcpHeader::LEN..).unwrap_or_default(), options);
            if let (Some(pseudo), Ok(mut tcp)) = (pseudo, Tcp::parse(bytes)) {
                tcp.fill_checksum(pseudo);
            }
        }
        Header::Icmp(icmp) => {
            put(bytes, icmp.as_bytes());
            if let Ok(mut icmp) = Icmp::parse(bytes) {
                icmp.fill_checksum();
            }
        }
        Header::Icmpv6(icmp) => {
            put(bytes, icmp.as_bytes());
            if let (Some(pseudo), Ok(mut icmp)) = (pseudo, Icmpv6::parse(bytes)) {
                icmp.fill_checksum(pseudo);
            }
        }
        _ => {}
    }
}

/// Writes the header and its optional fields: a sequence number is 0, a checksum is filled.
fn write_gre(gre: GreHeader, key: u32, bytes: &mut [u8]) {
    bytes.get_mut(..gre.header_len()).unwrap_or_default().fill(0);
    put(bytes, gre.as_bytes());
    if gre.has_key() {
        let at = GreHeader::LEN + if gre.has_checksum() { 4 } else { 0 };
        put(bytes.get_mut(at..).unwrap_or_default(), &key.to_be_bytes());
    }
    if gre.has_checksum() {
        let checksum = checksum::of(bytes).to_be_bytes();
        put(bytes.get_mut(GreHeader::LEN..).unwrap_or_default(), &checksum);
    }
}

/// Copies to the start of `bytes`, which is long enough: the stack's length was checked.
fn put(bytes: &mut [u8], header: &[u8]) {
    if let Some(place) = bytes.get_mut(..header.len()) {
        place.copy_from_slice(header);
    }
}

//! Completing what a virtual interface left to the hardware.

use crate::ethernet::EtherType;
use crate::icmpv6::Icmpv6;
use crate::ip::IpProtocol;
use crate::ipv4::Ipv4;
use crate::ipv6::Ipv6;
use crate::link::Link;
use crate::tcp::Tcp;
use crate::udp::Udp;

use super::PseudoHeader;

/// Completes the transport checksum of a frame if only its pseudo-header is summed, and says whether that was so.
///
/// Packets from a veth or virtio interface come like that when their sender counts on the hardware to fill them in. To
/// forward them to a wire, or to change them, they must be completed. Nothing happens to fragments, to what cannot be
/// read, and inside tunnels.
///
/// A packet whose right checksum happens to equal its pseudo-header's sum, one in 65536, is summed again, to the same.
pub fn complete(frame: &mut [u8]) -> bool {
    let Ok((link, _)) = Link::parse(frame) else { return false };
    let Some(packet) = frame.get_mut(link.len..) else { return false };
    match link.ether_type {
        EtherType::IPV4 => {
            let Ok(ip) = Ipv4::parse(packet) else { return false };
            let (protocol, pseudo, whole) = (ip.protocol(), ip.pseudo_header(), !ip.is_fragment());
            whole && transport(protocol, ip.into_payload(), pseudo)
        }
        EtherType::IPV6 => {
            let Ok(ip) = Ipv6::parse(packet) else { return false };
            let (Ok(upper), pseudo) = (ip.upper_layer(), ip.pseudo_header()) else { return false };
            let whole = !upper.is_fragment;
            let bytes = ip.into_payload().get_mut(upper.offset..).unwrap_or_default();
            whole && transport(upper.protocol, bytes, pseudo)
        }
        _ => false,
    }
}

fn transport(protocol: IpProtocol, bytes: &mut [u8], pseudo: PseudoHeader) -> bool {
    match protocol {
        IpProtocol::TCP => Tcp::parse(bytes).is_ok_and(|mut tcp| tcp.complete_checksum(pseudo)),
        IpProtocol::UDP => Udp::parse(bytes).is_ok_and(|mut udp| udp.complete_checksum(pseudo)),
        IpProtocol::ICMPV6 if pseudo.is_ipv6() => {
            Icmpv6::parse(bytes).is_ok_and(|mut icmp| icmp.complete_checksum(pseudo))
        }
        _ => false,
    }
}

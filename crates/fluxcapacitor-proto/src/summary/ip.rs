//! Lines of IP packets.

use core::fmt;
use core::net::IpAddr;

use crate::ethernet::EtherType;
use crate::gre::Gre;
use crate::ip::IpProtocol;
use crate::ipv4::Ipv4;
use crate::ipv6::{Ipv6, Ipv6Extensions, Ipv6FragmentHeader};
use crate::udp::{Udp, UdpHeader};
use crate::vxlan::{Vxlan, VxlanHeader};

use super::{icmp, icmpv6, tcp, write_error, write_ether, write_frame};

/// What all transports need to know of the packet around them.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub source: IpAddr,
    pub destination: IpAddr,
    /// Whether it is the first of several fragments.
    pub is_fragment: bool,
    /// What to write of IPv6 extension headers: the packet's first header, and the bytes behind the fixed one.
    pub extensions: Option<(IpProtocol, &'a [u8])>,
    pub depth: usize,
}

impl Around<'_> {
    /// The addresses, with ports where there are some, and what is between them and the transport.
    fn write_ends(self, f: &mut fmt::Formatter<'_>, ports: Option<(u16, u16)>) -> fmt::Result {
        let Self { source, destination, extensions, .. } = self;
        let Some((first, bytes)) = extensions else {
            return match ports {
                Some((from, to)) => write!(f, "{source}.{from} > {destination}.{to}: "),
                None => write!(f, "{source} > {destination}: "),
            };
        };
        write!(f, "{source} > {destination}: ")?;
        for extension in Ipv6Extensions::new(first, bytes).flatten() {
            match extension.fragment() {
                Some(fragment) => {
                    let behind = bytes.len() - extension.offset() - Ipv6FragmentHeader::LEN;
                    write!(f, "frag ({}|{behind}) ", fragment.fragment_offset())?;
                }
                None => write!(f, "{} ", extension.kind())?,
            }
        }
        match ports {
            Some((from, to)) => write!(f, "{from} > {to}: "),
            None => Ok(()),
        }
    }
}

pub(super) fn write_v4(f: &mut fmt::Formatter<'_>, bytes: &[u8], depth: usize) -> fmt::Result {
    let ip = match Ipv4::parse_truncated(bytes) {
        Ok(ip) => ip,
        Err(error) => return write_error(f, error),
    };
    f.write_str("IP ")?;
    let around = Around {
        source: ip.source().into(),
        destination: ip.destination().into(),
        is_fragment: ip.is_fragment(),
        extensions: None,
        depth,
    };
    if !ip.has_transport() {
        around.write_ends(f, None)?;
        return write!(f, "ip-proto-{}", ip.protocol().0);
    }
    write_transport(f, around, ip.protocol(), ip.into_payload())
}

pub(super) fn write_v6(f: &mut fmt::Formatter<'_>, bytes: &[u8], depth: usize) -> fmt::Result {
    let ip = match Ipv6::parse_truncated(bytes) {
        Ok(ip) => ip,
        Err(error) => return write_error(f, error),
    };
    f.write_str("IP6 ")?;
    let mut around = Around {
        source: ip.source().into(),
        destination: ip.destination().into(),
        is_fragment: false,
        extensions: None,
        depth,
    };
    let upper = match ip.upper_layer() {
        Ok(upper) => upper,
        Err(error) => {
            around.write_ends(f, None)?;
            return write_error(f, error);
        }
    };
    around.is_fragment = upper.is_fragment;
    if upper.offset != 0 {
        around.extensions = Some((ip.next_header(), ip.into_payload()));
    }
    if upper.fragment_offset != 0 {
        return around.write_ends(f, None);
    }
    let payload = ip.into_payload().get(upper.offset..).unwrap_or_default();
    write_transport(f, around, upper.protocol, payload)
}

fn write_transport(
    f: &mut fmt::Formatter<'_>,
    around: Around<'_>,
    protocol: IpProtocol,
    bytes: &[u8],
) -> fmt::Result {
    match protocol {
        IpProtocol::TCP => match crate::Tcp::parse(bytes) {
            Ok(tcp) => {
                around.write_ends(f, Some((tcp.source_port(), tcp.destination_port())))?;
                return tcp::write(f, &tcp);
            }
            Err(error) => {
                around.write_ends(f, None)?;
                return write_error(f, error);
            }
        },
        IpProtocol::UDP => return write_udp(f, around, bytes),
        _ => around.write_ends(f, None)?,
    }
    match protocol {
        IpProtocol::ICMP => icmp::write(f, bytes),
        IpProtocol::ICMPV6 => icmpv6::write(f, bytes),
        IpProtocol::IPV4 => write_ether(f, EtherType::IPV4, bytes, around.depth + 1),
        IpProtocol::IPV6 => write_ether(f, EtherType::IPV6, bytes, around.depth + 1),
        IpProtocol::GRE => match Gre::parse(bytes) {
            Ok(gre) => {
                f.write_str("GREv0")?;
                if gre.has_checksum() {
                    // What tcpdump calls an offset is reserved (RFC 2784, section 2.6).
                    write!(f, ", off {:#x}", gre.reserved())?;
                }
                if let Some(key) = gre.key() {
                    write!(f, ", key={key:#x}")?;
                }
                if let Some(sequence) = gre.sequence() {
                    write!(f, ", seq {sequence}")?;
                }
                write!(f, ", length {}: ", bytes.len())?;
                write_ether(f, gre.protocol_type(), gre.into_payload(), around.depth + 1)
            }
            Err(error) => write_error(f, error),
        },
        IpProtocol::NO_NEXT_HEADER => f.write_str("no next header"),
        other => write!(f, "{other} {}", bytes.len()),
    }
}

fn write_udp(f: &mut fmt::Formatter<'_>, around: Around<'_>, bytes: &[u8]) -> fmt::Result {
    let udp = match Udp::parse_truncated(bytes) {
        Ok(udp) => udp,
        Err(error) => {
            around.write_ends(f, None)?;
            return write_error(f, error);
        }
    };
    around.write_ends(f, Some((udp.source_port(), udp.destination_port())))?;
    let claimed = usize::from(udp.len()) - UdpHeader::LEN;
    let payload = udp.payload();
    if udp.destination_port() == VxlanHeader::PORT
        && !around.is_fragment
        && let Ok(vxlan) = Vxlan::parse(payload)
    {
        write!(f, "VXLAN, flags [I] ({:#04x}), vni {}: ", vxlan.flags(), vxlan.vni())?;
        return write_frame(f, vxlan.into_payload(), around.depth + 1);
    }
    if payload.len() < claimed && !around.is_fragment {
        return write!(f, "UDP, bad length {claimed} > {}", payload.len());
    }
    write!(f, "UDP, length {claimed}")
}

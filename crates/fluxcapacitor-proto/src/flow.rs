//! Which flow a packet belongs to.

mod hash;
mod pack;
mod read;

use core::fmt;
use core::net::IpAddr;

use crate::encap::Endpoints;
use crate::error::ParseError;
use crate::ip::IpProtocol;

/// A tunnel that a flow is inside of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Tunnel {
    /// VXLAN, with its network identifier.
    Vxlan(u32),
    /// GRE, with its key if it has one.
    Gre(Option<u32>),
    /// IP inside IP.
    IpIp,
}

/// The five-tuple of a packet: addresses, ports and protocol, and on request VLAN and tunnel.
///
/// Ports are 0 where the protocol has none, and in fragments behind the first.
///
/// ```
/// use fluxcapacitor_proto::FlowKey;
///
/// let frame = [
///     2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00, // Ethernet
///     0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, // IPv4
///     0, 7, 0, 9, 0, 8, 0, 0, // UDP
/// ];
/// let flow = FlowKey::of(&frame)?;
/// assert_eq!(flow.to_string(), "UDP 10.0.0.1:7 > 10.0.0.2:9");
/// assert_eq!(flow.symmetric_hash(1), flow.reversed().symmetric_hash(1));
/// # Ok::<(), fluxcapacitor_proto::ParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlowKey {
    source: pack::Address,
    destination: pack::Address,
    /// From the lowest bits: both ports as in the packet, protocol, [`IS_IPV6`], [`HAS_VLAN`], VLAN.
    transport: u64,
    tunnel: u64,
}

// Six words: copied, compared and hashed without a look at what they are.
const _: () = assert!(size_of::<FlowKey>() == 48);

const PROTOCOL_SHIFT: u32 = 32;
const IS_IPV6: u64 = 1 << 46;
const HAS_VLAN: u64 = 1 << 47;
const VLAN_SHIFT: u32 = 48;

impl FlowKey {
    /// A flow by its five-tuple.
    #[inline]
    pub const fn new(
        ends: Endpoints,
        source_port: u16,
        destination_port: u16,
        protocol: IpProtocol,
    ) -> Self {
        let ([a, b], [c, d]) = (source_port.to_be_bytes(), destination_port.to_be_bytes());
        Self::read(ends, [a, b, c, d], protocol)
    }

    /// A flow by its five-tuple, the ports as in the packet.
    #[inline]
    const fn read(ends: Endpoints, ports: [u8; 4], protocol: IpProtocol) -> Self {
        let (source, destination, version) = match ends {
            Endpoints::V4(source, destination) => (pack::v4(source), pack::v4(destination), 0),
            Endpoints::V6(source, destination) => {
                (pack::v6(source), pack::v6(destination), IS_IPV6)
            }
        };
        let ports = u32::from_ne_bytes(ports) as u64;
        let transport = ports | (protocol.0 as u64) << PROTOCOL_SHIFT | version;
        Self { source, destination, transport, tunnel: 0 }
    }

    /// The five-tuple of the outermost IP header of a frame, whatever VLAN it is in.
    ///
    /// # Errors
    ///
    /// [`ParseError::Unsupported`] if the frame carries no IP, else what keeps it from being read.
    #[inline]
    pub fn of(frame: &[u8]) -> Result<Self, ParseError> {
        read::outer(frame)
    }

    /// The five-tuple of a packet that begins with its IP header, cut short or not: of one that an ICMP error
    /// [quotes](crate::Icmp::quote), say.
    ///
    /// # Errors
    ///
    /// What keeps it from being read.
    pub fn of_ip(packet: &[u8]) -> Result<Self, ParseError> {
        read::of_ip(packet)
    }

    /// The five-tuple of the innermost IP header of a frame, behind all tunnels, with the outermost VLAN and the
    /// innermost tunnel.
    ///
    /// # Errors
    ///
    /// As [`FlowKey::of`]; a tunnel whose content cannot be read counts as a flow of its own.
    #[inline]
    pub fn of_inner(frame: &[u8]) -> Result<Self, ParseError> {
        read::inner(frame)
    }

    /// Both addresses, source first.
    #[inline]
    pub const fn ends(&self) -> Endpoints {
        let (source, destination) = (self.source, self.destination);
        if self.is_ipv6() {
            Endpoints::V6(pack::to_v6(source), pack::to_v6(destination))
        } else {
            Endpoints::V4(pack::to_v4(source), pack::to_v4(destination))
        }
    }

    #[inline]
    const fn is_ipv6(&self) -> bool {
        self.transport & IS_IPV6 != 0
    }

    /// Source address.
    #[inline]
    pub const fn source(&self) -> IpAddr {
        pack::to_ip(self.source, self.is_ipv6())
    }

    /// Destination address.
    #[inline]
    pub const fn destination(&self) -> IpAddr {
        pack::to_ip(self.destination, self.is_ipv6())
    }

    /// Source port.
    #[inline]
    pub const fn source_port(&self) -> u16 {
        let [a, b, _, _] = (self.transport as u32).to_ne_bytes();
        u16::from_be_bytes([a, b])
    }

    /// Destination port.
    #[inline]
    pub const fn destination_port(&self) -> u16 {
        let [_, _, c, d] = (self.transport as u32).to_ne_bytes();
        u16::from_be_bytes([c, d])
    }

    /// The protocol behind IP, and behind its extension headers.
    #[inline]
    pub const fn protocol(&self) -> IpProtocol {
        IpProtocol((self.transport >> PROTOCOL_SHIFT) as u8)
    }

    /// The VLAN's number, if it counts.
    #[inline]
    pub const fn vlan(&self) -> Option<u16> {
        if self.transport & HAS_VLAN != 0 {
            Some((self.transport >> VLAN_SHIFT) as u16)
        } else {
            None
        }
    }

    /// The tunnel, if it counts.
    #[inline]
    pub const fn tunnel(&self) -> Option<Tunnel> {
        pack::to_tunnel(self.tunnel)
    }

    /// The same flow in a VLAN, or whatever VLAN it is in.
    #[inline]
    #[must_use = "the flow is returned"]
    pub const fn with_vlan(self, vlan: Option<u16>) -> Self {
        let vlan = match vlan {
            Some(vid) => (vid as u64) << VLAN_SHIFT | HAS_VLAN,
            None => 0,
        };
        Self { transport: self.transport & (HAS_VLAN - 1) | vlan, ..self }
    }

    /// The same flow in a tunnel, or whatever tunnel it is in.
    #[inline]
    #[must_use = "the flow is returned"]
    pub const fn with_tunnel(self, tunnel: Option<Tunnel>) -> Self {
        Self { tunnel: pack::tunnel(tunnel), ..self }
    }

    /// The flow of the answers.
    #[inline]
    #[must_use = "the flow is returned"]
    pub const fn reversed(self) -> Self {
        let ports = self.transport as u32;
        let transport = self.transport ^ (ports ^ ports.rotate_left(16)) as u64;
        Self { source: self.destination, destination: self.source, transport, ..self }
    }

    /// A hash that both directions share, for spreading flows; `seed` keeps strangers from choosing where theirs go.
    #[inline]
    pub const fn symmetric_hash(&self, seed: u64) -> u64 {
        hash::symmetric(self, seed)
    }
}

impl fmt::Debug for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FlowKey({self})")
    }
}

impl fmt::Display for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(vid) = self.vlan() {
            write!(f, "vlan {vid} ")?;
        }
        match self.tunnel() {
            Some(Tunnel::Vxlan(vni)) => write!(f, "vni {vni} ")?,
            Some(Tunnel::Gre(Some(key))) => write!(f, "gre {key:#x} ")?,
            Some(Tunnel::Gre(None)) => f.write_str("gre ")?,
            Some(Tunnel::IpIp) => f.write_str("ipip ")?,
            None => {}
        }
        let (from, to) = (self.source_port(), self.destination_port());
        write!(f, "{} ", self.protocol())?;
        match self.ends() {
            Endpoints::V4(source, destination) => write!(f, "{source}:{from} > {destination}:{to}"),
            Endpoints::V6(source, destination) => {
                write!(f, "[{source}]:{from} > [{destination}]:{to}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn what_goes_in_comes_out() {
        let v4 = Endpoints::V4([10, 0, 0, 1].into(), [192, 168, 255, 2].into());
        let v6 = Endpoints::V6([1; 16].into(), "2001:db8::5".parse().unwrap());
        let tunnels = [
            None,
            Some(Tunnel::Vxlan(0)),
            Some(Tunnel::Vxlan(0xff_ffff)),
            Some(Tunnel::Gre(None)),
            Some(Tunnel::Gre(Some(0))),
            Some(Tunnel::Gre(Some(u32::MAX))),
            Some(Tunnel::IpIp),
        ];
        let (mut keys, mut hashes) = (HashSet::new(), HashSet::new());
        for ends in [v4, v6] {
            for vlan in [None, Some(0), Some(1), Some(4095)] {
                for tunnel in tunnels {
                    let flow = FlowKey::new(ends, 1, 0xfffe, IpProtocol::UDP);
                    let flow = flow.with_vlan(Some(77)).with_vlan(vlan).with_tunnel(tunnel);
                    assert_eq!((flow.ends(), flow.vlan(), flow.tunnel()), (ends, vlan, tunnel));
                    assert_eq!((flow.source_port(), flow.destination_port()), (1, 0xfffe));
                    assert_eq!(flow.protocol(), IpProtocol::UDP);
                    let back = flow.reversed();
                    assert_eq!(
                        (back.source(), back.destination()),
                        (flow.destination(), flow.source())
                    );
                    assert_eq!((back.source_port(), back.destination_port()), (0xfffe, 1));
                    assert_eq!((back.vlan(), back.tunnel()), (vlan, tunnel));
                    assert_eq!(back.reversed(), flow);
                    assert_eq!(back.symmetric_hash(3), flow.symmetric_hash(3));
                    assert!(keys.insert(flow) && hashes.insert(flow.symmetric_hash(3)));
                }
            }
        }
    }
}

//! Which flow a packet belongs to.

mod hash;
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlowKey {
    ends: Endpoints,
    source_port: u16,
    destination_port: u16,
    protocol: IpProtocol,
    vlan: Option<u16>,
    tunnel: Option<Tunnel>,
}

impl FlowKey {
    /// A flow by its five-tuple.
    #[inline]
    pub const fn new(
        ends: Endpoints,
        source_port: u16,
        destination_port: u16,
        protocol: IpProtocol,
    ) -> Self {
        Self { ends, source_port, destination_port, protocol, vlan: None, tunnel: None }
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
        self.ends
    }

    /// Source address.
    #[inline]
    pub const fn source(&self) -> IpAddr {
        match self.ends {
            Endpoints::V4(source, _) => IpAddr::V4(source),
            Endpoints::V6(source, _) => IpAddr::V6(source),
        }
    }

    /// Destination address.
    #[inline]
    pub const fn destination(&self) -> IpAddr {
        match self.ends {
            Endpoints::V4(_, destination) => IpAddr::V4(destination),
            Endpoints::V6(_, destination) => IpAddr::V6(destination),
        }
    }

    /// Source port.
    #[inline]
    pub const fn source_port(&self) -> u16 {
        self.source_port
    }

    /// Destination port.
    #[inline]
    pub const fn destination_port(&self) -> u16 {
        self.destination_port
    }

    /// The protocol behind IP, and behind its extension headers.
    #[inline]
    pub const fn protocol(&self) -> IpProtocol {
        self.protocol
    }

    /// The VLAN's number, if it counts.
    #[inline]
    pub const fn vlan(&self) -> Option<u16> {
        self.vlan
    }

    /// The tunnel, if it counts.
    #[inline]
    pub const fn tunnel(&self) -> Option<Tunnel> {
        self.tunnel
    }

    /// The same flow in a VLAN, or whatever VLAN it is in.
    #[inline]
    #[must_use = "the flow is returned"]
    pub const fn with_vlan(self, vlan: Option<u16>) -> Self {
        Self { vlan, ..self }
    }

    /// The same flow in a tunnel, or whatever tunnel it is in.
    #[inline]
    #[must_use = "the flow is returned"]
    pub const fn with_tunnel(self, tunnel: Option<Tunnel>) -> Self {
        Self { tunnel, ..self }
    }

    /// The flow of the answers.
    #[inline]
    #[must_use = "the flow is returned"]
    pub const fn reversed(self) -> Self {
        let ends = match self.ends {
            Endpoints::V4(source, destination) => Endpoints::V4(destination, source),
            Endpoints::V6(source, destination) => Endpoints::V6(destination, source),
        };
        let (source_port, destination_port) = (self.destination_port, self.source_port);
        Self { ends, source_port, destination_port, ..self }
    }

    /// A hash that both directions share, for spreading flows; `seed` keeps strangers from choosing where theirs go.
    #[inline]
    pub const fn symmetric_hash(&self, seed: u64) -> u64 {
        hash::symmetric(self, seed)
    }
}

impl fmt::Display for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(vid) = self.vlan {
            write!(f, "vlan {vid} ")?;
        }
        match self.tunnel {
            Some(Tunnel::Vxlan(vni)) => write!(f, "vni {vni} ")?,
            Some(Tunnel::Gre(Some(key))) => write!(f, "gre {key:#x} ")?,
            Some(Tunnel::Gre(None)) => f.write_str("gre ")?,
            Some(Tunnel::IpIp) => f.write_str("ipip ")?,
            None => {}
        }
        let (from, to) = (self.source_port, self.destination_port);
        write!(f, "{} ", self.protocol)?;
        match self.ends {
            Endpoints::V4(source, destination) => write!(f, "{source}:{from} > {destination}:{to}"),
            Endpoints::V6(source, destination) => {
                write!(f, "[{source}]:{from} > [{destination}]:{to}")
            }
        }
    }
}

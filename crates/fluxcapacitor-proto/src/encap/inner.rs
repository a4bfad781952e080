//! The packet that a tunnel is to carry.

use crate::error::Protocol;
use crate::ethernet::EtherType;
use crate::ipv4::Ipv4;
use crate::ipv6::{Ipv6, Ipv6Header};

use super::EncapError;

/// What a tunnel takes from the packet that it is to carry.
#[derive(Clone, Copy)]
pub(super) struct Inner {
    /// Length of the IP packet, without padding.
    pub len: usize,
    /// Differentiated services, in the upper six bits, and congestion notification.
    pub traffic_class: u8,
}

impl Inner {
    /// Reads the IP packet behind a link header.
    pub fn of(ether_type: EtherType, packet: &[u8]) -> Result<Self, EncapError> {
        match ether_type {
            EtherType::IPV4 => {
                let ip = Ipv4::parse(packet)?;
                let traffic_class = ip.dscp() << 2 | ip.ecn();
                Ok(Self { len: ip.total_len().into(), traffic_class })
            }
            EtherType::IPV6 => {
                let ip = Ipv6::parse(packet)?;
                let len = Ipv6Header::LEN + usize::from(ip.payload_len());
                Ok(Self { len, traffic_class: ip.dscp() << 2 | ip.ecn() })
            }
            _ => Err(EncapError::Missing(Protocol::Ipv4)),
        }
    }
}

//! A packet in one line, as tcpdump writes it.

mod icmp;
mod icmpv6;
mod ip;
mod tcp;

use core::fmt;

use crate::arp::{Arp, ArpOperation};
use crate::error::ParseError;
use crate::ethernet::{EtherType, Ethernet};
use crate::vlan::Vlan;

/// What a frame is, in one line that reads like tcpdump's (with `-nn -t -S`).
///
/// Applications' payloads are not looked at, what is in a tunnel is.
///
/// ```
/// use fluxcapacitor_proto::Summary;
///
/// let frame = [
///     2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00, // Ethernet
///     0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, // IPv4
///     0, 7, 0, 9, 0, 9, 0, 0, 0xaa, // UDP
/// ];
/// assert_eq!(Summary::of(&frame).to_string(), "IP 10.0.0.1.7 > 10.0.0.2.9: UDP, length 1");
/// ```
#[derive(Clone, Copy)]
pub struct Summary<'a> {
    frame: &'a [u8],
}

impl<'a> Summary<'a> {
    /// Of a packet that begins with its Ethernet header.
    pub const fn of(frame: &'a [u8]) -> Self {
        Self { frame }
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_frame(f, self.frame, 0)
    }
}

impl fmt::Debug for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Summary({self})")
    }
}

/// Packets in packets that are followed.
const DEPTH_MAX: usize = 8;

fn write_frame(f: &mut fmt::Formatter<'_>, frame: &[u8], depth: usize) -> fmt::Result {
    match Ethernet::parse(frame) {
        Ok(ethernet) => write_ether(f, ethernet.ether_type(), ethernet.into_payload(), depth),
        Err(error) => write_error(f, error),
    }
}

/// Writes what an EtherType announces.
fn write_ether(
    f: &mut fmt::Formatter<'_>,
    mut ether_type: EtherType,
    mut bytes: &[u8],
    depth: usize,
) -> fmt::Result {
    while ether_type.is_vlan() {
        let vlan = match Vlan::parse(bytes) {
            Ok(vlan) => vlan,
            Err(error) => return write_error(f, error),
        };
        write!(f, "{}, ", vlan.tag())?;
        ether_type = vlan.ether_type();
        bytes = vlan.into_payload();
    }
    if depth > DEPTH_MAX {
        return f.write_str("[too deep]");
    }
    match ether_type {
        EtherType::IPV4 => ip::write_v4(f, bytes, depth),
        EtherType::IPV6 => ip::write_v6(f, bytes, depth),
        EtherType::ARP => write_arp(f, bytes),
        EtherType::TRANSPARENT_ETHERNET => write_frame(f, bytes, depth + 1),
        length if length.is_length() => write!(f, "802.3, length {}", length.0),
        other => write!(f, "ethertype {other} ({:#06x}), length {}", other.0, bytes.len()),
    }
}

fn write_arp(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    let arp = match Arp::parse(bytes) {
        Ok(arp) => arp,
        Err(error) => return write_error(f, error),
    };
    f.write_str("ARP, ")?;
    match arp.operation() {
        ArpOperation::REQUEST => {
            write!(f, "Request who-has {} ", arp.target_ip())?;
            if arp.target_mac() != crate::MacAddr::UNSPECIFIED {
                write!(f, "({}) ", arp.target_mac())?;
            }
            write!(f, "tell {}", arp.sender_ip())?;
        }
        ArpOperation::REPLY => write!(f, "Reply {} is-at {}", arp.sender_ip(), arp.sender_mac())?,
        other => write!(f, "{other}")?,
    }
    write!(f, ", length {}", bytes.len())
}

fn write_error(f: &mut fmt::Formatter<'_>, error: ParseError) -> fmt::Result {
    write!(f, "[{error}]")
}

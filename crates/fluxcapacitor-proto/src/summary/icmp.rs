//! Lines of ICMP messages.

use core::fmt;

use crate::icmp::{Icmp, IcmpType, UnreachableCode};
use crate::ip::IpProtocol;
use crate::ipv4::Ipv4;

use super::write_error;

pub(super) fn write(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    let icmp = match Icmp::parse(bytes) {
        Ok(icmp) => icmp,
        Err(error) => return write_error(f, error),
    };
    f.write_str("ICMP ")?;
    let (id, seq) = (icmp.identifier(), icmp.sequence());
    match icmp.kind() {
        IcmpType::ECHO_REQUEST => write!(f, "echo request, id {id}, seq {seq}")?,
        IcmpType::ECHO_REPLY => write!(f, "echo reply, id {id}, seq {seq}")?,
        kind => match icmp.quoted() {
            Some(Ok(quoted)) => write_about(f, &icmp, &quoted)?,
            Some(Err(error)) => write!(f, "type-{} [{error}]", kind.0)?,
            None => write!(f, "type-#{}", kind.0)?,
        },
    }
    write!(f, ", length {}", bytes.len())
}

/// Writes where a quoted transport wanted to go.
pub(super) fn write_port(
    f: &mut fmt::Formatter<'_>,
    protocol: IpProtocol,
    transport: &[u8],
) -> fmt::Result {
    let port = transport.get(2..4).and_then(<[u8]>::first_chunk);
    let port = port.map_or(0, |bytes| u16::from_be_bytes(*bytes));
    match protocol {
        IpProtocol::TCP => write!(f, "tcp port {port}"),
        IpProtocol::UDP => write!(f, "udp port {port}"),
        other => write!(f, "protocol {} port {port}", other.0),
    }
}

/// Writes an error message and what it is about.
fn write_about(
    f: &mut fmt::Formatter<'_>,
    icmp: &Icmp<&[u8]>,
    quoted: &Ipv4<&[u8]>,
) -> fmt::Result {
    let to = quoted.destination();
    match (icmp.kind(), UnreachableCode(icmp.code())) {
        (IcmpType::UNREACHABLE, UnreachableCode::NETWORK) => write!(f, "net {to} unreachable"),
        (IcmpType::UNREACHABLE, UnreachableCode::HOST) => write!(f, "host {to} unreachable"),
        (IcmpType::UNREACHABLE, UnreachableCode::PROTOCOL) => {
            write!(f, "{to} protocol {} unreachable", quoted.protocol().0)
        }
        (IcmpType::UNREACHABLE, UnreachableCode::PORT) => {
            write!(f, "{to} ")?;
            write_port(f, quoted.protocol(), quoted.payload())?;
            f.write_str(" unreachable")
        }
        (IcmpType::UNREACHABLE, UnreachableCode::FRAGMENTATION_NEEDED) => {
            write!(f, "{to} unreachable - need to frag (mtu {})", icmp.next_hop_mtu())
        }
        (IcmpType::UNREACHABLE, UnreachableCode::PROHIBITED) => {
            write!(f, "host {to} unreachable - admin prohibited filter")
        }
        (IcmpType::UNREACHABLE, UnreachableCode(code)) => write!(f, "{to} unreachable - #{code}"),
        (IcmpType::TIME_EXCEEDED, UnreachableCode(0)) => f.write_str("time exceeded in-transit"),
        (IcmpType::TIME_EXCEEDED, _) => f.write_str("ip reassembly time exceeded"),
        (IcmpType(4), _) => f.write_str("source quench"),
        (IcmpType::REDIRECT, _) => write!(f, "redirect {to} to host {}", icmp.gateway()),
        (IcmpType::PARAMETER_PROBLEM, _) => {
            write!(f, "parameter problem - octet {}", icmp.pointer())
        }
        (IcmpType(kind), _) => write!(f, "type-#{kind}"),
    }
}

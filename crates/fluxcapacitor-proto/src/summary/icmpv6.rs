//! Lines of ICMPv6 messages.

use core::fmt;

use crate::icmpv6::{Icmpv6, Icmpv6Type, Icmpv6UnreachableCode, Neighbor, Redirect};
use crate::ipv6::Ipv6;

use super::icmp::write_port;
use super::write_error;

pub(super) fn write(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    let icmp = match Icmpv6::parse(bytes) {
        Ok(icmp) => icmp,
        Err(error) => return write_error(f, error),
    };
    f.write_str("ICMP6, ")?;
    let (id, seq) = (icmp.identifier(), icmp.sequence());
    match icmp.kind() {
        Icmpv6Type::ECHO_REQUEST => write!(f, "echo request, id {id}, seq {seq}")?,
        Icmpv6Type::ECHO_REPLY => write!(f, "echo reply, id {id}, seq {seq}")?,
        Icmpv6Type::ROUTER_SOLICITATION => f.write_str("router solicitation")?,
        Icmpv6Type::ROUTER_ADVERTISEMENT => f.write_str("router advertisement")?,
        Icmpv6Type::NEIGHBOR_SOLICITATION | Icmpv6Type::NEIGHBOR_ADVERTISEMENT => {
            match Neighbor::parse(bytes) {
                Ok(neighbor) if neighbor.kind() == Icmpv6Type::NEIGHBOR_SOLICITATION => {
                    write!(f, "neighbor solicitation, who has {}", neighbor.target())?;
                }
                Ok(neighbor) => {
                    write!(f, "neighbor advertisement, tgt is {}", neighbor.target())?;
                }
                Err(error) => write_error(f, error)?,
            }
        }
        Icmpv6Type::REDIRECT => match Redirect::parse(bytes) {
            Ok(redirect) => {
                write!(f, "redirect, {} to {}", redirect.destination(), redirect.target())?;
            }
            Err(error) => write_error(f, error)?,
        },
        Icmpv6Type::LISTENER_REPORT_V2 => {
            write!(f, "multicast listener report v2, {seq} group record(s)")?;
        }
        Icmpv6Type(kind) => match icmp.quoted() {
            Some(Ok(quoted)) => write_about(f, &icmp, &quoted)?,
            Some(Err(error)) => write!(f, "type-{kind} [{error}]")?,
            None => write!(f, "type-#{kind}")?,
        },
    }
    write!(f, ", length {}", bytes.len())
}

/// Writes an error message and what it is about.
fn write_about(
    f: &mut fmt::Formatter<'_>,
    icmp: &Icmpv6<&[u8]>,
    quoted: &Ipv6<&[u8]>,
) -> fmt::Result {
    let to = quoted.destination();
    match (icmp.kind(), Icmpv6UnreachableCode(icmp.code())) {
        (Icmpv6Type::UNREACHABLE, Icmpv6UnreachableCode::NO_ROUTE) => {
            write!(f, "destination unreachable, unreachable route {to}")
        }
        (Icmpv6Type::UNREACHABLE, Icmpv6UnreachableCode::PROHIBITED) => {
            write!(f, "destination unreachable, unreachable prohibited {to}")
        }
        (Icmpv6Type::UNREACHABLE, Icmpv6UnreachableCode::ADDRESS) => {
            write!(f, "destination unreachable, unreachable address {to}")
        }
        (Icmpv6Type::UNREACHABLE, Icmpv6UnreachableCode::PORT) => {
            write!(f, "destination unreachable, unreachable port, {to} ")?;
            let (protocol, at) = match quoted.upper_layer() {
                Ok(upper) => (upper.protocol, upper.offset),
                Err(_) => (quoted.next_header(), 0),
            };
            write_port(f, protocol, quoted.payload().get(at..).unwrap_or_default())
        }
        (Icmpv6Type::UNREACHABLE, Icmpv6UnreachableCode::BEYOND_SCOPE) => {
            let from = quoted.source();
            write!(f, "destination unreachable, beyond scope {to}, source address {from}")
        }
        (Icmpv6Type::UNREACHABLE, Icmpv6UnreachableCode(code)) => {
            write!(f, "destination unreachable, {to} unreachable code-#{code}")
        }
        (Icmpv6Type::PACKET_TOO_BIG, _) => write!(f, "packet too big, mtu {}", icmp.word()),
        (Icmpv6Type::TIME_EXCEEDED, Icmpv6UnreachableCode(0)) => {
            write!(f, "time exceeded in-transit for {to}")
        }
        (Icmpv6Type::TIME_EXCEEDED, _) => f.write_str("time exceeded in-transit (reassembly)"),
        (Icmpv6Type::PARAMETER_PROBLEM, Icmpv6UnreachableCode(code)) => {
            let what = match code {
                0 => "erroneous",
                1 => "next header",
                2 => "option",
                _ => "unknown",
            };
            write!(f, "parameter problem, {what} - octet {}", icmp.word())
        }
        (Icmpv6Type(kind), _) => write!(f, "type-#{kind}"),
    }
}

//! A rule: what a packet has to be like.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use fluxcapacitor::proto::{FlowKey, IpProtocol};

/// The names of protocols, and whether they have ports.
const PROTOCOLS: [(&str, IpProtocol, bool); 4] = [
    ("tcp", IpProtocol::TCP, true),
    ("udp", IpProtocol::UDP, true),
    ("icmp", IpProtocol::ICMP, false),
    ("icmpv6", IpProtocol::ICMPV6, false),
];

/// What a packet has to be like; what is not named may be anything.
#[derive(Debug, Default)]
pub struct Rule {
    prefix: Option<(IpAddr, u32)>,
    protocol: Option<IpProtocol>,
    port: Option<u16>,
    text: String,
}

impl Rule {
    /// Whether one end of the packet is in the prefix and has the port, and the protocol is right.
    pub fn fits(&self, flow: &FlowKey) -> bool {
        let is_end = |address, port| {
            self.prefix.is_none_or(|(prefix, len)| contains(prefix, len, address))
                && self.port.is_none_or(|wanted| wanted == port)
        };
        self.protocol.is_none_or(|protocol| protocol == flow.protocol())
            && (is_end(flow.source(), flow.source_port())
                || is_end(flow.destination(), flow.destination_port()))
    }
}

fn contains(prefix: IpAddr, len: u32, address: IpAddr) -> bool {
    let differ = match (prefix, address) {
        (IpAddr::V4(prefix), IpAddr::V4(address)) => {
            u128::from(prefix.to_bits() ^ address.to_bits()) << 96
        }
        (IpAddr::V6(prefix), IpAddr::V6(address)) => prefix.to_bits() ^ address.to_bits(),
        _ => return false,
    };
    differ.leading_zeros() >= len
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut rule = Self { text: text.to_owned(), ..Self::default() };
        if text == "any" {
            return Ok(rule);
        }
        for word in text.split(',') {
            if let Some(prefix) = prefix(word)? {
                if rule.prefix.replace(prefix).is_some() {
                    return Err("a rule has one prefix".to_owned());
                }
            } else {
                let (protocol, port) = protocol(word)?;
                if rule.protocol.replace(protocol).is_some() {
                    return Err("a rule has one protocol".to_owned());
                }
                rule.port = port;
            }
        }
        Ok(rule)
    }
}

/// An address alone, or with how many of its first bits count; `None` if it is something else.
fn prefix(word: &str) -> Result<Option<(IpAddr, u32)>, String> {
    let (address, len) = word.split_once('/').map_or((word, None), |(a, len)| (a, Some(len)));
    let Ok(address) = address.parse::<IpAddr>() else { return Ok(None) };
    let max = if address.is_ipv4() { 32 } else { 128 };
    let Some(len) = len else { return Ok(Some((address, max))) };
    match len.parse() {
        Ok(len) if len <= max => Ok(Some((address, len))),
        _ => Err(format!("a prefix of {address} has 0 to {max} bits, not `{len}`")),
    }
}

fn protocol(word: &str) -> Result<(IpProtocol, Option<u16>), String> {
    let (name, port) = word.split_once(':').map_or((word, None), |(name, port)| (name, Some(port)));
    let known = PROTOCOLS.iter().find(|(known, ..)| *known == name);
    let Some((_, protocol, has_ports)) = known else {
        return Err(format!("`{word}` is neither a prefix nor a protocol"));
    };
    let Some(port) = port else { return Ok((*protocol, None)) };
    if !has_ports {
        return Err(format!("{name} has no ports"));
    }
    let wrong = |_| format!("a port is a number from 0 to 65535, not `{port}`");
    Ok((*protocol, Some(port.parse().map_err(wrong)?)))
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

//! What a flow is made of, in words: they move through registers, where arrays of bytes would be taken to pieces.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Tunnel;

/// An address of either version, as it lies in memory; zeros behind an IPv4 address.
pub(super) type Address = [u64; 2];

#[inline]
pub(super) const fn v4(address: Ipv4Addr) -> Address {
    [u32::from_ne_bytes(address.octets()) as u64, 0]
}

#[inline]
pub(super) const fn to_v4(address: Address) -> Ipv4Addr {
    let [a, b, c, d] = (address[0] as u32).to_ne_bytes();
    Ipv4Addr::new(a, b, c, d)
}

#[inline]
pub(super) const fn v6(address: Ipv6Addr) -> Address {
    let bits = u128::from_ne_bytes(address.octets());
    [bits as u64, (bits >> 64) as u64]
}

#[inline]
pub(super) const fn to_v6(address: Address) -> Ipv6Addr {
    let bits = address[0] as u128 | (address[1] as u128) << 64;
    Ipv6Addr::from_bits(u128::from_be_bytes(bits.to_ne_bytes()))
}

#[inline]
pub(super) const fn to_ip(address: Address, is_ipv6: bool) -> IpAddr {
    if is_ipv6 { IpAddr::V6(to_v6(address)) } else { IpAddr::V4(to_v4(address)) }
}

const VXLAN: u64 = 1 << 32;
const GRE: u64 = 2 << 32;
const GRE_WITH_KEY: u64 = 3 << 32;
const IP_IP: u64 = 4 << 32;

/// Zero if it does not count.
#[inline]
pub(super) const fn tunnel(tunnel: Option<Tunnel>) -> u64 {
    match tunnel {
        None => 0,
        Some(Tunnel::Vxlan(vni)) => VXLAN | vni as u64,
        Some(Tunnel::Gre(None)) => GRE,
        Some(Tunnel::Gre(Some(key))) => GRE_WITH_KEY | key as u64,
        Some(Tunnel::IpIp) => IP_IP,
    }
}

#[inline]
pub(super) const fn to_tunnel(word: u64) -> Option<Tunnel> {
    let number = word as u32;
    match word - number as u64 {
        VXLAN => Some(Tunnel::Vxlan(number)),
        GRE => Some(Tunnel::Gre(None)),
        GRE_WITH_KEY => Some(Tunnel::Gre(Some(number))),
        IP_IP => Some(Tunnel::IpIp),
        _ => None,
    }
}

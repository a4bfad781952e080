//! NAT: a new source address and port, checksums right.

use std::hint::black_box;
use std::net::Ipv4Addr;

use etherparse as ep;
use fluxcapacitor_proto::{EthHeader, Ipv4, Tcp};
use pnet_packet as pn;
use smoltcp::wire as st;

use super::Judge;
use super::packet::{self, Ring};

type Rewrite = fn(&mut [u8], Ipv4Addr, u16) -> Option<()>;

pub fn rows(judge: &mut impl Judge) {
    for payload in [10, 1446] {
        let frame = packet::tcp4(payload);
        let row = &format!("NAT rewrite of {} bytes", frame.len());
        let after = |rewrite: Rewrite| {
            let mut frame = frame.clone();
            rewrite(&mut frame, [192, 0, 2, 1].into(), 5000).unwrap();
            frame
        };
        assert!(
            [ep_nat, st_nat, pn_nat].into_iter().all(|theirs| after(theirs) == after(ours_nat))
        );
        let mut port = 0u16;
        macro_rules! row {
            ($name:literal, $rewrite:ident) => {
                let mut ring = Ring::new(&frame);
                judge.row(row, $name, || {
                    port = port.wrapping_add(1);
                    let address = Ipv4Addr::from_bits(0xc000_0200 | u32::from(port & 0xff));
                    $rewrite(ring.next(), black_box(address), port)
                });
            };
        }
        row!("fluxcapacitor", ours_nat);
        row!("etherparse", ep_nat);
        row!("smoltcp", st_nat);
        row!("pnet", pn_nat);
    }
}

/// `Ipv4::set_source`, `Tcp::set_source_port`.
fn ours_nat(frame: &mut [u8], address: Ipv4Addr, port: u16) -> Option<()> {
    let (_, packet) = EthHeader::mut_from_prefix(frame).ok()?;
    let mut ip = Ipv4::parse(packet).ok()?;
    ip.set_source(address);
    let mut tcp = Tcp::parse(ip.into_payload()).ok()?;
    tcp.set_source_port(port);
    Some(())
}

/// `Ipv4Header::from_slice`, `TcpHeader::from_slice`, `calc_header_checksum`, `calc_checksum_ipv4`, `to_bytes`.
fn ep_nat(frame: &mut [u8], address: Ipv4Addr, port: u16) -> Option<()> {
    let packet = frame.get_mut(14..)?;
    let (mut ip, rest) = ep::Ipv4Header::from_slice(packet).ok()?;
    let (mut tcp, payload) = ep::TcpHeader::from_slice(rest).ok()?;
    ip.source = address.octets();
    ip.header_checksum = ip.calc_header_checksum();
    tcp.source_port = port;
    tcp.checksum = tcp.calc_checksum_ipv4(&ip, payload).ok()?;
    let (ip, tcp) = (ip.to_bytes(), tcp.to_bytes());
    packet.get_mut(..ip.len())?.copy_from_slice(&ip);
    packet.get_mut(ip.len()..ip.len() + tcp.len())?.copy_from_slice(&tcp);
    Some(())
}

/// `Ipv4Packet::set_src_addr`, `TcpPacket::set_src_port`, `fill_checksum` of both.
fn st_nat(frame: &mut [u8], address: Ipv4Addr, port: u16) -> Option<()> {
    let mut ip = st::Ipv4Packet::new_checked(frame.get_mut(14..)?).ok()?;
    ip.set_src_addr(address);
    ip.fill_checksum();
    let to = ip.dst_addr();
    let mut tcp = st::TcpPacket::new_checked(ip.payload_mut()).ok()?;
    tcp.set_src_port(port);
    tcp.fill_checksum(&address.into(), &to.into());
    Some(())
}

/// `MutableIpv4Packet::set_source`, `MutableTcpPacket::set_source`, `ipv4::checksum`, `tcp::ipv4_checksum`.
fn pn_nat(frame: &mut [u8], address: Ipv4Addr, port: u16) -> Option<()> {
    let mut ip = pn::ipv4::MutableIpv4Packet::new(frame.get_mut(14..)?)?;
    ip.set_source(address);
    let sum = pn::ipv4::checksum(&ip.to_immutable());
    ip.set_checksum(sum);
    let to = ip.get_destination();
    let mut tcp = pn::tcp::MutableTcpPacket::new(frame.get_mut(34..)?)?;
    tcp.set_source(port);
    let sum = pn::tcp::ipv4_checksum(&tcp.to_immutable(), &address, &to);
    tcp.set_checksum(sum);
    Some(())
}

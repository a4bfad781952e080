//! Push of a VLAN tag, and encapsulation in VXLAN, into headroom that is there.

use std::hint::black_box;
use std::net::Ipv4Addr;

use etherparse as ep;
use fluxcapacitor_proto::encap::{self, Endpoints, VxlanTunnel};
use fluxcapacitor_proto::{MacAddr, SliceBuffer, VlanTag};
use pnet_packet as pn;
use smoltcp::wire as st;

use super::Judge;
use super::packet::{self, Ring};

const ROOM: usize = 64;
const A: [u8; 6] = [2, 0, 0, 0, 0, 1];
const B: [u8; 6] = [2, 0, 0, 0, 0, 2];

type Push = fn(&mut [u8], usize) -> Option<()>;

pub fn rows(judge: &mut impl Judge) {
    let frame = packet::tcp4(446);
    let mut room = vec![0; ROOM];
    room.extend_from_slice(&frame);
    let after = |push: Push| {
        let mut room = room.clone();
        push(&mut room, ROOM).unwrap();
        room
    };

    macro_rules! row {
        ($row:literal, $name:literal, $push:ident) => {
            let mut ring = Ring::new(&room);
            judge.row($row, $name, || $push(ring.next(), black_box(ROOM)));
        };
    }

    assert!([ep_vlan, pn_vlan].into_iter().all(|theirs| after(theirs) == after(ours_vlan)));
    row!("VLAN push", "fluxcapacitor", ours_vlan);
    row!("VLAN push", "etherparse", ep_vlan);
    row!("VLAN push", "pnet", pn_vlan);

    assert!(
        [ep_vxlan, st_vxlan, pn_vxlan].into_iter().all(|theirs| after(theirs) == after(ours_vxlan))
    );
    row!("VXLAN encapsulation", "fluxcapacitor", ours_vxlan);
    row!("VXLAN encapsulation", "etherparse", ep_vxlan);
    row!("VXLAN encapsulation", "smoltcp", st_vxlan);
    row!("VXLAN encapsulation", "pnet", pn_vxlan);
}

/// `encap::push_vlan`.
fn ours_vlan(room: &mut [u8], at: usize) -> Option<()> {
    let end = room.len();
    let mut packet = SliceBuffer::new(room, at..end).ok()?;
    encap::push_vlan(&mut packet, VlanTag::new(42)).ok()
}

/// `Ethernet2Header::from_slice`, `to_bytes`, `SingleVlanHeader::to_bytes`.
fn ep_vlan(room: &mut [u8], at: usize) -> Option<()> {
    let (mut ethernet, _) = ep::Ethernet2Header::from_slice(room.get(at..)?).ok()?;
    let vlan = ep::SingleVlanHeader {
        pcp: ep::VlanPcp::ZERO,
        drop_eligible_indicator: false,
        vlan_id: ep::VlanId::try_new(42).ok()?,
        ether_type: ethernet.ether_type,
    };
    ethernet.ether_type = ep::EtherType::VLAN_TAGGED_FRAME;
    room.get_mut(at - 4..at + 10)?.copy_from_slice(&ethernet.to_bytes());
    room.get_mut(at + 10..at + 14)?.copy_from_slice(&vlan.to_bytes());
    Some(())
}

/// `MutableEthernetPacket` and `MutableVlanPacket`, their setters.
fn pn_vlan(room: &mut [u8], at: usize) -> Option<()> {
    let old = pn::ethernet::EthernetPacket::new(room.get(at..)?)?;
    let (from, to, inner) = (old.get_source(), old.get_destination(), old.get_ethertype());
    let mut ethernet = pn::ethernet::MutableEthernetPacket::new(room.get_mut(at - 4..)?)?;
    ethernet.set_source(from);
    ethernet.set_destination(to);
    ethernet.set_ethertype(pn::ethernet::EtherTypes::Vlan);
    let mut vlan = pn::vlan::MutableVlanPacket::new(room.get_mut(at + 10..)?)?;
    vlan.set_priority_code_point(pn::vlan::ClassOfService(0));
    vlan.set_drop_eligible_indicator(0);
    vlan.set_vlan_identifier(42);
    vlan.set_ethertype(inner);
    Some(())
}

/// A tunnel is set up once.
static TUNNEL: VxlanTunnel = VxlanTunnel::new(
    MacAddr::new(A),
    MacAddr::new(B),
    Endpoints::V4(Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)),
    77,
)
.source_port(50000);

/// `encap::push_vxlan`.
fn ours_vxlan(room: &mut [u8], at: usize) -> Option<()> {
    let end = room.len();
    let mut packet = SliceBuffer::new(room, at..end).ok()?;
    encap::push_vxlan(&mut packet, black_box(&TUNNEL)).ok()
}

const VXLAN: [u8; 8] = [8, 0, 0, 0, 0, 0, 77, 0];

/// `to_bytes` of `Ethernet2Header`, `Ipv4Header` (with `calc_header_checksum`) and `UdpHeader`; VXLAN by hand.
fn ep_vxlan(room: &mut [u8], at: usize) -> Option<()> {
    let len = room.len() - at;
    let (from, to) = black_box(([192, 0, 2, 1], [192, 0, 2, 2]));
    let ethernet =
        ep::Ethernet2Header { source: A, destination: B, ether_type: ep::EtherType::IPV4 };
    let mut ip = ep::Ipv4Header::new((len + 16) as u16, 64, ep::IpNumber::UDP, from, to).ok()?;
    ip.header_checksum = ip.calc_header_checksum();
    let udp = ep::UdpHeader {
        source_port: 50000,
        destination_port: 4789,
        length: (len + 16) as u16,
        checksum: 0,
    };
    let head = room.get_mut(at.checked_sub(50)?..at)?;
    head.get_mut(..14)?.copy_from_slice(&ethernet.to_bytes());
    head.get_mut(14..34)?.copy_from_slice(&ip.to_bytes());
    head.get_mut(34..42)?.copy_from_slice(&udp.to_bytes());
    head.get_mut(42..)?.copy_from_slice(&VXLAN);
    Some(())
}

/// Setters of `EthernetFrame` and `UdpPacket`, `Ipv4Repr::emit`; VXLAN by hand.
fn st_vxlan(room: &mut [u8], at: usize) -> Option<()> {
    let len = room.len() - at;
    let (from, to) = black_box(([192, 0, 2, 1], [192, 0, 2, 2]));
    let packet = room.get_mut(at.checked_sub(50)?..)?;
    let mut ethernet = st::EthernetFrame::new_unchecked(&mut *packet);
    ethernet.set_src_addr(st::EthernetAddress(A));
    ethernet.set_dst_addr(st::EthernetAddress(B));
    ethernet.set_ethertype(st::EthernetProtocol::Ipv4);
    let ip = st::Ipv4Repr {
        src_addr: from.into(),
        dst_addr: to.into(),
        next_header: st::IpProtocol::Udp,
        payload_len: len + 16,
        hop_limit: 64,
    };
    let checksums = smoltcp::phy::ChecksumCapabilities::default();
    ip.emit(&mut st::Ipv4Packet::new_unchecked(ethernet.payload_mut()), &checksums);
    let mut udp = st::UdpPacket::new_unchecked(packet.get_mut(34..)?);
    udp.set_src_port(50000);
    udp.set_dst_port(4789);
    udp.set_len((len + 16) as u16);
    udp.set_checksum(0);
    packet.get_mut(42..50)?.copy_from_slice(&VXLAN);
    Some(())
}

/// Setters of `MutableEthernetPacket`, `MutableIpv4Packet` (with `ipv4::checksum`), `MutableUdpPacket` and
/// `MutableVxlanPacket`-like bytes by hand.
fn pn_vxlan(room: &mut [u8], at: usize) -> Option<()> {
    let len = room.len() - at;
    let (from, to): ([u8; 4], [u8; 4]) = black_box(([192, 0, 2, 1], [192, 0, 2, 2]));
    let packet = room.get_mut(at.checked_sub(50)?..)?;
    let mut ethernet = pn::ethernet::MutableEthernetPacket::new(packet)?;
    ethernet.set_source(A.into());
    ethernet.set_destination(B.into());
    ethernet.set_ethertype(pn::ethernet::EtherTypes::Ipv4);
    let mut ip = pn::ipv4::MutableIpv4Packet::new(packet.get_mut(14..)?)?;
    ip.set_version(4);
    ip.set_header_length(5);
    ip.set_dscp(0);
    ip.set_ecn(0);
    ip.set_total_length((len + 36) as u16);
    ip.set_identification(0);
    ip.set_flags(pn::ipv4::Ipv4Flags::DontFragment);
    ip.set_fragment_offset(0);
    ip.set_ttl(64);
    ip.set_next_level_protocol(pn::ip::IpNextHeaderProtocols::Udp);
    ip.set_source(from.into());
    ip.set_destination(to.into());
    let sum = pn::ipv4::checksum(&ip.to_immutable());
    ip.set_checksum(sum);
    let mut udp = pn::udp::MutableUdpPacket::new(packet.get_mut(34..)?)?;
    udp.set_source(50000);
    udp.set_destination(4789);
    udp.set_length((len + 16) as u16);
    udp.set_checksum(0);
    packet.get_mut(42..50)?.copy_from_slice(&VXLAN);
    Some(())
}

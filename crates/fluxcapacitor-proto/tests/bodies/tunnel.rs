//! Push and pop undo each other, leave checksums right, and touch nothing when they fail, on any bytes.

use fluxcapacitor_proto::encap::{self, EncapError, Endpoints, UdpTunnel, VxlanTunnel};
use fluxcapacitor_proto::*;

use crate::plain;

const HEADROOM: usize = 96;

/// The first bytes choose headroom and endpoints, the rest is a frame.
pub fn run(bytes: &[u8]) {
    let Some((&[headroom, ends, tag_1, tag_2], frame)) = bytes.split_first_chunk() else { return };
    let headroom = usize::from(headroom) % (HEADROOM + 1);
    let ends = if ends & 1 == 0 {
        Endpoints::V4([10, 0, 0, ends].into(), [10, 0, 0, 2].into())
    } else {
        Endpoints::V6([ends; 16].into(), [2; 16].into())
    };
    let tag = u16::from_be_bytes([tag_1, tag_2]);
    let vxlan = VxlanTunnel::new(MacAddr::new([2; 6]), MacAddr::BROADCAST, ends, tag.into());

    round(
        frame,
        headroom,
        |p| encap::push_vlan(p, VlanTag(tag)),
        |p| encap::pop_vlan(p).map(|popped| assert_eq!(popped, VlanTag(tag))),
    );
    round(
        frame,
        headroom,
        |p| encap::push_vlan_as(p, EtherType::QINQ, VlanTag(tag)),
        |p| encap::pop_vlan(p).map(|popped| assert_eq!(popped, VlanTag(tag))),
    );
    for checksum in [false, true] {
        round(
            frame,
            headroom,
            |p| encap::push_vxlan(p, &vxlan.udp_checksum(checksum)),
            |p| {
                assert!(plain::all_right(&p.bytes()[14..]));
                encap::pop_vxlan(p).map(|vni| assert_eq!(vni, u32::from(tag)))
            },
        );
    }
    let udp = UdpTunnel::new(MacAddr::new([2; 6]), MacAddr::BROADCAST, ends, tag, !tag);
    for checksum in [false, true] {
        round(
            frame,
            headroom,
            |p| encap::push_udp(p, &udp.udp_checksum(checksum)),
            |p| {
                assert!(plain::all_right(&p.bytes()[14..]));
                assert!(encap::pop_udp(p, tag).is_err());
                encap::pop_udp(p, !tag).map(|port| assert_eq!(port, tag))
            },
        );
    }
    for key in [None, Some(u32::from(tag))] {
        round(
            frame,
            headroom,
            |p| encap::push_gre(p, ends, key),
            |p| encap::pop_gre(p).map(|popped| assert_eq!(popped, key)),
        );
    }
    round(frame, headroom, |p| encap::push_ipip(p, ends), |p| encap::pop_ipip(p));

    once(frame, |p| encap::pop_vlan(p).is_ok());
    once(frame, |p| encap::pop_vxlan(p).is_ok());
    once(frame, |p| encap::pop_udp(p, 4789).is_ok());
    once(frame, |p| encap::pop_gre(p).is_ok());
    once(frame, |p| encap::pop_ipip(p).is_ok());
}

fn once(frame: &[u8], act: impl FnOnce(&mut SliceBuffer<'_>) -> bool) {
    let mut storage = vec![0; frame.len()];
    let mut packet = SliceBuffer::with_headroom(&mut storage, 0, frame).unwrap();
    if !act(&mut packet) {
        assert_eq!(packet.bytes(), frame, "touched by a failure");
    }
}

fn round<Push, Pop>(frame: &[u8], headroom: usize, push: Push, pop: Pop)
where
    Push: FnOnce(&mut SliceBuffer<'_>) -> Result<(), EncapError>,
    Pop: FnOnce(&mut SliceBuffer<'_>) -> Result<(), EncapError>,
{
    let mut storage = vec![0; headroom + frame.len()];
    let mut packet = SliceBuffer::with_headroom(&mut storage, headroom, frame).unwrap();
    if push(&mut packet).is_err() {
        assert_eq!(packet.bytes(), frame, "touched by a failure");
        return;
    }
    pop(&mut packet).unwrap();
    // Tunnels of packets drop the padding behind the packet, and nothing else.
    assert!(frame.starts_with(packet.bytes()));
    let padding = frame.len() - packet.bytes().len();
    assert!(padding == 0 || end_of_ip(frame) == packet.bytes().len(), "{padding} bytes lost");
}

/// Where the outermost IP packet ends, and padding begins.
fn end_of_ip(frame: &[u8]) -> usize {
    plain::ip_packet(frame).map_or(frame.len(), |ip| ip.end)
}

//! What real programs sent, read as others read it.

#[path = "support/pcap.rs"]
mod pcap;

use fluxcapacitor_proto::checksum::{self, ChecksumStatus};
use fluxcapacitor_proto::layers::{End, Layers};
use fluxcapacitor_proto::{Icmp, Icmpv6, Ipv4, Ipv6, Protocol, Summary, Tcp, Udp};

/// All layers of all packets are read to their ends.
#[test]
fn layers_are_read_to_the_end() {
    for packet in pcap::all() {
        let layers = Layers::of(&packet.bytes);
        assert_eq!(layers.truncated(), None, "{packet:?}");
        assert!(matches!(layers.end(), End::Payload | End::Fragment), "{layers:?}");
    }
}

/// The one-line summary is what tcpdump wrote, as far as it does not look into applications.
#[test]
fn summaries_read_like_tcpdump() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures");
    let mut lines = Vec::new();
    let mut name = String::new();
    let mut compared = 0;
    for packet in pcap::all() {
        if packet.capture != name {
            name.clone_from(&packet.capture);
            let text = std::fs::read_to_string(format!("{folder}/{name}.txt")).unwrap();
            // A tunnel's content has a line of its own there.
            let text = text.replace("vni 4242\n", "vni 4242: ");
            lines = text.lines().rev().map(str::to_owned).collect();
        }
        let theirs = lines.pop().unwrap();
        let ours = Summary::of(&packet.bytes).to_string();
        if name == "dns" {
            let (ends, _) = ours.split_once(": ").unwrap();
            assert!(theirs.starts_with(ends), "{ours}\n{theirs}");
        } else {
            let theirs = theirs.split(": HTTP").next().unwrap();
            // They write a routing header out.
            let theirs = match (theirs.split_once("RT6 ("), theirs.split_once(") ")) {
                (Some((before, _)), Some((_, behind))) => format!("{before}Routing {behind}"),
                _ => theirs.to_owned(),
            };
            assert_eq!(ours.trim_end(), theirs.trim_end());
        }
        compared += 1;
    }
    assert!(compared > 80, "{compared}");
}

/// Every checksum is right, or partial where the sender's interface was to fill it, and then completing makes it right.
#[test]
fn checksums_are_right_or_partial() {
    let (mut valid, mut partial, mut absent) = (0, 0, 0);
    for packet in pcap::all() {
        let Some(status) = status(&mut packet.bytes.clone(), false) else { continue };
        match status {
            ChecksumStatus::Valid => valid += 1,
            ChecksumStatus::Absent => absent += 1,
            ChecksumStatus::Partial => {
                assert_eq!(packet.capture, "partial", "{}", Summary::of(&packet.bytes));
                let completed = status_after_completion(&packet.bytes);
                assert_eq!(completed, Some(ChecksumStatus::Valid));
                partial += 1;
            }
            _ => panic!("{status:?} {} {}", packet.capture, Summary::of(&packet.bytes)),
        }
    }
    assert!(valid > 60 && partial >= 4, "{valid} {partial} {absent}");
}

fn status_after_completion(bytes: &[u8]) -> Option<ChecksumStatus> {
    let mut bytes = bytes.to_vec();
    let mut whole = bytes.clone();
    status(&mut bytes, true);
    assert!(checksum::complete(&mut whole));
    assert!(!checksum::complete(&mut whole), "once is enough");
    assert_eq!(whole, bytes);
    status(&mut bytes, false)
}

/// Of the outermost transport; `None` for ARP and fragments.
fn status(frame: &mut [u8], complete: bool) -> Option<ChecksumStatus> {
    let layers = Layers::of(frame);
    let ip = layers.find(Protocol::Ipv4).or(layers.find(Protocol::Ipv6))?;
    let packet = ip.slice(&*frame)?;
    let pseudo = if ip.protocol == Protocol::Ipv4 {
        let ip = Ipv4::parse(packet).unwrap();
        assert!(ip.checksum_is_valid());
        if ip.is_fragment() {
            return None;
        }
        ip.pseudo_header()
    } else {
        let ip = Ipv6::parse(packet).unwrap();
        if ip.upper_layer().unwrap().is_fragment {
            return None;
        }
        ip.pseudo_header()
    };
    let transport = |protocol| layers.find(protocol);
    if let Some(layer) = transport(Protocol::Udp) {
        let mut udp = Udp::parse(layer.slice(frame)?).unwrap();
        assert!(!complete || udp.complete_checksum(pseudo));
        return Some(udp.checksum_status(pseudo));
    }
    if let Some(layer) = transport(Protocol::Tcp) {
        let mut tcp = Tcp::parse(layer.slice(frame)?).unwrap();
        assert!(!complete || tcp.complete_checksum(pseudo));
        return Some(tcp.checksum_status(pseudo));
    }
    if let Some(layer) = transport(Protocol::Icmpv6) {
        return Some(Icmpv6::parse(layer.slice(&*frame)?).unwrap().checksum_status(pseudo));
    }
    let icmp = Icmp::parse(transport(Protocol::Icmp)?.slice(&*frame)?).unwrap();
    assert!(icmp.checksum_is_valid());
    Some(ChecksumStatus::Valid)
}

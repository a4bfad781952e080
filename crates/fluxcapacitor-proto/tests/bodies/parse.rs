//! Every parser, every accessor, on any bytes.

use std::hint::black_box;

use fluxcapacitor_proto::checksum::PseudoHeader;
use fluxcapacitor_proto::icmpv6::{Neighbor, Redirect, RouterAdvertisement};
use fluxcapacitor_proto::ipv6::Ipv6FragmentHeader;
use fluxcapacitor_proto::*;

pub fn run(bytes: &[u8]) {
    let layers = Layers::of(bytes);
    for layer in layers.as_slice() {
        assert!(layer.offset <= layer.payload && layer.payload <= layer.end);
        assert!(layer.end <= bytes.len());
        assert!(layer.slice(bytes).is_some());
    }
    black_box((
        Layers::of_ip(bytes),
        FlowKey::of_inner(bytes).is_ok(),
        FlowKey::of_ip(bytes).is_ok(),
    ));
    if let Ok(flow) = FlowKey::of(bytes) {
        assert_eq!(flow.symmetric_hash(7), flow.reversed().symmetric_hash(7));
        assert_eq!(flow.reversed().reversed(), flow);
        black_box(flow.to_string());
    }
    black_box(Summary::of(bytes).to_string());
    black_box(checksum::complete(&mut bytes.to_vec()));
    link(bytes);
    ipv4(bytes);
    ipv6(bytes);
    transports(bytes);
    discovery(bytes);
}

fn link(bytes: &[u8]) {
    if let Ok(view) = Ethernet::parse(bytes) {
        black_box((view.source(), view.destination(), view.ether_type(), format!("{view:?}")));
    }
    if let Ok(view) = Vlan::parse(bytes) {
        black_box((view.tag().to_string(), view.vid(), view.ether_type(), format!("{view:?}")));
    }
    if let Ok(view) = Arp::parse(bytes) {
        black_box((view.operation(), view.sender_ip(), view.target_ip(), format!("{view:?}")));
    }
    if let Ok(view) = Gre::parse(bytes) {
        assert_eq!(view.key().is_some(), view.has_key());
        black_box((view.checksum(), view.sequence(), view.checksum_is_valid()));
    }
    if let Ok(view) = Vxlan::parse(bytes) {
        black_box((view.vni(), view.flags(), format!("{view:?}")));
    }
}

fn ipv4(bytes: &[u8]) {
    if let Ok(view) = Ipv4::parse(bytes) {
        assert_eq!(view.header_len(), 20 + view.option_bytes().len());
        assert_eq!(usize::from(view.total_len()), view.header_len() + view.payload().len());
        black_box((view.checksum_is_valid(), view.options().count(), view.pseudo_header()));
        black_box((view.dscp(), view.ecn(), view.ttl(), view.protocol(), view.fragment_offset()));
    }
    if let (Ok(whole), Ok(cut)) = (Ipv4::parse(bytes), Ipv4::parse_truncated(bytes)) {
        assert_eq!(whole.payload(), cut.payload());
    }
}

fn ipv6(bytes: &[u8]) {
    let Ok(view) = Ipv6::parse(bytes) else { return };
    assert_eq!(usize::from(view.payload_len()), view.payload().len());
    for extension in view.extensions().flatten() {
        black_box((extension.kind(), extension.fragment(), extension.segments_left()));
        assert!(!extension.as_bytes().is_empty());
    }
    if let Ok(upper) = view.upper_layer() {
        assert!(upper.offset <= view.payload().len());
    }
    black_box((view.dscp(), view.ecn(), view.flow_label(), view.pseudo_header()));
}

fn transports(bytes: &[u8]) {
    let v4 = PseudoHeader::v4([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
    let v6 = PseudoHeader::v6([1; 16].into(), [2; 16].into());
    for pseudo in [v4, v6] {
        if let Ok(view) = Udp::parse(bytes) {
            assert_eq!(usize::from(view.len()), 8 + view.payload().len());
            black_box(view.checksum_status(pseudo));
        }
        if let Ok(view) = Tcp::parse(bytes) {
            black_box((
                view.checksum_status(pseudo),
                view.sequence_len(),
                view.flags().to_string(),
            ));
            for option in view.options() {
                if let Ok(TcpOption::Sack(blocks)) = option {
                    assert!(blocks.count() > 0);
                }
            }
        }
        if let Ok(view) = Icmpv6::parse(bytes) {
            black_box((view.checksum_status(pseudo), view.quote(), view.quoted().is_some()));
        }
    }
    if let Ok(view) = Icmp::parse(bytes) {
        black_box((
            view.checksum_is_valid(),
            view.quote(),
            view.quoted().is_some(),
            view.gateway(),
        ));
    }
}

fn discovery(bytes: &[u8]) {
    if let Ok(view) = Neighbor::parse(bytes) {
        black_box((view.target(), view.is_router(), view.options().count()));
    }
    if let Ok(view) = RouterAdvertisement::parse(bytes) {
        black_box((view.router_lifetime_s(), view.is_managed(), view.options().count()));
    }
    if let Ok(view) = Redirect::parse(bytes) {
        black_box((view.target(), view.destination(), view.options().count()));
    }
    if let Some(options) =
        Icmpv6::parse(bytes).ok().as_ref().and_then(Icmpv6::router_solicitation_options)
    {
        black_box(options.count());
    }
    if let Ok((header, _)) = Ipv6FragmentHeader::ref_from_prefix(bytes) {
        black_box((header.fragment_offset(), header.identification(), header.as_bytes()));
    }
}

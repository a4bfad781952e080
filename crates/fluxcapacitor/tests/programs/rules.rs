//! The rules of the firewall.

use std::net::IpAddr;

use fluxcapacitor::proto::encap::Endpoints;
use fluxcapacitor::proto::{FlowKey, IpProtocol};

use crate::rule::Rule;

fn flow(source: &str, from: u16, destination: &str, to: u16, protocol: IpProtocol) -> FlowKey {
    let ends = match (source.parse().unwrap(), destination.parse().unwrap()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => Endpoints::V4(source, destination),
        (IpAddr::V6(source), IpAddr::V6(destination)) => Endpoints::V6(source, destination),
        _ => panic!("one version of IP"),
    };
    FlowKey::new(ends, from, to, protocol)
}

#[test]
fn either_end_fits_and_both_are_judged_alike() {
    let web = flow("10.9.0.1", 40_000, "10.9.0.2", 80, IpProtocol::TCP);
    let six = flow("fd09::1", 40_000, "fd09::2", 53, IpProtocol::UDP);
    for (rule, fits_web, fits_six) in [
        ("any", true, true),
        ("tcp", true, false),
        ("udp:53", false, true),
        ("icmp", false, false),
        ("tcp:80", true, false),
        ("tcp:81", false, false),
        ("10.9.0.0/24", true, false),
        ("10.9.0.2", true, false),
        ("10.9.0.3", false, false),
        ("10.9.0.2/31", true, false),
        ("10.9.0.4/30", false, false),
        ("0.0.0.0/0", true, false),
        ("::/0", false, true),
        ("fd09::/64", false, true),
        ("fd09::3/127", false, true),
        ("fd09::4/127", false, false),
        ("10.9.0.2,tcp:80", true, false),
        ("tcp:80,10.9.0.2", true, false),
        // The port belongs to the other end.
        ("10.9.0.1,tcp:80", false, false),
        ("10.9.0.2,udp:80", false, false),
    ] {
        let parsed: Rule = rule.parse().unwrap();
        assert_eq!(parsed.to_string(), rule);
        for (flow, fits) in [(web, fits_web), (six, fits_six)] {
            assert_eq!(parsed.fits(&flow), fits, "{rule}: {flow}");
            assert_eq!(parsed.fits(&flow.reversed()), fits, "{rule}: the answer to {flow}");
        }
    }
}

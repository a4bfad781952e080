//! A stateless packet filter on the wire between two interfaces: rules by prefix, protocol and port.
//!
//! `cargo run --release --features simulator --example firewall -- --interface eth1 --interface eth2 --deny tcp:23
//! --allow 10.9.0.0/24`, as root, until Ctrl-C. The first rule that fits a packet decides; what no rule fits is
//! denied. ARP passes. What `bridge` says of interfaces, checksums and segmentation holds here, too.
//!
//! A rule fits a packet if one end of it does, whichever: so it also holds for the answers. It has no memory of
//! connections, and of a datagram in fragments only the first has ports.
//!
//! With `--simulator` instead of interfaces and rules it judges simulated packets: any system, no privilege.

#[path = "../common/mod.rs"]
mod common;
mod rule;

use std::net::Ipv4Addr;
use std::process::ExitCode;

use common::{Arguments, Failure};
use fluxcapacitor::builder::Queues;
use fluxcapacitor::proto::{
    ArpHeader, EthHeader, EtherType, FlowKey, IpProtocol, Ipv4Header, MacAddr, UdpHeader, checksum,
};
use fluxcapacitor::simulator::control::{NicConfig, World};
use fluxcapacitor::{FluxBuilder, PacketBatch};
use rule::Rule;

const USAGE: &str = "usage: firewall --interface IF --interface IF [--allow RULE | --deny RULE] ...
       firewall --simulator

  --interface IF  one of the two to join (`ip link` lists the interfaces)
  --allow RULE    lets packets pass that fit, unless an earlier rule denies them
  --deny RULE     drops packets that fit, unless an earlier rule allows them
  --simulator     judge simulated packets, and end

A RULE is a prefix, a protocol with or without a port, both, or `any`:
10.9.0.0/24   fd09::1   icmp   icmpv6   tcp   udp:53   10.9.0.2,tcp:80";

fn main() -> ExitCode {
    common::main(
        USAGE,
        |arguments| {
            if arguments.has("--simulator") { simulate() } else { filter(arguments) }
        },
    )
}

fn filter(arguments: &Arguments) -> Result<(), Failure> {
    let [one, other] = arguments.exactly("--interface")?;
    let mut firewall = Firewall::read(arguments.pairs())?;
    let builder = FluxBuilder::new(one).interface(other).queues(Queues::All);
    common::run(&mut builder.build_engine()?, |batch| firewall.take(batch))?;
    firewall.print();
    Ok(())
}

/// The rules in their order, each with how many packets it has decided on.
struct Firewall {
    rules: Vec<(bool, Rule, u64)>,
    arp: u64,
    unnamed: u64,
}

impl Firewall {
    fn read<'a>(options: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self, Failure> {
        let rules = options.filter(|(name, _)| matches!(*name, "--allow" | "--deny"));
        let rules = rules.map(|(name, rule)| match rule.parse() {
            Ok(rule) => Ok((name == "--allow", rule, 0)),
            Err(why) => Err(common::wrong(format!("{name} {rule}: {why}"))),
        });
        let rules = rules.collect::<Result<Vec<_>, _>>()?;
        if !rules.iter().any(|(allows, ..)| *allows) {
            return Err(common::wrong("without a --allow, nothing would pass"));
        }
        Ok(Self { rules, arp: 0, unnamed: 0 })
    }

    fn take(&mut self, batch: PacketBatch<'_>) {
        let other = 1 - batch.port();
        for mut packet in batch {
            if self.allows(packet.data()) {
                checksum::complete(packet.data_mut());
                packet.forward(other);
            } else {
                packet.discard();
            }
        }
    }

    /// Judges a packet, and counts it. One that cannot be read fits no rule.
    fn allows(&mut self, packet: &[u8]) -> bool {
        let Ok(flow) = FlowKey::of(packet) else {
            let ethernet = EthHeader::ref_from_prefix(packet);
            let is_arp = ethernet.is_ok_and(|(header, _)| header.ether_type() == EtherType::ARP);
            *(if is_arp { &mut self.arp } else { &mut self.unnamed }) += 1;
            return is_arp;
        };
        let first = self.rules.iter_mut().find(|(_, rule, _)| rule.fits(&flow));
        let (allows, count) = match first {
            Some((allows, _, count)) => (*allows, count),
            None => (false, &mut self.unnamed),
        };
        *count += 1;
        allows
    }

    fn print(&self) {
        for (allows, rule, count) in &self.rules {
            println!("{count} packets: {} {rule}", if *allows { "allow" } else { "deny" });
        }
        println!("{} packets: fit no rule, denied\n{} packets: ARP", self.unnamed, self.arp);
    }
}

/// 200 packets in turn from both sides, of five kinds.
fn simulate() -> Result<(), Failure> {
    let rules = [("--deny", "udp:23"), ("--allow", "10.9.0.0/24"), ("--deny", "any")];
    let mut firewall = Firewall::read(rules.into_iter())?;
    let world = World::new(1);
    let nics = [world.nic(NicConfig::new("eth0"))?, world.nic(NicConfig::new("eth1"))?];
    let mut engine = FluxBuilder::new(nics[0].name()).interface(nics[1].name()).build_engine()?;

    let [inside, server, outside] =
        [0x0a09_0001, 0x0a09_0002, 0xc000_0201].map(Ipv4Addr::from_bits);
    let [from, to] = [1, 2].map(|host| MacAddr::new([2, 0, 0, 0, 0, host]));
    let udp = |source, source_port, destination, port| {
        let ethernet = EthHeader::new(to, from, EtherType::IPV4);
        let ip = Ipv4Header::new(source, destination, IpProtocol::UDP, 0);
        let udp = UdpHeader::new(source_port, port, 0);
        common::packet(ethernet, [ip.into(), udp.into()], b"88 mph")
    };
    let arp = EthHeader::new(MacAddr::BROADCAST, from, EtherType::ARP);
    let kinds = [
        (udp(inside, 40_000, server, 22)?, true),
        (udp(inside, 40_000, server, 23)?, false),
        (udp(server, 23, inside, 40_000)?, false),
        (udp(outside, 40_000, Ipv4Addr::new(10, 10, 0, 1), 22)?, false),
        (common::packet(arp, [ArpHeader::request(from, inside, server).into()], &[])?, true),
    ];
    for (number, (packet, passes)) in kinds.iter().cycle().take(200).enumerate() {
        let side = number / kinds.len() % 2;
        nics[side].inject(packet);
        engine.poll_once(|batch| firewall.take(batch))?;
        assert_eq!(nics[1 - side].transmitted().as_ref(), passes.then_some(packet));
    }

    println!("{}", engine.stats()?);
    firewall.print();
    Ok(())
}

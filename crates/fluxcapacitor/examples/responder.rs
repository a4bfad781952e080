//! A host of one address that answers ARP and `ping`, and nothing else.
//!
//! `cargo run --release --features simulator --example responder -- --interface eth1 --address 10.9.0.2`, as
//! root, until Ctrl-C; then `ping 10.9.0.2` from a machine on the same wire. The address must not be the
//! kernel's own. While it runs, the kernel's stack gets nothing from that interface.
//!
//! With `--simulator` instead of an interface it answers a simulated client: any system, no privilege.

mod common;

use std::net::Ipv4Addr;
use std::process::ExitCode;

use common::{Arguments, Failure};
use fluxcapacitor::builder::Queues;
use fluxcapacitor::proto::{
    Arp, ArpHeader, EthHeader, EtherType, Icmp, IcmpHeader, IcmpType, IpProtocol, Ipv4, Ipv4Header,
    MacAddr, reply,
};
use fluxcapacitor::simulator::control::{NicConfig, World};
use fluxcapacitor::{FluxBuilder, PacketBatch};

const USAGE: &str = "usage: responder --interface IF --address ADDRESS
       responder --simulator

  --interface IF     whose packets to take (`ip link` lists the interfaces)
  --address ADDRESS  the IPv4 address to answer for
  --simulator        answer a simulated client, and end";

fn main() -> ExitCode {
    common::main(
        USAGE,
        |arguments| {
            if arguments.has("--simulator") { simulate() } else { respond(arguments) }
        },
    )
}

fn respond(arguments: &Arguments) -> Result<(), Failure> {
    let [interface] = arguments.exactly("--interface")?;
    let address = arguments.parse("--address", "an IPv4 address")?;
    let mut engine = FluxBuilder::new(interface).queues(Queues::All).build_engine()?;
    let mac = engine.granted().find_map(|granted| granted.mac);
    let mac = mac.ok_or_else(|| common::wrong(format!("{interface} has no hardware address")))?;
    let mut responder = Responder::new(address, mac);
    common::run(&mut engine, |batch| responder.take(batch))?;
    println!("{}", responder.summary());
    Ok(())
}

struct Responder {
    address: Ipv4Addr,
    mac: MacAddr,
    arp: u64,
    echo: u64,
    ignored: u64,
}

impl Responder {
    fn new(address: Ipv4Addr, mac: MacAddr) -> Self {
        Self { address, mac, arp: 0, echo: 0, ignored: 0 }
    }

    fn take(&mut self, batch: PacketBatch<'_>) {
        for mut packet in batch {
            let counter = match self.answer(packet.data_mut()) {
                Some(EtherType::ARP) => &mut self.arp,
                Some(_) => &mut self.echo,
                None => {
                    self.ignored += 1;
                    packet.discard();
                    continue;
                }
            };
            *counter += 1;
            packet.transmit();
        }
    }

    /// Turns a packet that asks this host something into the answer, and says of which kind.
    fn answer(&self, packet: &mut [u8]) -> Option<EtherType> {
        let (ethernet, payload) = EthHeader::ref_from_prefix(packet).ok()?;
        let kind = ethernet.ether_type();
        match kind {
            EtherType::ARP if Arp::parse(payload).ok()?.target_ip() == self.address => {
                reply::arp_reply(packet, self.mac).ok()?;
            }
            EtherType::IPV4 if Ipv4::parse(payload).ok()?.destination() == self.address => {
                reply::echo_reply(packet).ok()?;
            }
            _ => return None,
        }
        Some(kind)
    }

    fn summary(&self) -> String {
        let Self { arp, echo, ignored, .. } = self;
        format!("{arp} ARP requests and {echo} echo requests answered, {ignored} packets ignored")
    }
}

/// A client that asks who has the address, pings it 200 times, and once somebody else.
fn simulate() -> Result<(), Failure> {
    let (address, client) = (Ipv4Addr::new(10, 9, 0, 2), Ipv4Addr::new(10, 9, 0, 1));
    let client_mac = MacAddr::new([2, 0, 0, 0, 0, 1]);
    let world = World::new(1);
    let nic = world.nic(NicConfig::new("eth0"))?;
    let mac = MacAddr::new(nic.mac());
    let mut engine = FluxBuilder::new(nic.name()).build_engine()?;
    let mut responder = Responder::new(address, mac);
    let mut ask = |packet: &[u8]| -> Result<Option<Vec<u8>>, Failure> {
        nic.inject(packet);
        engine.poll_once(|batch| responder.take(batch))?;
        Ok(nic.transmitted())
    };

    let who_has = ArpHeader::request(client_mac, client, address);
    let to_all = EthHeader::new(MacAddr::BROADCAST, client_mac, EtherType::ARP);
    let answer = ask(&common::packet(to_all, [who_has.into()], &[])?)?.expect("an ARP reply");
    assert_eq!(Arp::parse(&answer[EthHeader::LEN..])?.sender_mac(), mac);

    let ping = |to, number| {
        let mut icmp = IcmpHeader::new(IcmpType::ECHO_REQUEST, 0);
        icmp.set_sequence(number);
        let ip = Ipv4Header::new(client, to, IpProtocol::ICMP, 0);
        let ethernet = EthHeader::new(mac, client_mac, EtherType::IPV4);
        common::packet(ethernet, [ip.into(), icmp.into()], &vec![0x88; usize::from(number)])
    };
    for number in 0..200 {
        let answer = ask(&ping(address, number)?)?.expect("an echo reply");
        let ip = Ipv4::parse(&answer[EthHeader::LEN..])?;
        let icmp = Icmp::parse(ip.payload())?;
        assert_eq!((ip.source(), ip.destination()), (address, client));
        assert_eq!((icmp.kind(), icmp.sequence()), (IcmpType::ECHO_REPLY, number));
        assert!(ip.checksum_is_valid() && icmp.checksum_is_valid());
    }
    assert_eq!(ask(&ping(Ipv4Addr::new(10, 9, 0, 3), 0)?)?, None);

    println!("{}\n{}", engine.stats()?, responder.summary());
    Ok(())
}

//! A virtual address, and who serves it.

use std::net::Ipv4Addr;
use std::time::Duration;

use fluxcapacitor::proto::{
    Arp, ArpHeader, ArpOperation, EthHeader, EtherType, FlowKey, IpProtocol, Ipv4, MacAddr, Tcp,
    TcpFlags, checksum, reply,
};

use crate::common;
use crate::maglev::Maglev;

/// Between two questions to a target.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// A target that has not answered for so long is down.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// Chosen by dice, and the same in all balancers that are to decide alike.
const SEED: u64 = 0x0fc8_8e51_0bb3_9d27;

/// One who serves.
struct Target {
    address: Ipv4Addr,
    /// Known while it is up.
    mac: Option<MacAddr>,
    /// When it has answered last.
    heard: Duration,
    connections: u64,
    packets: u64,
}

/// A virtual address, the port, and who serves it.
pub struct Service {
    address: Ipv4Addr,
    port: u16,
    mac: MacAddr,
    targets: Vec<Target>,
    table: Maglev,
    asked: Option<Duration>,
    /// Packets for which nobody was up.
    unserved: u64,
}

impl Service {
    pub fn new(address: Ipv4Addr, port: u16, mac: MacAddr, targets: Vec<Ipv4Addr>) -> Self {
        let target = |address: &Ipv4Addr| Target {
            address: *address,
            mac: None,
            heard: Duration::ZERO,
            connections: 0,
            packets: 0,
        };
        let (targets, table) = (targets.iter().map(target).collect(), Maglev::new(targets));
        Self { address, port, mac, targets, table, asked: None, unserved: 0 }
    }

    /// Gives up those who have not answered, and says what to send to learn who is up: none before it is time.
    pub fn questions(&mut self, now: Duration) -> Vec<Vec<u8>> {
        if self.asked.is_some_and(|asked| now < asked + INTERVAL) {
            return Vec::new();
        }
        self.asked = Some(now);
        for at in 0..self.targets.len() {
            if self.targets[at].heard + PATIENCE < now {
                self.set(at, None);
            }
        }
        let question = |target: &Target| {
            // From no address (RFC 5227, section 2.1.1): so that nobody takes the virtual one for ours to ask by.
            let who_has = ArpHeader::request(self.mac, Ipv4Addr::UNSPECIFIED, target.address);
            let ethernet = EthHeader::new(MacAddr::BROADCAST, self.mac, EtherType::ARP);
            common::packet(ethernet, [who_has.into()], &[]).ok()
        };
        self.targets.iter().filter_map(question).collect()
    }

    /// Makes of a packet what is to be sent, if anything.
    pub fn judge(&mut self, packet: &mut [u8], now: Duration) -> Option<()> {
        let (ethernet, payload) = EthHeader::ref_from_prefix(packet).ok()?;
        if ethernet.ether_type() == EtherType::ARP {
            let arp = Arp::parse(payload).ok()?;
            let (mac, ip) = (arp.sender_mac(), arp.sender_ip());
            if arp.operation() == ArpOperation::REPLY {
                let at = self.targets.iter().position(|target| target.address == ip)?;
                self.targets[at].heard = now;
                self.set(at, Some(mac));
                return None;
            }
            let is_ours = arp.target_ip() == self.address;
            return (is_ours && reply::arp_reply(packet, self.mac).is_ok()).then_some(());
        }
        let flow = FlowKey::of(packet).ok()?;
        let is_served = flow.destination() == self.address
            && flow.protocol() == IpProtocol::TCP
            && flow.destination_port() == self.port;
        if is_served { self.direct(packet, &flow) } else { None }
    }

    /// Addresses a packet to the target of its flow.
    fn direct(&mut self, packet: &mut [u8], flow: &FlowKey) -> Option<()> {
        let target = self.table.pick(flow.symmetric_hash(SEED)).map(|at| &mut self.targets[at]);
        let Some((target, mac)) = target.and_then(|target| target.mac.map(|mac| (target, mac)))
        else {
            self.unserved += 1;
            return None;
        };
        target.packets += 1;
        target.connections += u64::from(opens(packet));
        checksum::complete(packet);
        let (ethernet, _) = EthHeader::mut_from_prefix(packet).ok()?;
        ethernet.set_destination(mac);
        ethernet.set_source(self.mac);
        Some(())
    }

    /// Takes note of where a target is, or that it is not there any more.
    fn set(&mut self, at: usize, mac: Option<MacAddr>) {
        let target = &mut self.targets[at];
        let before = std::mem::replace(&mut target.mac, mac);
        if before.is_some() != mac.is_some() {
            eprintln!("{} is {}", target.address, if mac.is_some() { "up" } else { "down" });
            let targets = &self.targets;
            self.table.set_up(|at| targets[at].mac.is_some());
        }
    }

    pub fn print(&self) {
        for Target { address, connections, packets, .. } in &self.targets {
            println!("{connections} connections: to {address}, in {packets} packets");
        }
        println!("{} packets: dropped, no target was up", self.unserved);
    }
}

/// Whether a packet is the first of a connection.
fn opens(packet: &[u8]) -> bool {
    let payload = EthHeader::ref_from_prefix(packet).map(|(_, payload)| payload);
    let ip = payload.and_then(Ipv4::parse);
    ip.and_then(|ip| Tcp::parse(ip.payload()).map(|tcp| tcp.flags()))
        .is_ok_and(|flags| flags.contains(TcpFlags::SYN))
}

//! Clients and targets for the balancer, on the simulator.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use fluxcapacitor::FluxBuilder;
use fluxcapacitor::proto::{
    Arp, ArpHeader, EthHeader, EtherType, IpProtocol, Ipv4Header, MacAddr, TcpFlags, TcpHeader,
    reply,
};
use fluxcapacitor::simulator::control::{Nic, NicConfig, World};

use crate::Balancer;
use crate::common::{self, Failure};
use crate::service::{INTERVAL, PATIENCE, Service};

const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 100);
const CLIENT: (Ipv4Addr, MacAddr) = (Ipv4Addr::new(10, 9, 0, 1), MacAddr::new([2, 0, 0, 0, 1, 1]));
const TARGETS: [Ipv4Addr; 3] =
    [Ipv4Addr::new(10, 9, 0, 3), Ipv4Addr::new(10, 9, 0, 4), Ipv4Addr::new(10, 9, 0, 5)];

/// The hardware address of a target.
fn mac(target: usize) -> MacAddr {
    MacAddr::new([2, 0, 0, 0, 2, target as u8])
}

/// The Ethernet that the balancer is on: what a switch, clients and targets would do.
struct Ethernet {
    world: World,
    nic: Nic,
    balancer: Balancer,
    is_up: [bool; 3],
}

/// 100 connections, to three targets, to two when one is down, and to three again.
pub fn play() -> Result<(), Failure> {
    let world = World::new(1);
    let nic = world.nic(NicConfig::new("eth0"))?;
    let (rx, tx) = FluxBuilder::new(nic.name()).build_system()?.split()?;
    let service = Service::new(ADDRESS, 80, MacAddr::new(nic.mac()), TARGETS.to_vec());
    let balancer = Balancer::new(rx, tx, service);
    let mut ethernet = Ethernet { world, nic, balancer, is_up: [true; 3] };

    ethernet.pass_time()?;
    let all = ethernet.open_100()?;
    assert!((0..3).all(|target| all.values().filter(|at| **at == mac(target)).count() > 20));
    ethernet.is_up[1] = false;
    ethernet.pass_time()?;
    let without = ethernet.open_100()?;
    for (port, target) in &without {
        assert_ne!(*target, mac(1));
        assert!(all[port] == *target || all[port] == mac(1), "one that had not to move");
    }
    ethernet.is_up[1] = true;
    ethernet.pass_time()?;
    assert_eq!(ethernet.open_100()?, all);

    let moved = all.iter().filter(|(port, target)| without[port] != **target).count();
    println!("of 100 connections, {moved} were moved as {} went, and back", TARGETS[1]);
    ethernet.balancer.print()
}

impl Ethernet {
    /// As much as it takes to notice who is up.
    fn pass_time(&mut self) -> Result<(), Failure> {
        let end = self.world.now() + PATIENCE + 2 * INTERVAL;
        while self.world.now() < end {
            self.balancer.turn(self.world.now())?;
            while let Some(mut question) = self.nic.transmitted() {
                let asked = Arp::parse(&question[EthHeader::LEN..])?.target_ip();
                let target = TARGETS.iter().position(|target| *target == asked);
                if let Some(target) = target.filter(|target| self.is_up[*target]) {
                    reply::arp_reply(&mut question, mac(target))?;
                    self.nic.inject(&question);
                }
            }
        }
        Ok(())
    }

    /// Opens 100 connections, and says which port leads to whom.
    fn open_100(&mut self) -> Result<HashMap<u16, MacAddr>, Failure> {
        let ours = MacAddr::new(self.nic.mac());
        let to_all = EthHeader::new(MacAddr::BROADCAST, CLIENT.1, EtherType::ARP);
        let who_has = ArpHeader::request(CLIENT.1, CLIENT.0, ADDRESS);
        let answer = self.pass(&common::packet(to_all, [who_has.into()], &[])?)?;
        assert_eq!(Arp::parse(&answer[EthHeader::LEN..])?.sender_mac(), ours);
        let open = |port| {
            let ip = Ipv4Header::new(CLIENT.0, ADDRESS, IpProtocol::TCP, 0);
            let tcp = TcpHeader::new(port, 80, TcpFlags::SYN);
            let ethernet = EthHeader::new(ours, CLIENT.1, EtherType::IPV4);
            let passed = self.pass(&common::packet(ethernet, [ip.into(), tcp.into()], &[])?)?;
            Ok((port, EthHeader::ref_from_prefix(&passed)?.0.destination()))
        };
        (40_000..40_100).map(open).collect()
    }

    /// Has a packet arrive at the balancer, and gives what that makes of it.
    fn pass(&mut self, packet: &[u8]) -> Result<Vec<u8>, Failure> {
        self.nic.inject(packet);
        self.balancer.turn(self.world.now())?;
        // Questions that were due are of no interest here.
        while let Some(passed) = self.nic.transmitted() {
            if passed.len() == packet.len() && passed[..6] != MacAddr::BROADCAST.octets() {
                return Ok(passed);
            }
        }
        panic!("the balancer has sent nothing on");
    }
}

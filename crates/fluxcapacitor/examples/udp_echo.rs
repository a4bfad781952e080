//! Echoes UDP datagrams, in a task of tokio.
//!
//! `cargo run --release --features "simulator async" --example udp_echo -- --interface eth1 --address 10.9.0.2
//! --port 7`, as root, until Ctrl-C; then `nc -u 10.9.0.2 7` from a machine on the same wire. The address must
//! not be the kernel's own. ARP is answered, too; all else is dropped.
//!
//! With `--simulator` instead of an interface it answers a simulated client: any system, no privilege.

mod common;

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use common::{Arguments, Failure};
use fluxcapacitor::proto::{
    Arp, EthHeader, EtherType, IpProtocol, Ipv4, Ipv4Header, MacAddr, Udp, UdpHeader, reply,
};
use fluxcapacitor::simulator::control::{NicConfig, World};
use fluxcapacitor::system::Batch;
use fluxcapacitor::{FluxBuilder, FluxSystem};

const USAGE: &str = "usage: udp_echo --interface IF --address ADDRESS [--port PORT]
       udp_echo --simulator

  --interface IF     whose packets to take (`ip link` lists the interfaces)
  --address ADDRESS  the IPv4 address to answer for
  --port PORT        the UDP port; 7 if none is given
  --simulator        answer a simulated client, and end";

fn main() -> ExitCode {
    common::main(USAGE, |arguments| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let simulate = arguments.has("--simulator");
        runtime.block_on(
            async move { if simulate { simulated().await } else { echo(arguments).await } },
        )
    })
}

async fn echo(arguments: &Arguments) -> Result<(), Failure> {
    let [interface] = arguments.exactly("--interface")?;
    let address = arguments.parse("--address", "an IPv4 address")?;
    let port = if arguments.has("--port") { arguments.parse("--port", "a port")? } else { 7 };
    let stop = Arc::new(AtomicBool::new(false));
    common::set_on_signal(&stop)?;
    let system = FluxBuilder::new(interface).build_system()?;
    system.granted().for_each(common::say);
    let mac = system.granted().find_map(|granted| granted.mac);
    let mac = mac.ok_or_else(|| common::wrong(format!("{interface} has no hardware address")))?;
    Server { address, port, mac, echoed: 0 }.serve(system, &stop).await
}

struct Server {
    address: Ipv4Addr,
    port: u16,
    mac: MacAddr,
    echoed: u64,
}

impl Server {
    /// Answers until it is told to stop.
    async fn serve(mut self, system: FluxSystem, stop: &AtomicBool) -> Result<(), Failure> {
        let ((mut rx, mut tx), mut batch) = (system.split_async()?, Batch::new(64));
        while !stop.load(Relaxed) {
            // Looks at the flag now and then; giving up waiting loses no packet.
            let waiting = tokio::time::timeout(Duration::from_millis(50), rx.recv(&mut batch));
            waiting.await.unwrap_or(Ok(0))?;
            for mut packet in batch.drain() {
                if self.answer(packet.data_mut()).is_some() {
                    tx.send(packet).await?;
                }
            }
            tx.flush().await?;
        }
        tx.drained().await?;
        println!("{}\n{} datagrams echoed", rx.stats()?, self.echoed);
        Ok(())
    }

    /// Turns a packet that is for us into the answer.
    fn answer(&mut self, packet: &mut [u8]) -> Option<()> {
        let (ethernet, payload) = EthHeader::mut_from_prefix(packet).ok()?;
        if ethernet.ether_type() == EtherType::ARP {
            let is_ours = Arp::parse(&*payload).ok()?.target_ip() == self.address;
            return is_ours.then(|| reply::arp_reply(packet, self.mac).ok())?;
        }
        let mut ip = Ipv4::parse(payload).ok()?;
        let (source, pseudo) = (ip.source(), ip.pseudo_header());
        if ip.destination() != self.address || ip.protocol() != IpProtocol::UDP {
            return None;
        }
        let mut udp = Udp::parse(ip.payload_mut()).ok()?;
        if udp.destination_port() != self.port {
            return None;
        }
        // From the same machine it may come with the pseudo-header summed alone. Swapped, the sums stay the same.
        udp.complete_checksum(pseudo);
        let client = udp.source_port();
        udp.header_mut().set_source_port(self.port);
        udp.header_mut().set_destination_port(client);
        ip.header_mut().set_source(self.address);
        ip.header_mut().set_destination(source);
        let client = ethernet.source();
        ethernet.set_source(self.mac);
        ethernet.set_destination(client);
        self.echoed += 1;
        Some(())
    }
}

/// A client that sends 200 datagrams, and one to another port.
async fn simulated() -> Result<(), Failure> {
    let (address, client) = (Ipv4Addr::new(10, 9, 0, 2), Ipv4Addr::new(10, 9, 0, 1));
    let client_mac = MacAddr::new([2, 0, 0, 0, 0, 1]);
    let world = World::new(1);
    let nic = world.nic(NicConfig::new("eth0"))?;
    let mac = MacAddr::new(nic.mac());
    let system = FluxBuilder::new(nic.name()).build_system()?;
    let datagram = |port, number: u16| {
        let ip = Ipv4Header::new(client, address, IpProtocol::UDP, 0);
        let udp = UdpHeader::new(1024 + number, port, 0);
        let ethernet = EthHeader::new(mac, client_mac, EtherType::IPV4);
        common::packet(ethernet, [ip.into(), udp.into()], &vec![0x88; usize::from(number)])
    };
    for number in 0..200 {
        nic.inject(&datagram(7, number)?);
    }
    nic.inject(&datagram(8, 0)?);

    let server = Server { address, port: 7, mac, echoed: 0 };
    let stop = AtomicBool::new(false);
    let asked = async {
        let mut number = 0;
        while number < 200 {
            let Some(answer) = nic.transmitted() else {
                tokio::task::yield_now().await;
                continue;
            };
            let ip = Ipv4::parse(&answer[EthHeader::LEN..])?;
            let udp = Udp::parse(ip.payload())?;
            assert_eq!((ip.source(), ip.destination()), (address, client));
            assert_eq!((udp.source_port(), udp.destination_port()), (7, 1024 + number));
            assert_eq!(udp.payload(), vec![0x88; usize::from(number)]);
            number += 1;
        }
        stop.store(true, Relaxed);
        Ok(())
    };
    let (served, asked) = tokio::join!(server.serve(system, &stop), asked);
    served.and(asked)
}

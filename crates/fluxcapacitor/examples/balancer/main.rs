//! A load balancer for TCP: connections to one virtual address are spread over several targets, by consistent hashing.
//!
//! `cargo run --release --features simulator --example balancer -- --interface eth1 --address 10.9.0.100 --port 80
//! --target 10.9.0.3 --target 10.9.0.4`, as root, until Ctrl-C.
//!
//! The answers do not come back this way (direct server return): the balancer changes nothing of a packet but its hardware
//! addresses, so it keeps no connections in mind, and sees requests only, which are the smaller part. For that, clients,
//! balancer and targets are on one Ethernet, and every target has the virtual address, too, but is silent about it:
//! `sysctl net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2; ip address add 10.9.0.100/32 dev lo`.
//!
//! A target is up while it answers ARP for its own address, which it is asked each second. When it goes down, its
//! connections go to others, which reset them; all other connections stay where they are.
//!
//! It drives queue 0: give the interface one queue (`ethtool -L eth1 combined 1`). What `bridge` says of checksums and
//! segmentation holds here, too. With `--simulator` it plays clients and targets: any system, no privilege.

#[path = "../common/mod.rs"]
mod common;
mod maglev;
mod service;
mod simulated;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use common::{Arguments, Failure};
use fluxcapacitor::system::Batch;
use fluxcapacitor::{FluxBuilder, FluxRx, FluxTx};
use service::Service;

const USAGE: &str =
    "usage: balancer --interface IF --address ADDRESS --port PORT --target ADDRESS ...
       balancer --simulator

  --interface IF     the way to clients and targets (`ip link` lists the interfaces)
  --address ADDRESS  the virtual IPv4 address that clients connect to
  --port PORT        the TCP port that they connect to
  --target ADDRESS   the own IPv4 address of one who serves; at least once
  --simulator        balance simulated clients, and end";

fn main() -> ExitCode {
    common::main(USAGE, |arguments| {
        if arguments.has("--simulator") { simulated::play() } else { balance(arguments) }
    })
}

fn balance(arguments: &Arguments) -> Result<(), Failure> {
    let [interface] = arguments.exactly("--interface")?;
    let address = arguments.parse("--address", "an IPv4 address")?;
    let port = arguments.parse("--port", "a number from 0 to 65535")?;
    let targets = arguments.parse_all("--target", "an IPv4 address")?;

    let stop = Arc::<AtomicBool>::default();
    common::set_on_signal(&stop)?;
    let (rx, tx) = FluxBuilder::new(interface).build_system()?.split()?;
    let mac = rx.granted().mac;
    let mac = mac.ok_or_else(|| common::wrong(format!("{interface} has no hardware address")))?;
    common::say(rx.granted());
    let mut balancer = Balancer::new(rx, tx, Service::new(address, port, mac, targets));
    let started = Instant::now();
    while !stop.load(Relaxed) {
        balancer.turn(started.elapsed())?;
    }
    balancer.print()
}

/// A service, and the queue that it is reached by.
struct Balancer {
    rx: FluxRx,
    tx: FluxTx,
    batch: Batch,
    service: Service,
    /// Packets that the tx ring had no room for.
    dropped: u64,
}

impl Balancer {
    fn new(rx: FluxRx, tx: FluxTx, service: Service) -> Self {
        Self { rx, tx, batch: Batch::new(64), service, dropped: 0 }
    }

    /// Asks targets whether they are up, if it is time, and waits a moment for packets.
    fn turn(&mut self, now: Duration) -> Result<(), Failure> {
        for question in self.service.questions(now) {
            let Some(mut packet) = self.tx.allocate() else { break };
            packet.write(&question)?;
            self.dropped += u64::from(self.tx.send(packet).is_err());
        }
        self.tx.flush()?;
        self.rx.recv_timeout(&mut self.batch, Duration::from_millis(100))?;
        for mut packet in self.batch.drain() {
            if self.service.judge(packet.data_mut(), now).is_some() {
                self.dropped += u64::from(self.tx.send(packet).is_err());
            }
        }
        self.tx.flush()?;
        Ok(())
    }

    fn print(&self) -> Result<(), Failure> {
        println!("{}", self.tx.stats()?);
        self.service.print();
        println!("{} packets: dropped, no room in the tx ring", self.dropped);
        Ok(())
    }
}

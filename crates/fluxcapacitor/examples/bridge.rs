//! A wire between two interfaces: what comes in by one goes out by the other, without a copy in between.
//!
//! `cargo run --release --features simulator --example bridge -- --interface eth1 --interface eth2`, as root, until
//! Ctrl-C. While it runs, the kernel's stack gets nothing from either. Both need equally many queues, and a NIC has to
//! take packets that are not for it: `ip link set eth1 promisc on`.
//!
//! Two things that senders leave to hardware are not done by an AF_XDP socket, since it sees packets before any
//! hardware does. *Checksums*: from a veth or virtio interface, packets come with their pseudo-header summed alone; that is
//! completed here. *Segmentation*: each packet has to fit a frame. On veth the kernel turns `tso` and `gso` off at the far
//! end while an XDP program runs in the driver; on other interfaces do `ethtool -K IF gro off lro off rx-gro-hw off`, and on
//! virtual ones, at the far end, `tso off gso off`.
//!
//! With `--simulator` instead of interfaces it bridges two simulated ones: any system, no privilege.

mod common;

use std::net::Ipv4Addr;
use std::process::ExitCode;

use common::{Arguments, Failure};
use fluxcapacitor::builder::Queues;
use fluxcapacitor::proto::{
    EthHeader, EtherType, IpProtocol, Ipv4, Ipv4Header, MacAddr, Tcp, TcpFlags, TcpHeader, checksum,
};
use fluxcapacitor::simulator::control::{NicConfig, World};
use fluxcapacitor::{FluxBuilder, PacketBatch};

const USAGE: &str = "usage: bridge --interface IF --interface IF
       bridge --simulator

  --interface IF  one of the two to join (`ip link` lists the interfaces)
  --simulator     join two simulated ones, and end";

/// Packets that may wait while this program does: the window of a TCP connection. What finds the ring full is lost, and
/// sent again.
const WINDOW: u32 = 8192;

fn main() -> ExitCode {
    common::main(
        USAGE,
        |arguments| {
            if arguments.has("--simulator") { simulate() } else { bridge(arguments) }
        },
    )
}

fn bridge(arguments: &Arguments) -> Result<(), Failure> {
    let [one, other] = arguments.exactly("--interface")?;
    let builder = FluxBuilder::new(one).interface(other).queues(Queues::All);
    let builder = builder.fill_size(WINDOW).rx_size(WINDOW);
    let mut completed = 0;
    common::run(&mut builder.build_engine()?, |batch| completed += cross(batch))?;
    println!("{completed} checksums completed");
    Ok(())
}

/// Sends packets out of the other of two interfaces; says how many checksums had to be completed.
fn cross(batch: PacketBatch<'_>) -> u64 {
    let (other, mut completed) = (1 - batch.port(), 0);
    for mut packet in batch {
        // It reads the headers, and sums a packet only where the sender did not.
        completed += u64::from(checksum::complete(packet.data_mut()));
        packet.forward(other);
    }
    completed
}

/// 200 segments in turn from both sides, every second one with a checksum as a veth interface leaves it.
fn simulate() -> Result<(), Failure> {
    let world = World::new(1);
    let nics = [world.nic(NicConfig::new("eth0"))?, world.nic(NicConfig::new("eth1"))?];
    let builder = FluxBuilder::new(nics[0].name()).interface(nics[1].name());
    let (mut engine, mut completed) = (builder.build_engine()?, 0);

    for number in 0..200 {
        let whole = segment(number)?;
        let (is_partial, side) = (number % 2 == 1, usize::from(number / 2 % 2));
        let sent = if is_partial { as_from_veth(whole.clone())? } else { whole.clone() };
        assert_eq!(is_partial, sent != whole);
        nics[side].inject(&sent);
        engine.poll_once(|batch| completed += cross(batch))?;
        assert_eq!(nics[1 - side].transmitted(), Some(whole));
        assert_eq!(nics[side].transmitted(), None);
    }

    println!("{}\n{completed} checksums completed", engine.stats()?);
    Ok(())
}

fn segment(number: u16) -> Result<Vec<u8>, Failure> {
    let [from, to] = [1, 2].map(|host| (MacAddr::new([2, 0, 0, 0, 0, host]), [10, 9, 0, host]));
    let ethernet = EthHeader::new(to.0, from.0, EtherType::IPV4);
    let ip = Ipv4Header::new(Ipv4Addr::from(from.1), Ipv4Addr::from(to.1), IpProtocol::TCP, 0);
    let tcp = TcpHeader::new(40_000 + number, 80, TcpFlags::ACK);
    common::packet(ethernet, [ip.into(), tcp.into()], &vec![0x88; usize::from(number) * 7])
}

/// Puts the sum of the pseudo-header where the checksum belongs.
fn as_from_veth(mut packet: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let (_, payload) = EthHeader::mut_from_prefix(&mut packet)?;
    let mut ip = Ipv4::parse(payload)?;
    let (pseudo, len) = (ip.pseudo_header(), ip.payload().len());
    let mut tcp = Tcp::parse(ip.payload_mut())?;
    tcp.header_mut().set_checksum(pseudo.sum(IpProtocol::TCP, len).fold());
    Ok(packet)
}

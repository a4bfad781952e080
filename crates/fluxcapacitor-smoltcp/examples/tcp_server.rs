//! A small HTTP/1.1 server in user space, by smoltcp over AF_XDP, until Ctrl-C.
//!
//! `cargo run --example tcp_server -- --interface eth1 --address 10.9.0.2`, as root, and `curl http://10.9.0.2/` on the
//! other end. The address is ours, not the kernel's, whose stack gets nothing from queue 0 while it runs.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, atomic::AtomicBool, atomic::Ordering::Relaxed};
use std::{env, error::Error, net::Ipv4Addr, num::NonZeroU16, process::ExitCode, time::Duration};

use fluxcapacitor::FluxBuilder;
use fluxcapacitor_smoltcp::FluxDevice;
use signal_hook::consts::{SIGINT, SIGTERM};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::time::{Duration as Delay, Instant};
use smoltcp::wire::IpCidr;

const USAGE: &str = "usage: tcp_server --interface IF --address A [--port N]
       tcp_server --simulator

  --interface IF  whose queue 0 to serve on (`ip link` lists the interfaces)
  --address A     the server's IPv4 address, in a network of 24 bits
  --port N        [default: 80]
  --simulator     serve a client of our own over a simulated link: any system, no privilege";

#[path = "tcp_server/connection.rs"]
mod connection;
#[path = "tcp_server/simulated.rs"]
mod simulated;

use connection::Connection;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A stack on a queue.
struct Station {
    device: FluxDevice,
    interface: Interface,
    sockets: SocketSet<'static>,
}

impl Station {
    fn open(name: &str, address: Ipv4Addr) -> Outcome<Self> {
        let mut device = FluxDevice::of(FluxBuilder::new(name).build_system()?)?;
        eprintln!("{}", device.granted());
        let mac = device.ethernet_address().ok_or("that is no Ethernet interface")?;
        let mut config = Config::new(mac.into());
        // Nobody is to guess sequence numbers.
        config.random_seed = RandomState::new().build_hasher().finish();
        let mut interface = Interface::new(config, &mut device, Instant::now());
        interface.update_ip_addrs(|all| _ = all.push(IpCidr::new(address.into(), 24)));
        Ok(Self { device, interface, sockets: SocketSet::new(Vec::new()) })
    }

    fn add_socket(&mut self) -> SocketHandle {
        let [rx, tx] = [64 << 10, 256 << 10].map(|len| SocketBuffer::new(vec![0; len]));
        let mut socket = Socket::new(rx, tx);
        socket.set_timeout(Some(Delay::from_secs(30)));
        self.sockets.add(socket)
    }

    /// Lets the stack work, then has sockets served; sleeps until there is something to do.
    fn turn(&mut self, serve: impl FnOnce(&mut SocketSet<'static>)) -> Outcome<()> {
        let now = Instant::now();
        self.interface.poll(now, &mut self.device, &mut self.sockets);
        serve(&mut self.sockets);
        let delay = self.interface.poll_delay(now, &self.sockets);
        self.device.wait(delay, Duration::from_millis(100))?;
        Ok(())
    }
}

/// Serves until it is to stop.
fn serve(mut station: Station, port: u16, stop: &AtomicBool) -> Outcome<()> {
    let mut connections = [(); 16].map(|()| (station.add_socket(), Connection::default()));
    while !stop.load(Relaxed) {
        station.turn(|sockets| {
            for (handle, connection) in &mut connections {
                connection.serve(sockets.get_mut(*handle), port);
            }
        })?;
    }
    Ok(())
}

fn serve_on(interface: &str, address: &str, port: &str) -> Outcome<()> {
    let (address, port) = (address.parse()?, port.parse::<NonZeroU16>()?.get());
    let stop = Arc::default();
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    serve(Station::open(interface, address)?, port, &stop)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["--simulator"] => simulated::run(),
        ["--interface", on, "--address", address] => serve_on(on, address, "80"),
        ["--interface", on, "--address", address, "--port", port] => serve_on(on, address, port),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = outcome {
        eprintln!("tcp_server: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

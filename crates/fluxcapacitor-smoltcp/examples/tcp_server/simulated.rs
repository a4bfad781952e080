//! The server and a client of our own, over a simulated link.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use fluxcapacitor::simulator::control::{LinkConfig, NicConfig, World};
use smoltcp::socket::tcp::{Socket, State};

use crate::{Outcome, Station, serve};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
const PORT: u16 = 80;

/// For how long the client has patience with an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Gets some pages, and prints how each begins.
pub fn run() -> Outcome<()> {
    let world = World::new(1);
    let (left, right) = (world.nic(NicConfig::new("left"))?, world.nic(NicConfig::new("right"))?);
    world.link(&left, &right, LinkConfig::default().delay(Duration::from_micros(20)))?;
    let _live = world.run_live();
    let server = Station::open(left.name(), SERVER)?;
    let mut client = Station::open(right.name(), CLIENT)?;
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let server = scope.spawn(|| serve(server, PORT, &stop));
        let got = [(50_000, "/"), (50_001, "/large"), (50_002, "/nothing")]
            .map(|(port, path)| get(&mut client, port, path));
        stop.store(true, Relaxed);
        server.join().map_err(|_| "the server has panicked")??;
        for answer in got {
            let answer = answer?;
            let status = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
            println!("{} bytes: {}", answer.len(), String::from_utf8_lossy(status));
        }
        Ok(())
    })
}

/// All that the server says to a request.
fn get(client: &mut Station, port: u16, path: &str) -> Outcome<Vec<u8>> {
    let (started, handle) = (Instant::now(), client.add_socket());
    let socket = client.sockets.get_mut::<Socket<'_>>(handle);
    socket.connect(client.interface.context(), (SERVER, PORT), port)?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {SERVER}\r\nConnection: close\r\n\r\n");
    let (mut unsent, mut answer, mut is_over) = (request.as_bytes(), Vec::new(), false);
    while !is_over && started.elapsed() < PATIENCE {
        client.turn(|sockets| {
            let socket = sockets.get_mut::<Socket<'_>>(handle);
            unsent = &unsent[socket.send_slice(unsent).unwrap_or(0)..];
            while socket.can_recv() {
                let _can = socket.recv(|bytes| (bytes.len(), answer.extend_from_slice(bytes)));
            }
            if socket.state() == State::CloseWait {
                socket.close();
            }
            is_over = !socket.is_open();
        })?;
    }
    client.sockets.remove(handle);
    if is_over { Ok(answer) } else { Err(format!("no answer to {path} in {PATIENCE:?}").into()) }
}

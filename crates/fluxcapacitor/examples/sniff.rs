//! A line for each packet that arrives on one queue of an interface, until Ctrl-C.
//!
//! `cargo run --example sniff -- --interface eth1`, as root. While it runs, the kernel's stack gets
//! nothing from that queue.
#![cfg_attr(not(target_os = "linux"), allow(unused))]

use std::env;
use std::error::Error;
use std::io::{Write, stdout};
use std::process::ExitCode;
use std::time::Duration;

use fluxcapacitor::proto::EthHeader;
#[cfg(target_os = "linux")]
use fluxcapacitor::{FluxBuilder, raw::Interest};

const USAGE: &str = "usage: sniff --interface IF [--queue N]

  --interface IF  whose packets to take (`ip link` lists the interfaces)
  --queue N       of which queue (`ethtool -l IF` says how many there are) [default: 0]";

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    let (interface, queue) = match options(env::args().skip(1)) {
        Ok(options) => options,
        Err(wrong) => {
            eprintln!("sniff: {wrong}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match sniff(&interface, queue) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sniff: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(target_os = "linux")]
fn sniff(interface: &str, queue: u32) -> Result<(), Box<dyn Error>> {
    let mut raw = FluxBuilder::new(interface).queue(queue).build_raw()?;
    eprintln!("{}", raw.granted());
    let mut out = stdout().lock();
    loop {
        raw.wait(Interest::Rx, Duration::from_millis(100))?;
        for packet in raw.rx.receive(64)? {
            let bytes = raw.umem.packet(&packet)?;
            match EthHeader::ref_from_prefix(bytes) {
                Ok((ethernet, _)) => {
                    let (from, to) = (ethernet.source(), ethernet.destination());
                    writeln!(out, "{} bytes, {from} > {to}", bytes.len())?;
                }
                Err(_) => writeln!(out, "{} bytes, too few for Ethernet", bytes.len())?,
            }
            raw.pool.give(packet.into_frame())?;
        }
        raw.refill()?;
    }
}

/// The interface and the queue, or what is wrong with the arguments.
fn options(mut arguments: impl Iterator<Item = String>) -> Result<(String, u32), String> {
    let (mut interface, mut queue) = (None, 0);
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{name} wants a value"));
        match name.as_str() {
            "--interface" => interface = Some(value()?),
            "--queue" => queue = value()?.parse().map_err(|_| "--queue wants a number")?,
            _ => return Err(format!("{name} is not an option")),
        }
    }
    Ok((interface.ok_or("--interface is missing")?, queue))
}

#[cfg(not(target_os = "linux"))]
fn main() {}

//! Raw mode with a frame allocator of one's own: a stack, so that the frame that was used last, and
//! whose bytes are still in the cache, is used next.
//!
//! `cargo run --example lifo -- --interface eth1 --seconds 10`, as root. It sends every packet back to
//! where it came from, and says at the end who holds how many frames.
#![cfg_attr(not(target_os = "linux"), allow(unused))]

use std::env;
use std::error::Error;
use std::iter;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use fluxcapacitor::proto::EthHeader;
use fluxcapacitor::umem::Frame;
#[cfg(target_os = "linux")]
use fluxcapacitor::{FluxBuilder, FluxRaw, raw::Interest};

const USAGE: &str = "usage: lifo --interface IF [--queue N] [--seconds S]

  --interface IF  whose packets to send back (`ip link` lists the interfaces)
  --queue N       of which queue (`ethtool -l IF` says how many there are) [default: 0]
  --seconds S     for how long [default: 10]";

/// Packets taken at a time.
const BATCH: u32 = 64;

/// Frames that are free. A frame is a value that exists once: whatever owns it, has it.
struct Lifo {
    frames: Vec<Frame>,
    /// The least that there ever were: what was never needed.
    fewest: usize,
}

impl Lifo {
    fn new(frames: impl Iterator<Item = Frame>) -> Self {
        let frames: Vec<_> = frames.collect();
        Self { fewest: frames.len(), frames }
    }

    /// Frames, for as long as somebody takes them.
    fn allocate(&mut self) -> impl Iterator<Item = Frame> {
        iter::from_fn(|| {
            let frame = self.frames.pop()?;
            self.fewest = self.fewest.min(self.frames.len());
            Some(frame)
        })
    }

    fn free(&mut self, frames: impl IntoIterator<Item = Frame>) {
        self.frames.extend(frames);
    }
}

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    let options = match Options::read(env::args().skip(1)) {
        Ok(options) => options,
        Err(wrong) => {
            eprintln!("lifo: {wrong}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lifo: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(target_os = "linux")]
fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    // In a fill ring with room for all frames, they would all be posted, and taken in turn.
    let builder = FluxBuilder::new(&options.interface).queue(options.queue).fill_size(1024);
    let mut raw = builder.build_raw()?;
    eprintln!("{}", raw.granted());
    // From here on the pool is empty, and what calls on it (`refill`, `reclaim`) is not called.
    let mut lifo = Lifo::new(raw.pool.drain());
    let (mut echoed, mut dropped) = (0, 0);

    let end = Instant::now() + options.duration;
    while Instant::now() < end {
        raw.wait(Interest::Rx, Duration::from_millis(100))?;
        for mut packet in raw.rx.receive(BATCH)? {
            let bytes = raw.umem.packet_mut(&mut packet)?;
            EthHeader::mut_from_prefix(bytes)?.0.swap_addresses();
            match raw.tx.push(packet) {
                Ok(()) => echoed += 1,
                // What the ring does not take, it hands back.
                Err(refused) => {
                    dropped += 1;
                    lifo.free([refused.into_inner().into_frame()]);
                }
            }
        }
        turn(&mut raw, &mut lifo)?;
    }
    // What is still being sent gets a moment to come back.
    while raw.census().tx > 0 && end.elapsed() < Duration::from_secs(1) {
        turn(&mut raw, &mut lifo)?;
    }

    println!("{echoed} packets sent back, {dropped} dropped because the tx ring was full");
    println!("frames: {}", raw.census());
    println!("of the user's, {} are in the stack", lifo.frames.len());
    println!("{} of those were never needed", lifo.fewest);
    Ok(())
}

/// Sends what was pushed, frees what was sent, and posts what is free.
#[cfg(target_os = "linux")]
fn turn(raw: &mut FluxRaw, lifo: &mut Lifo) -> Result<(), Box<dyn Error>> {
    raw.flush()?;
    lifo.free(raw.completion.complete(BATCH)?);
    raw.fill.extend(lifo.allocate())?;
    raw.publish_fill()?;
    Ok(())
}

struct Options {
    interface: String,
    queue: u32,
    duration: Duration,
}

impl Options {
    /// The options, or what is wrong with the arguments.
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut interface, mut queue, mut seconds) = (None, 0, 10);
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{name} wants a value"));
            match name.as_str() {
                "--interface" => interface = Some(value()?),
                "--queue" => queue = value()?.parse().map_err(|_| "--queue wants a number")?,
                "--seconds" => {
                    seconds = value()?.parse::<u32>().map_err(|_| "--seconds wants a number")?;
                }
                _ => return Err(format!("{name} is not an option")),
            }
        }
        let interface = interface.ok_or("--interface is missing")?;
        Ok(Self { interface, queue, duration: Duration::from_secs(seconds.into()) })
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {}

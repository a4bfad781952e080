//! A program that survives a bad network before it meets one: stop and wait (each packet is sent again until it is
//! acknowledged) over a simulated link that loses, repeats, turns bits over and reorders.
//!
//! `cargo run --example lossy --features simulator`; any system, no privilege. Give it a seed for another network.

use std::env;
use std::error::Error;
use std::time::Duration;

use fluxcapacitor::raw::Interest;
use fluxcapacitor::simulator::control::{Fault, LinkConfig, Nic, NicConfig, Rule, World};
use fluxcapacitor::{FluxBuilder, FluxRaw};

/// How many packets have to arrive, each once and in order.
const PACKETS: u32 = 1000;

/// How long to wait for an acknowledgement, in the time of the simulated world.
const TIMEOUT: Duration = Duration::from_micros(500);

fn main() -> Result<(), Box<dyn Error>> {
    let seed = env::args().nth(1).map_or(Ok(1), |seed| seed.parse())?;
    let world = World::new(seed);
    let (left, right) = (world.nic(NicConfig::new("left"))?, world.nic(NicConfig::new("right"))?);
    world.link(&left, &right, LinkConfig::default().delay(Duration::from_micros(50)))?;
    let bad = [Fault::Lose, Fault::Duplicate, Fault::Corrupt, Fault::Reorder(TIMEOUT * 2)];
    let strikes = bad.map(|fault| world.fault(Rule::new(fault).one_in(10)));

    let (mut sender, mut receiver) = (Station::open(&left)?, Station::open(&right)?);
    let (mut sent, mut accepted) = (0, 0);
    for number in 0..PACKETS {
        let mut is_acknowledged = false;
        while !is_acknowledged {
            sender.send(number)?;
            sent += 1;
            // The receiver takes what has come meanwhile: the next in order, and whatever came before once more.
            for arrived in receiver.receive()? {
                accepted += u32::from(arrived == accepted);
                receiver.send(accepted)?;
            }
            is_acknowledged = sender.receive()?.iter().any(|next| *next > number);
        }
    }

    assert_eq!(accepted, PACKETS);
    println!(
        "{PACKETS} packets arrived in order; {sent} were sent for it, in {:?} simulated",
        world.now()
    );
    for (fault, strikes) in bad.iter().zip(strikes) {
        println!("{fault:?} struck {} times", strikes.count());
    }
    println!("frames: {} and {}", sender.raw.census(), receiver.raw.census());
    Ok(())
}

struct Station {
    raw: FluxRaw,
}

impl Station {
    /// `nic.name()` could be `eth0`: nothing below knows.
    fn open(nic: &Nic) -> Result<Self, Box<dyn Error>> {
        Ok(Self { raw: FluxBuilder::new(nic.name()).build_raw()? })
    }

    fn send(&mut self, number: u32) -> Result<(), Box<dyn Error>> {
        let raw = &mut self.raw;
        raw.reclaim()?;
        let frame = raw.pool.take().ok_or("all frames are under way")?;
        let packet = raw.umem.write(frame, &encode(number)).map_err(|_| "too long for a frame")?;
        // An error here would have the packet in it; with more slots than frames there is room.
        raw.tx.push(packet).map_err(|refused| refused.to_string())?;
        raw.flush()?;
        Ok(())
    }

    /// Waits for packets, and gives the numbers of those that are whole.
    fn receive(&mut self) -> Result<Vec<u32>, Box<dyn Error>> {
        let raw = &mut self.raw;
        raw.wait(Interest::Rx, TIMEOUT)?;
        let mut numbers = Vec::new();
        for packet in raw.rx.receive(64)? {
            numbers.extend(decode(raw.umem.packet(&packet)?));
            raw.pool.give(packet.into_frame())?;
        }
        raw.refill()?;
        Ok(numbers)
    }
}

/// An Ethernet frame with a number in it, four times: two bits would have to turn over in the same place.
fn encode(number: u32) -> Vec<u8> {
    let mut packet = vec![0xff; 12];
    packet.extend([0x88, 0xb5]);
    packet.extend(number.to_be_bytes().repeat(4));
    packet.resize(60, 0);
    packet
}

fn decode(packet: &[u8]) -> Option<u32> {
    let number = u32::from_be_bytes(packet.get(14..18)?.try_into().ok()?);
    (packet == encode(number)).then_some(number)
}

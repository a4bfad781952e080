//! How much more workers do on as many queues than one does on one, up to as many as there are processors.
//!
//!     cargo bench -p fluxcapacitor --bench workers              # rings on the heap, no kernel in it
//!     cargo bench -p fluxcapacitor --bench workers -- veth      # engines on the kernel's veth; as root
//!
//! Each worker has a queue, rings and packet memory of its own and shares nothing, so that two should do twice as much on
//! two processors. On a machine that has none to spare, only what they do in their processor time says so. On the heap a
//! worker plays its own kernel, with plain numbers. On veth packets go round for ever between the two ends of a pair, with
//! no generator beside the engine. All numbers of workers take turns, and medians are told.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use fluxcapacitor::ring::{Descriptor, LaneRings, PeerRings, RingSizes};
use fluxcapacitor::umem::{FramePool, Layout, PageSize, UmemRegion};

/// Packets a batch.
const BATCH: u32 = 64;

/// How long one count lasts.
const TIME: Duration = Duration::from_secs(1);

/// How often each is counted.
const TIMES: usize = 7;

type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A queue with both of its ends.
struct Queue {
    rings: LaneRings,
    kernel: PeerRings,
    spare: FramePool,
}

impl Queue {
    fn new() -> Result<Self> {
        let (umem, mut pool) = UmemRegion::new(Layout::new(2048, 1024, 0)?, PageSize::Base)?;
        let (mut rings, kernel) = LaneRings::on_heap(&umem, RingSizes::default(), 0)?;
        rings.fill.refill(&mut pool, 512)?;
        rings.fill.publish();
        Ok(Self { rings, kernel, spare: pool })
    }

    /// A batch comes, every packet is looked at and changed, half of them go back out; says how many there were.
    fn turn(&mut self) -> Result<u64> {
        let Self { rings: LaneRings { fill, rx, tx, completion }, kernel, spare } = self;
        while kernel.rx.room(1)? > 0 && kernel.rx.occupancy() < BATCH {
            let Some(addr) = kernel.fill.pop()? else { break };
            let _there_is_room =
                kernel.rx.push(Descriptor { addr: addr + 256, len: 60, options: 0 })?;
            kernel.rx.publish();
        }
        let packets = rx.exchange(fill, tx, &mut [], BATCH, |exchange, _| {
            let mut packets = 0;
            for mut packet in exchange.lend() {
                packets += 1;
                packet.bytes_mut()[..12].rotate_left(6);
                if packets % 2 == 0 {
                    packet.send_back();
                }
            }
            packets
        })?;
        fill.give_aside(spare)?;
        tx.publish();
        while let Some(sent) = kernel.tx.pop()? {
            let _there_is_room = kernel.completion.push(sent.addr)?;
        }
        kernel.completion.publish();
        while completion.recycle(fill, BATCH)? > 0 {}
        fill.publish();
        Ok(packets)
    }
}

/// Packets a second of all workers together.
#[derive(Clone, Copy)]
struct Rate {
    /// By the clock on the wall.
    wall: f64,
    /// As it would be if each worker had a processor for itself: by the time that it had of one.
    processor: Option<f64>,
}

/// Time that this thread has had of a processor.
#[cfg(target_os = "linux")]
fn processor_time() -> Option<Duration> {
    use rustix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::ThreadCPUTime).try_into().ok()
}

#[cfg(not(target_os = "linux"))]
fn processor_time() -> Option<Duration> {
    None
}

/// Packets a second of so many workers together.
fn on_the_heap(workers: usize) -> Result<Rate> {
    let (over, ready) = (AtomicBool::new(false), Barrier::new(workers + 1));
    thread::scope(|scope| {
        let work = || -> Result<(u64, f64)> {
            let mut queue = Queue::new();
            ready.wait();
            let began = processor_time().unwrap_or_default();
            let (mut packets, queue) = (0, queue.as_mut().map_err(|error| error.to_string())?);
            while !over.load(Relaxed) {
                for _ in 0..64 {
                    packets += queue.turn()?;
                }
            }
            let had = processor_time().unwrap_or_default() - began;
            Ok((packets, packets as f64 / had.as_secs_f64()))
        };
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        ready.wait();
        let started = Instant::now();
        thread::sleep(TIME);
        over.store(true, Relaxed);
        let took = started.elapsed().as_secs_f64();
        let (mut packets, mut processor) = (0, 0.0);
        for thread in threads {
            let (count, rate) = thread.join().expect("no panic")?;
            packets += count;
            processor += rate;
        }
        let processor = processor_time().map(|_| processor);
        Ok(Rate { wall: packets as f64 / took, processor })
    })
}

/// All numbers of workers take turns: so that what else this machine does strikes each.
fn compare(what: &str, most: usize, mut count: impl FnMut(usize) -> Result<Rate>) -> Result {
    let doubled = std::iter::successors(Some(1), |workers| Some(workers * 2));
    let mut numbers: Vec<_> = doubled.take_while(|workers| *workers < most).collect();
    numbers.push(most);
    let mut rates = vec![Vec::new(); numbers.len()];
    for _ in 0..TIMES {
        for (workers, rates) in numbers.iter().zip(&mut rates) {
            rates.push(count(*workers)?);
        }
    }
    println!("\n{what}, workers: million packets a second by the clock, and by processor time");
    let columns: [fn(&Rate) -> Option<f64>; 2] = [|rate| Some(rate.wall), |rate| rate.processor];
    for (workers, of_these) in numbers.iter().zip(&rates) {
        let cells = columns.map(|column| {
            let (these, one) = (median(of_these, column), median(&rates[0], column));
            these.zip(one).map_or_else(String::new, |(these, one)| {
                format!("{:>12.2} ({:.2} times)", these / 1e6, these / one)
            })
        });
        println!("{workers:>16} {}", cells.concat());
    }
    Ok(())
}

fn median(rates: &[Rate], of: impl Fn(&Rate) -> Option<f64>) -> Option<f64> {
    let mut rates = rates.iter().map(of).collect::<Option<Vec<f64>>>()?;
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied()
}

#[cfg(target_os = "linux")]
mod veth {
    use super::*;
    use fluxcapacitor::{FluxBuilder, Poller};
    use fluxcapacitor_testbed::{NetNs, PacketSocket, VethPair};

    /// Packets that go round, each way.
    const ROUND: u16 = 512;

    /// A UDP packet of the flow with this source port: flows are spread over the queues.
    fn udp(port: u16) -> Vec<u8> {
        let mut packet = vec![0; 64];
        packet[..6].fill(2);
        packet[12..14].copy_from_slice(&[0x08, 0x00]);
        packet[14] = 0x45;
        packet[17] = 50;
        packet[23] = 17;
        packet[26..34].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
        packet[34..36].copy_from_slice(&port.to_be_bytes());
        packet[39] = 30;
        packet
    }

    /// Packets a second, received on either end, of so many queues.
    pub fn count(workers: usize) -> Result<Rate> {
        let here = NetNs::new()?;
        let pair = VethPair::create(&here, &here, workers as u32)?;
        let builder = FluxBuilder::new(pair.a().name()).interface(pair.b().name());
        let engine = here.run(|| builder.queues(0..workers as u32).build_engine())??;
        let handle = engine.poller(Poller::Busy).spawn(|_| {
            |batch| {
                let other = 1 - batch.port();
                batch.into_iter().for_each(|packet| packet.forward(other));
            }
        })?;
        // What leaves by one end comes in by the other, and is sent on out of the first.
        for end in [pair.a(), pair.b()] {
            let seeds = PacketSocket::open(end)?;
            (0..ROUND).try_for_each(|port| seeds.send(&udp(port)))?;
        }
        thread::sleep(TIME / 4);
        let received = || Ok::<_, fluxcapacitor::Error>(handle.stats()?.total().rx_packets);
        let (started, before) = (Instant::now(), received()?);
        thread::sleep(TIME);
        let wall = (received()? - before) as f64 / started.elapsed().as_secs_f64();
        let stats = handle.stats()?;
        if let Some(idle) = stats.queues.iter().find(|queue| queue.rx_packets == 0) {
            return Err(format!("no packet goes round there: {idle}").into());
        }
        handle.stop();
        handle.join()?;
        // What the kernel does for it, it does for everybody.
        Ok(Rate { wall, processor: None })
    }
}

fn run() -> Result {
    let processors = thread::available_parallelism()?.get();
    println!("{processors} processors, medians of {TIMES}");
    if std::env::args().any(|argument| argument == "veth") {
        #[cfg(target_os = "linux")]
        return compare("engines on veth", processors, veth::count);
    }
    compare("rings on the heap", processors, on_the_heap)
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

//! Exact instructions per packet that a contestant executes in user space, by single steps.
//!
//! The contestant runs on one end of a veth pair. Its worker is stopped, its rx ring is filled (txonly: left alone), and it
//! is stepped on until the ring has moved by so many packets. Counted is from the first move to the last: whole turns of
//! its loop, system calls being one instruction each. No clock, no noise.
#![forbid(unsafe_code)]

use std::fs;
use std::io::IoSliceMut;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use fluxcapacitor::ebpf::{Assembler, Helper, Register, Target};
use fluxcapacitor_core::sys::bpf::Program;
use fluxcapacitor_testbed::{End, NetNs, Process, VethPair};
use nix::sys::ptrace;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use peers::Scenario;
use rustix::net::{AddressFamily, SocketType, socket, sockopt, xdp::XdpMmapOffsets};

/// How long a contestant may take to begin, and to move its ring.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long it has after that to come to rest in its loop.
const SETTLE: Duration = Duration::from_millis(500);

/// Offsets by which rings are mapped (`linux/if_xdp.h`).
const XDP_PGOFF_RX_RING: u64 = 0;
const XDP_PGOFF_TX_RING: u64 = 0x8000_0000;

/// Counts instructions per packet
#[derive(Debug, Parser)]
struct Arguments {
    /// What the contestant does
    scenario: Scenario,
    /// Packets to count over; the rx ring must have room for them
    #[arg(long, default_value_t = 1024)]
    packets: u32,
    /// The contestant; {scenario}, {interface} and {cpu} stand for what it is to do
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// A ring of another process, as far as it is looked at.
struct Ring {
    process: Pid,
    producer: usize,
    consumer: usize,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let (near, far) = (NetNs::new()?, NetNs::new()?);
    let pair = VethPair::create(&near, &far, 1)?;
    let mut words = arguments.command.iter().map(|word| {
        word.replace("{interface}", pair.b().name())
            .replace("{scenario}", name(arguments.scenario))
            .replace("{cpu}", "0")
    });
    let mut command = Command::new(words.next().context("no command")?);
    command.args(words);
    let contestant = Process::start(&far, command)?;
    let counted = count(&arguments, pair.a(), pair.b());
    // Asked, it cleans up behind itself; else it is killed.
    contestant.interrupt()?;
    let ended = contestant.wait(PATIENCE);
    println!("{:.2}", counted?);
    ended?;
    Ok(())
}

const fn name(scenario: Scenario) -> &'static str {
    match scenario {
        Scenario::Rxdrop => "rxdrop",
        Scenario::Txonly => "txonly",
        Scenario::L2fwd => "l2fwd",
    }
}

fn count(arguments: &Arguments, generator: &End, contestant: &End) -> Result<f64> {
    let sends = arguments.scenario == Scenario::Txonly;
    let has_begun = || {
        let sent = || Ok(contestant.counters()?.tx_packets > 0);
        if sends { sent() } else { contestant.xdp_attached().map(|program| program.is_some()) }
    };
    eventually("it begins", || Ok(has_begun()?))?;
    sleep(SETTLE);
    let ring = Ring::of_a_child(sends)?;
    let worker = worker(ring.process)?;
    ptrace::seize(worker, ptrace::Options::empty()).context("tracing the contestant")?;
    let counted = trace(arguments, generator, contestant, &ring, worker);
    // A thread that is traced as it dies keeps its process until somebody waits for it.
    ptrace::detach(worker, None)?;
    counted
}

/// Stops the worker, gives it packets, and steps it through them.
fn trace(
    arguments: &Arguments,
    generator: &End,
    contestant: &End,
    ring: &Ring,
    worker: Pid,
) -> Result<f64> {
    let sends = arguments.scenario == Scenario::Txonly;
    ptrace::interrupt(worker)?;
    wait(worker)?;
    let before = ring.word(ring.consumer)?;
    if !sends {
        fill(generator, contestant, arguments.packets)?;
        let filled = || Ok(ring.word(ring.producer)?.wrapping_sub(before) >= arguments.packets);
        eventually("its rx ring is full", filled)?;
    }
    step(ring, worker, sends, arguments.packets)
}

/// Steps until the ring has moved, and says how many instructions a packet took.
fn step(ring: &Ring, worker: Pid, sends: bool, packets: u32) -> Result<f64> {
    let word = if sends { ring.producer } else { ring.consumer };
    let start = ring.word(word)?;
    let (mut steps, mut last) = (0_u64, start);
    let (mut first_move, mut last_move) = (None, (0, start));
    let started = Instant::now();
    while last.wrapping_sub(start) < packets {
        ensure!(started.elapsed() < PATIENCE, "its ring does not move on, after {steps} steps");
        ptrace::step(worker, None)?;
        wait(worker)?;
        steps += 1;
        let now = ring.word(word)?;
        if now != last {
            first_move.get_or_insert((steps, now));
            (last, last_move) = (now, (steps, now));
        }
    }
    let (first_step, first_index) = first_move.context("its ring has not moved")?;
    let (last_step, last_index) = last_move;
    ensure!(last_index != first_index, "its ring moved but once: more --packets");
    Ok((last_step - first_step) as f64 / f64::from(last_index.wrapping_sub(first_index)))
}

impl Ring {
    /// The ring of whichever process below us has one.
    fn of_a_child(sends: bool) -> Result<Self> {
        let page = if sends { XDP_PGOFF_TX_RING } else { XDP_PGOFF_RX_RING };
        let XdpMmapOffsets { rx, tx, .. } =
            sockopt::xdp_mmap_offsets(socket(AddressFamily::XDP, SocketType::RAW, None)?)?;
        let offsets = if sends { tx } else { rx };
        for id in descendants(std::process::id()) {
            let maps = fs::read_to_string(format!("/proc/{id}/maps")).unwrap_or_default();
            let Some(start) = maps.lines().find_map(|line| mapped_at(line, page)) else { continue };
            return Ok(Self {
                process: Pid::from_raw(id.cast_signed()),
                producer: start + usize::try_from(offsets.producer)?,
                consumer: start + usize::try_from(offsets.consumer)?,
            });
        }
        bail!("no process of the contestant has such a ring")
    }

    fn word(&self, address: usize) -> Result<u32> {
        let mut bytes = [0; 4];
        let from = RemoteIoVec { base: address, len: bytes.len() };
        process_vm_readv(self.process, &mut [IoSliceMut::new(&mut bytes)], &[from])
            .context("reading the contestant's ring")?;
        Ok(u32::from_ne_bytes(bytes))
    }
}

/// Where a line of `/proc/…/maps` says that a socket is mapped, from `page` on.
fn mapped_at(line: &str, page: u64) -> Option<usize> {
    let mut words = line.split_whitespace();
    let (range, _, offset) = (words.next()?, words.next()?, words.next()?);
    let is_socket = line.contains("socket:[");
    let is_it = is_socket && u64::from_str_radix(offset, 16) == Ok(page);
    is_it.then(|| usize::from_str_radix(range.split_once('-')?.0, 16).ok()).flatten()
}

/// Processes that were started by this one, or by those.
fn descendants(id: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for task in fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten() {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            found.push(child);
            found.extend(descendants(child));
        }
    }
    found
}

/// The thread that moves packets: one that is called so, or the first.
fn worker(process: Pid) -> Result<Pid> {
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        let task = task?;
        let name = fs::read_to_string(task.path().join("comm"))?;
        if name.contains("worker") || name.contains("contestant") {
            return Ok(Pid::from_raw(task.file_name().to_string_lossy().parse()?));
        }
    }
    Ok(process)
}

/// Waits until the thread has stopped.
fn wait(worker: Pid) -> Result<()> {
    match waitpid(worker, Some(WaitPidFlag::__WALL))? {
        WaitStatus::Exited(..) | WaitStatus::Signaled(..) => bail!("the contestant has ended"),
        _ => Ok(()),
    }
}

/// Sends packets to the contestant, by the kernel.
fn fill(generator: &End, contestant: &End, packets: u32) -> Result<()> {
    let mut packet = vec![0; 64];
    packet[..6].copy_from_slice(&contestant.mac());
    packet[6..16].copy_from_slice(&[2, 0, 0, 0, 0, 0xfe, 8, 0, 0x45, 0]);
    let mut program = Assembler::new(Target::Kernel);
    program.mov(Register::R1, generator.index().cast_signed()).mov(Register::R2, 0);
    program.call(Helper::Redirect).exit();
    let bytes = program.finish()?.bytes();
    generator.namespace().run(|| {
        let program = Program::load_xdp(bytes.as_chunks().0, "peers_fill", 0)?;
        Ok(program.run_live(&packet, packets)?)
    })?
}

/// Waits until it holds.
fn eventually(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let started = Instant::now();
    while !holds()? {
        ensure!(started.elapsed() < PATIENCE, "not so within {PATIENCE:?}: {what}");
        sleep(Duration::from_millis(5));
    }
    Ok(())
}

//! Over the crate xdp, which leaves the XDP program to its user: here it is ours.
//!
//! Receiving, sending and posting are unsafe in it: whoever calls them promises that the UMEM outlives the packets, and is
//! that of the rings. There is one UMEM here, and it is dropped last.
#![allow(unsafe_code, reason = "the crate has no safe calls to move packets")]

use std::ffi::CString;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use fluxcapacitor::hook::{Attach, Hook, XdpProgram};
use peers::{Arguments, FRAMES, RING, Scenario, Stop, Wait, report, swap_addresses};
use rustix::net::{SendFlags, send};
use xdp::nic::NicIndex;
use xdp::slab::{Slab, StackSlab};
use xdp::socket::{PollTimeout, XdpSocket, XdpSocketBuilder};
use xdp::umem::UmemCfgBuilder;
use xdp::{RingConfigBuilder, Umem, WakableRings};

/// Packets per batch: its slab has them on the stack.
const BATCH: usize = 64;

/// How long one sleep lasts at most.
const NAP: Duration = Duration::from_millis(100);

struct Queue {
    rings: WakableRings,
    socket: XdpSocket,
    /// Detached when it is dropped.
    _hook: Option<Hook>,
    umem: Umem,
}

fn main() -> Result<()> {
    let arguments = Arguments::new();
    if arguments.batch != BATCH {
        arguments.refuse("another batch than 64");
    }
    let stop = Stop::new()?;
    let queue = open(&arguments)?;
    match arguments.scenario {
        Scenario::Rxdrop => rxdrop(queue, &arguments, &stop),
        Scenario::Txonly => txonly(queue, &arguments, &stop),
        Scenario::L2fwd => l2fwd(queue, &arguments, &stop),
    }
}

fn open(arguments: &Arguments) -> Result<Queue> {
    let name = CString::new(&*arguments.interface)?;
    let nic = NicIndex::lookup_by_name(&name)?.context("there is no such interface")?;
    let config = UmemCfgBuilder { frame_count: FRAMES, ..Default::default() }.build();
    let umem = Umem::map(config.map_err(|error| anyhow!("{error}"))?)?;
    let mut builder = XdpSocketBuilder::new()?;
    let config = RingConfigBuilder {
        fill_count: 2 * RING,
        rx_count: RING,
        tx_count: RING,
        completion_count: RING,
    };
    let config = config.build().map_err(|error| anyhow!("{error}"))?;
    let (rings, mut flags) = builder.build_wakable_rings(&umem, config)?;
    flags.force_copy();
    let socket = builder.bind(nic, 0, flags)?;
    let hook = match arguments.scenario {
        Scenario::Txonly => None,
        Scenario::Rxdrop | Scenario::L2fwd => {
            let hook = Hook::open(&arguments.interface, Attach::Native, &XdpProgram::default())?;
            hook.map().insert(0, &borrowed(&socket))?;
            Some(hook)
        }
    };
    Ok(Queue { rings, socket, _hook: hook, umem })
}

fn borrowed(socket: &XdpSocket) -> BorrowedFd<'_> {
    // SAFETY: open for as long as the socket is.
    unsafe { BorrowedFd::borrow_raw(socket.as_raw_fd()) }
}

/// Sleeps until there is a packet; whether there is.
fn sleep(socket: &XdpSocket) -> bool {
    socket.poll_read(PollTimeout::new(Some(NAP))).unwrap_or(false)
}

/// What `send` of the tx ring does not do when it has queued nothing.
fn kick(socket: &XdpSocket) {
    // What is left goes with the next.
    let _ = send(borrowed(socket), &[], SendFlags::DONTWAIT);
}

fn rxdrop(queue: Queue, arguments: &Arguments, stop: &Stop) -> Result<()> {
    let Queue { mut rings, socket, _hook, mut umem } = queue;
    let mut rx = rings.rx_ring.take().context("no rx ring")?;
    let mut slab = StackSlab::<BATCH>::new();
    let mut packets = 0;
    // SAFETY: the UMEM is that of the rings, and outlives them.
    unsafe { rings.fill_ring.enqueue(&mut umem, FRAMES as usize, false) }?;
    while !stop.is_set() {
        if arguments.wait == Wait::Poll && !sleep(&socket) {
            continue;
        }
        // SAFETY: as above; packets go back before the next turn.
        let received = unsafe { rx.recv(&umem, &mut slab) };
        if received == 0 {
            continue;
        }
        while let Some(packet) = slab.pop_back() {
            umem.free_packet(packet);
        }
        // SAFETY: as above.
        unsafe { rings.fill_ring.enqueue(&mut umem, received, false) }?;
        packets += received as u64;
    }
    report(packets, 0);
    Ok(())
}

fn txonly(queue: Queue, arguments: &Arguments, stop: &Stop) -> Result<()> {
    let Queue { mut rings, socket, _hook, mut umem } = queue;
    let mut tx = rings.tx_ring.take().context("no tx ring")?;
    let mut slab = StackSlab::<BATCH>::new();
    let bytes = arguments.packet();
    let len = i32::try_from(bytes.len())?;
    let mut all = Vec::new();
    // SAFETY: packets go back to the UMEM before it is dropped.
    while let Some(mut packet) = unsafe { umem.alloc() } {
        packet.append(&bytes)?;
        all.push(packet);
    }
    all.into_iter().for_each(|packet| umem.free_packet(packet));
    let (mut packets, mut under_way) = (0, 0);
    while !stop.is_set() {
        while slab.available() > 0 {
            // SAFETY: as above. The bytes of a frame that was sent are as they were.
            let Some(mut packet) = (unsafe { umem.alloc() }) else { break };
            packet.adjust_tail(len)?;
            slab.push_front(packet);
        }
        let before = slab.len();
        // SAFETY: the UMEM is that of the rings. An error is that of the system call: what was queued is queued.
        let _ = unsafe { tx.send(&mut slab, true) };
        let queued = before - slab.len();
        under_way += queued;
        packets += queued as u64;
        if queued == 0 {
            kick(&socket);
        }
        under_way -= rings.completion_ring.dequeue(&mut umem, BATCH);
    }
    report(0, packets - under_way as u64);
    Ok(())
}

fn l2fwd(queue: Queue, arguments: &Arguments, stop: &Stop) -> Result<()> {
    let Queue { mut rings, socket, _hook, mut umem } = queue;
    let mut rx = rings.rx_ring.take().context("no rx ring")?;
    let mut tx = rings.tx_ring.take().context("no tx ring")?;
    let mut slab = StackSlab::<BATCH>::new();
    let (mut packets, mut under_way) = (0, 0);
    // SAFETY: the UMEM is that of the rings, and outlives them.
    unsafe { rings.fill_ring.enqueue(&mut umem, FRAMES as usize, false) }?;
    while !stop.is_set() {
        let is_idle = under_way == 0 && slab.is_empty();
        if arguments.wait == Wait::Poll && is_idle && !sleep(&socket) {
            continue;
        }
        if slab.is_empty() {
            // SAFETY: as above.
            let received = unsafe { rx.recv(&umem, &mut slab) };
            // The slab lends none: taken out at one end, put in at the other.
            for _ in 0..received {
                let Some(mut packet) = slab.pop_back() else { break };
                swap_addresses(&mut packet);
                slab.push_front(packet);
            }
            packets += received as u64;
        }
        let before = slab.len();
        if before > 0 {
            // SAFETY: as above. An error is that of the system call: what was queued is queued.
            let _ = unsafe { tx.send(&mut slab, true) };
        }
        let queued = before - slab.len();
        under_way += queued;
        if under_way > 0 {
            if queued == 0 {
                kick(&socket);
            }
            let completed = rings.completion_ring.dequeue(&mut umem, BATCH);
            if completed > 0 {
                under_way -= completed;
                // SAFETY: as above.
                unsafe { rings.fill_ring.enqueue(&mut umem, completed, false) }?;
            }
        }
    }
    report(packets, packets - (under_way + slab.len()) as u64);
    Ok(())
}

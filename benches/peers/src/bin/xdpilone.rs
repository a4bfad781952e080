//! Over the crate xdpilone, which leaves the XDP program to its user: here it is ours.
//!
//! All is inlined into one function: the compiler knows the sizes of the rings then, and takes 2 to 5 instructions less
//! for a packet. Its queues are safe to call; the memory behind the descriptors is its user's, and so is `unsafe` to reach.
#![allow(unsafe_code, reason = "the crate hands out pointers into packet memory")]

use std::ffi::CString;
use std::num::NonZeroU32;
use std::os::fd::{BorrowedFd, RawFd};
use std::ptr::NonNull;

use anyhow::{Result, anyhow};
use fluxcapacitor::hook::{Attach, Hook, XdpProgram};
use peers::{Arguments, FRAMES, RING, Scenario, Stop, Wait, report, swap_addresses};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use xdpilone::xdp::XdpDesc;
use xdpilone::{
    DeviceQueue, Errno, IfInfo, RingRx, RingTx, Socket, SocketConfig, Umem, UmemConfig,
};

/// Bytes of a frame: the smallest that its umem takes without more ado.
const FRAME: u32 = 4096;

/// Packets per batch, at most.
const BATCH_MAX: usize = 256;

/// Bytes per packet that is sent.
const LEN: u32 = 64;

/// How long one sleep lasts at most.
const NAP: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

#[repr(align(4096))]
struct Page(#[expect(dead_code, reason = "reached by pointer")] [u8; FRAME as usize]);

struct Queue {
    memory: NonNull<u8>,
    device: DeviceQueue,
    rx: RingRx,
    tx: RingTx,
    /// Detached when it is dropped.
    _hook: Option<Hook>,
}

fn main() -> Result<()> {
    let arguments = Arguments::new();
    if arguments.batch > BATCH_MAX {
        arguments.refuse("a batch of more than 256");
    }
    if arguments.packet_size != LEN as usize {
        arguments.refuse("another packet size than 64");
    }
    let stop = Stop::new()?;
    let queue = open(&arguments)?;
    match arguments.scenario {
        Scenario::Rxdrop => rxdrop(queue, &arguments, &stop),
        Scenario::Txonly => txonly(queue, &arguments, &stop),
        Scenario::L2fwd => l2fwd(queue, &arguments, &stop),
    }
}

#[inline(always)]
fn open(arguments: &Arguments) -> Result<Queue> {
    let failed = |error: Errno| anyhow!("{error}");
    // For the rest of the process.
    let pages: &'static mut [Page] =
        (0..FRAMES).map(|_| Page([0; FRAME as usize])).collect::<Vec<_>>().leak();
    let len = size_of_val(pages);
    let memory = NonNull::from(pages).cast::<u8>();
    let config = UmemConfig {
        fill_size: 2 * RING,
        complete_size: RING,
        frame_size: FRAME,
        headroom: 0,
        flags: 0,
    };
    // SAFETY: aligned to a page, and there for the rest of the process; nothing else refers to it.
    let umem = unsafe { Umem::new(config, NonNull::slice_from_raw_parts(memory, len)) };
    let umem = umem.map_err(failed)?;
    let mut interface = IfInfo::invalid();
    interface.from_name(&CString::new(&*arguments.interface)?).map_err(failed)?;
    interface.set_queue(0);
    let socket = Socket::with_shared(&interface, &umem).map_err(failed)?;
    let device = umem.fq_cq(&socket).map_err(failed)?;
    let size = NonZeroU32::new(RING);
    let config = SocketConfig {
        rx_size: size,
        tx_size: size,
        bind_flags: SocketConfig::XDP_BIND_NEED_WAKEUP | SocketConfig::XDP_BIND_COPY,
    };
    let user = umem.rx_tx(&socket, &config).map_err(failed)?;
    let (rx, tx) = (user.map_rx().map_err(failed)?, user.map_tx().map_err(failed)?);
    umem.bind(&user).map_err(failed)?;
    let hook = match arguments.scenario {
        Scenario::Txonly => None,
        Scenario::Rxdrop | Scenario::L2fwd => {
            let hook = Hook::open(&arguments.interface, Attach::Native, &XdpProgram::default())?;
            hook.map().insert(0, &borrowed(rx.as_raw_fd()))?;
            Some(hook)
        }
    };
    Ok(Queue { memory, device, rx, tx, _hook: hook })
}

fn borrowed<'f>(fd: RawFd) -> BorrowedFd<'f> {
    // SAFETY: that of a ring, which is open until the process ends.
    unsafe { BorrowedFd::borrow_raw(fd) }
}

fn sleep(fd: RawFd) {
    let mut fds = [PollFd::from_borrowed_fd(borrowed(fd), PollFlags::IN)];
    // Interrupted or timed out: the loop looks again.
    let _ = poll(&mut fds, Some(&NAP));
}

/// Addresses of all frames.
fn all_frames() -> impl ExactSizeIterator<Item = u64> {
    (0..FRAMES).map(|frame| u64::from(frame) * u64::from(FRAME))
}

/// Of the frame that a packet is in.
fn frame_of(address: u64) -> u64 {
    address & !u64::from(FRAME - 1)
}

#[inline(always)]
fn rxdrop(queue: Queue, arguments: &Arguments, stop: &Stop) -> Result<()> {
    let Queue { mut device, mut rx, _hook, .. } = queue;
    let (fd, most) = (rx.as_raw_fd(), arguments.batch as u32);
    let mut packets = 0;
    fill(&mut device, all_frames());
    while !stop.is_set() {
        if arguments.wait == Wait::Poll {
            sleep(fd);
        }
        let mut received = rx.receive(most);
        let count = received.capacity();
        if count == 0 {
            drop(received);
            if device.needs_wakeup() {
                device.wake();
            }
            continue;
        }
        let posted = {
            let mut room = device.fill(count);
            // `insert` takes one more from its source than it has room for.
            let most = room.capacity() as usize;
            let frames = received.by_ref().take(most).map(|packet| frame_of(packet.addr));
            let posted = room.insert(frames);
            room.commit();
            posted
        };
        received.release();
        packets += u64::from(posted);
    }
    report(packets, 0);
    Ok(())
}

/// Posts frames, for all of which there is room.
fn fill(device: &mut DeviceQueue, frames: impl ExactSizeIterator<Item = u64>) -> u32 {
    let mut room = device.fill(frames.len() as u32);
    let posted = room.insert(frames);
    room.commit();
    posted
}

#[inline(always)]
fn txonly(queue: Queue, arguments: &Arguments, stop: &Stop) -> Result<()> {
    let Queue { memory, mut device, mut tx, .. } = queue;
    let packet = arguments.packet();
    let mut free: Vec<u64> = all_frames().collect();
    for address in &free {
        // SAFETY: within the memory, and in no ring.
        let frame = unsafe { memory.add(*address as usize) };
        // SAFETY: as above; a packet is shorter than a frame.
        unsafe { frame.copy_from_nonoverlapping(NonNull::from(&packet[0]), packet.len()) };
    }
    let mut packets = 0;
    while !stop.is_set() {
        let mut room = tx.transmit(free.len().min(arguments.batch) as u32);
        let first = free.len() - room.capacity() as usize;
        let descriptors = free.drain(first..).map(|addr| XdpDesc { addr, len: LEN, options: 0 });
        packets += u64::from(room.insert(descriptors));
        room.commit();
        drop(room);
        if tx.needs_wakeup() {
            tx.wake();
        }
        let mut completed = device.complete(arguments.batch as u32);
        free.extend(completed.by_ref());
        completed.release();
    }
    report(0, packets - (u64::from(FRAMES) - free.len() as u64));
    Ok(())
}

#[inline(always)]
fn l2fwd(queue: Queue, arguments: &Arguments, stop: &Stop) -> Result<()> {
    let Queue { memory, mut device, mut rx, mut tx, _hook } = queue;
    let (fd, most) = (rx.as_raw_fd(), arguments.batch as u32);
    let (mut packets, mut under_way) = (0, 0);
    let mut batch: Vec<XdpDesc> = Vec::with_capacity(arguments.batch);
    let mut sent = [0; BATCH_MAX];
    fill(&mut device, all_frames());
    while !stop.is_set() {
        if arguments.wait == Wait::Poll && under_way == 0 && batch.is_empty() {
            sleep(fd);
        }
        if batch.is_empty() {
            let mut received = rx.receive(most);
            for packet in received.by_ref() {
                // SAFETY: the kernel has written the packet there, and given it.
                let bytes = unsafe { memory.add(packet.addr as usize) };
                let bytes = NonNull::slice_from_raw_parts(bytes, packet.len as usize).as_ptr();
                // SAFETY: as above; nothing else refers to it.
                swap_addresses(unsafe { &mut *bytes });
                batch.push(packet);
            }
            received.release();
            packets += batch.len() as u64;
        }
        if !batch.is_empty() {
            let mut room = tx.transmit(batch.len() as u32);
            let count = room.capacity() as usize;
            under_way += room.insert(batch.drain(..count));
            room.commit();
        }
        if under_way > 0 {
            if tx.needs_wakeup() {
                tx.wake();
            }
            let mut completed = device.complete(most);
            let mut count = 0;
            while let Some(frame) = completed.read() {
                sent[count] = frame_of(frame);
                count += 1;
            }
            completed.release();
            drop(completed);
            if count > 0 {
                under_way -= fill(&mut device, sent[..count].iter().copied());
            }
        }
    }
    report(packets, packets - u64::from(under_way) - batch.len() as u64);
    Ok(())
}

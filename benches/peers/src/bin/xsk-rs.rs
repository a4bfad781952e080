//! Over the crate xsk-rs.
//!
//! Its calls are unsafe: whoever calls them promises that no frame is in two rings at a time, and that bytes are touched
//! only by whoever has the frame. Frames here are in one of these places: `free`, a ring, or the batch between two rings.
#![allow(unsafe_code, reason = "the crate has no safe calls to move packets")]

use std::io::Write;
use std::num::NonZeroU32;

use anyhow::{Context, Result};
use peers::{Arguments, FRAMES, RING, Scenario, Stop, Wait, report, swap_addresses};
use xsk_rs::config::{BindFlags, Interface, QueueSize, SocketConfig, UmemConfig, XdpFlags};
use xsk_rs::{CompQueue, FillQueue, FrameDesc, RxQueue, Socket, TxQueue, Umem};

/// How long one sleep lasts at most, in milliseconds.
const NAP_MS: i32 = 100;

struct Queue {
    umem: Umem,
    frames: Vec<FrameDesc>,
    fill: FillQueue,
    rx: RxQueue,
    tx: TxQueue,
    completion: CompQueue,
}

fn main() -> Result<()> {
    let arguments = Arguments::new();
    let stop = Stop::new()?;
    let queue = open(&arguments.interface)?;
    match arguments.scenario {
        Scenario::Rxdrop => rxdrop(queue, &arguments, &stop),
        Scenario::Txonly => txonly(queue, &arguments, &stop),
        Scenario::L2fwd => l2fwd(queue, &arguments, &stop),
    }
}

fn open(interface: &str) -> Result<Queue> {
    let size = |slots| QueueSize::new(slots).context("a ring's size");
    let umem_config = UmemConfig::builder()
        .fill_queue_size(size(2 * RING)?)
        .comp_queue_size(size(RING)?)
        .build()?;
    let socket_config = SocketConfig::builder()
        .rx_queue_size(size(RING)?)
        .tx_queue_size(size(RING)?)
        .xdp_flags(XdpFlags::XDP_FLAGS_DRV_MODE)
        .bind_flags(BindFlags::XDP_COPY | BindFlags::XDP_USE_NEED_WAKEUP)
        .build();
    let frames = NonZeroU32::new(FRAMES).context("no frames")?;
    let (umem, frames) = Umem::new(umem_config, frames, false)?;
    let interface: Interface = interface.parse()?;
    // SAFETY: the UMEM is used by this socket alone.
    let (tx, rx, fill_and_completion) =
        unsafe { Socket::new(socket_config, &umem, &interface, 0) }?;
    let (fill, completion) = fill_and_completion.context("the UMEM has been bound before")?;
    Ok(Queue { umem, frames, fill, rx, tx, completion })
}

fn rxdrop(queue: Queue, arguments: &Arguments, stop: &Stop) -> Result<()> {
    let Queue { frames, mut fill, mut rx, .. } = queue;
    let mut batch = vec![FrameDesc::default(); arguments.batch];
    let mut packets = 0;
    // SAFETY: all are free.
    unsafe { fill.produce(&frames) };
    while !stop.is_set() {
        let received = receive(&mut rx, &mut batch, arguments.wait)?;
        if received == 0 {
            if fill.needs_wakeup() {
                fill.wakeup(rx.fd_mut(), 0)?;
            }
            continue;
        }
        let mut posted = 0;
        while posted < received {
            // SAFETY: these were received and are posted once.
            posted += unsafe { fill.produce_and_wakeup(&batch[posted..received], rx.fd_mut(), 0) }?;
        }
        packets += received as u64;
    }
    report(packets, 0);
    Ok(())
}

fn receive(rx: &mut RxQueue, batch: &mut [FrameDesc], wait: Wait) -> Result<usize> {
    if wait != Wait::Poll {
        // SAFETY: the descriptors are overwritten; those in them are in the fill ring by now.
        return Ok(unsafe { rx.consume(batch) });
    }
    // SAFETY: as above.
    match unsafe { rx.poll_and_consume(batch, NAP_MS) } {
        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Ok(0),
        received => Ok(received?),
    }
}

fn txonly(queue: Queue, arguments: &Arguments, stop: &Stop) -> Result<()> {
    let Queue { umem, frames: mut free, mut tx, mut completion, .. } = queue;
    let packet = arguments.packet();
    for frame in &mut free {
        // SAFETY: it is free.
        unsafe { umem.data_mut(frame) }.cursor().write_all(&packet)?;
    }
    let mut sent = vec![FrameDesc::default(); arguments.batch];
    let mut packets = 0;
    while !stop.is_set() {
        let first = free.len() - free.len().min(arguments.batch);
        if first < free.len() {
            // SAFETY: these are free; those that it takes are removed.
            let queued = unsafe { tx.produce(&free[first..]) };
            free.drain(first..first + queued);
            packets += queued as u64;
        }
        if tx.needs_wakeup() {
            tx.wakeup()?;
        }
        // SAFETY: the descriptors are overwritten; those in them are in `free` by now.
        let completed = unsafe { completion.consume(&mut sent) };
        for frame in &mut sent[..completed] {
            // SAFETY: the kernel has given it back.
            unsafe { umem.data_mut(frame) }.cursor().set_pos(packet.len());
            free.push(*frame);
        }
    }
    report(0, packets - (FRAMES as u64 - free.len() as u64));
    Ok(())
}

fn l2fwd(queue: Queue, arguments: &Arguments, stop: &Stop) -> Result<()> {
    let Queue { umem, frames, mut fill, mut rx, mut tx, mut completion } = queue;
    let mut batch = vec![FrameDesc::default(); arguments.batch];
    let mut sent = vec![FrameDesc::default(); arguments.batch];
    let (mut packets, mut under_way) = (0, 0);
    // SAFETY: all are free.
    unsafe { fill.produce(&frames) };
    while !stop.is_set() {
        let wait = if under_way == 0 { arguments.wait } else { Wait::Spin };
        let received = receive(&mut rx, &mut batch, wait)?;
        for frame in &mut batch[..received] {
            // SAFETY: it was received, and is in no ring.
            swap_addresses(unsafe { umem.data_mut(frame) }.contents_mut());
        }
        let mut queued = 0;
        while queued < received {
            // SAFETY: these were received and are sent once.
            let more = unsafe { tx.produce(&batch[queued..received]) };
            queued += more;
            under_way += more;
            if more == 0 {
                tx.wakeup()?;
                under_way -= recycle(&mut completion, &mut fill, &mut sent);
            }
        }
        packets += received as u64;
        if under_way > 0 {
            if tx.needs_wakeup() {
                tx.wakeup()?;
            }
            under_way -= recycle(&mut completion, &mut fill, &mut sent);
        }
    }
    report(packets, packets - under_way as u64);
    Ok(())
}

/// Posts frames that were sent, and says how many.
fn recycle(completion: &mut CompQueue, fill: &mut FillQueue, sent: &mut [FrameDesc]) -> usize {
    // SAFETY: the descriptors are overwritten; those in them are in the fill ring by now.
    let completed = unsafe { completion.consume(sent) };
    // SAFETY: the kernel has given these back; there is room for every frame.
    unsafe { fill.produce(&sent[..completed]) }
}

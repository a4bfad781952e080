//! The halves of a socket on threads of their own.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use fluxcapacitor::raw::{Device, Interest, Kick, RawParts};
use fluxcapacitor::ring::{CompletionRing, FillRing, RxRing, TxRing};
use fluxcapacitor::simulator::control::World;
use fluxcapacitor::umem::{Frame, FramePool, Segment, UmemRegion};
#[cfg(target_os = "linux")]
use fluxcapacitor_core::sys::cpu;

use crate::backend::Backend;
use crate::bench::Bench;
use crate::fixture::Side::{self, A, B};
use crate::run::joined;
use crate::traffic::{WINDOW, fill, number_of};
use crate::verdict::{Outcome, Stop};

/// How many packets there are; fewer where both ends are simulated, a thread of which is their clock.
const fn packets(backend: Backend) -> u32 {
    if backend.is_kernel() { 1_000_000 } else { 100_000 }
}

pub(super) const PACKETS_MIN: u32 = 20_000;

/// How many may be on their way: fewer than any queue between the ports holds.
pub(super) const AHEAD: u32 = 2 * WINDOW as u32;

/// For how long packets are sent, where a million take longer.
pub(super) const TIME: Duration = Duration::from_secs(30);

/// After which a packet that has not come back never will.
const PATIENCE: Duration = Duration::from_secs(90);

/// 60 to 123 bytes, by the number.
pub(super) const fn len_of(number: u32) -> usize {
    60 + number as usize % 64
}

/// What the threads tell each other.
pub(super) struct Shared {
    pub(super) started: Instant,
    /// How much longer than usual all may take.
    pub(super) more_time: Duration,
    /// How many packets there will be: fewer than asked for if time is up.
    pub(super) total: AtomicU32,
    /// How many have come back.
    pub(super) back: AtomicU32,
    /// All is done, or something has failed.
    pub(super) over: AtomicBool,
}

impl Shared {
    pub(super) fn new((packets, more_time): (u32, Duration)) -> Self {
        Self {
            started: Instant::now(),
            more_time,
            total: packets.into(),
            back: AtomicU32::new(0),
            over: AtomicBool::new(false),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Relaxed) || self.started.elapsed() > PATIENCE + self.more_time
    }

    /// Whether no more packets are to be sent.
    pub(super) fn is_late(&self) -> bool {
        self.started.elapsed() > TIME + self.more_time
    }

    /// All have come back, and enough of them; says how fast they went round.
    ///
    /// # Errors
    /// [`Stop::Failed`].
    pub(super) fn settled(&self, bench: &Bench<'_>, asked: u32) -> Outcome<u32> {
        let (total, back) = (self.total.load(Relaxed), self.back.load(Relaxed));
        let more = !self.more_time.is_zero();
        assert_eq!(back, total, "not all came back");
        // What was asked for by its number is to be reached.
        let least = if more { asked } else { PACKETS_MIN.min(asked) };
        assert!(back >= least, "only {back} of {asked} within {:?}", TIME + self.more_time);
        if back < asked {
            bench.note(format!("{back} of {asked} packets within {TIME:?}"));
        }
        if more {
            let took = self.started.elapsed();
            let rate = f64::from(back) / took.as_secs_f64();
            bench.note(format!("{back} packets round in {took:.1?}, {rate:.0} a second"));
        }
        Ok(back)
    }
}

/// Ends the others however a thread ends.
pub(super) struct EndOthers<'s>(pub(super) &'s Shared);

impl Drop for EndOthers<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Relaxed);
    }
}

/// Keeps a side's threads on a processor of that side, where order is kept in no other way: what is copied to a port whose
/// program is generic waits in a queue of the processor that it was sent on (`netif_rx`, `net/core/dev.c`), and nobody
/// keeps order between two of these. To send it takes no more than to wait for packets.
pub(super) fn keep_order(bench: &Bench<'_>, side: Side) -> Outcome {
    #[cfg(target_os = "linux")]
    if bench.backend() == Backend::VethGeneric {
        let allowed = cpu::allowed()?;
        let own = if side == A { allowed.first() } else { allowed.last() };
        own.map_or(Ok(()), |own| cpu::pin(*own))?;
    }
    Ok(())
}

/// A sends on one thread and receives on another; in between B receives on one and sends the very same
/// frames back on another. A million packets, each looked at, in order.
pub(super) fn split(bench: &Bench<'_>) -> Outcome {
    let a = bench.open(A, |builder| builder)?.into_parts();
    let b = bench.open(B, |builder| builder)?.into_parts();
    let asked = bench.packets_or(packets(bench.backend()));
    let shared = &Shared::new(asked);
    // Threads that wait for one another need a clock that they share.
    let _live = bench.fixture().world().map(World::run_live);
    let before = bench.both(A)?;
    let macs = [bench.port(B).mac(), bench.port(A).mac()];
    let RawParts { device, rx, fill, tx, completion, pool, umem, .. } = a;
    let (a_device, a_umem) = (&device, &umem);
    let (b_device, b_umem) = (&b.device, &b.umem);
    let (b_rx, b_fill, b_tx, b_completion) = (b.rx, b.fill, b.tx, b.completion);
    let ((onward, arrived), (home, free)) = (channel(), channel());

    thread::scope(|scope| {
        let threads = [
            scope.spawn(move || {
                let _end = EndOthers(shared);
                keep_order(bench, A)?;
                receive(shared, a_device, a_umem, rx, fill)
            }),
            scope.spawn(move || {
                keep_order(bench, A)?;
                send(bench, shared, macs, a_device, a_umem, tx, completion, pool)
            }),
            scope.spawn(move || {
                keep_order(bench, B)?;
                take_in(shared, b_device, b_umem, b_rx, b_fill, &onward, &free)
            }),
            scope.spawn(move || {
                keep_order(bench, B)?;
                send_on(shared, b_device, b_tx, b_completion, &arrived, &home)
            }),
        ];
        threads.map(joined).into_iter().collect::<Outcome>()
    })?;
    let back = shared.settled(bench, asked.0)?;
    bench.counted(A, before, u64::from(back))?;
    for umem in [a_umem, b_umem] {
        let census = umem.census();
        assert_eq!(census.total(), umem.layout().frames(), "{census}");
    }
    Ok(())
}

/// A, outward: so many at a time that no queue on the way is full.
#[expect(clippy::too_many_arguments, reason = "the half of a socket, in parts")]
fn send(
    bench: &Bench<'_>,
    shared: &Shared,
    [to, from]: [[u8; 6]; 2],
    device: &Device,
    umem: &UmemRegion,
    mut tx: TxRing,
    mut completion: CompletionRing,
    mut pool: FramePool,
) -> Outcome {
    let (mut sent, all) = (0, shared.total.load(Relaxed));
    while sent < all && !shared.is_over() {
        if shared.is_late() {
            break;
        }
        completion.reclaim(&mut pool, u32::MAX)?;
        let room = AHEAD.saturating_sub(sent - shared.back.load(Relaxed));
        if room < AHEAD / 2 {
            bench.fixture().settle(Duration::from_micros(20));
            continue;
        }
        for _ in 0..room.min(all - sent) {
            let Some(frame) = pool.take() else { break };
            let mut packet = umem.segment(frame, 0, len_of(sent) as u32)?;
            fill(umem.packet_mut(&mut packet)?, to, from, sent);
            tx.push(packet)?;
            sent += 1;
        }
        kick(device, &mut tx)?;
    }
    shared.total.store(sent, Relaxed);
    Ok(())
}

/// A, homeward: all of them, in order, as they were sent.
fn receive(
    shared: &Shared,
    device: &Device,
    umem: &UmemRegion,
    mut rx: RxRing,
    mut fill: FillRing,
) -> Outcome {
    let mut pool = FramePool::new(umem);
    let mut back = 0;
    while back < shared.total.load(Relaxed) && !shared.is_over() {
        wait(device, &rx)?;
        for packet in rx.receive(WINDOW as u32)? {
            let bytes = umem.packet(&packet)?;
            if number_of(bytes, len_of(back)) != Some(back) {
                return Err(Stop::failed(format!("instead of packet {back}: {bytes:02x?}")));
            }
            back += 1;
            pool.give(packet.into_frame())?;
        }
        post(device, &mut fill, &mut pool)?;
        shared.back.store(back, Relaxed);
    }
    Ok(())
}

/// B: hands what arrives on, and posts the frames that were sent back.
fn take_in(
    shared: &Shared,
    device: &Device,
    umem: &UmemRegion,
    mut rx: RxRing,
    mut fill: FillRing,
    onward: &Sender<Segment>,
    free: &Receiver<Frame>,
) -> Outcome {
    let mut pool = FramePool::new(umem);
    while !shared.is_over() {
        wait(device, &rx)?;
        for mut packet in rx.receive(WINDOW as u32)? {
            umem.packet_mut(&mut packet)?[..12].rotate_left(6);
            if onward.send(packet).is_err() {
                return Ok(());
            }
        }
        pool.give_all(free.try_iter())?;
        post(device, &mut fill, &mut pool)?;
    }
    Ok(())
}

/// B: sends what was handed on out of the frames that it came in.
fn send_on(
    shared: &Shared,
    device: &Device,
    mut tx: TxRing,
    mut completion: CompletionRing,
    arrived: &Receiver<Segment>,
    home: &Sender<Frame>,
) -> Outcome {
    while !shared.is_over() {
        // Also wakes when the other thread ends.
        let first = match arrived.recv_timeout(Duration::from_millis(20)) {
            Ok(first) => first,
            // To look once more here would be to take a packet.
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        for packet in std::iter::once(first).chain(arrived.try_iter()).take(WINDOW) {
            tx.push(packet)?;
        }
        kick(device, &mut tx)?;
        for frame in completion.complete(u32::MAX)? {
            let _over = home.send(frame);
        }
    }
    Ok(())
}

fn wait(device: &Device, rx: &RxRing) -> Outcome {
    if rx.occupancy() == 0 {
        device.wait(Interest::Rx, Duration::from_millis(20))?;
    }
    Ok(())
}

/// Posts what there is room for: the kernel shows a packet before it frees the slot that its frame was
/// taken out of (`xsk_flush`, `net/xdp/xsk.c`).
fn post(device: &Device, fill: &mut FillRing, pool: &mut FramePool) -> Outcome {
    fill.refill(pool, u32::MAX)?;
    fill.publish();
    if fill.needs_wakeup() {
        device.kick_rx()?;
    }
    Ok(())
}

fn kick(device: &Device, tx: &mut TxRing) -> Outcome {
    tx.publish();
    while tx.occupancy() > 0 && tx.needs_wakeup() && device.kick_tx()? == Kick::Again {}
    Ok(())
}

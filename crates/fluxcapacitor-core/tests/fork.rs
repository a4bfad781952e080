//! Closing a lane, opening it again, and a forked child, on a real kernel.
//!
//! Without root each test says that it was skipped; with `FLUXCAP_REQUIRE_KERNEL=1` it fails instead.
//!
//! # Safety
//! `[async-signal-safe]`: between `fork` and its end, a child makes system calls and nothing else: the
//! threads that held this process's locks are not in it.
#![cfg(all(target_os = "linux", not(loom)))]
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::fs;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fluxcapacitor_core::backend::{Backend, BindMode, Interest};
use fluxcapacitor_core::lane::{self, LaneOptions, OpenLane, Port};
use fluxcapacitor_core::ring::{RingSizes, TxRing};
use fluxcapacitor_core::sys::bpf::{Link, Map, Program, XdpMode};
use fluxcapacitor_core::umem::{Frame, FramePool, Layout, PageSize, Segment, UmemRegion};
use fluxcapacitor_core::{Error, Result};
use fluxcapacitor_testbed::{NetNs, PacketSocket, VethPair, permitted};

const SECOND: Duration = Duration::from_secs(1);

const FRAMES: u32 = 64;
const SLOTS: u32 = 64;
/// Frames that are not posted when a lane opens.
const RESERVE: u32 = 32;

/// A pair, a UMEM, and the turn to use them: the kernel takes links down under one lock,
/// and a forked child inherits what any test has open.
struct Bed {
    pair: VethPair,
    umem: UmemRegion,
    pool: FramePool,
    _turn: MutexGuard<'static, ()>,
}

/// `None`, after saying so, where it is not permitted.
fn bed(queues: u32) -> Option<Bed> {
    static TURN: Mutex<()> = Mutex::new(());
    permitted().then(|| {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, right) = (NetNs::new().unwrap(), NetNs::new().unwrap());
        let pair = VethPair::create(&left, &right, queues).unwrap();
        let (umem, pool) = memory();
        Bed { pair, umem, pool, _turn: turn }
    })
}

fn memory() -> (UmemRegion, FramePool) {
    UmemRegion::new(Layout::new(2048, FRAMES, 0).unwrap(), PageSize::Base).unwrap()
}

/// Opens a queue of the right end, in copy mode unless `change` says otherwise.
fn open_with(
    pair: &VethPair,
    (umem, pool): (&UmemRegion, &mut FramePool),
    change: impl FnOnce(&mut LaneOptions<'_>) + Send,
) -> Result<OpenLane> {
    let end = pair.b();
    let mut options = LaneOptions {
        interface: end.name(),
        driver: "veth",
        port: Port::Kernel { ifindex: end.index() },
        queue: 0,
        sizes: RingSizes { fill: SLOTS, rx: SLOTS, tx: SLOTS, completion: SLOTS },
        mode: BindMode { zero_copy: false, need_wakeup: true, segments_max: 1 },
        share: None,
        tx_reserve: RESERVE,
    };
    change(&mut options);
    end.namespace().run(|| lane::open(umem, pool, &options)).unwrap()
}

impl Bed {
    fn open(&mut self) -> Result<OpenLane> {
        self.open_with(|_| ())
    }

    fn open_with(&mut self, change: impl FnOnce(&mut LaneOptions<'_>) + Send) -> Result<OpenLane> {
        open_with(&self.pair, (&self.umem, &mut self.pool), change)
    }

    /// No lane is open: every frame is with the user, and `held` of those are not in the pool, or
    /// retired. Says how many are retired.
    fn closed(&self, held: usize) -> u32 {
        let census = self.umem.census();
        assert_eq!(census.total(), FRAMES, "{census}");
        assert_eq!((census.rx, census.tx), (0, 0), "{census}");
        assert_eq!(census.user as usize, self.pool.len() + held, "{census}");
        census.retired
    }

    /// A lane is open: no frame is retired, and the user has the pool and `held` more.
    fn opened(&self, held: usize) {
        let census = self.umem.census();
        assert_eq!(census.total(), FRAMES, "{census}");
        assert_eq!(census.retired, 0, "{census}");
        assert_eq!(census.user as usize, self.pool.len() + held, "{census}");
    }
}

/// The program that gives the packets of each queue to its socket in `map`.
fn redirect(map: &Map) -> Program {
    let [a, b, c, d] = map.as_fd().as_raw_fd().to_le_bytes();
    let code = [
        [0x61, 0x12, 0x10, 0, 0, 0, 0, 0], // r2 = context.rx_queue_index
        [0x18, 0x11, 0, 0, a, b, c, d],    // r1 = map
        [0; 8],
        [0xb7, 0x03, 0, 0, 2, 0, 0, 0],  // r3 = XDP_PASS
        [0x85, 0x00, 0, 0, 51, 0, 0, 0], // call bpf_redirect_map
        [0x95, 0x00, 0, 0, 0, 0, 0, 0],  // exit
    ];
    Program::load_xdp(&code, "fork_redirect", 0).unwrap()
}

/// The user's part of what a lane leaves behind.
struct Held {
    packet: Segment,
    sent: Frame,
}

fn push(bed: &mut Bed, tx: &mut TxRing, packet: [u8; 60], count: u32) {
    for _ in 0..count {
        let frame = bed.pool.take().unwrap();
        tx.push(bed.umem.write(frame, &packet).unwrap()).unwrap();
    }
}

/// Receives and sends, and leaves something in each ring: unread, not completed, not published.
fn use_lane(bed: &mut Bed, lane: &mut OpenLane, peer: &PacketSocket, number: u8) -> Held {
    let rings = &mut lane.rings;
    let spare = bed.pool.len() - RESERVE as usize;
    rings.fill.extend(bed.pool.drain().take(spare)).unwrap();
    rings.fill.publish();

    for _ in 0..4 {
        peer.send(&[number; 60]).unwrap();
    }
    let deadline = Instant::now() + 30 * SECOND;
    while rings.rx.occupancy() < 4 {
        lane.socket.wait(Interest::Rx, SECOND).unwrap();
        assert!(Instant::now() < deadline, "{} of 4 received", rings.rx.occupancy());
    }
    let packet = rings.rx.pop().unwrap().unwrap();
    assert_eq!(bed.umem.packet(&packet).unwrap(), [number; 60]);
    bed.pool.give(rings.rx.pop().unwrap().unwrap().into_frame()).unwrap();

    push(bed, &mut rings.tx, [number; 60], 4);
    rings.tx.publish();
    lane.socket.kick_tx().unwrap();
    while rings.completion.occupancy() < 4 {
        assert!(Instant::now() < deadline, "{} of 4 completed", rings.completion.occupancy());
    }
    let sent = rings.completion.pop().unwrap().unwrap();
    push(bed, &mut rings.tx, [number; 60], 2);
    rings.tx.publish();
    push(bed, &mut rings.tx, [number; 60], 2);
    Held { packet, sent }
}

/// Drops the five parts of a lane, beginning with part `first`; the lane is open until the last goes.
fn close(umem: &UmemRegion, lane: OpenLane, first: usize) {
    let OpenLane { rings, socket } = lane;
    let mut parts: Vec<Box<dyn Send>> = vec![
        Box::new(socket),
        Box::new(rings.fill),
        Box::new(rings.rx),
        Box::new(rings.tx),
        Box::new(rings.completion),
    ];
    parts.rotate_left(first % 5);
    let last = parts.pop();
    drop(parts);
    let census = umem.census();
    assert_eq!(census.retired, 0, "{census}: one part of the lane is left");
    drop(last);
}

#[test]
fn two_hundred_lanes_after_another_lose_no_frame() {
    let Some(mut bed) = bed(1) else { return };
    let peer = PacketSocket::open(bed.pair.a()).unwrap();
    let map = Map::xskmap(1, "fork_xskmap").unwrap();
    let program = redirect(&map);
    let ifindex = bed.pair.b().index();
    let link = || Link::attach_xdp(&program, ifindex, XdpMode::Native);
    let _link = bed.pair.b().namespace().run(link).unwrap().unwrap();

    let mut held: Vec<Held> = Vec::new();
    for cycle in 0..200 {
        let mut lane = bed.open().unwrap();
        bed.opened(2 * held.len());
        // What was in hand over the close is as it was.
        for Held { packet, sent } in held.drain(..) {
            assert_eq!(bed.umem.packet(&packet).unwrap(), [(cycle - 1) as u8; 60]);
            bed.pool.give_all([packet.into_frame(), sent]).unwrap();
        }
        map.update(0, lane.socket.as_fd()).unwrap();
        held.push(use_lane(&mut bed, &mut lane, &peer, cycle as u8));
        bed.opened(2);
        close(&bed.umem, lane, cycle);
        assert!(bed.closed(2) > 0, "cycle {cycle}: the kernel had some");
    }
    let _lane = bed.open().unwrap();
    let Some(Held { packet, sent }) = held.pop() else { panic!("nothing held") };
    bed.pool.give_all([packet.into_frame(), sent]).unwrap();
    bed.opened(0);
    assert_eq!(bed.umem.census().tx, 0);
}

#[test]
fn retired_frames_are_nobodys_until_their_queue_is_bound_again() {
    let Some(mut bed) = bed(2) else { return };
    drop(bed.open().unwrap());
    let retired = bed.closed(0);
    assert_eq!(retired, FRAMES - RESERVE);

    // Neither asking,
    assert_eq!(bed.umem.recover(&mut bed.pool), Ok(0));
    // nor binding another queue,
    let other = bed.open_with(|options| (options.queue, options.tx_reserve) = (1, FRAMES)).unwrap();
    assert_eq!(bed.umem.census().retired, retired);
    drop(other);
    // nor what somebody else does with the queue,
    let (umem, mut pool) = memory();
    drop(open_with(&bed.pair, (&umem, &mut pool), |_| ()).unwrap());
    assert_eq!(bed.closed(0), retired);
    // nor emptying the pool gets at them.
    let mine: Vec<Frame> = bed.pool.drain().collect();
    assert_eq!(mine.len(), RESERVE as usize);

    let lane = bed.open().unwrap();
    bed.opened(mine.len());
    assert_eq!(bed.pool.len(), RESERVE as usize);
    assert_eq!(lane.rings.fill.occupancy(), retired - RESERVE, "what came home was posted");
    let mut all: Vec<u32> = mine.into_iter().chain(bed.pool.drain()).map(|f| f.index()).collect();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..FRAMES), "each of them once");
}

#[test]
fn a_failed_bind_leaves_all_frames_in_the_pool() {
    type Case = (&'static str, fn(&mut LaneOptions<'_>), fn(&Error) -> bool);
    let Some(mut bed) = bed(1) else { return };
    let cases: [Case; 5] = [
        (
            "queue out of range",
            |options| options.queue = 1,
            |error| matches!(error, Error::Sys { call: "bind(AF_XDP)", .. }),
        ),
        (
            "zero-copy forced",
            |options| options.mode.zero_copy = true,
            |error| matches!(error, Error::NoZeroCopy { .. }),
        ),
        (
            "no such interface",
            |options| options.port = Port::Kernel { ifindex: i32::MAX.unsigned_abs() },
            |error| matches!(error, Error::UnknownInterface { .. }),
        ),
        (
            "ring size",
            |options| options.sizes.rx = 3,
            |error| matches!(error, Error::Invalid { what: "rx ring size", .. }),
        ),
        (
            "a fill ring that holds less than the pool",
            |options| (options.sizes.fill, options.queue, options.tx_reserve) = (16, 1, 0),
            |error| matches!(error, Error::Sys { call: "bind(AF_XDP)", .. }),
        ),
    ];
    for (what, change, is_expected) in cases {
        let error = bed.open_with(change).unwrap_err();
        assert!(is_expected(&error), "{what}: {error}");
        assert_eq!(bed.closed(0), 0, "{what}");
        assert_eq!(bed.pool.len(), FRAMES as usize, "{what}");
    }
    let _lane = bed.open().unwrap();
    bed.opened(0);
}

#[test]
fn dropping_a_link_detaches_although_a_forked_child_has_it_too() {
    let Some(bed) = bed(1) else { return };
    let end = bed.pair.b();
    // r0 = 2 (XDP_PASS); exit.
    let pass = [[0xb7, 0, 0, 0, 2, 0, 0, 0], [0x95, 0, 0, 0, 0, 0, 0, 0]];
    let program = Program::load_xdp(&pass, "fork_test", 0).unwrap();
    let attach = || Link::attach_xdp(&program, end.index(), XdpMode::Native).unwrap();
    let link = end.namespace().run(attach).unwrap();
    assert_eq!(end.xdp_attached().unwrap(), Some(program.id()));
    let _child = Forked::asleep();
    drop(link);
    assert_eq!(end.xdp_attached().unwrap(), None);
}

/// A forked child: killed, if it has not ended, and reaped on drop.
struct Forked {
    pid: libc::pid_t,
    reaped: bool,
}

impl Forked {
    /// `body` gives the exit status, and keeps `[async-signal-safe]`.
    fn new(body: impl FnOnce() -> c_int) -> Self {
        // SAFETY: [async-signal-safe] holds for all that the child does until its `_exit`.
        match unsafe { libc::fork() } {
            0 => {
                // SAFETY: plain numbers. The child does not outlive the thread that forked it.
                unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
                let status = body();
                // SAFETY: ends the child, and runs nothing of this process's on the way.
                unsafe { libc::_exit(status) }
            }
            -1 => panic!("fork: {}", std::io::Error::last_os_error()),
            pid => Self { pid, reaped: false },
        }
    }

    /// One that sleeps until it is killed.
    fn asleep() -> Self {
        Self::new(|| {
            loop {
                // SAFETY: it waits for a signal.
                unsafe { libc::pause() };
            }
        })
    }

    /// How it ended, as `waitpid` has it; `None` if it has not, and `flags` say not to wait.
    fn wait(&mut self, flags: c_int) -> Option<c_int> {
        let mut status = 0;
        // SAFETY: `status` outlives the call.
        match unsafe { libc::waitpid(self.pid, &raw mut status, flags) } {
            0 => None,
            -1 => panic!("waitpid: {}", std::io::Error::last_os_error()),
            _ => {
                self.reaped = true;
                Some(status)
            }
        }
    }

    fn kill(&mut self) {
        // SAFETY: plain numbers; `pid` is our child's, since it is not reaped.
        assert_eq!(unsafe { libc::kill(self.pid, libc::SIGKILL) }, 0);
        let status = self.wait(0).unwrap();
        assert!(libc::WIFSIGNALED(status), "it ended before it was killed: {status:#x}");
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        if !self.reaped {
            // SAFETY: as in `kill`.
            unsafe { libc::kill(self.pid, libc::SIGKILL) };
            // SAFETY: no status is asked for.
            unsafe { libc::waitpid(self.pid, ptr::null_mut(), 0) };
        }
    }
}

/// Whether this process has something mapped at `page`, the address of one. `[async-signal-safe]`.
fn is_mapped(page: usize) -> bool {
    let mut resident = 0;
    // SAFETY: nothing at the page is touched, and the answer, for one page, is one byte.
    unsafe { libc::mincore(ptr::without_provenance_mut(page), 1, &raw mut resident) == 0 }
}

/// Whether the number is that of a descriptor. `[async-signal-safe]`.
fn is_descriptor(fd: c_int) -> bool {
    // SAFETY: plain numbers.
    unsafe { libc::fcntl(fd, libc::F_GETFD) != -1 }
}

/// The pages at which the rings of a socket begin.
fn ring_pages(socket: &dyn Backend) -> Vec<usize> {
    let file = fs::read_link(format!("/proc/self/fd/{}", socket.fd().as_raw_fd())).unwrap();
    let file = file.to_str().unwrap();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let ours = maps.lines().filter(|line| line.ends_with(file));
    ours.map(|line| usize::from_str_radix(line.split_once('-').unwrap().0, 16).unwrap()).collect()
}

#[test]
fn a_forked_child_has_the_descriptor_and_none_of_the_memory() {
    const PACKETS: c_int = 1 << 0;
    const RINGS: c_int = 1 << 1;
    const DESCRIPTOR: c_int = 1 << 2;
    const ANYTHING: c_int = 1 << 3;

    let Some(mut bed) = bed(1) else { return };
    let page_size = rustix::param::page_size();
    let frames: Vec<Frame> = bed.pool.drain().collect();
    let address = |frame| bed.umem.frame(frame).unwrap().as_ptr().addr() & !(page_size - 1);
    let packets: Vec<usize> = frames.iter().map(address).collect();
    bed.pool.give_all(frames).unwrap();
    let lane = bed.open().unwrap();
    let rings = ring_pages(&*lane.socket);
    assert_eq!(rings.len(), 4);

    let anything = (&raw const packets).addr() & !(page_size - 1);
    let fd = lane.socket.fd().as_raw_fd();
    let seen = || {
        let any = |pages: &[usize]| pages.iter().any(|page| is_mapped(*page));
        let bit = |holds, bit| if holds { bit } else { 0 };
        bit(any(&packets), PACKETS)
            | bit(any(&rings), RINGS)
            | bit(is_descriptor(fd), DESCRIPTOR)
            | bit(is_mapped(anything), ANYTHING)
    };
    assert_eq!(seen(), PACKETS | RINGS | DESCRIPTOR | ANYTHING, "in this process");

    let status = Forked::new(seen).wait(0).unwrap();
    assert!(libc::WIFEXITED(status), "{status:#x}");
    assert_eq!(libc::WEXITSTATUS(status), DESCRIPTOR | ANYTHING, "in the child");
    bed.opened(0);
}

#[test]
fn a_forked_child_keeps_the_queue_and_its_frames_until_it_ends() {
    let Some(mut bed) = bed(1) else { return };
    let lane = bed.open().unwrap();
    let mut child = Forked::asleep();
    drop(lane);
    let retired = bed.closed(0);
    assert_eq!(retired, FRAMES - RESERVE);

    // Two more to post, which come back when the attempt has failed.
    let started = Instant::now();
    let busy = bed.open_with(|options| options.tx_reserve = RESERVE - 2).unwrap_err();
    let tried = started.elapsed();
    let Error::QueueBusy { queue: 0, tried_ms, .. } = busy else { panic!("{busy}") };
    assert!(busy.to_string().contains("a forked child that inherited it counts"), "{busy}");
    assert!(tried >= Duration::from_millis(tried_ms) && tried < 30 * SECOND, "{tried:?}");
    assert_eq!(tried_ms, 3000);
    assert_eq!(bed.closed(0), retired);
    assert_eq!(child.wait(libc::WNOHANG), None, "it was there all the while");

    child.kill();
    let _lane = bed.open().unwrap();
    bed.opened(0);
    assert_eq!(bed.pool.len(), RESERVE as usize, "all came home, and what may was posted");
}

//! Opening a lane: one queue of one interface, from nothing to bound.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::socket::{BindMode, XdpSocket};
use crate::error::{Error, Result};
use crate::ring::{LaneRings, RingSizes};
use crate::umem::{FramePool, Lane, LaneKey, UmemRegion};

/// For how long a queue that is taken is tried. The kernel lets go of one a moment after its owner
/// has closed it, in a worker that waits for the lock of all network configuration.
const BUSY_MAX: Duration = Duration::from_secs(3);

/// How often, meanwhile.
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// What to open, and how.
#[derive(Clone, Copy, Debug)]
pub struct LaneOptions<'o> {
    /// Name of the interface, for errors.
    pub interface: &'o str,
    /// Name of its driver, for errors.
    pub driver: &'o str,
    /// Index of the interface in this network namespace.
    pub ifindex: u32,
    /// The queue.
    pub queue: u32,
    /// How many slots each ring has.
    pub sizes: RingSizes,
    /// How to bind.
    pub mode: BindMode,
    /// How many frames to leave in the pool when the fill ring is filled.
    pub tx_reserve: u32,
}

/// A lane that is bound.
#[derive(Debug)]
pub struct OpenLane {
    /// Its four rings, the fill ring filled.
    pub rings: LaneRings,
    /// Its socket.
    pub socket: XdpSocket,
}

/// Opens a socket, gives it the UMEM, fills the fill ring from `pool` and binds.
///
/// The fill ring is filled before the bind, because drivers take frames as soon as they are bound and
/// some never look again. If the bind fails, the frames are back in the pool.
///
/// # Errors
/// [`Error::QueueBusy`] after trying for three seconds; [`Error::NoZeroCopy`] if that was forced and the
/// kernel refused; otherwise what each step can fail with.
pub fn open(umem: &UmemRegion, pool: &mut FramePool, options: LaneOptions<'_>) -> Result<OpenLane> {
    let opened = try_open(umem, pool, options);
    // What a failed attempt had posted; and, if the queue was ours before, what was still out then:
    // the kernel let go of it when it bound the queue anew.
    let recovered = umem.recover(pool)?;
    let mut lane = opened?;
    if recovered > 0 {
        post(&mut lane.rings, pool, options.tx_reserve)?;
    }
    Ok(lane)
}

/// Posts all frames of the pool but the tx reserve, as far as they fit.
fn post(rings: &mut LaneRings, pool: &mut FramePool, tx_reserve: u32) -> Result<()> {
    let spare = pool.len().saturating_sub(tx_reserve as usize);
    rings.fill.refill(pool, spare as u32)?;
    rings.fill.publish();
    Ok(())
}

fn try_open(umem: &UmemRegion, pool: &mut FramePool, options: LaneOptions<'_>) -> Result<OpenLane> {
    let LaneOptions { ifindex, queue, sizes, mode, tx_reserve, .. } = options;
    let lane = Lane::open(umem, LaneKey::Queue { namespace: namespace()?, ifindex, queue })?;
    let socket = XdpSocket::new(Arc::clone(&lane))?;
    socket.register_umem()?;
    let mut rings = socket.map_rings(sizes)?;

    post(&mut rings, pool, tx_reserve)?;

    let started = Instant::now();
    loop {
        match socket.bind(ifindex, queue, mode) {
            Ok(()) => return Ok(OpenLane { rings, socket }),
            Err(Errno::BUSY) if started.elapsed() < BUSY_MAX => thread::sleep(BUSY_PAUSE),
            Err(errno) => return Err(bind_error(errno, options)),
        }
    }
}

/// What the errno of a bind means, after what could be checked before has been.
fn bind_error(errno: Errno, options: LaneOptions<'_>) -> Error {
    let interface = options.interface.to_owned();
    match errno {
        Errno::BUSY => Error::QueueBusy {
            interface,
            queue: options.queue,
            tried_ms: BUSY_MAX.as_millis() as u64,
        },
        Errno::NODEV => Error::UnknownInterface { interface },
        Errno::NETDOWN => Error::LinkDown,
        // `xp_assign_dev` (net/xdp/xsk_buff_pool.c) and whatever the driver's own ndo_bpf comes up with.
        // What is not about zero-copy will show again in copy mode.
        errno if options.mode.zero_copy => Error::NoZeroCopy {
            interface,
            driver: options.driver.to_owned(),
            why: match errno {
                Errno::OPNOTSUPP => "the driver does not offer it (EOPNOTSUPP)".to_owned(),
                Errno::INVAL => {
                    "the driver refuses this queue, frame size or ring size for it (EINVAL)"
                        .to_owned()
                }
                errno => format!("the driver refuses: {errno}"),
            },
        },
        Errno::PERM | Errno::ACCESS => {
            Error::MissingCapability { capability: "CAP_NET_RAW", call: "bind(AF_XDP)" }
        }
        errno => Error::sys("bind(AF_XDP)", errno),
    }
}

/// The calling thread's network namespace, by the device and inode of its file.
fn namespace() -> Result<(u64, u64)> {
    let file = rustix::fs::stat("/proc/thread-self/ns/net")
        .map_err(|errno| Error::sys("stat of /proc/thread-self/ns/net", errno))?;
    Ok((file.st_dev, file.st_ino))
}

//! Opening a lane: one queue of one interface, from nothing to bound.

use std::io;
use std::time::Duration;

use crate::backend::{Backend, BindMode};
use crate::error::{Error, Result};
use crate::ring::{LaneRings, RingSizes};
#[cfg(feature = "simulator")]
use crate::simulator;
#[cfg(target_os = "linux")]
use crate::sys;
use crate::umem::{FramePool, UmemRegion};

/// How often a queue that is taken is tried: for three seconds. The kernel lets go of one a moment after
/// its owner has closed it, in a worker that waits for the lock of all network configuration.
const BUSY_TRIES: u32 = 600;

/// How long to wait in between.
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// Whose queue to open.
///
/// There is none where there is neither Linux nor the simulator.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Port {
    /// That of an interface of this network namespace.
    #[cfg(target_os = "linux")]
    Kernel {
        /// The interface's index.
        ifindex: u32,
    },
    /// That of a simulated NIC.
    #[cfg(feature = "simulator")]
    Simulated(simulator::Nic),
}

/// What to open, and how.
#[derive(Clone, Debug)]
pub struct LaneOptions<'o> {
    /// Whose queue.
    pub port: Port,
    /// Name of the interface, for errors.
    pub interface: &'o str,
    /// Name of its driver, for errors.
    pub driver: &'o str,
    /// The queue.
    pub queue: u32,
    /// How many slots each ring has.
    pub sizes: RingSizes,
    /// How to bind.
    pub mode: BindMode,
    /// A bound socket on another queue or interface, over the same UMEM, whose registration to share
    /// (`XDP_SHARED_UMEM`): memory is locked once, and how that one was bound holds for this one, whatever
    /// `mode` says.
    pub share: Option<&'o dyn Backend>,
    /// How many frames to leave in the pool when the fill ring is filled.
    pub tx_reserve: u32,
}

/// A lane that is bound.
#[derive(Debug)]
pub struct OpenLane {
    /// Its four rings, the fill ring filled.
    pub rings: LaneRings,
    /// Its socket.
    pub socket: Box<dyn Backend>,
}

/// Why a bind was refused.
#[derive(Debug)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "the simulator has fewer"))]
pub(crate) enum Refusal {
    /// `EBUSY`: the queue has, or had until a moment ago, another socket.
    Busy,
    /// `ENODEV`.
    NoDevice,
    /// `ENETDOWN`.
    Down,
    /// `EOPNOTSUPP`.
    NotSupported,
    /// `EINVAL`.
    Invalid,
    /// `EPERM` or `EACCES`.
    NotPermitted,
    /// Any other.
    Other(io::Error),
}

/// A socket with its memory and its rings, on its way to be bound.
pub(crate) trait Unbound: Backend {
    /// Binds to the queue that the socket was made for, sharing the UMEM of another if there is one; tries
    /// once.
    fn bind(&self, mode: BindMode, share: Option<&dyn Backend>) -> Result<(), Refusal>;

    /// Lets `time` pass between two tries.
    fn pause(&self, time: Duration);
}

/// Opens a socket, gives it the UMEM, fills the fill ring from `pool` and binds.
///
/// The fill ring is filled before the bind, because drivers take frames as soon as they are bound and
/// some never look again. If the bind fails, the frames are back in the pool.
///
/// # Errors
/// [`Error::QueueBusy`] after trying for three seconds; [`Error::NoZeroCopy`] if that was forced and the
/// kernel refused; [`Error::Foreign`] if the socket to share with is over another UMEM; otherwise what each step can fail with.
pub fn open(
    umem: &UmemRegion,
    pool: &mut FramePool,
    options: &LaneOptions<'_>,
) -> Result<OpenLane> {
    let opened = try_open(umem, pool, options);
    // What a failed attempt had posted; and, if the queue was ours before, what was still out then:
    // the kernel let go of it when it bound the queue anew.
    let recovered = umem.recover(pool)?;
    let mut lane = opened?;
    if recovered > 0 {
        post(&mut lane.rings, pool, options.tx_reserve)?;
        // A driver that found the ring empty when it was bound looks again when it is told to. On an interface that
        // is down it does so by itself when that comes up.
        if lane.rings.fill.needs_wakeup() {
            let _down = lane.socket.kick_rx();
        }
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

fn try_open(
    umem: &UmemRegion,
    pool: &mut FramePool,
    options: &LaneOptions<'_>,
) -> Result<OpenLane> {
    if options.share.is_some_and(|first| first.umem().id() != umem.id()) {
        return Err(Error::Foreign);
    }
    match options.port {
        #[cfg(target_os = "linux")]
        Port::Kernel { ifindex } => {
            let made = sys::socket::XdpSocket::open(
                umem,
                options.share.is_none(),
                ifindex,
                options.queue,
                options.sizes,
            )?;
            fill_and_bind(made, pool, options)
        }
        #[cfg(feature = "simulator")]
        Port::Simulated(ref nic) => {
            let made = simulator::SimSocket::open(umem, nic, options.queue, options.sizes)?;
            fill_and_bind(made, pool, options)
        }
    }
}

fn fill_and_bind<S: Unbound + 'static>(
    (mut rings, socket): (LaneRings, S),
    pool: &mut FramePool,
    options: &LaneOptions<'_>,
) -> Result<OpenLane> {
    post(&mut rings, pool, options.tx_reserve)?;
    for _ in 0..BUSY_TRIES {
        match socket.bind(options.mode, options.share) {
            Ok(()) => {
                allow_chains(&mut rings, &socket)?;
                return Ok(OpenLane { rings, socket: Box::new(socket) });
            }
            Err(Refusal::Busy) => socket.pause(BUSY_PAUSE),
            Err(refusal) => return Err(bind_error(refusal, options)),
        }
    }
    Err(bind_error(Refusal::Busy, options))
}

/// Has the rings of a socket that is bound to packets of several segments take those.
fn allow_chains(rings: &mut LaneRings, socket: &impl Backend) -> Result<()> {
    let sent = socket.segments_max();
    if sent > 1 {
        // Copying, the kernel cuts what it receives into as many of our frames as it takes.
        let received = if socket.is_zero_copy()? { sent } else { u32::MAX };
        rings.allow_chains(sent, received);
    }
    Ok(())
}

/// What a refused bind means, after what could be checked before has been.
fn bind_error(refusal: Refusal, options: &LaneOptions<'_>) -> Error {
    let interface = options.interface.to_owned();
    match refusal {
        Refusal::Busy => {
            let tried_ms = u64::from(BUSY_TRIES) * BUSY_PAUSE.as_millis() as u64;
            Error::QueueBusy { interface, queue: options.queue, tried_ms }
        }
        Refusal::NoDevice => Error::UnknownInterface { interface },
        Refusal::Down => Error::LinkDown,
        // `xp_assign_dev` (net/xdp/xsk_buff_pool.c) and whatever the driver's own ndo_bpf comes up with.
        // What is not about zero-copy will show again in copy mode.
        // Old kernels know the flag no more than that.
        Refusal::Invalid if is_multi_buffer(options) && !is_zero_copy(options) => {
            Error::Unsupported { what: "packets of several segments (XDP_USE_SG)", since: "6.6" }
        }
        refusal if is_zero_copy(options) => Error::NoZeroCopy {
            interface,
            driver: options.driver.to_owned(),
            why: match refusal {
                Refusal::NotSupported if is_multi_buffer(options) => {
                    "the driver does not offer it for packets of several segments (EOPNOTSUPP)"
                        .to_owned()
                }
                Refusal::NotSupported => "the driver does not offer it (EOPNOTSUPP)".to_owned(),
                Refusal::Invalid if is_multi_buffer(options) => {
                    "the driver refuses this queue, frame size or ring size for it, or the kernel is \
                     older than 6.6 and knows no packets of several segments (EINVAL)"
                        .to_owned()
                }
                Refusal::Invalid if options.driver == "virtio_net" => {
                    "the driver refuses it (EINVAL): virtio_net takes it from devices with \
                     VIRTIO_F_ACCESS_PLATFORM alone, which is `iommu_platform=on` in QEMU"
                        .to_owned()
                }
                Refusal::Invalid => {
                    "the driver refuses this queue, frame size or ring size for it (EINVAL)"
                        .to_owned()
                }
                refusal => format!("the driver refuses: {}", io::Error::from(refusal)),
            },
        },
        Refusal::NotPermitted => {
            Error::MissingCapability { capability: "CAP_NET_RAW", call: "bind(AF_XDP)" }
        }
        refusal => Error::sys("bind(AF_XDP)", refusal),
    }
}

/// Whether the bind was to go without copies.
fn is_zero_copy(options: &LaneOptions<'_>) -> bool {
    match options.share {
        Some(first) => first.is_zero_copy().unwrap_or(false),
        None => options.mode.zero_copy,
    }
}

/// Whether the bind was to take packets of several segments.
fn is_multi_buffer(options: &LaneOptions<'_>) -> bool {
    options.share.map_or(options.mode.segments_max, Backend::segments_max) > 1
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        use io::ErrorKind;
        match refusal {
            Refusal::Other(source) => source,
            Refusal::Busy => Self::new(ErrorKind::ResourceBusy, "queue in use (EBUSY)"),
            Refusal::NoDevice => Self::new(ErrorKind::NotFound, "no such interface (ENODEV)"),
            Refusal::Down => Self::new(ErrorKind::NetworkDown, "interface down (ENETDOWN)"),
            Refusal::NotSupported => Self::new(ErrorKind::Unsupported, "EOPNOTSUPP"),
            Refusal::Invalid => Self::new(ErrorKind::InvalidInput, "EINVAL"),
            Refusal::NotPermitted => Self::new(ErrorKind::PermissionDenied, "EPERM"),
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// What `EINVAL` means, by how the bind was to be.
    fn invalid(zero_copy: bool, segments_max: u32) -> Error {
        let options = LaneOptions {
            port: Port::Kernel { ifindex: 1 },
            interface: "eth0",
            driver: "some",
            queue: 0,
            sizes: RingSizes::default(),
            mode: BindMode { zero_copy, need_wakeup: true, segments_max },
            share: None,
            tx_reserve: 0,
        };
        bind_error(Refusal::Invalid, &options)
    }

    #[test]
    fn a_kernel_that_knows_no_segments_says_so_by_einval() {
        assert!(matches!(invalid(false, 17), Error::Unsupported { since: "6.6", .. }));
        assert!(matches!(invalid(false, 1), Error::Sys { .. }));
        let why = |error| match error {
            Error::NoZeroCopy { why, .. } => why,
            error => panic!("{error}"),
        };
        assert!(why(invalid(true, 8)).contains("older than 6.6"));
        assert!(!why(invalid(true, 1)).contains("6.6"));
    }
}

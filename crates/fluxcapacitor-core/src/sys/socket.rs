//! The AF_XDP socket: its system calls, one function each.
//!
//! # Safety
//! Owns `[umem-outlives]`: a socket holds its lane, and the lane its UMEM, until after the descriptor
//! is closed; so what was registered stays mapped for as long as this process can have the kernel use
//! it.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::xdp::{
    SocketAddrXdp, SocketAddrXdpFlags, SocketAddrXdpWithSharedUmem, XDP_PGOFF_RX_RING,
    XDP_PGOFF_TX_RING, XDP_UMEM_PGOFF_COMPLETION_RING, XDP_UMEM_PGOFF_FILL_RING, XdpOptionsFlags,
    XdpRingOffset, XdpUmemReg, XdpUmemRegFlags,
};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with,
    sockopt,
};

use super::memory_lock;
use super::mmap::RingMapping;
use crate::backend::{Backend, BindMode, Interest, Kick, SOCKETS_MAX, Statistics, Waited};
use crate::error::{Error, Result};
use crate::lane::{Refusal, Unbound};
use crate::ring::{LaneRings, RingMemory, RingOffsets, RingSizes, Slot};
use crate::umem::{Lane, LaneKey, Mover, UmemRegion};

/// `XDP_MAX_TX_SKB_BUDGET` (`include/uapi/linux/if_xdp.h`, since 6.17).
const XDP_MAX_TX_SKB_BUDGET: c_int = 9;

/// How long one `poll` may last before the link is looked at: the kernel does not say in `poll` that
/// it is lost.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A socket of family `AF_XDP`, with its UMEM, for one queue of one interface.
#[derive(Debug)]
pub struct XdpSocket {
    // Closed before the lane is: fields drop in this order.
    fd: OwnedFd,
    lane: Arc<Lane>,
    ifindex: u32,
    queue: u32,
    /// As it was bound.
    segments_max: AtomicU32,
    /// Whether system calls poll instead of waking.
    busy_polls: AtomicBool,
    opened: Instant,
    /// When the link was last looked at, in milliseconds since the opening.
    looked_ms: AtomicU64,
}

impl XdpSocket {
    /// Makes a socket over `umem`, and its rings, for a queue that it is not yet bound to.
    pub(crate) fn open(
        umem: &UmemRegion,
        own_umem: bool,
        ifindex: u32,
        queue: u32,
        sizes: RingSizes,
    ) -> Result<(LaneRings, Self)> {
        let lane = Lane::open(
            umem,
            LaneKey::Queue { namespace: namespace()?, ifindex, queue },
            Mover::Peer,
        )?;
        let fd = socket_with(AddressFamily::XDP, SocketType::RAW, SocketFlags::CLOEXEC, None);
        let fd = fd.map_err(|errno| match errno {
            Errno::AFNOSUPPORT => {
                Error::Unsupported { what: "AF_XDP (CONFIG_XDP_SOCKETS)", since: "4.18" }
            }
            errno => Error::privileged("socket(AF_XDP)", "CAP_NET_RAW", errno),
        })?;
        let (opened, looked_ms) = (Instant::now(), AtomicU64::new(0));
        let (segments_max, busy_polls) = (AtomicU32::new(1), AtomicBool::new(false));
        let socket = Self { fd, lane, ifindex, queue, segments_max, busy_polls, opened, looked_ms };
        if own_umem {
            socket.register_umem()?;
        }
        Ok((socket.map_rings(sizes)?, socket))
    }

    /// Registers the UMEM of the lane (`XDP_UMEM_REG`), which locks its memory.
    fn register_umem(&self) -> Result<()> {
        let umem = self.lane.umem();
        let layout = umem.layout();
        let register = || {
            // [umem-outlives]: the kernel pins these pages; the lane keeps them mapped.
            sockopt::set_xdp_umem_reg(
                &self.fd,
                XdpUmemReg {
                    addr: umem.base().as_ptr().expose_provenance() as u64,
                    len: layout.bytes() as u64,
                    chunk_size: layout.frame_size(),
                    headroom: layout.headroom(),
                    flags: XdpUmemRegFlags::empty(),
                    tx_metadata_len: 0,
                },
            )
        };
        match register() {
            // Memory to lock beyond the soft limit: raise that to the hard one, and try again.
            Err(Errno::NOBUFS) => {
                let limit = memory_lock::raise();
                register().map_err(|errno| match errno {
                    Errno::NOBUFS => Error::MemoryLock { needed: layout.bytes() as u64, limit },
                    errno => Error::sys("setsockopt(XDP_UMEM_REG)", errno),
                })
            }
            result => result.map_err(|errno| Error::sys("setsockopt(XDP_UMEM_REG)", errno)),
        }
    }

    /// Makes and maps the four rings.
    fn map_rings(&self, sizes: RingSizes) -> Result<LaneRings> {
        sizes.check()?;
        let (fd, too_large) =
            (&self.fd, |call| move |errno| Error::sys(call, io::Error::from(errno)));
        sockopt::set_xdp_umem_fill_ring_size(fd, sizes.fill)
            .map_err(too_large("setsockopt(XDP_UMEM_FILL_RING)"))?;
        sockopt::set_xdp_umem_completion_ring_size(fd, sizes.completion)
            .map_err(too_large("setsockopt(XDP_UMEM_COMPLETION_RING)"))?;
        sockopt::set_xdp_rx_ring_size(fd, sizes.rx)
            .map_err(too_large("setsockopt(XDP_RX_RING)"))?;
        sockopt::set_xdp_tx_ring_size(fd, sizes.tx)
            .map_err(too_large("setsockopt(XDP_TX_RING)"))?;

        let at = sockopt::xdp_mmap_offsets(fd)
            .map_err(|errno| Error::sys("getsockopt(XDP_MMAP_OFFSETS)", errno))?;
        Ok(LaneRings::mapped(
            &self.lane,
            self.map(XDP_UMEM_PGOFF_FILL_RING, at.fr, sizes.fill)?,
            self.map(XDP_PGOFF_RX_RING, at.rx, sizes.rx)?,
            self.map(XDP_PGOFF_TX_RING, at.tx, sizes.tx)?,
            self.map(XDP_UMEM_PGOFF_COMPLETION_RING, at.cr, sizes.completion)?,
        ))
    }

    /// Maps one ring, at the offsets that the kernel says.
    fn map<T: Slot>(
        &self,
        page_offset: u64,
        at: XdpRingOffset,
        size: u32,
    ) -> Result<RingMemory<T>> {
        let flags = at
            .flags
            .ok_or(Error::Unsupported { what: "ring flags (need_wakeup)", since: "5.4" })?;
        let impossible =
            || Error::invalid("ring offsets", format!("{at:?}"), "the kernel's make no sense");
        let offset = |offset: u64| usize::try_from(offset).map_err(|_| impossible());
        let offsets = RingOffsets {
            producer: offset(at.producer)?,
            consumer: offset(at.consumer)?,
            flags: offset(flags)?,
            slots: offset(at.desc)?,
        };
        let len = offsets
            .slots
            .checked_add(size as usize * size_of::<T::Cell>())
            .ok_or_else(impossible)?;
        let mapping = RingMapping::new(self.fd.as_fd(), page_offset, len)
            .map_err(|source| Error::sys("mmap of a ring", source))?;
        RingMemory::mapped(mapping, offsets, size).ok_or_else(impossible)
    }

    /// Waits, for `timeout` at most, and says whether what was waited for is there.
    fn poll(&self, interest: Interest, timeout: Duration) -> Result<bool> {
        let events = events(interest);
        let mut fds = [PollFd::new(&self.fd, events)];
        Ok(poll_for(&mut fds, timeout)? > 0 && fds[0].revents().intersects(events))
    }

    /// What `recvfrom` does for AF_XDP, which it knows of since Linux 5.11: `poll` wakes who asks for it, and nothing but
    /// `sendto` speaks of the link.
    #[cold]
    fn wake_rx_by_poll(&self) -> Result<Kick> {
        self.poll(Interest::Rx, Duration::ZERO)?;
        self.kick_tx().map(|_sent| Kick::Done)
    }

    /// Reads the answer to a kick (`xsk_generic_xmit`, `xsk_sendmsg` in `net/xdp/xsk.c`).
    #[inline]
    fn kicked(&self, call: &'static str, answer: Result<usize, Errno>) -> Result<Kick> {
        match answer {
            Ok(_) => Ok(Kick::Done),
            Err(Errno::AGAIN | Errno::BUSY | Errno::NOBUFS | Errno::NOMEM | Errno::INTR) => {
                Ok(Kick::Again)
            }
            Err(Errno::NETDOWN) => Err(Error::LinkDown),
            Err(Errno::NXIO) if self.is_unbound() => Err(Error::LinkGone),
            Err(errno) => Err(Error::sys(call, errno)),
        }
    }

    /// Whether the kernel has unbound the socket, as it does when the interface goes (`xsk_notifier`).
    ///
    /// ENXIO alone does not say so: drivers answer that to a kick, too, while they have no XDP program, or no AF_XDP
    /// on the queue (`igc_xsk_wakeup`; i40e and ixgbe before 5.19, EINVAL since). A call that may sleep is
    /// answered before any driver is asked: ENXIO if the socket is not bound, EOPNOTSUPP if it is.
    fn is_unbound(&self) -> bool {
        send(&self.fd, &[], SendFlags::empty()) == Err(Errno::NXIO)
    }

    /// Looks at the link, if the last look was long enough ago; also over many short waits.
    fn is_link_down(&self) -> Result<bool> {
        let now_ms = self.opened.elapsed().as_millis() as u64;
        if now_ms < self.looked_ms.load(Relaxed) + LOOK_EVERY.as_millis() as u64 {
            return Ok(false);
        }
        self.looked_ms.store(now_ms, Relaxed);
        match self.kick_tx() {
            Ok(_) => Ok(false),
            Err(Error::LinkDown) => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn set(&self, level: c_int, option: c_int, value: c_int) -> io::Result<()> {
        let (at, len) =
            ((&raw const value).cast::<c_void>(), size_of::<c_int>() as libc::socklen_t);
        // SAFETY: the descriptor is open, and `at` points to `len` bytes that live until after the call.
        match unsafe { libc::setsockopt(self.fd.as_raw_fd(), level, option, at, len) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    fn get(&self, level: c_int, option: c_int) -> io::Result<c_int> {
        let (mut value, mut len) = (0 as c_int, size_of::<c_int>() as libc::socklen_t);
        let at = (&raw mut value).cast::<c_void>();
        // SAFETY: the descriptor is open, and `at` points to `len` writable bytes.
        match unsafe { libc::getsockopt(self.fd.as_raw_fd(), level, option, at, &raw mut len) } {
            0 => Ok(value),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Backend for XdpSocket {
    #[inline]
    fn kick_tx(&self) -> Result<Kick> {
        self.kicked("sendto", send(&self.fd, &[], SendFlags::DONTWAIT))
    }

    fn wake_tx(&self) -> Result<()> {
        if self.busy_polls.load(Relaxed) {
            // It wakes whoever asks for that, before it looks whether there is anything to wait for (`xsk_poll`).
            self.poll(Interest::Tx, Duration::ZERO)?;
        }
        Ok(())
    }

    #[inline]
    fn kick_rx(&self) -> Result<Kick> {
        let mut nothing = [0u8; 0];
        match recv(&self.fd, &mut nothing, RecvFlags::DONTWAIT) {
            Err(Errno::OPNOTSUPP) => self.wake_rx_by_poll(),
            answer => self.kicked("recvfrom", answer.map(|(got, _)| got)),
        }
    }

    /// Cut into pieces, between which the link is looked at.
    fn wait(&self, interest: Interest, timeout: Duration) -> Result<Waited> {
        let started = Instant::now();
        loop {
            let left = timeout.saturating_sub(started.elapsed());
            if self.poll(interest, left.min(LOOK_EVERY))? {
                return Ok(Waited::Ready);
            }
            if self.is_link_down()? {
                return Ok(Waited::LinkDown);
            }
            if started.elapsed() >= timeout {
                return Ok(Waited::TimedOut);
            }
        }
    }

    fn statistics(&self) -> Result<Statistics> {
        let read = sockopt::xdp_statistics(&self.fd)
            .map_err(|errno| Error::sys("getsockopt(XDP_STATISTICS)", errno))?;
        Ok(Statistics {
            rx_dropped: read.rx_dropped,
            rx_invalid_descs: read.rx_invalid_descs,
            tx_invalid_descs: read.tx_invalid_descs,
            rx_ring_full: read.rx_ring_full.unwrap_or_default(),
            rx_fill_ring_empty_descs: read.rx_fill_ring_empty_descs.unwrap_or_default(),
            tx_ring_empty_descs: read.tx_ring_empty_descs.unwrap_or_default(),
        })
    }

    fn is_zero_copy(&self) -> Result<bool> {
        let options = sockopt::xdp_options(&self.fd)
            .map_err(|errno| Error::sys("getsockopt(XDP_OPTIONS)", errno))?;
        Ok(options.contains(XdpOptionsFlags::XDP_OPTIONS_ZEROCOPY))
    }

    fn segments_max(&self) -> u32 {
        self.segments_max.load(Relaxed)
    }

    fn napi_id(&self) -> Result<Option<u32>> {
        let id = self.get(libc::SOL_SOCKET, libc::SO_INCOMING_NAPI_ID);
        let id = id.map_err(|source| Error::sys("getsockopt(SO_INCOMING_NAPI_ID)", source))?;
        // Small numbers are not NAPI ids but CPUs (`MIN_NAPI_ID`, `include/net/busy_poll.h`); a
        // socket without one gives 0.
        Ok(u32::try_from(id).ok().filter(|id| *id != 0))
    }

    fn busy_poll(&self, busy_poll_us: u32, budget: u32) -> Result<()> {
        let set = |call, option, value: u32| {
            self.set(libc::SOL_SOCKET, option, value as c_int).map_err(|source| {
                match source.raw_os_error() {
                    Some(libc::ENOPROTOOPT) => {
                        Error::Unsupported { what: "busy polling of AF_XDP", since: "5.11" }
                    }
                    _ => Error::privileged(call, "CAP_NET_ADMIN", source),
                }
            })
        };
        // The one that switches it on comes last: a refusal of the others leaves it off.
        set("setsockopt(SO_BUSY_POLL_BUDGET)", libc::SO_BUSY_POLL_BUDGET, budget)?;
        set("setsockopt(SO_BUSY_POLL)", libc::SO_BUSY_POLL, busy_poll_us)?;
        set("setsockopt(SO_PREFER_BUSY_POLL)", libc::SO_PREFER_BUSY_POLL, 1)?;
        self.busy_polls.store(true, Relaxed);
        Ok(())
    }

    fn tx_budget(&self, packets: u32) -> Result<()> {
        let set = self.set(libc::SOL_XDP, XDP_MAX_TX_SKB_BUDGET, packets as c_int);
        set.map_err(|source| match source.raw_os_error() {
            Some(libc::ENOPROTOOPT) => {
                Error::Unsupported { what: "XDP_MAX_TX_SKB_BUDGET", since: "6.17" }
            }
            // The kernel's way of saying that it is out of bounds; no capability would help.
            Some(libc::EACCES) => {
                Error::invalid("tx budget", packets, "32 up to the size of the tx ring will do")
            }
            _ => Error::sys("setsockopt(XDP_MAX_TX_SKB_BUDGET)", source),
        })
    }

    fn umem(&self) -> &UmemRegion {
        self.lane.umem()
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Unbound for XdpSocket {
    fn bind(&self, mode: BindMode, share: Option<&dyn Backend>) -> Result<(), Refusal> {
        let addr = |flags| SocketAddrXdp::new(flags, self.ifindex, self.queue);
        let bound = match share {
            // The flags of the first hold, and others are refused.
            Some(first) => {
                let addr = addr(SocketAddrXdpFlags::XDP_SHARED_UMEM);
                bind(&self.fd, &SocketAddrXdpWithSharedUmem { addr, shared_umem_fd: first.fd() })
            }
            None => {
                let mut flags = if mode.zero_copy {
                    SocketAddrXdpFlags::XDP_ZEROCOPY
                } else {
                    SocketAddrXdpFlags::XDP_COPY
                };
                flags.set(SocketAddrXdpFlags::XDP_USE_NEED_WAKEUP, mode.need_wakeup);
                flags.set(SocketAddrXdpFlags::XDP_USE_SG, mode.segments_max > 1);
                bind(&self.fd, &addr(flags))
            }
        };
        bound.map_err(|errno| match errno {
            Errno::BUSY => Refusal::Busy,
            Errno::NODEV => Refusal::NoDevice,
            Errno::NETDOWN => Refusal::Down,
            Errno::OPNOTSUPP => Refusal::NotSupported,
            Errno::INVAL => Refusal::Invalid,
            Errno::PERM | Errno::ACCESS => Refusal::NotPermitted,
            errno => Refusal::Other(errno.into()),
        })?;
        let segments_max = share.map_or(mode.segments_max, Backend::segments_max);
        self.segments_max.store(segments_max, Relaxed);
        self.lane.bound();
        Ok(())
    }

    fn pause(&self, time: Duration) {
        thread::sleep(time);
    }
}

/// Waits until one of the sockets has what `interest` names; for 100 ms at most, since none of them says
/// here that its link is lost.
pub(crate) fn poll_any<'s>(
    sockets: impl Iterator<Item = BorrowedFd<'s>>,
    interest: Interest,
    timeout: Duration,
) -> Result<()> {
    let mut sockets = sockets;
    let Some(first) = sockets.next() else { return Ok(()) };
    let entry = |fd| PollFd::from_borrowed_fd(fd, events(interest));
    let mut count = 1;
    let mut fds: [PollFd<'s>; SOCKETS_MAX] = std::array::from_fn(|at| {
        let next = if at == 0 { None } else { sockets.next() };
        count += usize::from(next.is_some());
        entry(next.unwrap_or(first))
    });
    poll_for(&mut fds[..count], timeout.min(LOOK_EVERY)).map(|_ready| ())
}

fn events(interest: Interest) -> PollFlags {
    match interest {
        Interest::Rx => PollFlags::IN,
        Interest::Tx => PollFlags::OUT,
    }
}

/// How many of the descriptors are ready after `timeout` at most; none if a signal came.
fn poll_for(fds: &mut [PollFd<'_>], timeout: Duration) -> Result<usize> {
    let timeout = Timespec::try_from(timeout)
        .map_err(|_| Error::invalid("timeout", format!("{timeout:?}"), "too long"))?;
    match poll(fds, Some(&timeout)) {
        Ok(ready) => Ok(ready),
        Err(Errno::INTR) => Ok(0),
        Err(errno) => Err(Error::sys("poll", errno)),
    }
}

/// The calling thread's network namespace, by the device and inode of its file.
pub(super) fn namespace() -> Result<(u64, u64)> {
    let file = rustix::fs::stat("/proc/thread-self/ns/net")
        .map_err(|errno| Error::sys("stat of /proc/thread-self/ns/net", errno))?;
    Ok((file.st_dev, file.st_ino))
}

#[cfg(test)]
mod tests {
    use fluxcapacitor_testbed::{NetNs, VethPair, permitted};

    use super::*;
    use crate::umem::{Layout, PageSize};

    const SIZES: RingSizes = RingSizes { fill: 4, rx: 4, tx: 4, completion: 4 };

    #[test]
    fn no_such_address_is_a_lost_link_only_if_the_interface_has_gone() {
        if !permitted() {
            return;
        }
        let (here, there) = (NetNs::new().unwrap(), NetNs::new().unwrap());
        let pair = VethPair::create(&here, &there, 1).unwrap();
        let (umem, _pool) =
            UmemRegion::new(Layout::new(2048, 8, 0).unwrap(), PageSize::Base).unwrap();
        let mode = BindMode { zero_copy: false, need_wakeup: true, segments_max: 1 };
        let open = || {
            let (rings, socket) = XdpSocket::open(&umem, true, pair.a().index(), 0, SIZES)?;
            assert!(socket.bind(mode, None).is_ok());
            Ok::<_, Error>((rings, socket))
        };
        let (_rings, socket) = here.run(open).unwrap().unwrap();
        // What a driver answers, and what the kernel does: the same.
        let answer = || socket.kicked("sendto", Err(Errno::NXIO)).unwrap_err();
        assert!(matches!(answer(), Error::Sys { .. }), "the driver's: {}", answer());
        pair.a().set_down().unwrap();
        assert!(matches!(answer(), Error::Sys { .. }), "the driver's, down: {}", answer());
        assert!(matches!(socket.kick_tx(), Err(Error::LinkDown)));
        pair.delete().unwrap();
        assert!(matches!(answer(), Error::LinkGone), "the kernel's: {}", answer());
        assert!(matches!(socket.kick_tx(), Err(Error::LinkGone)));
    }
}

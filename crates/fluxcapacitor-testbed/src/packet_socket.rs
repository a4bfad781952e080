//! Raw Ethernet frames, in and out of one veth end.

use std::{
    io,
    io::IoSliceMut,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    ifaddrs::getifaddrs,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{
        AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, bind, recvmsg, send,
        setsockopt, socket, sockopt,
    },
};

use crate::{
    error::{Result, TestbedError, is},
    veth::End,
};

/// `PACKET_OUTGOING` of `linux/if_packet.h`: a copy of what this host sent.
const PACKET_OUTGOING: u8 = 4;

/// Room for frames that arrive before they are asked for, in bytes, as the kernel counts memory.
const RECEIVE_BUFFER: usize = 8 << 20;

/// A raw socket bound to one end: the plain peer of an AF_XDP socket at the other.
///
/// It sees all frames that reach the end's network stack, whatever their destination, and none that this end itself
/// sends. Frames that an XDP program at this end drops or redirects do not get there.
///
/// - The kernel takes the outermost VLAN tag out of received frames; frames are sent as they are given.
/// - The kernel chooses the tx queue by the packet's flow hash, and with it the rx queue at the peer.
/// - Without the end's offloads turned off at the sender, frames from a network stack may come with partial checksums
///   and be longer than the MTU.
#[derive(Debug)]
#[doc(alias = "AF_PACKET")]
pub struct PacketSocket {
    fd: OwnedFd,
    index: u32,
}

impl PacketSocket {
    /// Opens a socket on `end`, in the end's namespace.
    ///
    /// # Errors
    ///
    /// [`TestbedError::NotPermitted`] without `CAP_NET_RAW`, [`TestbedError::Gone`] when the link is gone; and as
    /// [`NetNs::run`](crate::NetNs::run).
    pub fn open(end: &End) -> Result<Self> {
        end.namespace().run(|| {
            let address = link_address(end)?;
            let fd = socket(
                AddressFamily::Packet,
                SockType::Raw,
                SockFlag::SOCK_CLOEXEC,
                SockProtocol::EthAll,
            )
            .map_err(|source| TestbedError::refused("socket(AF_PACKET)", "CAP_NET_RAW", source))?;
            setsockopt(&fd, sockopt::RcvBufForce, &RECEIVE_BUFFER).map_err(|source| {
                TestbedError::refused("setsockopt(SO_RCVBUFFORCE)", "CAP_NET_ADMIN", source)
            })?;
            bind(fd.as_raw_fd(), &address)
                .map_err(|source| TestbedError::sys("bind(AF_PACKET)", source))?;
            let index = end.index();
            Ok(Self { fd, index })
        })?
    }

    /// Sends one whole frame, Ethernet header included.
    ///
    /// # Errors
    ///
    /// [`TestbedError::Sys`]: `EMSGSIZE` for a frame longer than MTU and header, `EINVAL` for one shorter than a
    /// header, `ENETDOWN` while the end is down, `ENOBUFS` when the peer has no room.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        send(self.fd.as_raw_fd(), frame, MsgFlags::empty())
            .map(drop)
            .map_err(|source| TestbedError::sys("send(AF_PACKET)", source))
    }

    /// Receives one frame into `buffer` and returns its length, or `None` after `timeout`.
    ///
    /// A zero `timeout` takes what is there.
    ///
    /// # Errors
    ///
    /// [`TestbedError::FrameTooLong`] when the frame does not fit, [`TestbedError::Sys`] otherwise (`ENETDOWN`: the
    /// end was set down or deleted).
    pub fn recv(&self, buffer: &mut [u8], timeout: Duration) -> Result<Option<usize>> {
        let deadline = Instant::now().checked_add(timeout);
        loop {
            if let Some(length) = self.take(buffer)? {
                return Ok(Some(length));
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Ok(None);
            }
            self.wait(left)?;
        }
    }

    /// Takes a frame that is there, passing over our own.
    fn take(&self, buffer: &mut [u8]) -> Result<Option<usize>> {
        let buffer_len = buffer.len();
        loop {
            let mut parts = [IoSliceMut::new(buffer)];
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
            let received = recvmsg::<LinkAddr>(self.fd.as_raw_fd(), &mut parts, None, flags);
            let (frame_len, from) = match received {
                Ok(message) => (message.bytes, message.address),
                Err(Errno::EAGAIN) => return Ok(None),
                Err(Errno::EINTR) => continue,
                Err(source) => return Err(TestbedError::sys("recvmsg(AF_PACKET)", source)),
            };
            // Between socket and bind, frames of other links get in.
            let ours = from.is_some_and(|from| {
                from.pkttype() != PACKET_OUTGOING && from.ifindex() == self.index as usize
            });
            if !ours {
                continue;
            }
            if frame_len > buffer_len {
                return Err(TestbedError::FrameTooLong { frame_len, buffer_len });
            }
            return Ok(Some(frame_len));
        }
    }

    fn wait(&self, left: Option<Duration>) -> Result<()> {
        // Rounded up, so that the last millisecond is slept and not spun.
        let timeout = left
            .and_then(|left| PollTimeout::try_from(left + Duration::from_micros(999)).ok())
            .unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(self.fd.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(source) => Err(TestbedError::sys("poll", source)),
        }
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The end's `sockaddr_ll`, which libc fills in: it has the index and no protocol, so bind keeps the socket's.
fn link_address(end: &End) -> Result<LinkAddr> {
    let gone = || TestbedError::Gone { name: end.name().to_owned() };
    let unavailable = |source: Errno| {
        let source = io::Error::from(source);
        if is(&source, Errno::ENODEV) { gone() } else { TestbedError::sys("getifaddrs", source) }
    };
    getifaddrs()
        .map_err(unavailable)?
        .filter_map(|interface| interface.address?.as_link_addr().copied())
        .find(|address| address.ifindex() == end.index() as usize)
        .ok_or_else(gone)
}

//! A netlink socket that asks one thing at a time.
//!
//! # Safety
//!
//! One `setsockopt` that rustix does not have. It passes a pointer to a local
//! integer with that integer's length, which is all that the call reads.
#![allow(unsafe_code)]

use std::error::Error;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::io::retry_on_intr;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send,
    socket_with,
};

use super::{Message, NLM_F_DUMP_INTR, NLM_F_MULTI, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP, Request};

/// How long an answer may take; the kernel answers within `send` or `recv`.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// A socket connected to the kernel, for requests that are answered at once.
///
/// It belongs to the network namespace of the thread that opened it, also when
/// that thread moves on or another one uses it.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Socket {
    /// Opens a `NETLINK_ROUTE` socket: links, addresses, routes.
    ///
    /// # Errors
    ///
    /// Whatever `socket` or `connect` answer.
    #[doc(alias = "NETLINK_ROUTE")]
    pub fn route() -> io::Result<Self> {
        Self::open(None)
    }

    /// Opens a `NETLINK_GENERIC` socket: families found by name.
    ///
    /// # Errors
    ///
    /// Whatever `socket` or `connect` answer.
    #[doc(alias = "NETLINK_GENERIC")]
    pub fn generic() -> io::Result<Self> {
        Self::open(Some(netlink::GENERIC))
    }

    fn open(protocol: Option<Protocol>) -> io::Result<Self> {
        let fd =
            socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
        // Connected to port 0, only the kernel can send to it
        // (net/netlink/af_netlink.c, netlink_getsockbyportid).
        connect(&fd, &SocketAddrNetlink::new(0, 0))?;
        set_socket_timeout(&fd, Timeout::Recv, Some(ANSWER_TIMEOUT))?;
        enable_extended_ack(fd.as_fd());
        Ok(Self { fd, sequence: 0, buffer: vec![0; 8192] })
    }

    /// Sends `request` and passes every message of the answer to `reply`.
    ///
    /// A dump ends at `NLMSG_DONE`, anything else at its first message. After
    /// an error from `reply` the rest of the answer is read but not passed on,
    /// so that the socket can be used again, and that error is returned.
    ///
    /// # Errors
    ///
    /// The kernel's errno, as `raw_os_error`, or a [`RefusedRequest`] of the
    /// same kind where the kernel says more than a number. `Interrupted` if the
    /// objects changed during a dump, so that it may be incomplete: ask again.
    /// `TimedOut` if no answer comes, `InvalidData` if it is malformed.
    pub fn exchange(
        &mut self,
        request: &mut Request,
        mut reply: impl FnMut(&Message<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let sequence = self.sequence;
        // The netdev family's lists are not marked as such, message by message.
        let is_list = request.is_dump();
        let bytes = request.finish(sequence)?;
        retry_on_intr(|| send(&self.fd, bytes, SendFlags::empty()))?;

        let mut outcome = Ok(());
        loop {
            let mut rest = self.receive()?;
            while !rest.is_empty() {
                let (message, tail) = Message::split(rest).ok_or_else(malformed)?;
                rest = tail;
                if message.sequence != sequence {
                    continue;
                }
                match message.kind {
                    NLMSG_NOOP => continue,
                    NLMSG_ERROR | NLMSG_DONE => return outcome.and(status(&message)),
                    _ if outcome.is_ok() => outcome = reply(&message),
                    _ => {}
                }
                if message.flags & NLM_F_DUMP_INTR != 0 && outcome.is_ok() {
                    outcome = Err(io::ErrorKind::Interrupted.into());
                }
                if message.flags & NLM_F_MULTI == 0 && !is_list {
                    return outcome;
                }
            }
        }
    }

    /// The next datagram, whole.
    fn receive(&mut self) -> io::Result<&[u8]> {
        // A datagram longer than the buffer would be cut and the rest of it
        // lost: ask for its length first.
        let peek = RecvFlags::PEEK | RecvFlags::TRUNC;
        let (_, length) =
            retry_on_intr(|| recv(&self.fd, &mut [0_u8; 1], peek)).map_err(explain_timeout)?;
        if length > self.buffer.len() {
            self.buffer.resize(length, 0);
        }
        let buffer = &mut self.buffer;
        let (received, length) =
            retry_on_intr(|| recv(&self.fd, buffer.as_mut_slice(), RecvFlags::TRUNC))
                .map_err(explain_timeout)?;
        if length > received {
            return Err(malformed());
        }
        self.buffer.get(..received).ok_or_else(malformed)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Asks the kernel to explain its errors (`NETLINK_EXT_ACK`, since 4.12).
///
/// Kernels that cannot still send the errno, so a failure is not one.
fn enable_extended_ack(fd: BorrowedFd<'_>) {
    let enable: libc::c_int = 1;
    // An int is four bytes on every Linux.
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the call reads `length` bytes at the pointer, which are those of
    // `enable`, alive until after the call; it writes nothing.
    let _ = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_NETLINK,
            libc::NETLINK_EXT_ACK,
            (&raw const enable).cast(),
            length,
        )
    };
}

/// The result that an `NLMSG_ERROR` or `NLMSG_DONE` stands for.
fn status(message: &Message<'_>) -> io::Result<()> {
    let errno = match message.errno() {
        Some(0) => return Ok(()),
        Some(errno) => io::Error::from_raw_os_error(errno),
        None => return Err(malformed()),
    };
    Err(match message.extended_ack() {
        None => errno,
        Some(text) => {
            let kind = errno.kind();
            let source = errno;
            let text = text.to_owned();
            io::Error::new(kind, RefusedRequest { source, text })
        }
    })
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "malformed netlink answer")
}

fn explain_timeout(errno: rustix::io::Errno) -> io::Error {
    if errno == rustix::io::Errno::AGAIN {
        let text = format!("no netlink answer within {ANSWER_TIMEOUT:?}");
        io::Error::new(io::ErrorKind::TimedOut, text)
    } else {
        errno.into()
    }
}

/// An errno with the kernel's own words about it (the extended ack).
#[derive(Debug)]
pub struct RefusedRequest {
    /// The errno.
    pub source: io::Error,
    /// What the kernel says.
    pub text: String,
}

impl fmt::Display for RefusedRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.source, self.text)
    }
}

impl Error for RefusedRequest {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::super::NLM_F_DUMP;
    use super::*;

    const RTM_GETLINK: u16 = 18;

    #[test]
    fn a_dump_lists_every_link_and_ends() {
        let mut socket = Socket::route().unwrap();
        for _ in 0..2 {
            let mut links = 0;
            let mut request = Request::new(RTM_GETLINK, NLM_F_DUMP, &[0; 16]);
            socket
                .exchange(&mut request, |_| {
                    links += 1;
                    Ok(())
                })
                .unwrap();
            assert!(links >= 1, "there is always lo");
        }
    }

    #[test]
    fn a_dump_whose_reader_fails_does_not_answer_the_next_request() {
        let mut socket = Socket::route().unwrap();
        let mut dump = Request::new(RTM_GETLINK, NLM_F_DUMP, &[0; 16]);
        let left = socket.exchange(&mut dump, |_| Err(io::ErrorKind::Other.into()));
        assert_eq!(left.unwrap_err().kind(), io::ErrorKind::Other);
        socket.exchange(&mut dump, |_| Ok(())).unwrap();

        let mut messages = 0;
        let lo = Request::new(RTM_GETLINK, 0, &[0; 16]);
        let mut lo = lo.attribute(3, b"lo\0").unwrap();
        socket
            .exchange(&mut lo, |_| {
                messages += 1;
                Ok(())
            })
            .unwrap();
        assert_eq!(messages, 1);
    }

    #[test]
    fn an_answer_that_nobody_read_is_skipped() {
        let mut socket = Socket::route().unwrap();
        let mut forgotten = Request::new(RTM_GETLINK, 0, &[0; 16]).attribute(3, b"lo\0").unwrap();
        let bytes = forgotten.finish(77).unwrap();
        send(&socket.fd, bytes, SendFlags::empty()).unwrap();

        let mut nowhere = Request::new(RTM_GETLINK, 0, &[0; 16]);
        nowhere = nowhere.attribute(3, b"no-such-nic-xx1\0").unwrap();
        let refused = socket.exchange(&mut nowhere, |_| panic!("an answer to another request"));
        assert_eq!(refused.unwrap_err().raw_os_error(), Some(libc::ENODEV));
    }

    #[test]
    fn an_answer_longer_than_the_buffer_is_whole() {
        let mut socket = Socket::route().unwrap();
        socket.buffer = vec![0; 1];
        let lo = Request::new(RTM_GETLINK, 0, &[0; 16]);
        let mut lo = lo.attribute(3, b"lo\0").unwrap();
        socket.exchange(&mut lo, |_| Ok(())).unwrap();
        assert!(socket.buffer.len() > 100);
    }

    #[test]
    fn a_refusal_carries_the_words_of_the_kernel() {
        let mut socket = Socket::route().unwrap();
        let long = Request::new(RTM_GETLINK, 0, &[0; 16]);
        let mut long = long.attribute(3, &[b'x'; 64]).unwrap();
        let refused = socket.exchange(&mut long, |_| Ok(())).unwrap_err();
        let inner = refused.get_ref().and_then(|e| e.downcast_ref());
        let inner: &RefusedRequest = inner.unwrap();
        assert_eq!(inner.source.raw_os_error(), Some(libc::ERANGE));
        assert!(!inner.text.is_empty());
    }
}

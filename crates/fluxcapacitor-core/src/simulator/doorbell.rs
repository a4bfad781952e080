//! A descriptor that becomes readable when packets arrive, for those who poll.
//!
//! Nothing is written to it unless somebody has asked for it: a system call for each burst would be
//! dear where nobody listens.

#[cfg(unix)]
pub(super) use with_fd::{Bell, Doorbell};
#[cfg(not(unix))]
pub(super) use without_fd::{Bell, Doorbell};

#[cfg(unix)]
mod with_fd {
    use std::io::{Read, Write};
    use std::os::fd::{AsFd, BorrowedFd};
    use std::os::unix::net::UnixStream;

    use crate::error::{Error, Result};

    /// The user's end.
    #[derive(Debug)]
    pub(in super::super) struct Bell(UnixStream);

    /// The kernel's end.
    #[derive(Debug)]
    pub(in super::super) struct Doorbell {
        stream: UnixStream,
        is_connected: bool,
    }

    impl Bell {
        pub(in super::super) fn new() -> Result<(Self, Doorbell)> {
            let pair = || {
                let (ours, theirs) = UnixStream::pair()?;
                ours.set_nonblocking(true)?;
                theirs.set_nonblocking(true)?;
                Ok((ours, theirs))
            };
            let (ours, stream) =
                pair().map_err(|source: std::io::Error| Error::sys("socketpair", source))?;
            Ok((Self(ours), Doorbell { stream, is_connected: false }))
        }

        pub(in super::super) fn fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }

        /// It has been heard.
        pub(in super::super) fn hush(&self) {
            let mut rung = [0; 64];
            while (&self.0).read(&mut rung).is_ok_and(|count| count == rung.len()) {}
        }
    }

    impl Doorbell {
        /// Somebody listens, from now on.
        pub(in super::super) fn connect(&mut self) {
            self.is_connected = true;
        }

        pub(in super::super) fn ring(&mut self) {
            if self.is_connected {
                // Full: it is ringing already.
                let _full = self.stream.write(&[1]);
            }
        }
    }
}

#[cfg(not(unix))]
mod without_fd {
    use crate::error::Result;

    #[derive(Debug)]
    pub(in super::super) struct Bell;

    #[derive(Debug)]
    pub(in super::super) struct Doorbell;

    impl Bell {
        pub(in super::super) fn new() -> Result<(Self, Doorbell)> {
            Ok((Self, Doorbell))
        }

        pub(in super::super) fn hush(&self) {}
    }

    impl Doorbell {
        pub(in super::super) fn ring(&mut self) {}
    }
}

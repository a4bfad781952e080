//! The one error type of this crate.

use std::{error, fmt, io, time::Duration};

use nix::errno::Errno;

/// Result with [`TestbedError`].
pub type Result<T, E = TestbedError> = std::result::Result<T, E>;

/// Why the testbed could not do what was asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum TestbedError {
    /// The process lacks a capability; see [`is_permission`](Self::is_permission).
    NotPermitted {
        /// The system call or request that was refused.
        call: &'static str,
        /// The capability that it wants.
        capability: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A setting is outside its range; nothing was made.
    Invalid {
        /// Which setting.
        what: &'static str,
        /// The value that was given.
        found: String,
        /// What would be accepted.
        expected: &'static str,
    },
    /// A link of this name is already there.
    Exists {
        /// The wanted name.
        name: String,
    },
    /// The link is no longer there: something else deleted it.
    Gone {
        /// The link's name.
        name: String,
    },
    /// The link did not become operationally up in time.
    NotUp {
        /// The link's name.
        name: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// An IPv6 address was asked for where IPv6 is off.
    Ipv6Disabled {
        /// The link's name.
        name: String,
    },
    /// The feature cannot be changed on this kernel, or has another name.
    Feature {
        /// The link's name.
        name: String,
        /// The feature's name, as `ethtool -k` of a recent kernel prints it.
        feature: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A received frame is longer than the buffer; the frame is lost.
    FrameTooLong {
        /// Length of the frame in bytes.
        frame_len: usize,
        /// Length of the buffer in bytes.
        buffer_len: usize,
    },
    /// A program could not be started.
    NoProgram {
        /// The program.
        program: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A program did not end in time, and was killed.
    NotEnded {
        /// The program.
        program: String,
        /// How long it was waited for.
        waited: Duration,
        /// What it had said by then, output and error output.
        said: String,
    },
    /// Any other refused system call or netlink request.
    Sys {
        /// The call or request.
        call: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl TestbedError {
    /// True when more privilege would have helped.
    #[must_use]
    pub fn is_permission(&self) -> bool {
        matches!(self, Self::NotPermitted { .. })
    }

    /// Wraps the answer to `call`, which needs `capability`.
    pub(crate) fn refused(
        call: &'static str,
        capability: &'static str,
        source: impl Into<io::Error>,
    ) -> Self {
        let source = source.into();
        if is(&source, Errno::EPERM) {
            Self::NotPermitted { call, capability, source }
        } else {
            Self::Sys { call, source }
        }
    }

    /// Wraps the answer to a call that needs no capability.
    pub(crate) fn sys(call: &'static str, source: impl Into<io::Error>) -> Self {
        Self::Sys { call, source: source.into() }
    }
}

/// True when `source` carries this errno.
pub(crate) fn is(source: &io::Error, errno: Errno) -> bool {
    source.raw_os_error() == Some(errno as i32)
}

impl fmt::Display for TestbedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPermitted { call, capability, source } => write!(
                f,
                "{call} was refused ({source}): it needs {capability}; run as root, or grant it with \
                 `sudo setcap cap_sys_admin,cap_net_admin,cap_net_raw+ep <program>`, or start the container with \
                 `--cap-add SYS_ADMIN --cap-add NET_ADMIN --cap-add NET_RAW` and a seccomp profile that allows it"
            ),
            Self::Invalid { what, found, expected } => {
                write!(f, "{what} is {found}, but must be {expected}")
            }
            Self::Exists { name } => write!(
                f,
                "a link named `{name}` is already in that namespace; choose another name, or leave names out to \
                 get unique ones"
            ),
            Self::Gone { name } => {
                write!(
                    f,
                    "link `{name}` is gone: something else deleted it, or its peer's namespace"
                )
            }
            Self::NotUp { name, waited } => write!(
                f,
                "link `{name}` was not operationally up after {} ms; a veth end has a carrier only while its peer \
                 is up, so set both ends up",
                waited.as_millis()
            ),
            Self::Ipv6Disabled { name } => write!(
                f,
                "no IPv6 address can be added to `{name}`: IPv6 is off in its namespace; make it with \
                 `NetNs::builder().ipv6(true).build()`"
            ),
            Self::Feature { name, feature, source } => write!(
                f,
                "feature `{feature}` of link `{name}` could not be changed ({source}); `ethtool -k` lists the \
                 names and which of them are fixed"
            ),
            Self::FrameTooLong { frame_len, buffer_len } => write!(
                f,
                "a frame of {frame_len} bytes arrived, but the buffer holds {buffer_len}; use a larger buffer, or \
                 turn segmentation offload off at the sender"
            ),
            Self::NoProgram { program, source } => {
                write!(f, "`{program}` could not be started ({source}); is it installed?")
            }
            Self::NotEnded { program, waited, said } => write!(
                f,
                "`{program}` had not ended after {} ms and was killed; it had said: {said:?}",
                waited.as_millis()
            ),
            Self::Sys { call, source } => write!(f, "{call} failed: {source}"),
        }
    }
}

impl error::Error for TestbedError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::NotPermitted { source, .. }
            | Self::Feature { source, .. }
            | Self::NoProgram { source, .. }
            | Self::Sys { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<TestbedError> for io::Error {
    fn from(error: TestbedError) -> Self {
        let kind = match &error {
            TestbedError::NotPermitted { .. } => io::ErrorKind::PermissionDenied,
            TestbedError::Invalid { .. } => io::ErrorKind::InvalidInput,
            TestbedError::Exists { .. } => io::ErrorKind::AlreadyExists,
            TestbedError::Gone { .. } => io::ErrorKind::NotFound,
            TestbedError::NotUp { .. } | TestbedError::NotEnded { .. } => io::ErrorKind::TimedOut,
            TestbedError::Ipv6Disabled { .. } => io::ErrorKind::Unsupported,
            TestbedError::FrameTooLong { .. } => io::ErrorKind::InvalidData,
            TestbedError::Feature { source, .. }
            | TestbedError::NoProgram { source, .. }
            | TestbedError::Sys { source, .. } => source.kind(),
        };
        Self::new(kind, error)
    }
}

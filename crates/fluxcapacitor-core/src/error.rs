//! What can go wrong, as far as the caller can act on it.

use std::{fmt, io};

use crate::ring::RingCorrupt;
use crate::umem::Foreign;

/// The result of this library's calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, and what to do about it. Converts into [`io::Error`] with a fitting kind.
///
/// Full, empty and "try again" are not errors; the rings' own types say those. Its `Debug` is its
/// `Display`, so that a `main` that returns it says what to do.
#[non_exhaustive]
pub enum Error {
    /// A number or a name that cannot be, found before the kernel was asked.
    Invalid {
        /// What it is.
        what: &'static str,
        /// What was asked for.
        asked: String,
        /// What would do.
        why: String,
    },
    /// There is no such network interface in this network namespace.
    UnknownInterface {
        /// Its name.
        interface: String,
    },
    /// There is no simulated interface of this name.
    UnknownSimulated {
        /// Its name.
        interface: String,
    },
    /// This system has no AF_XDP.
    NotOnThisSystem {
        /// The interface asked for.
        interface: String,
    },
    /// The interface has no such queue.
    QueueOutOfRange {
        /// The interface.
        interface: String,
        /// The queue asked for.
        queue: u32,
        /// How many there are.
        queues: u32,
    },
    /// Another socket is bound to the queue, and still was after all retries.
    QueueBusy {
        /// The interface.
        interface: String,
        /// The queue.
        queue: u32,
        /// For how long it was tried, in milliseconds.
        tried_ms: u64,
    },
    /// Zero-copy was required and cannot be had.
    NoZeroCopy {
        /// The interface.
        interface: String,
        /// Its driver.
        driver: String,
        /// Why not.
        why: String,
    },
    /// Native mode was required and the driver does not offer it.
    NoNativeMode {
        /// The interface.
        interface: String,
        /// Its driver.
        driver: String,
        /// Why not.
        why: String,
    },
    /// Another XDP program is on the interface.
    ProgramBusy {
        /// The interface.
        interface: String,
        /// What is known of that program.
        program: String,
    },
    /// The verifier refused the program.
    ProgramRefused {
        /// What it said, line by line.
        log: String,
        /// What the kernel answered.
        source: io::Error,
    },
    /// The process lacks a capability.
    MissingCapability {
        /// Which, as the kernel names it.
        capability: &'static str,
        /// The call that needs it.
        call: &'static str,
    },
    /// The UMEM is larger than the process may lock.
    MemoryLock {
        /// Bytes to lock.
        needed: u64,
        /// Bytes allowed (`RLIMIT_MEMLOCK`, hard).
        limit: u64,
    },
    /// The link is down; it may come back.
    LinkDown,
    /// The interface is gone.
    LinkGone,
    /// This kernel cannot do it.
    Unsupported {
        /// What.
        what: &'static str,
        /// Since when kernels can.
        since: &'static str,
    },
    /// A ring has stopped.
    Ring(RingCorrupt),
    /// A frame of another UMEM.
    Foreign,
    /// Any other system call that failed.
    Sys {
        /// Which.
        call: &'static str,
        /// How.
        source: io::Error,
    },
}

/// How to come by capabilities.
const GRANT: &str = "run as root, or grant it once: \
    `sudo setcap cap_net_admin,cap_net_raw,cap_bpf,cap_perfmon,cap_ipc_lock+ep PROGRAM` \
    (in a container: `--cap-add`)";

/// What the verifier says to those alone who lack `CAP_PERFMON`: `!env->bypass_spec_v1` and
/// `!env->allow_ptr_leaks` in `kernel/bpf/verifier.c`.
const FOR_WANT_OF_PERFMON: [&str; 3] =
    ["prohibited for !root", "pointer comparison prohibited", " leaks addr "];

impl Error {
    /// A number that cannot be.
    pub fn invalid(what: &'static str, asked: impl ToString, why: impl Into<String>) -> Self {
        Self::Invalid { what, asked: asked.to_string(), why: why.into() }
    }

    /// A system call that failed.
    pub fn sys(call: &'static str, source: impl Into<io::Error>) -> Self {
        Self::Sys { call, source: source.into() }
    }

    /// A call that failed, and that fails with EPERM for want of `capability`.
    pub fn privileged(
        call: &'static str,
        capability: &'static str,
        source: impl Into<io::Error>,
    ) -> Self {
        let source = source.into();
        // EPERM; EACCES, of the same kind, is about files and bounds.
        if source.raw_os_error() == Some(1) {
            return Self::MissingCapability { capability, call };
        }
        Self::Sys { call, source }
    }

    /// Whether it is for want of a privilege, rather than because it cannot be.
    pub const fn is_permission(&self) -> bool {
        matches!(self, Self::MissingCapability { .. } | Self::MemoryLock { .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { what, asked, why } => write!(f, "{what} {asked}: {why}"),
            Self::UnknownInterface { interface } => write!(
                f,
                "no interface {interface} in this network namespace; `ip link` lists those that there are"
            ),
            Self::UnknownSimulated { interface } => write!(
                f,
                "no simulated interface {interface}: its name is sim:WORLD/NIC, and its world has to be in this \
                 process and alive"
            ),
            Self::NotOnThisSystem { interface } => write!(
                f,
                "{interface} cannot be opened: AF_XDP is Linux's; here, use the simulator (feature `simulator`, \
                 an interface name that begins with sim:)"
            ),
            Self::QueueOutOfRange { interface, queue, queues } => {
                write!(f, "queue {queue} of {interface}: it has {queues}, counted from 0; ")?;
                if is_simulated(interface) {
                    return f.write_str("`NicConfig::queues` says how many it is made with");
                }
                write!(
                    f,
                    "`ethtool -l {interface}` shows how many it could have, and `ethtool -L {interface}` \
                     sets that"
                )
            }
            Self::QueueBusy { interface, queue, tried_ms } => write!(
                f,
                "queue {queue} of {interface} is taken by another socket, still after {tried_ms} ms; \
                 end the program that has it (a forked child that inherited it counts), or take another queue"
            ),
            Self::NoZeroCopy { interface, driver, why } => write!(
                f,
                "no zero-copy on {interface} (driver {driver}): {why}; do not require it, and copy mode will serve"
            ),
            Self::NoNativeMode { interface, driver, why } => write!(
                f,
                "no XDP in the driver of {interface} ({driver}): {why}; attach in generic mode, \
                 or choose automatically"
            ),
            Self::ProgramBusy { interface, program } => {
                write!(f, "another XDP program is on {interface}: {program}; ")?;
                f.write_str(if is_simulated(interface) {
                    "close the socket that has it, which may be on another queue: they have one at a time"
                } else {
                    "end the process that put it there (a forked child that inherited it counts)"
                })
            }
            Self::ProgramRefused { log, source } => {
                write!(f, "the kernel's verifier refused the XDP program: {source}")?;
                if FOR_WANT_OF_PERFMON.iter().any(|words| log.contains(words)) {
                    write!(f, "; CAP_PERFMON would allow it: {GRANT}")?;
                }
                write!(f, "\n{log}")
            }
            Self::MissingCapability { capability, call } => {
                write!(f, "{call} needs {capability}; {GRANT}")
            }
            Self::MemoryLock { needed, limit } => write!(
                f,
                "the UMEM needs {needed} bytes of locked memory and {limit} are allowed, what other sockets of \
                 this user have locked included; raise the limit \
                 (`ulimit -l`, LimitMEMLOCK= in a unit), grant CAP_IPC_LOCK, or take fewer frames"
            ),
            Self::LinkDown => {
                f.write_str("the link is down; it recovers when the interface is up again")
            }
            Self::LinkGone => f.write_str(
                "the interface is gone; close the socket, and open another if it returns",
            ),
            Self::Unsupported { what, since } => {
                write!(f, "this kernel has no {what}; Linux has it since {since}")
            }
            Self::Ring(corrupt) => corrupt.fmt(f),
            Self::Foreign => Foreign(()).fmt(f),
            Self::Sys { call, source } => write!(f, "{call}: {source}"),
        }
    }
}

/// What to do is another thing where there is no command to do it with.
fn is_simulated(interface: &str) -> bool {
    interface.starts_with("sim:")
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Sys { source, .. } | Self::ProgramRefused { source, .. } => Some(source),
            Self::Ring(corrupt) => Some(corrupt),
            _ => None,
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(all(target_os = "linux", not(loom)))]
impl From<crate::sys::bpf::ProgramLoadError> for Error {
    fn from(error: crate::sys::bpf::ProgramLoadError) -> Self {
        if error.log.is_empty() {
            return Self::privileged(
                "bpf(BPF_PROG_LOAD)",
                "CAP_BPF and CAP_NET_ADMIN",
                error.source,
            );
        }
        Self::ProgramRefused { log: error.log, source: error.source }
    }
}

impl From<RingCorrupt> for Error {
    fn from(corrupt: RingCorrupt) -> Self {
        Self::Ring(corrupt)
    }
}

impl<T> From<Foreign<T>> for Error {
    fn from(_: Foreign<T>) -> Self {
        Self::Foreign
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        use io::ErrorKind::{
            InvalidData, InvalidInput, NetworkDown, NotFound, PermissionDenied, ResourceBusy,
            Unsupported,
        };
        let kind = match &error {
            Error::Invalid { .. } | Error::QueueOutOfRange { .. } | Error::Foreign => InvalidInput,
            Error::UnknownInterface { .. } | Error::UnknownSimulated { .. } | Error::LinkGone => {
                NotFound
            }
            Error::QueueBusy { .. } | Error::ProgramBusy { .. } => ResourceBusy,
            Error::MissingCapability { .. } | Error::MemoryLock { .. } => PermissionDenied,
            Error::NoZeroCopy { .. }
            | Error::NoNativeMode { .. }
            | Error::NotOnThisSystem { .. }
            | Error::Unsupported { .. } => Unsupported,
            Error::LinkDown => NetworkDown,
            Error::Ring(_) | Error::ProgramRefused { .. } => InvalidData,
            Error::Sys { source, .. } => source.kind(),
        };
        Self::new(kind, error)
    }
}

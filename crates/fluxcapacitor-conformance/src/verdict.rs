//! How a case ended, and why it may not have run.

use std::fmt;
use std::panic::Location;
use std::str::FromStr;

/// Why a case does not run on a backend. The list is closed: a new reason is a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It needs rules, which choose what comes to the socket.
    NeedsRules,
    /// It needs metadata in front of packets.
    NeedsMetadata,
    /// It needs unaligned chunks, which there are none of.
    Unaligned,
    /// It needs two sockets on one queue, which there never are.
    OneSocketPerQueue,
    /// The driver names no NAPI instance, so nothing can be busy polled.
    NoNapiId,
    /// The driver cannot do it.
    Driver,
    /// It makes sense on simulated interfaces only.
    SimulatorOnly,
    /// It makes sense on a kernel only.
    KernelOnly,
    /// The kernel is too old for it, which it has said or shown.
    OldKernel,
    /// The kernel, or a driver of its, stops for good in it or says that it is broken, and a later one does not.
    KernelBreaks,
}

impl Reason {
    /// All reasons.
    pub const ALL: &[Self] = &[
        Self::NeedsRules,
        Self::NeedsMetadata,
        Self::Unaligned,
        Self::OneSocketPerQueue,
        Self::NoNapiId,
        Self::Driver,
        Self::SimulatorOnly,
        Self::KernelOnly,
        Self::OldKernel,
        Self::KernelBreaks,
    ];

    /// As `expected.toml` names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NeedsRules => "needs-rules",
            Self::NeedsMetadata => "needs-metadata",
            Self::Unaligned => "unaligned",
            Self::OneSocketPerQueue => "one-socket-per-queue",
            Self::NoNapiId => "no-napi-id",
            Self::Driver => "driver",
            Self::SimulatorOnly => "simulator-only",
            Self::KernelOnly => "kernel-only",
            Self::OldKernel => "old-kernel",
            Self::KernelBreaks => "kernel-breaks",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Reason {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().copied().find(|reason| reason.name() == name);
        found.ok_or_else(|| format!("no reason {name}; the list is closed"))
    }
}

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All that it asserts holds.
    Pass,
    /// It did not run.
    NotRun(Reason),
    /// Something does not hold: what.
    Fail(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => f.pad("pass"),
            Self::NotRun(reason) => f.pad(&format!("not-run: {reason}")),
            Self::Fail(_) => f.pad("FAIL"),
        }
    }
}

/// Why a case ended before its end.
#[derive(Debug)]
pub enum Stop {
    /// It cannot run here.
    NotRun(Reason),
    /// It failed: where and why.
    Failed(String),
}

impl Stop {
    /// A failure in words of one's own.
    #[track_caller]
    pub fn failed(why: impl fmt::Display) -> Self {
        let at = Location::caller();
        Self::Failed(format!("{}:{}: {why}", at.file(), at.line()))
    }

    /// A failure with what else is known of it.
    #[must_use]
    pub fn with(self, known: impl fmt::Display) -> Self {
        match self {
            Self::Failed(why) => Self::Failed(format!("{why}; {known}")),
            not_run @ Self::NotRun(_) => not_run,
        }
    }
}

impl<E: std::error::Error> From<E> for Stop {
    #[track_caller]
    fn from(error: E) -> Self {
        Self::failed(error)
    }
}

/// What a case, and most that it calls, returns.
pub type Outcome<T = ()> = Result<T, Stop>;

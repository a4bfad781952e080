//! Why a frame did not go into a ring.

use std::fmt;

use super::RingCorrupt;
use crate::umem::Foreign;

/// A frame, segment or packet that a ring did not take, handed back unchanged.
///
/// It does not convert into [`Error`](crate::Error) by `?`: the frame would be lost on the way.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PushError<T> {
    /// The ring is full: take completions, or let the kernel take what is there, and try again.
    Full(T),
    /// It is of another UMEM than the ring.
    Foreign(T),
    /// The packet has no bytes. The kernel would not send it, and might not complete it.
    Empty(T),
    /// It says that the packet goes on in another segment: such are pushed whole, as a chain.
    Continued(T),
    /// It has more segments than this socket sends as one packet, or than the ring has slots.
    TooManySegments(T),
    /// The ring has stopped.
    Corrupt(T, RingCorrupt),
}

/// The most that an iterator will give, as far as a ring can count.
#[inline]
pub(super) fn at_most(items: &impl Iterator) -> u32 {
    items.size_hint().1.map_or(u32::MAX, |most| u32::try_from(most).unwrap_or(u32::MAX))
}

impl<T> PushError<T> {
    /// The same refusal, of what `make` makes of what was handed back.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> PushError<U> {
        match self {
            Self::Full(inner) => PushError::Full(make(inner)),
            Self::Foreign(inner) => PushError::Foreign(make(inner)),
            Self::Empty(inner) => PushError::Empty(make(inner)),
            Self::Continued(inner) => PushError::Continued(make(inner)),
            Self::TooManySegments(inner) => PushError::TooManySegments(make(inner)),
            Self::Corrupt(inner, corrupt) => PushError::Corrupt(make(inner), corrupt),
        }
    }

    /// What was handed back.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(inner)
            | Self::Foreign(inner)
            | Self::Empty(inner)
            | Self::Continued(inner)
            | Self::TooManySegments(inner)
            | Self::Corrupt(inner, _) => inner,
        }
    }
}

impl<T> From<Foreign<T>> for PushError<T> {
    fn from(Foreign(inner): Foreign<T>) -> Self {
        Self::Foreign(inner)
    }
}

impl<T> fmt::Display for PushError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("the ring is full; take completions and try again"),
            Self::Foreign(_) => Foreign(()).fmt(f),
            Self::Empty(_) => f.write_str("a packet of length 0 cannot be sent"),
            Self::Continued(_) => f.write_str(
                "the packet goes on in another segment; make a chain of them and push that",
            ),
            Self::TooManySegments(_) => f.write_str(
                "the packet has more segments than this socket sends as one (`TxRing::segments_max`)",
            ),
            Self::Corrupt(_, corrupt) => corrupt.fmt(f),
        }
    }
}

impl<T: fmt::Debug> std::error::Error for PushError<T> {}

//! Where all the frames are.

use std::fmt;

/// How many frames each party holds; together they are all.
///
/// Counted frame by frame while others may be moving them, so a frame on its way may be counted on
/// either side, but each is counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Census {
    /// With the user: in pools, packets and hands, or lost by the user.
    pub user: u32,
    /// Out to be received into: fill ring, kernel, rx ring.
    pub rx: u32,
    /// Out to be sent: tx ring, kernel, completion ring.
    pub tx: u32,
    /// Out with a lane that has closed: not usable before `UmemRegion::recover` takes them back, which it
    /// does when the lane was never bound, or its queue is bound again.
    pub retired: u32,
}

impl Census {
    /// All frames of the UMEM.
    pub const fn total(&self) -> u32 {
        self.user + self.rx + self.tx + self.retired
    }
}

impl fmt::Display for Census {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, rx, tx, retired } = self;
        write!(f, "{user} user + {rx} rx + {tx} tx + {retired} retired = {}", self.total())
    }
}

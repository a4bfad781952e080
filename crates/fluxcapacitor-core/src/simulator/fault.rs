//! What goes wrong, when, and with which packets.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::random::Random;

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The packet is lost on the wire.
    Lose,
    /// The packet arrives twice.
    Duplicate,
    /// Packets that follow within this time overtake the packet.
    Reorder(Duration),
    /// One bit of the packet is turned over.
    Corrupt,
    /// The packet takes longer: by `by`, and by up to `jitter` more. With jitter, packets overtake each other.
    Delay {
        /// For sure.
        by: Duration,
        /// At most, on top of that.
        jitter: Duration,
    },
    /// The wire carries this many bits per second; packets queue up before it.
    Rate {
        /// Bits per second, 1 at least.
        bits_per_second: u64,
    },
    /// `EAGAIN` instead of sending: no packet leaves with this kick.
    KickAgain,
    /// `ENOBUFS` instead of sending.
    KickNoBuffers,
    /// `EBUSY`: the packet is completed, and not sent (`NET_XMIT_DROP`).
    KickBusy,
    /// The completion comes this much later than the packet leaves.
    LateCompletion(Duration),
    /// The kick sends half of what it would, rounded down.
    ShortKick,
    /// The NIC stops for this long: nothing leaves, and what arrives is dropped.
    Stop(Duration),
    /// The other end of the rings writes what it likes: addresses and lengths at random.
    Forge,
}

/// When a fault can strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// When a program kicks the kernel to send.
    Kick,
    /// When a packet is handed to the NIC.
    Departure,
    /// When the kernel is done with a packet.
    Completion,
    /// On the way to the other end.
    Wire,
}

impl Fault {
    pub(super) const fn stage(self) -> Stage {
        match self {
            Self::KickAgain | Self::KickNoBuffers | Self::ShortKick | Self::Forge => Stage::Kick,
            Self::KickBusy => Stage::Departure,
            Self::LateCompletion(_) => Stage::Completion,
            Self::Lose
            | Self::Duplicate
            | Self::Reorder(_)
            | Self::Corrupt
            | Self::Delay { .. }
            | Self::Rate { .. }
            | Self::Stop(_) => Stage::Wire,
        }
    }
}

/// A fault, and when it strikes: on every packet (or kick, for faults of those) of every NIC, unless
/// narrowed down.
///
/// Rules are asked in the order in which they were made; chance is drawn from the world's seed.
#[derive(Clone)]
#[must_use = "it strikes once it is given to a world"]
pub struct Rule {
    pub(super) fault: Fault,
    nic: Option<String>,
    one_in: u64,
    times_left: u64,
    packets: Option<Arc<Matches>>,
    struck: Arc<AtomicU64>,
}

/// How often a rule has struck. Clones count the same.
#[derive(Clone, Debug)]
pub struct Strikes(Arc<AtomicU64>);

impl Strikes {
    /// How often, so far.
    pub fn count(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// What a closure of a rule panicked with.
pub(super) type Panic = Option<Box<dyn Any + Send>>;

type Matches = dyn Fn(&[u8]) -> bool + Send + Sync;

impl Rule {
    /// `fault`, always.
    pub fn new(fault: Fault) -> Self {
        let struck = Arc::default();
        Self { fault, nic: None, one_in: 1, times_left: u64::MAX, packets: None, struck }
    }

    /// Only at the NIC of this name, as [`Nic::name`](super::Nic::name) has it: to packets that it sends,
    /// or that are injected into it.
    pub fn nic(mut self, name: impl Into<String>) -> Self {
        self.nic = Some(name.into());
        self
    }

    /// Once in so many times on average, by chance.
    pub fn one_in(mut self, times: u64) -> Self {
        self.one_in = times.max(1);
        self
    }

    /// So many times, and then never again.
    pub fn times(mut self, times: u64) -> Self {
        self.times_left = times;
        self
    }

    /// Only to packets of which this holds. Faults of kicks, which are of no packet, take no notice.
    ///
    /// It is asked while the world is locked: it must not call into that world, nor hold anything of it (a
    /// NIC, a socket). If it panics, the packet is spared, and the panic goes on when all is in order, out of the
    /// call into the world that is made then, or next.
    pub fn packets(mut self, matches: impl Fn(&[u8]) -> bool + Send + Sync + 'static) -> Self {
        self.packets = Some(Arc::new(matches));
        self
    }

    pub(super) fn strikes_so_far(&self) -> Strikes {
        Strikes(Arc::clone(&self.struck))
    }

    /// Whether it strikes now.
    pub(super) fn strikes(
        &mut self,
        nic: &str,
        packet: Option<&[u8]>,
        random: &mut Random,
        panic: &mut Panic,
    ) -> bool {
        if self.times_left == 0 || self.nic.as_deref().is_some_and(|only| only != nic) {
            return false;
        }
        if let (Some(matches), Some(packet)) = (&self.packets, packet) {
            match catch_unwind(AssertUnwindSafe(|| matches(packet))) {
                Ok(true) => {}
                Ok(false) => return false,
                Err(payload) => {
                    *panic = Some(payload);
                    return false;
                }
            }
        }
        if self.one_in > 1 && random.below(self.one_in) != 0 {
            return false;
        }
        self.times_left -= 1;
        self.struck.fetch_add(1, Relaxed);
        true
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("fault", &self.fault)
            .field("nic", &self.nic)
            .field("one_in", &self.one_in)
            .finish_non_exhaustive()
    }
}

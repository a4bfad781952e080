//! The four rings, and the two kinds of ends that they are made of.
//!
//! ```text
//!              ours                         the kernel's
//! fill         produce frames to fill       takes them
//! rx           consume packets              puts them
//! tx           produce packets to send      takes them
//! completion   consume sent frames          puts them
//! ```
//!
//! Read `consumer` and `producer` first (a cursor each), then `fill`, `rx`, `tx` and `completion`
//! (what a cursor does with the ledger).

mod aside;
mod completion;
mod consumer;
mod exchange;
mod fill;
mod gathered;
#[cfg(any(feature = "simulator", loom))]
mod kernel;
mod lane;
mod memory;
mod outbox;
mod producer;
mod push;
mod run;
mod rx;
mod slot;
mod slots;
mod transfer;
mod tx;
mod way;
mod whole;

use std::fmt;

pub use completion::{Completed, CompletionRing};
pub use consumer::{ConsumerRing, Taken};
pub use exchange::{Came, Exchange, Lending, LendingChains, Lent, LentChain};
pub use fill::FillRing;
#[cfg(loom)]
pub use kernel::{Addresses, KernelSide, Outgoing};
#[cfg(all(feature = "simulator", not(loom)))]
pub(crate) use kernel::{Addresses, KernelSide, Outgoing};
pub use lane::{LaneRings, PeerRings, RingSizes};
pub(crate) use memory::RingMemory;
#[cfg(all(target_os = "linux", not(loom)))]
pub(crate) use memory::RingOffsets;
pub use outbox::Outbox;
pub use producer::ProducerRing;
pub use push::PushError;
pub use rx::{Received, RxRing};
pub use slot::{Descriptor, Slot, XDP_PKT_CONTD};
pub use tx::TxRing;
pub use whole::WholePackets;

use crate::error::{Error, Result};

/// The peer's index is further from ours than the ring is long. The ring has stopped.
///
/// An honest peer never does this: the memory of the ring was written over, or another process that
/// holds the socket's descriptor moved the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingCorrupt {
    /// Our index.
    pub ours: u32,
    /// The peer's index, as read.
    pub theirs: u32,
    /// Number of slots.
    pub size: u32,
}

impl fmt::Display for RingCorrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ours, theirs, size } = self;
        write!(
            f,
            "corrupt ring: our index is {ours}, the peer's {theirs}, but there are {size} slots; "
        )?;
        f.write_str("close the socket and open a new one")
    }
}

impl std::error::Error for RingCorrupt {}

/// Both ends of a ring of `size` slots on the heap, for two threads; its indices begin at `start`.
///
/// The same code drives it as drives a ring that is shared with the kernel.
///
/// # Errors
/// [`Error::Invalid`] if `size` is not a power of two.
pub fn on_heap<T: Slot>(size: u32, start: u32) -> Result<(ProducerRing<T>, ConsumerRing<T>)> {
    check_size("ring size", size)?;
    let (ours, theirs) = RingMemory::heap(size, start);
    Ok((ProducerRing::new(ours), ConsumerRing::new(theirs)))
}

/// The most slots that a ring may have: four million. The kernel has no bound but its memory.
const SLOTS_MAX: u32 = 1 << 22;

/// Every ring has a power of two of slots (`xsk_init_queue`, `net/xdp/xsk.c`).
pub(crate) fn check_size(what: &'static str, size: u32) -> Result<()> {
    let what_fits = match size {
        0 => "1 at least".to_owned(),
        1..=SLOTS_MAX if size.is_power_of_two() => return Ok(()),
        1..=SLOTS_MAX => {
            let above = size.next_power_of_two();
            format!("{} or {above}", above / 2)
        }
        _ => format!("{SLOTS_MAX} at most"),
    };
    let why = format!("a ring has a power of two of slots: {what_fits}");
    Err(Error::invalid(what, size, why))
}

//! Lanes: one interface queue with its four rings, as the ledger tells them apart.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use super::ledger::LANES_MAX;
use super::{Holder, Place, UmemRegion};
use crate::error::{Error, Result};

/// What a lane is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LaneKey {
    /// A queue of a network interface.
    #[cfg_attr(any(not(target_os = "linux"), loom), allow(dead_code))]
    Queue {
        /// The network namespace, by the device and inode of its file.
        namespace: (u64, u64),
        ifindex: u32,
        queue: u32,
    },
    /// A queue of a simulated NIC.
    #[cfg(all(feature = "simulator", not(loom)))]
    Simulated { world: u64, nic: u32, queue: u32 },
    /// Rings on the heap.
    Heap,
}

/// Who moves a lane's frames on, from posted to received and from queued to sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mover {
    /// A kernel, or whoever plays one with plain numbers: nobody who could write it into the ledger.
    Peer,
    /// The simulator, which writes it into the ledger.
    #[cfg_attr(not(any(feature = "simulator", loom)), allow(dead_code))]
    Simulator,
}

/// A lane that is open. Shared by its rings and its socket; closed when the last of them goes.
#[derive(Debug)]
pub(crate) struct Lane {
    umem: UmemRegion,
    number: u16,
    mover: Mover,
    /// What is let go of when the lane closes.
    held: OnceLock<Held>,
}

/// Anything whose drop matters.
type Held = Box<dyn Any + Send + Sync>;

impl Lane {
    /// Opens a lane of `umem`.
    pub(crate) fn open(umem: &UmemRegion, key: LaneKey, mover: Mover) -> Result<Arc<Self>> {
        let number = umem.lanes().open(key)?;
        Ok(Arc::new(Self { umem: umem.clone(), number, mover, held: OnceLock::new() }))
    }

    /// Has the lane let go of `held` when it closes; once.
    #[cfg(all(feature = "simulator", not(loom)))]
    pub(crate) fn hold(&self, held: Held) {
        let _only_once = self.held.set(held);
    }

    #[inline]
    pub(crate) const fn umem(&self) -> &UmemRegion {
        &self.umem
    }

    #[inline]
    pub(crate) const fn holder(&self, place: Place) -> Holder {
        Holder::lane(self.number, place)
    }

    /// The holder that its rx ring takes frames from.
    ///
    /// `[one-clearer]`: on a simulated lane the simulator clears `Posted`, so that the rx ring must not.
    pub(crate) const fn received(&self) -> Holder {
        self.holder(match self.mover {
            Mover::Peer => Place::Posted,
            Mover::Simulator => Place::Delivered,
        })
    }

    /// The holder that its completion ring takes frames from. As for [`Lane::received`].
    pub(crate) const fn sent(&self) -> Holder {
        self.holder(match self.mover {
            Mover::Peer => Place::Queued,
            Mover::Simulator => Place::Completed,
        })
    }

    /// Notes that the kernel has bound the lane's queue to us: from here on it may hold frames; and
    /// it has let go of all that earlier lanes of the same queue had out.
    #[cfg_attr(any(not(target_os = "linux"), loom), allow(dead_code))]
    pub(crate) fn bound(&self) {
        self.umem.lanes().bound(self.number);
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        // First the other side, which moves frames of a lane that is open: closed, it may be swept.
        drop(self.held.take());
        self.umem.lanes().close(self.number);
    }
}

/// The lanes that a UMEM has and had. Touched when lanes open and close, never per packet.
#[derive(Debug, Default)]
pub(super) struct LaneTable(Vec<Option<Entry>>);

#[derive(Clone, Copy, Debug)]
struct Entry {
    key: LaneKey,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not known to the kernel.
    Open,
    /// The kernel may hold frames of it.
    Bound,
    /// All its rings are gone, but the kernel may still hold frames.
    Retired,
    /// All its rings are gone and the kernel has let go.
    Released,
    /// Somebody takes its frames back.
    Sweeping,
}

impl LaneTable {
    fn open(&mut self, key: LaneKey) -> Result<u16> {
        let entry = Some(Entry { key, state: State::Open });
        if let Some(free) = self.0.iter().position(Option::is_none) {
            self.0[free] = entry;
            return Ok(free as u16);
        }
        if self.0.len() == LANES_MAX {
            return Err(Error::invalid(
                "lanes of one UMEM",
                LANES_MAX + 1,
                format!(
                    "there can be {LANES_MAX}; `UmemRegion::recover` frees those that have closed"
                ),
            ));
        }
        self.0.push(entry);
        Ok((self.0.len() - 1) as u16)
    }

    fn bound(&mut self, number: u16) {
        let Some(Some(this)) = self.0.get_mut(usize::from(number)) else { return };
        this.state = State::Bound;
        let key = this.key;
        for earlier in self.0.iter_mut().flatten() {
            if earlier.state == State::Retired && earlier.key == key {
                earlier.state = State::Released;
            }
        }
    }

    fn close(&mut self, number: u16) {
        let Some(Some(this)) = self.0.get_mut(usize::from(number)) else { return };
        this.state = if this.state == State::Bound { State::Retired } else { State::Released };
    }

    /// Whether the frames of a lane are retired.
    pub(super) fn is_closed(&self, number: u16) -> bool {
        let entry = self.0.get(usize::from(number)).copied().flatten();
        !matches!(entry, Some(Entry { state: State::Open | State::Bound, .. }))
    }

    /// The lanes that the kernel has let go of; only the caller gets them to sweep.
    pub(super) fn take_released(&mut self) -> Vec<u16> {
        let mut taken = Vec::new();
        for (number, entry) in (0..).zip(&mut self.0) {
            if let Some(released) = entry.as_mut().filter(|entry| entry.state == State::Released) {
                released.state = State::Sweeping;
                taken.push(number);
            }
        }
        taken
    }

    /// Lets the numbers of swept lanes be used again.
    pub(super) fn reuse(&mut self, swept: &[u16]) {
        for number in swept {
            if let Some(entry) = self.0.get_mut(usize::from(*number)) {
                *entry = None;
            }
        }
    }
}

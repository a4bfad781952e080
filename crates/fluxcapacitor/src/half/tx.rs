//! What sends.

use std::sync::Arc;
use std::time::Duration;

use fluxcapacitor_core::{Error, Result};

use crate::granted::Granted;
use crate::raw::{Device, Interest, Kick, Waited};
use crate::ring::{CompletionRing, TxRing};
use crate::stats::{Counter, Counters};
use crate::umem::FramePool;

/// How long one wait for room lasts at most.
const NAP: Duration = Duration::from_millis(1);

/// The tx and the completion ring of a queue.
#[derive(Debug)]
pub(crate) struct TxHalf {
    // Detached and closed first: fields drop in this order.
    pub(crate) device: Arc<Device>,
    pub(crate) tx: TxRing,
    pub(crate) completion: CompletionRing,
    pub(crate) granted: Arc<Granted>,
    pub(crate) counters: Arc<Counters>,
}

impl TxHalf {
    /// Shows the kernel the packets pushed so far, and has it send them.
    #[inline]
    pub(crate) fn flush(&mut self) -> Result<()> {
        let (kicks, result) = flush(&mut self.tx, &self.device, &self.granted);
        self.counters.add(Counter::TxKicks, kicks);
        result
    }

    /// The same for packets that have just been pushed, which are counted.
    #[inline]
    pub(crate) fn send(&mut self, packets: u64, bytes: u64) -> Result<()> {
        self.counters.add(Counter::TxPackets, packets);
        self.counters.add(Counter::TxBytes, bytes);
        let (kicks, result) = flush(&mut self.tx, &self.device, &self.granted);
        match kicks {
            0 => self.counters.add(Counter::KicksSaved, 1),
            _ => self.counters.add(Counter::TxKicks, kicks),
        }
        result
    }

    /// The same for packets out of an exchange.
    #[inline]
    pub(crate) fn send_exchanged(&mut self) -> Result<()> {
        let segments = self.tx.unpublished();
        if segments > 0 {
            let packets = segments - self.tx.take_further();
            self.counters.add(Counter::TxPackets, u64::from(packets));
            self.counters.add(Counter::TxBytes, self.tx.take_bytes());
            self.tx.publish();
        }
        // As `flush`, but with no result to carry along.
        let (mut kicks, mut left) = (0, self.tx.occupancy());
        let least = least_kicks(&self.granted, left);
        while left > 0 && self.asks() {
            kicks += 1;
            self.counters.add(Counter::TxKicks, 1);
            let kick = self.device.kick_tx()?;
            let before = std::mem::replace(&mut left, self.tx.occupancy());
            if kick == Kick::Done {
                if left >= before {
                    self.device.wake_tx()?;
                }
                break;
            }
            if left >= before && kicks >= least {
                break;
            }
        }
        if kicks == 0 && segments > 0 {
            self.counters.add(Counter::KicksSaved, 1);
        }
        Ok(())
    }

    /// Whether the kernel wants a system call to send.
    #[inline]
    fn asks(&self) -> bool {
        self.tx.needs_wakeup() || !self.granted.need_wakeup
    }

    /// Sends, takes completions, and waits a moment for room in the tx ring if there is still none.
    ///
    /// # Errors
    /// Those of a flush, also that the link is down: there will be no room.
    pub(crate) fn make_room(&mut self, pool: &mut FramePool) -> Result<()> {
        self.flush()?;
        self.reclaim(pool)?;
        if self.tx.room()? == 0 && self.device.wait(Interest::Tx, NAP)? == Waited::LinkDown {
            return Err(Error::LinkDown);
        }
        Ok(())
    }

    /// Takes frames that were sent back into a pool, and says how many.
    #[inline]
    pub(crate) fn reclaim(&mut self, pool: &mut FramePool) -> Result<u32> {
        self.completion.reclaim(pool, u32::MAX)
    }
}

/// Publishes, and kicks while the kernel asks for it, packets are left and the last kick sent any. Says
/// how many system calls it made.
#[inline]
pub(crate) fn flush(tx: &mut TxRing, device: &Device, granted: &Granted) -> (u64, Result<()>) {
    tx.publish();
    let (mut kicks, mut left) = (0, tx.occupancy());
    let least = least_kicks(granted, left);
    while left > 0 && (tx.needs_wakeup() || !granted.need_wakeup) {
        kicks += 1;
        let kick = match device.kick_tx() {
            Ok(kick) => kick,
            Err(error) => return (kicks, Err(error)),
        };
        let before = std::mem::replace(&mut left, tx.occupancy());
        if kick == Kick::Done {
            return (kicks, if left >= before { device.wake_tx() } else { Ok(()) });
        }
        if left >= before && kicks >= least {
            break;
        }
    }
    (kicks, Ok(()))
}

/// How many kicks it takes at least, where nothing tells whether one has sent any.
///
/// Copying, kernels without `XDP_MAX_TX_SKB_BUDGET` send 32 or, the oldest, 16 a kick (`TX_BATCH_SIZE`,
/// net/xdp/xsk.c), and most of them free the slots only when they look for more than they have seen
/// (`xskq_cons_peek_desc`, net/xdp/xsk_queue.h).
#[inline]
fn least_kicks(granted: &Granted, packets: u32) -> u64 {
    const TX_BATCH_SIZE: u32 = 16;
    match granted.tx_budget {
        None if !granted.zero_copy => packets.div_ceil(TX_BATCH_SIZE).into(),
        _ => 1,
    }
}

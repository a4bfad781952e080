//! What sends.

use std::sync::Arc;
use std::time::Duration;

use fluxcapacitor_core::{Error, Result};

use crate::granted::{BusyPollGrant, Granted};
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
        let mut kicks = 0;
        let result = flush(&mut self.tx, &self.device, &self.granted, &mut kicks);
        self.counters.add(Counter::TxKicks, kicks);
        result
    }

    /// The same for packets that have just been pushed, which are counted.
    #[inline]
    pub(crate) fn send(&mut self, packets: u64, bytes: u64) -> Result<()> {
        self.counters.add(Counter::TxPackets, packets);
        self.counters.add(Counter::TxBytes, bytes);
        let mut kicks = 0;
        let result = flush(&mut self.tx, &self.device, &self.granted, &mut kicks);
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
        while left > 0 && self.asks() {
            kicks += 1;
            self.counters.add(Counter::TxKicks, 1);
            if self.device.kick_tx()? == Kick::Done {
                break;
            }
            let before = std::mem::replace(&mut left, self.tx.occupancy());
            if left >= before {
                break;
            }
        }
        if kicks == 0 {
            self.counters.add(Counter::KicksSaved, u64::from(segments > 0));
        } else if is_peculiar(&self.granted) {
            let mut more = 0;
            let result = go_on(&self.tx, &self.device, &self.granted, &mut more);
            self.counters.add(Counter::TxKicks, more);
            return result;
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

/// Publishes, and kicks while the kernel asks for it, packets are left and the last kick sent any. Counts the system
/// calls that it makes.
#[inline(always)]
pub(crate) fn flush(
    tx: &mut TxRing,
    device: &Device,
    granted: &Granted,
    kicks: &mut u64,
) -> Result<()> {
    tx.publish();
    let mut left = tx.occupancy();
    while left > 0 && (tx.needs_wakeup() || !granted.need_wakeup) {
        *kicks += 1;
        if device.kick_tx()? == Kick::Done {
            break;
        }
        let before = std::mem::replace(&mut left, tx.occupancy());
        if left >= before {
            break;
        }
    }
    if *kicks > 0 && is_peculiar(granted) { go_on(tx, device, granted, kicks) } else { Ok(()) }
}

/// Whether a kick may leave more to do than it says: it polls and wakes nobody, or nothing shows what it has sent.
#[inline]
fn is_peculiar(granted: &Granted) -> bool {
    polls(granted) || hides_progress(granted)
}

#[inline]
fn polls(granted: &Granted) -> bool {
    matches!(granted.busy_poll, BusyPollGrant::Real { .. })
}

/// Copying, kernels without `XDP_MAX_TX_SKB_BUDGET` send 32 or, the oldest, 16 packets a kick (`TX_BATCH_SIZE`,
/// net/xdp/xsk.c), and most of them free the slots only when they look for more than they have seen
/// (`xskq_cons_peek_desc`, net/xdp/xsk_queue.h).
#[inline]
fn hides_progress(granted: &Granted) -> bool {
    granted.tx_budget.is_none() && !granted.zero_copy
}

/// Sends what is left where kicks are peculiar, after the first of them.
#[cold]
#[inline(never)]
fn go_on(tx: &TxRing, device: &Device, granted: &Granted, kicks: &mut u64) -> Result<()> {
    const TX_BATCH_SIZE: u32 = 16;
    let left = tx.occupancy();
    if left > 0 && polls(granted) {
        return device.wake_tx();
    }
    for _ in 0..left.div_ceil(TX_BATCH_SIZE) {
        if tx.occupancy() == 0 {
            break;
        }
        *kicks += 1;
        if device.kick_tx()? == Kick::Done {
            break;
        }
    }
    Ok(())
}

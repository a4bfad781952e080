//! The sending side of an interface, as the loop sees it.

use std::time::Instant;

use fluxcapacitor_core::{Error, Result};

use super::{TX_PATIENCE, TxFull};
use crate::half::{RxHalf, TxHalf};
use crate::stats::Counter;
use crate::tap::{Direction, Feed, Tap};
use crate::umem::FramePool;

/// What sends, and how much of that is not done yet.
#[derive(Debug)]
pub(crate) struct Outlet {
    pub(super) half: TxHalf,
    /// Packets that were sent, as far as is known, and have not been completed.
    under_way: u32,
    /// What sees the packets that are pushed.
    feed: Option<Feed>,
}

impl Outlet {
    /// Of a ring by which at most `under_way` packets were sent before.
    pub(super) fn new(half: TxHalf, under_way: u32) -> Self {
        Self { half, under_way, feed: None }
    }

    pub(super) fn tap(&mut self, tap: &Tap) {
        self.feed = tap.feed(Direction::Tx, &self.half.granted);
        // Then each is pushed by hand.
        self.half.tx.hold_back(self.feed.is_some());
    }

    /// Whether there is anything to do.
    #[inline]
    pub(super) fn is_busy(&self) -> bool {
        self.half.tx.is_loaded() || self.under_way > 0
    }

    /// Has the kernel send what a turn has put into the ring, or what it has left there before, and posts frames
    /// that were sent where they are missing; says how many.
    ///
    /// A link that is down is no error: it comes back.
    #[inline(always)]
    pub(super) fn serve(
        &mut self,
        policy: TxFull,
        to: &mut RxHalf,
        share: u32,
        spare: &mut FramePool,
    ) -> Result<u32> {
        if self.half.tx.waiting() > 0 {
            let dropped = self.settle(policy, spare)?;
            to.counters.add(Counter::TxFull, u64::from(dropped));
        }
        unless_down(self.send())?;
        self.take_home(to, share, spare)
    }

    /// Sends what there is to send; what there is no room for is dropped.
    #[cold]
    pub(super) fn flush_rest(&mut self, spare: &mut FramePool) -> Result<()> {
        if self.half.tx.is_loaded() {
            self.settle(TxFull::Drop, spare)?;
            self.send()?;
        }
        Ok(())
    }

    #[inline]
    fn send(&mut self) -> Result<()> {
        self.under_way += self.half.tx.unpublished();
        self.half.send_exchanged()
    }

    /// Pushes packets that wait, for as long as the policy says; drops the rest, and says how many.
    #[cold]
    fn settle(&mut self, policy: TxFull, spare: &mut FramePool) -> Result<u32> {
        let mut started = None;
        loop {
            let Self { half, feed, .. } = self;
            let left = half.tx.push_waiting(|bytes| {
                if let Some(feed) = feed {
                    feed.see(bytes);
                }
            })?;
            if left == 0
                || policy != TxFull::Wait
                || started.get_or_insert_with(Instant::now).elapsed() >= TX_PATIENCE
            {
                break;
            }
            unless_down(self.send())?;
            // A link that is lost ends the wait; the flush that follows comes upon it, too.
            let before = spare.len();
            let waited = self.half.make_room(spare);
            self.returned(spare.len() - before);
            if waited.is_err() {
                break;
            }
        }
        let dropped = self.half.tx.give_up_waiting(spare)?;
        if dropped > 0 {
            // Less those that were counted with what has been sent meanwhile.
            self.half.counters.add(Counter::TxBytes, self.half.tx.take_bytes());
        }
        Ok(dropped)
    }

    /// Posts frames that were sent where they are missing, so that there are `share` at most, and says how many; the
    /// rest goes to `spare`.
    #[inline]
    fn take_home(&mut self, to: &mut RxHalf, share: u32, spare: &mut FramePool) -> Result<u32> {
        let completion = &mut self.half.completion;
        let sent = completion.ready()?;
        if sent == 0 {
            return Ok(0);
        }
        let want = to.missing_of(sent)?.min(share.saturating_sub(to.out()));
        let (mut posted, mut reclaimed) = (0, 0);
        // It may end round the end of a ring, where another run begins.
        while completion.known() > 0 {
            if posted == want {
                reclaimed = completion.reclaim(spare, u32::MAX)?;
                break;
            }
            match completion.recycle(&mut to.fill, want - posted)? {
                0 => break,
                recycled => posted += recycled,
            }
        }
        to.moved(0, posted);
        self.returned((posted + reclaimed) as usize);
        Ok(posted)
    }

    #[inline]
    fn returned(&mut self, frames: usize) {
        self.under_way = self.under_way.saturating_sub(frames as u32);
    }
}

/// A link that is down is a state, and comes back.
#[inline]
pub(super) fn unless_down(result: Result<()>) -> Result<()> {
    match result {
        Err(Error::LinkDown) => Ok(()),
        result => result,
    }
}

//! Frames on their way home, from any thread: what links the halves of a socket.
//!
//! Two stacks, one for each half, whose links lie in a table with a word for each frame. So they
//! have room for every frame, giving never fails and never allocates, and nothing waits in a cache of
//! somebody who has gone to sleep. Many give; one takes, all that there is at once, which is why a head
//! that was read a moment ago can do no harm (no ABA).

use std::fmt;
use std::sync::Arc;

use super::{Foreign, Frame, FramePool, UmemRegion};
use crate::sync::AtomicU32;
use crate::sync::Ordering::{Acquire, Relaxed, Release};

/// No frame: the end of a stack.
const NONE: u32 = u32::MAX;

/// Which half of a socket a frame goes home to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// The receiving half, which posts it again.
    Rx,
    /// The sending half, which has it for new packets.
    Tx,
}

/// Where frames go home to from any thread, at any time: what the two halves of a socket share.
///
/// It lives for as long as somebody holds a packet of it, also after the sockets are closed. Its
/// capacity is the number of frames: it can never be full.
pub struct SharedFrameState {
    umem: UmemRegion,
    /// Of each frame that is in a stack, the one below.
    below: Box<[AtomicU32]>,
    rx: Stack,
    tx: Stack,
}

/// The frame on top; on a cache line of its own (two, since they are fetched in pairs).
#[repr(align(128))]
struct Stack(AtomicU32);

impl SharedFrameState {
    /// With no frame on its way.
    #[must_use]
    pub fn new(umem: &UmemRegion) -> Arc<Self> {
        let below = (0..umem.layout().frames()).map(|_| AtomicU32::new(NONE)).collect();
        let stack = || Stack(AtomicU32::new(NONE));
        Arc::new(Self { umem: umem.clone(), below, rx: stack(), tx: stack() })
    }

    /// The UMEM of its frames.
    #[inline]
    pub const fn umem(&self) -> &UmemRegion {
        &self.umem
    }

    /// Sends a frame home. One locked instruction where nobody else gives at the same time.
    ///
    /// # Errors
    /// The frame itself, if it is of another UMEM.
    #[inline]
    pub fn give(&self, home: Home, frame: Frame) -> Result<(), Foreign<Frame>> {
        if frame.umem() != self.umem.id() {
            return Err(Foreign(frame));
        }
        self.put(home, frame.index(), frame.index());
        Ok(())
    }

    /// Sends many frames home at once, up to the first that is of another UMEM.
    ///
    /// # Errors
    /// That frame.
    pub fn give_all(
        &self,
        home: Home,
        frames: impl IntoIterator<Item = Frame>,
    ) -> Result<(), Foreign<Frame>> {
        let (mut top, mut bottom) = (NONE, NONE);
        let mut foreign = Ok(());
        for frame in frames {
            if frame.umem() != self.umem.id() {
                foreign = Err(Foreign(frame));
                break;
            }
            if bottom == NONE {
                bottom = frame.index();
            } else {
                self.link(frame.index(), top);
            }
            top = frame.index();
        }
        if bottom != NONE {
            self.put(home, top, bottom);
        }
        foreign
    }

    /// Takes all frames that have come home into `pool`, and says how many.
    ///
    /// For the one half that is at home there: two that take at a time each get what the other left.
    ///
    /// # Errors
    /// [`Foreign`] if the pool is of another UMEM.
    #[inline]
    pub fn take(&self, home: Home, pool: &mut FramePool) -> Result<u32, Foreign> {
        if pool.umem().id() != self.umem.id() {
            return Err(Foreign(()));
        }
        let stack = self.stack(home);
        // Mostly there is none, and the line stays where it is.
        if stack.0.load(Relaxed) == NONE {
            return Ok(0);
        }
        // Acquire: what was done with any of these frames, and their links (partner: `put`).
        let mut index = stack.0.swap(NONE, Acquire);
        let mut taken = 0;
        while let Some(below) = self.below.get(index as usize) {
            // [one-token]: a token ended in `put`, and the swap gave the whole stack to us alone.
            let frame = Frame::new(index, self.umem.id());
            index = below.load(Relaxed);
            let _same_umem = pool.give(frame);
            taken += 1;
        }
        Ok(taken)
    }

    /// Whether no frame is on its way.
    #[inline]
    pub fn is_empty(&self, home: Home) -> bool {
        self.stack(home).0.load(Relaxed) == NONE
    }

    /// Puts linked frames, from `top` down to `bottom`, onto a stack.
    #[inline]
    fn put(&self, home: Home, top: u32, bottom: u32) {
        let stack = self.stack(home);
        let mut under = stack.0.load(Relaxed);
        loop {
            self.link(bottom, under);
            // Release: whoever takes them sees the links, and all that was done with the frames (partner:
            // the swap in `take`).
            match stack.0.compare_exchange_weak(under, top, Release, Relaxed) {
                Ok(_) => return,
                Err(now) => under = now,
            }
        }
    }

    #[inline]
    fn link(&self, upper: u32, lower: u32) {
        // A token's index is one that the table has: this never panics.
        self.below[upper as usize].store(lower, Relaxed);
    }

    #[inline]
    fn stack(&self, home: Home) -> &Stack {
        match home {
            Home::Rx => &self.rx,
            Home::Tx => &self.tx,
        }
    }
}

impl fmt::Debug for SharedFrameState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedFrameState").field("umem", &self.umem.id()).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::umem::{Layout, PageSize};

    fn umem(frames: u32) -> (UmemRegion, FramePool) {
        UmemRegion::new(Layout::new(2048, frames, 0).unwrap(), PageSize::Base).unwrap()
    }

    #[test]
    fn frames_come_home_to_the_half_that_they_were_sent_to() {
        let (umem, mut pool) = umem(8);
        let shared = SharedFrameState::new(&umem);
        shared.give(Home::Rx, pool.take().unwrap()).unwrap();
        shared.give_all(Home::Tx, pool.drain().take(3)).unwrap();
        shared.give_all(Home::Tx, pool.drain().take(2)).unwrap();
        shared.give_all(Home::Tx, None).unwrap();
        assert!(!shared.is_empty(Home::Rx) && !shared.is_empty(Home::Tx));

        let mut home = FramePool::new(&umem);
        assert_eq!(shared.take(Home::Rx, &mut home).unwrap(), 1);
        assert_eq!(shared.take(Home::Tx, &mut home).unwrap(), 5);
        assert_eq!(shared.take(Home::Tx, &mut home).unwrap(), 0, "once");
        let mut seen: Vec<u32> = home.drain().chain(pool.drain()).map(|f| f.index()).collect();
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 2, 3, 4, 5, 6, 7], "each once");
    }

    #[test]
    fn a_frame_of_another_umem_is_handed_back_and_those_before_it_are_home() {
        let ((ours, mut pool), (_other, mut others)) = (umem(4), umem(4));
        let shared = SharedFrameState::new(&ours);
        let stranger = others.take().unwrap();
        let Foreign(stranger) = shared.give(Home::Rx, stranger).unwrap_err();
        let frames = [pool.take().unwrap(), pool.take().unwrap(), stranger, pool.take().unwrap()];
        let mut frames = frames.into_iter();
        let Foreign(stranger) = shared.give_all(Home::Rx, frames.by_ref()).unwrap_err();
        others.give(stranger).unwrap();
        pool.give_all(frames).unwrap();
        assert_eq!(shared.take(Home::Rx, &mut pool).unwrap(), 2);
        assert_eq!((pool.len(), others.len()), (4, 4));
        assert!(shared.take(Home::Rx, &mut others).is_err());
    }

    /// Every frame at once, from several threads, for a long while: none is lost, none doubled.
    #[test]
    fn all_frames_go_round_between_threads() {
        const FRAMES: u32 = 64;
        let (umem, mut pool) = umem(FRAMES);
        let shared = SharedFrameState::new(&umem);
        std::thread::scope(|scope| {
            let mut lanes = Vec::new();
            for _ in 0..3 {
                let (to, from) = std::sync::mpsc::channel::<Frame>();
                lanes.push(to);
                let shared = &shared;
                scope.spawn(move || {
                    while let Ok(first) = from.recv() {
                        shared.give(Home::Rx, first).unwrap();
                        shared.give_all(Home::Rx, from.try_iter().take(5)).unwrap();
                    }
                });
            }
            for turn in 0..30_000 {
                while let Some(frame) = pool.take() {
                    lanes[(frame.index() as usize + turn) % 3].send(frame).unwrap();
                }
                shared.take(Home::Rx, &mut pool).unwrap();
            }
        });
        shared.take(Home::Rx, &mut pool).unwrap();
        let mut seen: Vec<u32> = pool.drain().map(|frame| frame.index()).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..FRAMES).collect::<Vec<_>>());
    }
}

//! Frames on their way home, from any thread: what links the halves of a socket.
//!
//! Two stacks, one for each half, whose links lie in a table with a word for each frame. So they
//! have room for every frame, giving never fails and never allocates, and nothing waits in a cache of
//! somebody who has gone to sleep. Many give; one takes, all that there is at once, which is why a head
//! that was read a moment ago can do no harm (no ABA).

use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use super::{Foreign, Frame, FramePool, Layout, UmemRegion};
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::sync::{AtomicU32, AtomicU64};

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
    /// Where the UMEM begins, and how long its frames are, as in the UMEM, which is a step further away.
    base: usize,
    layout: Layout,
    rx: Stack,
    tx: Stack,
    /// How many parcels there are, beside the references (`[held]`, in `umem/parcel.rs`).
    pub(super) held: AtomicU64,
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
        Arc::new(Self {
            umem: umem.clone(),
            below,
            base: umem.byte_of(0).addr().get(),
            layout: umem.layout(),
            rx: stack(),
            tx: stack(),
            held: AtomicU64::new(0),
        })
    }

    /// The UMEM of its frames.
    #[inline]
    pub const fn umem(&self) -> &UmemRegion {
        &self.umem
    }

    /// The address of a byte of the UMEM.
    #[inline]
    pub(super) fn addr_of(&self, byte: NonNull<u8>) -> u64 {
        (byte.addr().get() - self.base) as u64
    }

    /// How many bytes there are from this one of the UMEM to the end of its frame.
    #[inline]
    pub(super) fn room_behind(&self, byte: NonNull<u8>) -> u32 {
        self.layout.split(self.addr_of(byte)).1
    }

    /// The frame that a byte of the UMEM is in.
    #[inline]
    pub(super) fn index_of(&self, byte: NonNull<u8>) -> u32 {
        self.layout.index(self.addr_of(byte))
    }

    /// The same for many, without a look at what they have in common for each.
    #[inline]
    pub(super) fn indices(&self) -> impl Fn(NonNull<u8>) -> u32 + use<> {
        let (base, layout) = (self.base, self.layout);
        move |byte| layout.index((byte.addr().get() - base) as u64)
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
        let mut pile = None::<Pile<'_>>;
        for frame in frames {
            if frame.umem() != self.umem.id() {
                return Err(Foreign(frame));
            }
            match &mut pile {
                Some(pile) => pile.put(frame.index() as usize),
                None => pile = Some(self.pile(home, frame.index() as usize, self.below.len())),
            }
        }
        Ok(())
    }

    /// Frames that are put onto a stack together, when it is dropped: `first` and more, out of the first `frames` of the
    /// UMEM. `[one-token]`: the token of `first`, which is of the UMEM, ends here.
    #[inline]
    pub(crate) fn pile(&self, home: Home, first: usize, frames: usize) -> Pile<'_> {
        let below = self.below.get(..frames).unwrap_or_default();
        Pile { shared: self, home, below, top: first as u32, bottom: first as u32 }
    }

    /// The links, and which frame is on top of those that have come home: the first of a chain of tokens
    /// (`[one-token]`), all of which go to the caller.
    #[inline]
    pub(crate) fn take_chain(&self, home: Home) -> (&[AtomicU32], u32) {
        let stack = self.stack(home);
        // Mostly there is none, and the line stays where it is.
        let top = match stack.0.load(Relaxed) {
            NONE => NONE,
            // Acquire: what was done with any of these frames, and their links (partner: `put`).
            _ => stack.0.swap(NONE, Acquire),
        };
        (&self.below, top)
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
        let before = pool.len();
        let _same_umem = pool.give_all(self.coming(home));
        Ok((pool.len() - before) as u32)
    }

    /// Takes all frames that have come home, one after the other. Those that it is not asked for are sent home anew.
    #[inline]
    fn coming(&self, home: Home) -> Coming<'_> {
        let (below, next) = self.take_chain(home);
        Coming { shared: self, home, below, next }
    }

    /// What is left of a chain that was [taken](SharedFrameState::take_chain), from `next` on.
    #[inline]
    pub(crate) fn rest(&self, home: Home, next: u32) -> Coming<'_> {
        Coming { shared: self, home, below: &self.below, next }
    }

    /// Whether no frame is on its way.
    #[inline]
    pub fn is_empty(&self, home: Home) -> bool {
        self.stack(home).0.load(Relaxed) == NONE
    }

    /// Puts linked frames, from `top` down to `bottom`, onto a stack. `[one-token]`: their tokens have ended.
    #[inline]
    pub(super) fn put(&self, home: Home, top: u32, bottom: u32) {
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

/// Frames that have come home. See [`SharedFrameState::coming`].
#[derive(Debug)]
#[must_use = "frames that it is not asked for are sent home anew"]
pub(crate) struct Coming<'s> {
    shared: &'s SharedFrameState,
    home: Home,
    below: &'s [AtomicU32],
    next: u32,
}

impl Iterator for Coming<'_> {
    type Item = Frame;

    #[inline]
    fn next(&mut self) -> Option<Frame> {
        let index = self.next;
        self.next = self.below.get(index as usize)?.load(Relaxed);
        // [one-token]: a token ended in `put`, and the swap gave the whole stack to us alone.
        Some(Frame::new(index, self.shared.umem.id()))
    }
}

impl Drop for Coming<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.next != NONE {
            self.give_back();
        }
    }
}

impl Coming<'_> {
    #[cold]
    fn give_back(&mut self) {
        let Self { shared, home, .. } = *self;
        let _same_umem = shared.give_all(home, self);
    }
}

/// Frames that go home together, linked up.
pub(crate) struct Pile<'s> {
    shared: &'s SharedFrameState,
    home: Home,
    below: &'s [AtomicU32],
    top: u32,
    bottom: u32,
}

impl Pile<'_> {
    /// `[one-token]`: the token of this frame, which is of the UMEM, ends here.
    #[inline]
    pub(crate) fn put(&mut self, index: usize) {
        // A token's index is one that the table has. Without a panic, the pile stays in registers.
        if let Some(below) = self.below.get(index) {
            below.store(self.top, Relaxed);
            self.top = index as u32;
        }
    }
}

impl Drop for Pile<'_> {
    #[inline]
    fn drop(&mut self) {
        self.shared.put(self.home, self.top, self.bottom);
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

//! A packet that is owned, and knows the way home.
//!
//! # Safety
//! Relies on `[one-token]` and `[in-chunk]`: a [`Parcel`] is the one token of its frames, which are of the UMEM of its
//! way home.
//!
//! Relies on `[held]`: each parcel has a hold on its [`SharedFrameState`].
#![allow(unsafe_code)]

mod fresh;
mod holds;
mod together;

use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;

use super::chain::Place;
use super::{
    Chain, Foreign, Frame, Home, Segment, SharedFrameState, Slices, SlicesMut, UmemRegion,
};

pub(super) use holds::Holds;
pub(crate) use holds::Owed;

/// A packet whose frames go home by themselves when it is dropped, on any thread and at any time.
///
/// Three words, so that many are moved quickly. Forgotten, it takes its frames along, and what it holds of
/// [`SharedFrameState`].
#[must_use = "dropped, its frames go home"]
pub struct Parcel(Words);

/// What a parcel is made of: of which a copy goes to functions that are seldom called, for the compiler keeps what it
/// passes by address in memory from the beginning.
#[derive(Clone, Copy)]
struct Words {
    /// `[held]`: it has a hold on it.
    shared: NonNull<SharedFrameState>,
    /// `[in-chunk]`: `len` bytes from here on lie within a frame of the UMEM.
    first: NonNull<u8>,
    len: u32,
    about: About,
}

/// Where a packet has come from, for whoever wants to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The queue.
    pub queue: u16,
    /// The number of the interface.
    pub port: u8,
}

/// Origin and marks of a parcel, in a word that is moved as one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About(u32);

/// It goes home to the sending half.
const TO_TX: u32 = 1 << 24;
/// It goes on in further segments, which are written down in its region.
const GOES_ON: u32 = 1 << 25;

// SAFETY: [one-token]: the bytes are reached by it alone, wherever it is; a `SharedFrameState` is `Send` and `Sync`.
unsafe impl Send for Parcel {}
// SAFETY: as for `Send`; `&Parcel` gives no more than `&[u8]`.
unsafe impl Sync for Parcel {}

const _: () = {
    const fn is_shared<T: Send + Sync>() {}
    is_shared::<SharedFrameState>();
    assert!(size_of::<Option<Parcel>>() <= 24);
};

impl About {
    #[inline]
    pub(crate) const fn new(origin: Origin, home: Home) -> Self {
        let to = match home {
            Home::Rx => 0,
            Home::Tx => TO_TX,
        };
        Self(to | (origin.port as u32) << 16 | origin.queue as u32)
    }

    #[inline]
    const fn is(self, mark: u32) -> bool {
        self.0 & mark != 0
    }

    #[inline]
    const fn home(self) -> Home {
        if self.is(TO_TX) { Home::Tx } else { Home::Rx }
    }

    #[inline]
    const fn origin(self) -> Origin {
        Origin { queue: self.0 as u16, port: (self.0 >> 16) as u8 }
    }
}

impl Parcel {
    /// Of a packet, whose frames go home to `home` of `shared`.
    ///
    /// # Errors
    /// The packet itself, if it is of another UMEM, or has no segments.
    #[inline]
    pub fn new(
        shared: &Arc<SharedFrameState>,
        home: Home,
        chain: Chain,
        origin: Origin,
    ) -> Result<Self, Foreign<Chain>> {
        match chain.start() {
            Some(place) if chain.umem() == Some(shared.umem().id()) => {
                Ok(Self::again(shared, chain, (place, About::new(origin, home))))
            }
            _ => Err(Foreign(chain)),
        }
    }

    /// Of a frame, whose bytes begin at offset `start`, of which there are none yet.
    ///
    /// # Errors
    /// The frame itself, if it is of another UMEM.
    #[inline]
    pub fn fresh(
        shared: &Arc<SharedFrameState>,
        home: Home,
        (frame, start): (Frame, u32),
        origin: Origin,
    ) -> Result<Self, Foreign<Frame>> {
        let region = shared.umem();
        if frame.umem() != region.id() {
            return Err(Foreign(frame));
        }
        // Behind the last byte of a frame there is the next one, whose token this is not.
        let start = start.min(region.layout().frame_size() - 1);
        let first = region.byte_at(Place { index: frame.index(), start, len: 0 });
        // SAFETY: [held]: by this one; [one-token]: the frame's token ends here; [in-chunk]: no bytes.
        Ok(unsafe { shared.hold(1, About::new(origin, home)).parcel(first, 0) })
    }

    /// What it is made of, beside its chain.
    pub(crate) fn made_of(&self) -> (Place, About) {
        (self.0.place(), self.0.about)
    }

    /// Of a chain of the UMEM of `shared`, whose first segment lies at `place`.
    pub(crate) fn again(
        shared: &Arc<SharedFrameState>,
        chain: Chain,
        (place, About(about)): (Place, About),
    ) -> Self {
        let region = shared.umem();
        let goes_on = if chain.is_linear() { 0 } else { GOES_ON };
        region.seal(chain);
        // Behind the last byte of a frame there is the next one, whose token this is not.
        let start = place.start.min(region.layout().frame_size() - 1);
        let first = region.byte_at(Place { start, ..place });
        let mut holds = shared.hold(1, About(about & !GOES_ON | goes_on));
        // SAFETY: [held]: by this one; [one-token]: the chain has just ended; [in-chunk]: as its segment was.
        unsafe { holds.parcel(first, place.len) }
    }

    /// Its bytes; of a packet of several segments, those of the first.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: [one-token]: the frame's one token is borrowed, so nobody writes there; [in-chunk]; [held]: the
        // region is mapped.
        unsafe { slice::from_raw_parts(self.0.first.as_ptr(), self.0.len as usize) }
    }

    /// Its bytes, to write; of a packet of several segments, those of the first.
    #[inline]
    #[must_use]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: [one-token]: the frame's one token is exclusively borrowed; [in-chunk]; [held]: the region is
        // mapped.
        unsafe { slice::from_raw_parts_mut(self.0.first.as_ptr(), self.0.len as usize) }
    }

    /// Whether all of it lies in one segment.
    #[inline]
    #[must_use]
    pub const fn is_linear(&self) -> bool {
        !self.0.about.is(GOES_ON)
    }

    /// Length in bytes, all segments together.
    #[inline]
    #[must_use]
    pub fn len(&self) -> u32 {
        if self.is_linear() { self.0.len } else { self.0.extent().1 }
    }

    /// Whether it has no bytes.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many segments it has.
    #[inline]
    #[must_use]
    pub fn segments(&self) -> u32 {
        if self.is_linear() { 1 } else { self.0.extent().0 }
    }

    /// Its bytes, segment by segment.
    pub fn slices(&self) -> Slices<'_> {
        // SAFETY: [one-token]: it is the token of each of its frames, as a chain would be, and borrowed.
        unsafe { Slices::new(self.umem(), self.0.place(), self.segments()) }
    }

    /// Its bytes, segment by segment, to write; all may be held at a time.
    pub fn slices_mut(&mut self) -> SlicesMut<'_> {
        // SAFETY: [one-token]: it is the token of each of its frames, as a chain would be, and exclusively borrowed.
        unsafe { SlicesMut::new(self.umem(), self.0.place(), self.segments()) }
    }

    /// Where it has come from.
    #[inline]
    #[must_use]
    pub const fn origin(&self) -> Origin {
        self.0.about.origin()
    }

    /// The UMEM that it is of.
    #[inline]
    #[must_use]
    pub fn umem(&self) -> &UmemRegion {
        // SAFETY: [held]: it lives for as long as the parcel.
        unsafe { self.0.shared.as_ref() }.umem()
    }

    /// Bytes of its frame in front of it, and behind it; none if it has several segments.
    #[inline]
    #[must_use]
    pub fn room(&self) -> (u32, u32) {
        let layout = self.umem().layout();
        let start = layout.start(self.addr());
        if self.is_linear() { (start, layout.frame_size() - start - self.0.len) } else { (0, 0) }
    }

    /// Makes it of `len` bytes by its tail, if they fit its frame; says whether they do. One of several segments is left
    /// as it is. New bytes hold whatever was there before.
    #[inline]
    pub fn resize(&mut self, len: u32) -> bool {
        let fits = self.is_linear() && len <= self.0.shared().room_behind(self.0.first);
        if fits {
            self.0.len = len;
        }
        fits
    }

    /// Moves its start by `head` and its end by `tail` bytes, if it stays within its frame; says whether it did. One
    /// of several segments is not moved. New bytes hold whatever was there before.
    #[inline]
    pub fn adjust(&mut self, head: i64, tail: i64) -> bool {
        let Place { index, start, len } = self.0.place();
        match self.umem().layout().adjust(start, len, head, tail) {
            Some((start, len)) if self.is_linear() => {
                self.0.first = self.umem().byte_at(Place { index, start, len });
                self.0.len = len;
                true
            }
            _ => false,
        }
    }

    /// The packet without the way home.
    pub fn into_chain(self) -> Chain {
        let this = ManuallyDrop::new(self);
        let chain = this.0.unseal();
        // SAFETY: [held]: its own.
        unsafe { SharedFrameState::let_go(this.0.shared, 1) };
        chain
    }

    /// What its frames go home by.
    pub(crate) fn way_home(&self) -> Arc<SharedFrameState> {
        // SAFETY: [held]: it lives, and was made by an `Arc`; this one is not dropped.
        let shared = ManuallyDrop::new(unsafe { Arc::from_raw(self.0.shared.as_ptr()) });
        Arc::clone(&shared)
    }

    /// The same packet, in another place: see [`Words`].
    #[inline]
    pub(crate) fn moved(self) -> Self {
        Self(ManuallyDrop::new(self).0)
    }

    /// The address of its first byte.
    #[inline]
    pub(crate) fn addr(&self) -> u64 {
        self.0.shared().addr_of(self.0.first)
    }
}

impl Words {
    /// What they are part of, or part of what has not been dropped, has a hold.
    #[inline]
    const fn shared(&self) -> &SharedFrameState {
        // SAFETY: [held]: it lives.
        unsafe { self.shared.as_ref() }
    }

    /// Where the first segment lies.
    #[inline]
    fn place(&self) -> Place {
        let (layout, addr) = (self.shared().umem().layout(), self.shared().addr_of(self.first));
        Place { index: layout.index(addr), start: layout.start(addr), len: self.len }
    }

    /// How many segments there are, and how many bytes these have.
    #[cold]
    fn extent(self) -> (u32, u32) {
        let umem = self.shared().umem();
        let rest = if self.about.is(GOES_ON) { umem.sealed(self.place()) } else { (0, 0) };
        (1 + rest.0, self.len + rest.1)
    }

    /// The chain that they were made of. `[one-token]`: the parcel's token ends here, and what is dropped is not it.
    fn unseal(self) -> Chain {
        let (segments, len) = self.extent();
        self.shared().umem().unseal(self.place(), segments, len)
    }

    /// Sends the frames of several segments home. `[one-token]`: the parcel's token ends here.
    #[cold]
    fn send_all_home(self) {
        let (umem, mut chain) = (self.shared().umem(), self.unseal());
        let segments = std::iter::from_fn(|| umem.take_first(&mut chain).ok().flatten());
        let frames = segments.map(Segment::into_frame);
        let _same_umem = self.shared().give_all(self.about.home(), frames);
    }
}

impl Drop for Parcel {
    #[inline]
    fn drop(&mut self) {
        let words = self.0;
        // [one-token]: it ends here.
        if words.about.is(GOES_ON) {
            words.send_all_home();
        } else {
            let index = words.shared().index_of(words.first);
            words.shared().put(words.about.home(), index, index);
        }
        // SAFETY: [held]: its own.
        unsafe { SharedFrameState::let_go(words.shared, 1) };
    }
}

impl fmt::Debug for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parcel")
            .field("len", &self.len())
            .field("segments", &self.segments())
            .field("origin", &self.origin())
            .finish_non_exhaustive()
    }
}

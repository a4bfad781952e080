//! Chains: whole packets, of as many segments as they take.

use super::{Foreign, Frame, FramePool, Segment, UmemId, UmemRegion};
use crate::sync::AtomicU64;
use crate::sync::Ordering::Relaxed;

/// A whole packet, in one segment or in several, in order.
///
/// As with a [`Frame`], there is no second one: it cannot be copied, and moves into the tx ring whole.
/// Making one, adding to it and taking it apart allocates nothing: its further segments are written down
/// in its [`UmemRegion`], through which its bytes are reached, too.
///
/// A chain that is dropped or forgotten loses its frames to their UMEM, as a frame does; it is never
/// unsound.
///
/// ```compile_fail,E0599
/// # fn f(chain: fluxcapacitor_core::umem::Chain) {
/// let twice = chain.clone();
/// # }
/// ```
/// A view of its bytes does not outlive it, and there is one at a time that can be written to:
/// ```compile_fail,E0505
/// # use fluxcapacitor_core::umem::*;
/// # fn f(umem: &UmemRegion, pool: &mut FramePool, chain: Chain) -> Result<u8, Foreign> {
/// let mut bytes = umem.slices(&chain)?;
/// pool.give_chain(chain).unwrap();
/// Ok(bytes.next().unwrap()[0])
/// # }
/// ```
/// ```compile_fail,E0499
/// # use fluxcapacitor_core::umem::*;
/// # fn f(umem: &UmemRegion, chain: &mut Chain) -> Result<(), Foreign> {
/// let one = umem.slices_mut(chain)?;
/// let two = umem.slices_mut(chain)?;
/// one.zip(two).for_each(|(one, two)| one[0] = two[0]);
/// # Ok(()) }
/// ```
/// One after the other they may; and all slices of one view at the same time:
/// ```
/// # use fluxcapacitor_core::umem::*;
/// # fn f(umem: &UmemRegion, pool: &mut FramePool, mut chain: Chain) -> Result<(), Foreign> {
/// let mut slices: Vec<&mut [u8]> = umem.slices_mut(&mut chain)?.collect();
/// slices.iter_mut().for_each(|slice| slice.fill(1));
/// let bytes: usize = umem.slices(&chain)?.map(<[u8]>::len).sum();
/// pool.give_chain(chain).unwrap();
/// # Ok(()) }
/// ```
#[doc(alias = "XDP_USE_SG")]
#[must_use = "the frames of a dropped chain are lost to their UMEM: give it to a pool or a ring"]
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Chain {
    first: Option<Segment>,
    /// Index of the last segment's frame, while there is a segment.
    last: u32,
    segments: u32,
    len: u32,
}

/// A segment that did not go into a chain: it, or the chain, is of another UMEM, or the packet would be
/// longer than any; handed back unchanged.
#[derive(Debug, PartialEq, Eq)]
pub struct NoChain(pub Segment);

/// Where a segment lies, in plain numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(super) index: u32,
    pub(super) start: u32,
    pub(super) len: u32,
}

/// What follows each frame in its chain: a word a frame, which means something only while a chain goes
/// on behind that frame.
///
/// Whoever has a chain has the tokens of all its frames, and so their words: nobody else reads or writes
/// them, and loads and stores without order do. What moves the chain to another thread moves them along.
#[derive(Debug)]
pub(super) struct Links(Box<[AtomicU64]>);

impl Chain {
    /// A packet of no segments yet.
    pub const fn new() -> Self {
        Self { first: None, last: 0, segments: 0, len: 0 }
    }

    /// How many segments it has.
    #[inline]
    pub const fn segments(&self) -> u32 {
        self.segments
    }

    /// Length of the packet, all segments together, in bytes.
    #[inline]
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Whether it has no bytes: no segments, or none but empty ones.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether all of the packet lies in one segment.
    #[inline]
    pub const fn is_linear(&self) -> bool {
        self.segments == 1
    }

    /// Its first segment, where the headers are.
    #[inline]
    pub const fn first(&self) -> Option<&Segment> {
        self.first.as_ref()
    }

    /// Its segment, if it has one and no more.
    ///
    /// # Errors
    /// The chain itself, if it has several, or none.
    #[inline]
    pub fn into_segment(mut self) -> Result<Segment, Self> {
        if self.segments != 1 {
            return Err(self);
        }
        self.first.take().ok_or(self)
    }

    /// The UMEM of its frames; `None` if it has no segments.
    #[inline]
    pub fn umem(&self) -> Option<UmemId> {
        self.first().map(|first| first.frame().umem())
    }

    /// Where its first segment lies.
    pub(crate) fn start(&self) -> Option<Place> {
        self.first().map(Place::of)
    }
}

impl From<Segment> for Chain {
    /// The packet that is `segment` and nothing more, also if it says that it goes on.
    #[inline]
    fn from(segment: Segment) -> Self {
        let (last, len) = (segment.frame().index(), segment.len());
        Self { first: Some(segment.continuing(false)), last, segments: 1, len }
    }
}

impl Place {
    fn of(segment: &Segment) -> Self {
        let (index, start, len) = (segment.frame().index(), segment.start(), segment.len());
        Self { index, start, len }
    }

    /// `[one-token]`, `[in-chunk]`: it was made of a segment of that UMEM, whose token is that of a chain
    /// since, and which leaves that chain now.
    fn into_segment(self, umem: UmemId) -> Segment {
        Segment::new(Frame::new(self.index, umem), self.start, self.len, false)
    }

    const fn pack(self) -> u64 {
        // Offsets and lengths are at most FRAME_SIZE_MAX.
        (self.index as u64) << 32 | (self.start as u64) << 16 | self.len as u64
    }

    const fn unpack(word: u64) -> Self {
        let (start, len) = ((word >> 16) as u32 & 0xffff, word as u32 & 0xffff);
        Self { index: (word >> 32) as u32, start, len }
    }
}

const _: () = assert!(super::FRAME_SIZE_MAX <= 0xffff);
const _: () = assert!(size_of::<Chain>() <= size_of::<Segment>() + 3 * size_of::<u32>());

impl Links {
    pub(super) fn new(frames: u32) -> Self {
        Self((0..frames).map(|_| AtomicU64::new(0)).collect())
    }

    /// What follows the frame `index` of a chain that goes on behind it.
    #[inline]
    pub(super) fn behind(&self, index: u32) -> Place {
        // A token's index is one that the table has: this never panics.
        Place::unpack(self.0[index as usize].load(Relaxed))
    }

    #[inline]
    fn set_behind(&self, index: u32, place: Place) {
        self.0[index as usize].store(place.pack(), Relaxed);
    }

    /// What follows the frame `index` of a packet that was [sealed](Links::end_behind).
    fn next(&self, index: u32) -> Option<Place> {
        match self.0[index as usize].load(Relaxed) {
            END => None,
            word => Some(Place::unpack(word)),
        }
    }

    /// Writes down that nothing follows the frame `index`.
    fn end_behind(&self, index: u32) {
        self.0[index as usize].store(END, Relaxed);
    }
}

/// Nothing follows: of no place, for no offset is that large.
const END: u64 = u64::MAX;

impl UmemRegion {
    /// Adds a segment to the end of a packet.
    ///
    /// # Errors
    /// [`NoChain`] with the segment, if it or the chain is of another UMEM, or the packet would have more
    /// than 2³² bytes.
    #[inline]
    pub fn append(&self, chain: &mut Chain, segment: Segment) -> Result<(), NoChain> {
        let is_ours = |umem| umem == self.id();
        if !is_ours(segment.frame().umem()) || !chain.umem().is_none_or(is_ours) {
            return Err(NoChain(segment));
        }
        let Some(len) = chain.len.checked_add(segment.len()) else { return Err(NoChain(segment)) };
        if chain.segments == 0 {
            *chain = Chain::from(segment);
            return Ok(());
        }
        // The segment's token is that of the chain from here on.
        let place = Place::of(&segment);
        self.links().set_behind(chain.last, place);
        *chain = Chain {
            first: chain.first.take(),
            last: place.index,
            segments: chain.segments + 1,
            len,
        };
        Ok(())
    }

    /// Ends a chain of this region, whose tokens go to whoever has its first place. Where a packet of several segments
    /// ends is written down.
    #[inline]
    pub(super) fn seal(&self, chain: Chain) {
        if chain.segments > 1 {
            self.links().end_behind(chain.last);
        }
    }

    /// How many segments there are behind the first of a packet that was sealed with several, and their bytes.
    pub(super) fn sealed(&self, first: Place) -> (u32, u32) {
        let next = |place: &Place| self.links().next(place.index);
        let rest = std::iter::successors(next(&first), next);
        rest.fold((0, 0), |(segments, len), place| (segments + 1, len + place.len))
    }

    /// The chain that was sealed, of `segments` segments and `len` bytes. `[one-token]`: the token of whoever has the
    /// first place ends here.
    pub(super) fn unseal(&self, first: Place, segments: u32, len: u32) -> Chain {
        let mut last = first.index;
        for _ in 1..segments {
            last = self.links().behind(last).index;
        }
        Chain { first: Some(first.into_segment(self.id())), last, segments, len }
    }

    /// Takes the first segment off a packet; none if it has none. It says whether the packet goes on.
    ///
    /// # Errors
    /// [`Foreign`] if the chain is of another UMEM.
    #[inline]
    pub fn take_first(&self, chain: &mut Chain) -> Result<Option<Segment>, Foreign> {
        let Some(first) = chain.first.take() else { return Ok(None) };
        if first.frame().umem() != self.id() {
            chain.first = Some(first);
            return Err(Foreign(()));
        }
        chain.segments -= 1;
        chain.len -= first.len();
        let goes_on = chain.segments > 0;
        if goes_on {
            let next = self.links().behind(first.frame().index());
            chain.first = Some(next.into_segment(self.id()));
        }
        Ok(Some(first.continuing(goes_on)))
    }
}

impl FramePool {
    /// Copies a packet into as many frames as it takes, behind the headroom of each; `None` if there are not
    /// so many.
    ///
    /// How many segments can be sent, [`TxRing::segments_max`](crate::ring::TxRing::segments_max) says.
    pub fn write(&mut self, packet: &[u8]) -> Option<Chain> {
        let layout = self.umem().layout();
        let room = (layout.frame_size() - layout.headroom()) as usize;
        if packet.len().div_ceil(room) > self.len() {
            return None;
        }
        let mut chain = Chain::new();
        for bytes in packet.chunks(room) {
            // There are enough frames, they are of this UMEM, and the bytes fit.
            let frame = self.take()?;
            let segment = self.umem().write(frame, bytes).ok()?;
            self.umem().append(&mut chain, segment).ok()?;
        }
        Some(chain)
    }

    /// Gives all frames of a packet to the pool.
    ///
    /// # Errors
    /// The packet itself, if it is of another UMEM.
    #[inline]
    pub fn give_chain(&mut self, mut chain: Chain) -> Result<(), Foreign<Chain>> {
        if chain.umem().is_some_and(|umem| umem != self.umem().id()) {
            return Err(Foreign(chain));
        }
        while let Ok(Some(segment)) = self.umem().take_first(&mut chain) {
            let Ok(()) = self.give(segment.into_frame()) else { break };
        }
        Ok(())
    }
}

impl std::fmt::Display for NoChain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "segment and chain are not both of this UMEM, or the packet has more than 2^32 bytes",
        )
    }
}

impl std::error::Error for NoChain {}

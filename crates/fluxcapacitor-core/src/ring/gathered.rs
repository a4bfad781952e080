//! Descriptors of whole packets, side by side.

use std::cell::Cell;
use std::{fmt, mem};

use super::slot::Slot;
use super::{Came, ConsumerRing, Descriptor};
use crate::sync::AtomicU64;

/// Those of one descriptor.
pub(super) type Words = <Descriptor as Slot>::Cell;

/// Copies of descriptors of the rx ring, for an exchange of packets that may have several: a packet may go on round the
/// end of the ring, and what says where it ends is read once.
///
/// They are of packets of one segment each, or of several each: what is lent is of one kind, and in order.
#[derive(Default)]
pub(super) struct Gathered {
    words: Box<[AtomicU64]>,
    /// How many there are.
    len: usize,
    /// Whether they are of packets of several segments.
    whole: bool,
    segments_max: u32,
    progress: Progress,
}

/// Descriptors of packets of several segments each, as an exchange lends these.
#[derive(Clone, Copy)]
pub(super) struct Whole<'r> {
    cells: &'r [Words],
    segments_max: u32,
    progress: &'r Cell<Progress>,
}

/// How far an exchange has come with them.
#[derive(Clone, Copy, Default)]
struct Progress {
    /// How many it is done with.
    seen: usize,
    /// How many more these were than packets that were lent, and than was counted as rejected.
    further: u64,
    /// How many packets were rejected whose frames are all known.
    too_long: u64,
}

/// What stands next in the ring.
pub(super) enum Found {
    /// Whole packets, which take so many slots.
    Packets(u32),
    /// The beginning of one.
    NoEnd,
    /// More of one than there is in any.
    TooLong,
}

impl Gathered {
    /// For packets of up to `segments_max` segments, out of a ring of `size` slots.
    pub(super) fn new(segments_max: u32, size: u32) -> Self {
        let words = (0..size as usize * Descriptor::WORDS).map(|_| AtomicU64::new(0)).collect();
        Self { words, segments_max, ..Self::default() }
    }

    /// Copies those of up to `max` packets, of the kind of the first that is known to wait, in place of what was there;
    /// says what it has found.
    pub(super) fn gather(&mut self, ring: &ConsumerRing<Descriptor>, max: u32) -> Found {
        let (mut packets, mut read, mut whole) = (0, 0, 0);
        for cell in Descriptor::cells(&self.words).iter().take(ring.known() as usize) {
            let descriptor = ring.peek(read);
            if read == 0 {
                self.whole = descriptor.goes_on();
            }
            if packets == max || (read == whole && descriptor.goes_on() != self.whole) {
                break;
            }
            descriptor.store(cell);
            read += 1;
            if !descriptor.goes_on() {
                (packets, whole) = (packets + 1, read);
            }
        }
        self.len = whole as usize;
        match whole {
            1.. => Found::Packets(whole),
            0 if read >= self.segments_max.min(ring.size()) => Found::TooLong,
            0 => Found::NoEnd,
        }
    }

    /// Begins an exchange of no more than `slots` of them: of packets of one segment, or of several.
    pub(super) fn begin(&mut self, slots: u32) -> (&[Words], Option<Whole<'_>>) {
        let cells = &Descriptor::cells(&self.words)[..self.len.min(slots as usize)];
        let last = cells.iter().rposition(|cell| !Descriptor::load(cell).goes_on());
        let cells = &cells[..last.map_or(0, |last| last + 1)];
        if !self.whole {
            return (cells, None);
        }
        self.progress = Progress::default();
        let progress = Cell::from_mut(&mut self.progress);
        (&[], Some(Whole { cells, segments_max: self.segments_max, progress }))
    }
}

impl<'r> Whole<'r> {
    /// How many segments a packet may have.
    pub(super) const fn segments_max(self) -> u32 {
        self.segments_max
    }

    /// How many descriptors the exchange is done with.
    #[inline]
    pub(super) fn seen(self) -> usize {
        self.progress.get().seen
    }

    #[inline]
    pub(super) fn is_empty(self) -> bool {
        self.seen() == self.cells.len()
    }

    /// Those of the next packet.
    pub(super) fn next(self) -> Option<&'r [Words]> {
        let left = &self.cells[self.seen()..];
        let last = left.iter().position(|cell| !Descriptor::load(cell).goes_on())?;
        self.advance(|progress| progress.seen += last + 1);
        Some(&left[..=last])
    }

    /// The first descriptor of each packet that has not been lent.
    pub(super) fn firsts(self) -> impl Iterator<Item = Descriptor> + use<'r> {
        let mut is_first = true;
        let left = self.cells[self.seen()..].iter().map(Descriptor::load);
        left.filter(move |one| mem::replace(&mut is_first, !one.goes_on()))
    }

    /// Counts what has become of a packet.
    pub(super) fn count(self, further: u64, too_long: u64) {
        self.advance(|progress| {
            progress.further += further;
            progress.too_long += too_long;
        });
    }

    /// What came, if something was rejected so many times.
    #[cold]
    pub(super) fn came(self, rejected: u64) -> Came {
        let Progress { seen, further, too_long } = self.progress.get();
        let named = seen as u64 - rejected;
        Came { packets: named - further, frames: named + too_long, rejected }
    }

    fn advance(self, by: impl FnOnce(&mut Progress)) {
        let mut progress = self.progress.get();
        by(&mut progress);
        self.progress.set(progress);
    }
}

impl fmt::Debug for Gathered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gathered").field("len", &self.len).finish_non_exhaustive()
    }
}

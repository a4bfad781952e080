//! The end of a tap that a loop has.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use fluxcapacitor_core::ring::Exchange;
use rtrb::{Consumer, Producer, RingBuffer};

/// Room for the bytes of one snapshot; allocated once, it goes round between the loop and the reader.
pub(super) type Cell = Box<[u8]>;

/// A snapshot in the queue.
pub(super) struct Entry {
    pub(super) time: SystemTime,
    /// How long the packet is.
    pub(super) len: usize,
    /// How many of its bytes are in the cell.
    pub(super) held: usize,
    pub(super) cell: Cell,
}

/// The reader's ends of the two queues, and how many snapshots there was no cell for.
pub(super) struct Ends {
    pub(super) full: Consumer<Entry>,
    pub(super) spare: Producer<Cell>,
    pub(super) dropped: Arc<AtomicU64>,
}

/// Puts snapshots of every nth packet into a queue, for one reader.
pub(crate) struct Feed {
    /// Never locked: it is reached by `&mut` alone, and whoever has a feed may be shared between threads.
    queues: Mutex<Queues>,
    one_in: usize,
    /// How many packets go by before the next is due.
    until: usize,
    /// Whether the last packet that was prepared for is to be taken, unless it is refused.
    is_pending: bool,
    /// Its snapshot, or that of one that was refused, for its cell; none if there was no cell.
    pending: Option<Entry>,
}

/// The loop's ends. There are as many cells as the queues have slots: there is one for each cell.
struct Queues {
    full: Producer<Entry>,
    spare: Consumer<Cell>,
    /// Written by the loop alone.
    dropped: Arc<AtomicU64>,
}

impl Feed {
    pub(super) fn new(one_in: u32, snaplen: usize, capacity: usize) -> (Self, Ends) {
        let (full, to_read) = RingBuffer::new(capacity);
        let (mut read, spare) = RingBuffer::new(capacity);
        for _ in 0..capacity {
            let _as_many_as_slots = read.push(vec![0; snaplen].into_boxed_slice());
        }
        let dropped = Arc::<AtomicU64>::default();
        let ends = Ends { full: to_read, spare: read, dropped: Arc::clone(&dropped) };
        let queues = Mutex::new(Queues { full, spare, dropped });
        (Self { queues, one_in: one_in as usize, until: 0, is_pending: false, pending: None }, ends)
    }

    /// Packets that are about to be lent.
    #[cold]
    #[inline(never)]
    pub(crate) fn see_batch(&mut self, batch: &Exchange<'_>) {
        let (first, step) = (self.until, self.one_in);
        self.pass(batch.len());
        let (queues, time) = (self.queues(), SystemTime::now());
        if !queues.full.is_abandoned() {
            batch.peek(first, step, |bytes| queues.put(time, bytes));
        }
    }

    /// Packets that have been received.
    #[cold]
    #[inline(never)]
    pub(crate) fn see_all<'p>(&mut self, packets: impl ExactSizeIterator<Item = &'p [u8]>) {
        let (first, step) = (self.until, self.one_in);
        self.pass(packets.len());
        let (queues, time) = (self.queues(), SystemTime::now());
        if !queues.full.is_abandoned() {
            packets.skip(first).step_by(step).for_each(|bytes| queues.put(time, bytes));
        }
    }

    /// A packet that is about to be pushed and will not be refused.
    #[cold]
    #[inline(never)]
    pub(crate) fn see(&mut self, bytes: &[u8]) {
        let is_due = self.until == 0;
        self.pass(1);
        let queues = self.queues();
        if is_due && !queues.full.is_abandoned() {
            queues.put(SystemTime::now(), bytes);
        }
    }

    /// A packet that is to be pushed. It is taken with the next one or when it is [settled](Feed::settle), unless it
    /// is [refused](Feed::refused).
    #[cold]
    #[inline(never)]
    pub(crate) fn prepare(&mut self, bytes: &[u8]) {
        self.settle();
        self.is_pending = self.until == 0;
        self.pass(1);
        if self.is_pending {
            // What was refused has left its cell.
            let cell = self.pending.take().map(|refused| refused.cell);
            let cell = cell.or_else(|| self.queues().spare.pop().ok());
            self.pending = cell.map(|cell| Entry::new(SystemTime::now(), bytes, cell));
        }
    }

    /// The packet that was prepared for last has not been pushed.
    #[cold]
    #[inline(never)]
    pub(crate) fn refused(&mut self) {
        self.until = if std::mem::take(&mut self.is_pending) { 0 } else { self.until + 1 };
    }

    /// The packets that were prepared for have been pushed.
    #[cold]
    #[inline(never)]
    pub(crate) fn settle(&mut self) {
        if std::mem::take(&mut self.is_pending) {
            let entry = self.pending.take();
            self.queues().put_entry(entry);
        }
    }

    /// Counts packets that go by.
    fn pass(&mut self, packets: usize) {
        self.until = match packets.checked_sub(self.until) {
            None => self.until - packets,
            // Those behind the first that was due, by the last of which the next is reckoned.
            Some(rest) => (self.one_in - rest % self.one_in) % self.one_in,
        };
    }

    fn queues(&mut self) -> &mut Queues {
        self.queues.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queues {
    fn put(&mut self, time: SystemTime, bytes: &[u8]) {
        let cell = self.spare.pop().ok();
        self.put_entry(cell.map(|cell| Entry::new(time, bytes, cell)));
    }

    /// Without a cell, the reader has not kept up.
    fn put_entry(&mut self, entry: Option<Entry>) {
        match entry {
            Some(entry) => {
                let _as_many_as_slots = self.full.push(entry);
            }
            None => self.dropped.store(self.dropped.load(Relaxed) + 1, Relaxed),
        }
    }
}

impl Entry {
    fn new(time: SystemTime, bytes: &[u8], mut cell: Cell) -> Self {
        let held = bytes.len().min(cell.len());
        cell[..held].copy_from_slice(&bytes[..held]);
        Self { time, len: bytes.len(), held, cell }
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed")
            .field("one_in", &self.one_in)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of the packets that are taken, of batches of these lengths.
    fn taken(one_in: u32, batches: &[usize]) -> Vec<usize> {
        let (mut feed, mut ends) = Feed::new(one_in, 8, 64);
        let numbers: Vec<[u8; 1]> = (0..64).map(|number| [number]).collect();
        let mut first = 0;
        for len in batches {
            feed.see_all(numbers[first..first + len].iter().map(|bytes| &bytes[..]));
            first += len;
        }
        std::iter::from_fn(|| ends.full.pop().ok()).map(|entry| entry.cell[0].into()).collect()
    }

    #[test]
    fn every_nth_is_taken_however_they_come() {
        for one_in in [1, 2, 3, 7, 64, 1000] {
            let expected: Vec<_> = (0..60).step_by(one_in as usize).collect();
            for batches in [&[60][..], &[1; 60], &[7, 0, 13, 20, 20], &[3; 20], &[2, 1, 57]] {
                assert_eq!(taken(one_in, batches), expected, "one in {one_in}, {batches:?}");
            }
        }
    }

    /// Has a packet pushed, after some that are refused in its place.
    fn push(feed: &mut Feed, number: u8) {
        for _ in 0..number % 4 {
            feed.prepare(&[99]);
            feed.refused();
        }
        feed.prepare(&[number]);
    }

    #[test]
    fn what_is_refused_neither_shows_nor_counts() {
        for one_in in [1, 2, 3, 5] {
            let (mut feed, mut ends) = Feed::new(one_in, 8, 16);
            (0..13).for_each(|number| push(&mut feed, number));
            feed.prepare(&[99]);
            feed.refused();
            feed.settle();
            (13..16).for_each(|number| push(&mut feed, number));
            feed.settle();
            feed.settle();
            let taken = std::iter::from_fn(|| ends.full.pop().ok()).map(|entry| entry.cell[0]);
            let expected: Vec<_> = (0..16).step_by(one_in as usize).collect();
            assert_eq!(taken.collect::<Vec<_>>(), expected, "one in {one_in}");
            assert_eq!(ends.dropped.load(Relaxed), 0);
        }
    }

    #[test]
    fn ways_to_see_packets_count_alike() {
        let (mut feed, mut ends) = Feed::new(2, 8, 64);
        feed.see(&[0]);
        push(&mut feed, 1);
        push(&mut feed, 2);
        feed.settle();
        feed.see_all([&[3][..], &[4]].into_iter());
        feed.see(&[5]);
        feed.see(&[6]);
        let taken = std::iter::from_fn(|| ends.full.pop().ok()).map(|entry| entry.cell[0]);
        assert_eq!(taken.collect::<Vec<_>>(), [0, 2, 4, 6]);
    }

    #[test]
    fn without_a_cell_it_is_dropped_and_counted() {
        let (mut feed, mut ends) = Feed::new(1, 4, 2);
        feed.see(&[1; 9]);
        feed.see_all([&[2][..], &[3]].into_iter());
        for _ in 0..3 {
            feed.prepare(&[4]);
            feed.refused();
        }
        feed.prepare(&[4]);
        feed.settle();
        assert_eq!(ends.dropped.load(Relaxed), 2);
        let first = ends.full.pop().ok().unwrap();
        assert_eq!((first.len, first.held, &first.cell[..]), (9, 4, &[1; 4][..]));
        ends.spare.push(first.cell).unwrap();
        feed.see(&[5, 5]);
        let second = ends.full.pop().ok().unwrap();
        assert_eq!((second.held, second.cell[0]), (1, 2));
        let third = ends.full.pop().ok().unwrap();
        assert_eq!((third.held, &third.cell[..2]), (2, &[5, 5][..]));
        assert_eq!(ends.dropped.load(Relaxed), 2);
    }
}

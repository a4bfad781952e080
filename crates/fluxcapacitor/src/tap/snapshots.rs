//! The end of a tap that somebody reads.

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::Direction;
use super::feed::{Cell, Ends, Entry};
use crate::granted::Granted;

/// How often [`Snapshots::wait`] looks: the loops wake nobody, which would be a system call.
const LOOK: Duration = Duration::from_millis(1);

/// Reads the snapshots of a tap, from any one thread.
///
/// Dropped, the loops go on and copy nothing more.
pub struct Snapshots {
    incoming: Receiver<Source>,
    sources: Vec<Source>,
    /// Of sources that are over and were read to their end.
    dropped_before: u64,
}

/// One queue and direction.
pub(super) struct Source {
    direction: Direction,
    interface: String,
    queue: u32,
    ends: Ends,
}

/// The first bytes of a packet, as they were when it went by. Dropped, its room is the loop's again.
pub struct Snapshot<'s> {
    source: &'s mut Source,
    /// None once it is dropped.
    entry: Option<Entry>,
}

impl Snapshots {
    pub(super) const fn new(incoming: Receiver<Source>) -> Self {
        Self { incoming, sources: Vec::new(), dropped_before: 0 }
    }

    /// Takes a snapshot: of several queues or directions, the oldest of those that are there. None if there is
    /// none now.
    pub fn pop(&mut self) -> Option<Snapshot<'_>> {
        let Some(index) = self.oldest() else {
            self.look_around();
            return None;
        };
        let source = self.sources.get_mut(index)?;
        let entry = source.ends.full.pop().ok()?;
        Some(Snapshot { source, entry: Some(entry) })
    }

    /// Sleeps until there is a snapshot, all loops have ended or the time is up; says whether there is one.
    /// It looks once a millisecond.
    pub fn wait(&mut self, timeout: Duration) -> bool {
        let started = Instant::now();
        loop {
            if self.oldest().is_some() {
                return true;
            }
            let left = timeout.saturating_sub(started.elapsed());
            if left.is_zero() || self.is_over() {
                return false;
            }
            thread::sleep(LOOK.min(left));
        }
    }

    /// How many snapshots there was no room for, as of about now.
    pub fn dropped(&mut self) -> u64 {
        self.look_around();
        self.dropped_before + self.sources.iter().map(Source::dropped).sum::<u64>()
    }

    /// Whether all engines and halves that were given the tap are gone, and all of their snapshots read.
    pub fn is_over(&mut self) -> bool {
        self.look_around();
        self.sources.is_empty()
    }

    /// Which source has the oldest snapshot.
    fn oldest(&mut self) -> Option<usize> {
        self.sources.extend(self.incoming.try_iter());
        let waiting = self.sources.iter().enumerate();
        let waiting = waiting.filter_map(|(index, source)| Some((index, source.oldest()?)));
        Some(waiting.min_by_key(|(_, time)| *time)?.0)
    }

    /// Takes in sources that are new, and lets those go that are over.
    fn look_around(&mut self) {
        self.sources.extend(self.incoming.try_iter());
        self.sources.retain(|source| {
            // In this order: nothing comes any more once the loop's end is gone.
            let is_over = source.ends.full.is_abandoned() && source.ends.full.is_empty();
            self.dropped_before += if is_over { source.dropped() } else { 0 };
            !is_over
        });
    }
}

impl Source {
    pub(super) fn new(direction: Direction, granted: &Granted, ends: Ends) -> Self {
        Self { direction, interface: granted.interface.clone(), queue: granted.queue, ends }
    }

    fn oldest(&self) -> Option<SystemTime> {
        Some(self.ends.full.peek().ok()?.time)
    }

    fn dropped(&self) -> u64 {
        self.ends.dropped.load(Relaxed)
    }
}

impl Snapshot<'_> {
    /// When the loop came upon the packet. Those of one batch have one time.
    #[must_use]
    pub fn time(&self) -> SystemTime {
        self.entry.as_ref().map_or(SystemTime::UNIX_EPOCH, |entry| entry.time)
    }

    /// Which way it went.
    #[must_use]
    pub const fn direction(&self) -> Direction {
        self.source.direction
    }

    /// The interface that it came in or went out by.
    #[must_use]
    pub fn interface(&self) -> &str {
        &self.source.interface
    }

    /// The queue of that interface.
    #[must_use]
    pub const fn queue(&self) -> u32 {
        self.source.queue
    }

    /// How long the packet is, in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entry.as_ref().map_or(0, |entry| entry.len)
    }

    /// Whether the packet has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its first bytes: all, or as many as the snaplen.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        self.entry.as_ref().and_then(|entry| entry.cell.get(..entry.held)).unwrap_or(&[])
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        if let Some(Entry { cell, .. }) = self.entry.take() {
            let _as_many_slots_as_cells: Result<(), rtrb::PushError<Cell>> =
                self.source.ends.spare.push(cell);
        }
    }
}

impl fmt::Debug for Snapshots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshots").field("sources", &self.sources.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Snapshot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("time", &self.time())
            .field("direction", &self.direction())
            .field("interface", &self.interface())
            .field("queue", &self.queue())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

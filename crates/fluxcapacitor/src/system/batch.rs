//! Packets that are received or sent together.

use std::{mem, slice};

use fluxcapacitor_core::Result;
use fluxcapacitor_core::umem::Parcel;

use crate::packet::Packet;

/// Owned packets in the order of their arrival: as many as it was made for, allocated once.
///
/// [`FluxRx::recv`](super::FluxRx::recv) fills it, [`FluxTx::send_batch`](super::FluxTx::send_batch) takes from its
/// front. Packets that are left in it when it is dropped are dropped.
#[derive(Debug)]
pub struct Batch {
    /// Those from `first` up to `end` are taken.
    slots: Box<[Option<Packet>]>,
    first: usize,
    end: usize,
}

impl Batch {
    /// Room for `capacity` packets; for one at least.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let slots = (0..capacity.max(1)).map(|_| None).collect();
        Self { slots, first: 0, end: 0 }
    }

    /// How many packets are in it.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.end - self.first
    }

    /// Whether none is.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many there can be.
    #[inline]
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// How many more there can be.
    #[inline]
    #[must_use]
    pub fn room(&self) -> usize {
        self.capacity() - self.len()
    }

    /// Puts a packet behind the last one.
    ///
    /// # Errors
    /// The packet itself, if there is no room.
    #[inline]
    pub fn push(&mut self, packet: Packet) -> std::result::Result<(), Packet> {
        if self.room() == 0 {
            return Err(packet);
        }
        if self.end == self.slots.len() {
            self.close_up();
        }
        self.slots[self.end] = Some(packet);
        self.end += 1;
        Ok(())
    }

    /// Lends the vacant slots to `fill`, which fills some of the first, and says how many, and their bytes.
    #[inline]
    pub(super) fn extend(
        &mut self,
        fill: impl FnOnce(&mut [Option<Packet>]) -> Result<(u32, u64)>,
    ) -> Result<(u32, u64)> {
        if self.first > 0 {
            self.close_up();
        }
        let filled = fill(self.slots.get_mut(self.end..).unwrap_or_default())?;
        self.end += filled.0 as usize;
        Ok(filled)
    }

    /// Lends the packets to `take`, which takes some of the first, and says how many.
    #[inline]
    pub(super) fn take_front(&mut self, take: impl FnOnce(&mut [Option<Packet>]) -> u32) -> usize {
        let taken = take(&mut self.slots[self.first..self.end]) as usize;
        self.first += taken;
        taken
    }

    /// Moves the packets to the front.
    #[cold]
    fn close_up(&mut self) {
        self.slots[..self.end].rotate_left(self.first);
        (self.first, self.end) = (0, self.len());
    }

    /// Takes the first packet.
    #[inline]
    pub fn pop(&mut self) -> Option<Packet> {
        if self.is_empty() {
            return None;
        }
        let packet = self.slots[self.first].take();
        self.first += 1;
        packet
    }

    /// Puts a packet that was popped a moment ago back in front.
    #[inline]
    pub(super) fn unpop(&mut self, packet: Packet) {
        self.first = self.first.saturating_sub(1);
        self.slots[self.first] = Some(packet);
    }

    /// Drops all packets, which takes less than to drop each by itself.
    #[inline]
    pub fn clear(&mut self) {
        drop(self.drain());
    }

    /// Takes all packets, first to last. Those that are not asked for are dropped.
    #[inline]
    pub fn drain(&mut self) -> Drain<'_> {
        // If it is forgotten, so are its packets.
        let (first, end) = (mem::take(&mut self.first), mem::take(&mut self.end));
        Drain { slots: self.slots[first..end].iter_mut() }
    }

    /// Looks at the packets.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        Iter { slots: self.slots[self.first..self.end].iter() }
    }

    /// Looks at the packets, to change them.
    #[inline]
    pub fn iter_mut(&mut self) -> IterMut<'_> {
        IterMut { slots: self.slots[self.first..self.end].iter_mut() }
    }
}

/// Takes the packets of a [`Batch`]. Those that it is not asked for are dropped.
#[derive(Debug)]
pub struct Drain<'b> {
    slots: slice::IterMut<'b, Option<Packet>>,
}

impl Drop for Drain<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.slots.as_slice().is_empty() {
            drop_all(mem::take(&mut self.slots).into_slice());
        }
    }
}

/// A loop of its own, with all registers for itself.
#[inline(never)]
fn drop_all(slots: &mut [Option<Packet>]) {
    Parcel::drop_all(slots, Packet::parcel, Packet::into_parcel);
}

/// The packets of a [`Batch`] that was given away.
#[derive(Debug)]
pub struct IntoIter {
    batch: Batch,
}

/// Looks at the packets of a [`Batch`].
#[derive(Clone, Debug)]
pub struct Iter<'b> {
    slots: slice::Iter<'b, Option<Packet>>,
}

/// Looks at the packets of a [`Batch`], to change them.
#[derive(Debug)]
pub struct IterMut<'b> {
    slots: slice::IterMut<'b, Option<Packet>>,
}

impl Iterator for Drain<'_> {
    type Item = Packet;

    #[inline]
    fn next(&mut self) -> Option<Packet> {
        match self.slots.next() {
            Some(slot) => slot.take(),
            None => None,
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.slots.size_hint()
    }
}

impl DoubleEndedIterator for Drain<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Packet> {
        self.slots.next_back()?.take()
    }
}

impl Iterator for IntoIter {
    type Item = Packet;

    #[inline]
    fn next(&mut self) -> Option<Packet> {
        self.batch.pop()
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.batch.len(), Some(self.batch.len()))
    }
}

impl<'b> Iterator for Iter<'b> {
    type Item = &'b Packet;

    #[inline]
    fn next(&mut self) -> Option<&'b Packet> {
        self.slots.next()?.as_ref()
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.slots.size_hint()
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.slots.next_back()?.as_ref()
    }
}

impl<'b> Iterator for IterMut<'b> {
    type Item = &'b mut Packet;

    #[inline]
    fn next(&mut self) -> Option<&'b mut Packet> {
        self.slots.next()?.as_mut()
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.slots.size_hint()
    }
}

impl DoubleEndedIterator for IterMut<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.slots.next_back()?.as_mut()
    }
}

impl ExactSizeIterator for Drain<'_> {}
impl ExactSizeIterator for IntoIter {}
impl ExactSizeIterator for Iter<'_> {}
impl ExactSizeIterator for IterMut<'_> {}
impl std::iter::FusedIterator for Drain<'_> {}
impl std::iter::FusedIterator for IntoIter {}
impl std::iter::FusedIterator for Iter<'_> {}
impl std::iter::FusedIterator for IterMut<'_> {}

impl IntoIterator for Batch {
    type Item = Packet;
    type IntoIter = IntoIter;

    fn into_iter(self) -> IntoIter {
        IntoIter { batch: self }
    }
}

impl<'b> IntoIterator for &'b Batch {
    type Item = &'b Packet;
    type IntoIter = Iter<'b>;

    fn into_iter(self) -> Iter<'b> {
        self.iter()
    }
}

impl<'b> IntoIterator for &'b mut Batch {
    type Item = &'b mut Packet;
    type IntoIter = IterMut<'b>;

    fn into_iter(self) -> IterMut<'b> {
        self.iter_mut()
    }
}

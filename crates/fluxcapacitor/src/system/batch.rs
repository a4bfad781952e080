//! Packets that are received or sent together.

use std::collections::VecDeque;
use std::collections::vec_deque::{Drain, IntoIter, Iter, IterMut};

use crate::packet::Packet;

/// Owned packets in the order of their arrival: as many as it was made for, allocated once.
///
/// [`FluxRx::recv`](super::FluxRx::recv) fills it, [`FluxTx::send_batch`](super::FluxTx::send_batch) takes from its
/// front. Packets that are left in it when it is dropped are dropped.
#[derive(Debug)]
pub struct Batch {
    packets: VecDeque<Packet>,
    capacity: usize,
}

impl Batch {
    /// Room for `capacity` packets; for one at least.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self { packets: VecDeque::with_capacity(capacity), capacity }
    }

    /// How many packets are in it.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether none is.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// How many there can be.
    #[inline]
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many more there can be.
    #[inline]
    #[must_use]
    pub fn room(&self) -> usize {
        self.capacity - self.packets.len()
    }

    /// Puts a packet behind the last one.
    ///
    /// # Errors
    /// The packet itself, if there is no room.
    #[inline]
    pub fn push(&mut self, packet: Packet) -> Result<(), Packet> {
        if self.room() == 0 {
            return Err(packet);
        }
        self.packets.push_back(packet);
        Ok(())
    }

    /// The same, for who has asked for its room.
    #[inline]
    pub(super) fn put(&mut self, packet: Packet) {
        self.packets.push_back(packet);
    }

    /// Takes the first packet.
    #[inline]
    pub fn pop(&mut self) -> Option<Packet> {
        self.packets.pop_front()
    }

    /// Puts a packet that was taken back in front.
    #[inline]
    pub(super) fn unpop(&mut self, packet: Packet) {
        self.packets.push_front(packet);
    }

    /// Takes all packets, first to last. Those that are not asked for are dropped.
    #[inline]
    pub fn drain(&mut self) -> Drain<'_, Packet> {
        self.packets.drain(..)
    }

    /// Looks at the packets.
    #[inline]
    pub fn iter(&self) -> Iter<'_, Packet> {
        self.packets.iter()
    }

    /// Looks at the packets, to change them.
    #[inline]
    pub fn iter_mut(&mut self) -> IterMut<'_, Packet> {
        self.packets.iter_mut()
    }
}

impl IntoIterator for Batch {
    type Item = Packet;
    type IntoIter = IntoIter<Packet>;

    fn into_iter(self) -> IntoIter<Packet> {
        self.packets.into_iter()
    }
}

impl<'b> IntoIterator for &'b Batch {
    type Item = &'b Packet;
    type IntoIter = Iter<'b, Packet>;

    fn into_iter(self) -> Iter<'b, Packet> {
        self.iter()
    }
}

impl<'b> IntoIterator for &'b mut Batch {
    type Item = &'b mut Packet;
    type IntoIter = IterMut<'b, Packet>;

    fn into_iter(self) -> IterMut<'b, Packet> {
        self.iter_mut()
    }
}

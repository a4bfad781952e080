//! A batch of packets, as a callback sees it.

use std::fmt;

use fluxcapacitor_core::ring::Lending;

use super::Turn;
use crate::packet::{ChainRef, PacketRef};

/// The packets of one turn, lent to the callback of an engine one after the other.
///
/// A window on the rx ring: nothing is allocated or copied for it. What it is not asked for, and what is not
/// settled, is dropped and counted when the callback returns. Where packets may take several frames, ask for
/// [those](PacketBatch::chains), too.
///
/// ```no_run
/// // See `FluxEngine` for one that runs.
/// # fn f(engine: &mut fluxcapacitor::FluxEngine) -> fluxcapacitor::Result<()> {
/// engine.run(|batch| {
///     for packet in batch {
///         if packet.len() > 100 {
///             packet.transmit();
///         }
///     }
/// })
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct PacketBatch<'b> {
    turn: &'b Turn<'b>,
}

impl<'b> PacketBatch<'b> {
    #[inline]
    pub(crate) const fn new(turn: &'b Turn<'b>) -> Self {
        Self { turn }
    }

    /// How many packets it has still to lend, at most.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.turn.exchange().len()
    }

    /// Whether all packets were lent.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lends the packets that it has still to lend, if they lie in one frame each. Those that are not asked for can be
    /// lent later.
    ///
    /// By [`for_each`](Iterator::for_each), a closure that does little with a packet costs an instruction or two less than
    /// by a loop. It stands there twice, so that a long one may become a call: a loop is better for that.
    #[inline]
    pub fn drain(&self) -> Drain<'b> {
        Drain { lending: self.turn.exchange().lend(), turn: self.turn }
    }

    /// Lends the packets that it has still to lend, if they lie in several frames each: what a batch has is of one kind.
    /// There are none unless [`multi_buffer`](crate::FluxBuilder::multi_buffer) was asked for.
    ///
    /// ```no_run
    /// # fn f(engine: &mut fluxcapacitor::FluxEngine) -> fluxcapacitor::Result<()> {
    /// engine.run(|batch| {
    ///     for packet in batch {
    ///         packet.transmit();
    ///     }
    ///     for packet in batch.chains() {
    ///         packet.transmit();
    ///     }
    /// })
    /// # }
    /// ```
    pub fn chains(&self) -> impl Iterator<Item = ChainRef<'b>> + use<'b> {
        let turn = self.turn;
        turn.exchange().lend_chains().map(|lent| ChainRef::new(lent, turn))
    }

    /// The number of the interface that they came in by, from 0, in the order in which they were named.
    #[inline]
    #[must_use]
    pub fn port(&self) -> usize {
        self.turn.port()
    }

    /// The queue that they came in by.
    #[inline]
    #[must_use]
    pub fn queue(&self) -> u32 {
        self.turn.queue()
    }
}

impl<'b> IntoIterator for PacketBatch<'b> {
    type Item = PacketRef<'b>;
    type IntoIter = Drain<'b>;

    #[inline]
    fn into_iter(self) -> Drain<'b> {
        self.drain()
    }
}

/// Lends the packets of a [`PacketBatch`] in the order of their arrival.
#[must_use = "it lends nothing unless it is asked"]
pub struct Drain<'b> {
    lending: Lending<'b>,
    turn: &'b Turn<'b>,
}

impl<'b> Iterator for Drain<'b> {
    type Item = PacketRef<'b>;

    #[inline]
    fn next(&mut self) -> Option<PacketRef<'b>> {
        Some(PacketRef::new(self.lending.next()?, self.turn))
    }

    #[inline]
    fn fold<B, F: FnMut(B, PacketRef<'b>) -> B>(self, init: B, mut each: F) -> B {
        let turn = self.turn;
        self.lending.fold(init, |folded, lent| each(folded, PacketRef::new(lent, turn)))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.lending.size_hint()
    }
}

impl fmt::Debug for PacketBatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacketBatch")
            .field("len", &self.len())
            .field("port", &self.port())
            .field("queue", &self.queue())
            .finish()
    }
}

impl fmt::Debug for Drain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain").field("left", &self.lending.size_hint().1).finish()
    }
}

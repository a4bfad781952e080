//! The four rings of one lane, together.

use std::sync::Arc;

#[cfg(all(target_os = "linux", not(loom)))]
use super::memory::RingMemory;
use super::{
    CompletionRing, ConsumerRing, Descriptor, FillRing, ProducerRing, RxRing, TxRing, check_size,
    on_heap,
};
use crate::error::Result;
use crate::umem::{Lane, LaneKey, Mover, UmemRegion};

/// How many slots each ring has: powers of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingSizes {
    /// Slots of the fill ring.
    pub fill: u32,
    /// Slots of the rx ring.
    pub rx: u32,
    /// Slots of the tx ring.
    pub tx: u32,
    /// Slots of the completion ring.
    pub completion: u32,
}

/// Slots in a ring unless asked otherwise: what the kernel's own tools use.
const SLOTS: u32 = 2048;

impl Default for RingSizes {
    /// The fill ring has twice as many slots as the others: with as many frames, behind a full rx ring there is still
    /// something to receive into, for the descriptors of a card too.
    fn default() -> Self {
        Self { fill: 2 * SLOTS, rx: SLOTS, tx: SLOTS, completion: SLOTS }
    }
}

impl RingSizes {
    /// Checks what the kernel would refuse with a bare EINVAL.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid), naming the ring.
    pub fn check(&self) -> Result<()> {
        check_size("fill ring size", self.fill)?;
        check_size("rx ring size", self.rx)?;
        check_size("tx ring size", self.tx)?;
        check_size("completion ring size", self.completion)
    }
}

/// The user's ends of the four rings of a lane.
#[derive(Debug)]
#[expect(missing_docs, reason = "the types say it")]
pub struct LaneRings {
    pub fill: FillRing,
    pub rx: RxRing,
    pub tx: TxRing,
    pub completion: CompletionRing,
}

/// The kernel's ends of the four rings of a lane on the heap: plain numbers, to play the kernel with.
///
/// Whoever holds them may write whatever they like: it cannot reach a byte, nor make a frame that
/// somebody else has.
#[derive(Debug)]
#[expect(missing_docs, reason = "the types say it")]
pub struct PeerRings {
    pub fill: ConsumerRing<u64>,
    pub rx: ProducerRing<Descriptor>,
    pub tx: ConsumerRing<Descriptor>,
    pub completion: ProducerRing<u64>,
}

impl LaneRings {
    /// A lane whose rings are on the heap: for tests, benchmarks and models.
    ///
    /// All indices begin at `start`; they wrap at 2³², and may be made to do so soon.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) if a size is not a power of two.
    pub fn on_heap(umem: &UmemRegion, sizes: RingSizes, start: u32) -> Result<(Self, PeerRings)> {
        let lane = Lane::open(umem, LaneKey::Heap, Mover::Peer)?;
        Self::of(&lane, sizes, start)
    }

    /// The rings of `lane`, on the heap.
    pub(crate) fn of(lane: &Arc<Lane>, sizes: RingSizes, start: u32) -> Result<(Self, PeerRings)> {
        sizes.check()?;
        let (fill, peer_fill) = on_heap::<u64>(sizes.fill, start)?;
        let (peer_rx, rx) = on_heap::<Descriptor>(sizes.rx, start)?;
        let (tx, peer_tx) = on_heap::<Descriptor>(sizes.tx, start)?;
        let (peer_completion, completion) = on_heap::<u64>(sizes.completion, start)?;
        let peer =
            PeerRings { fill: peer_fill, rx: peer_rx, tx: peer_tx, completion: peer_completion };
        Ok((Self::new(lane, fill, rx, tx, completion), peer))
    }

    /// Has the rings take packets of several segments, up to so many sent and so many received.
    ///
    /// For sockets that were bound so (`XDP_USE_SG`): others make one packet of each segment.
    pub fn allow_chains(&mut self, sent_max: u32, received_max: u32) {
        self.tx.set_segments_max(sent_max);
        self.rx.set_segments_max(received_max);
    }

    fn new(
        lane: &Arc<Lane>,
        fill: ProducerRing<u64>,
        rx: ConsumerRing<Descriptor>,
        tx: ProducerRing<Descriptor>,
        completion: ConsumerRing<u64>,
    ) -> Self {
        Self {
            fill: FillRing::new(fill, lane.clone()),
            rx: RxRing::new(rx, lane.clone()),
            tx: TxRing::new(tx, lane.clone()),
            completion: CompletionRing::new(completion, lane.clone()),
        }
    }

    /// The user's ends over mappings of a socket.
    #[cfg(all(target_os = "linux", not(loom)))]
    pub(crate) fn mapped(
        lane: &Arc<Lane>,
        fill: RingMemory<u64>,
        rx: RingMemory<Descriptor>,
        tx: RingMemory<Descriptor>,
        completion: RingMemory<u64>,
    ) -> Self {
        Self::new(
            lane,
            ProducerRing::new(fill),
            ConsumerRing::new(rx),
            ProducerRing::new(tx),
            ConsumerRing::new(completion),
        )
    }
}

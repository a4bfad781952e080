//! The kernel's side of a simulated lane: the other ends of the four rings, and the frames out there.
//!
//! Addresses are plain numbers here, as in the kernel. A frame's bytes are reached by a claim for the
//! time of one copy, and each step of a frame is written into the ledger by the simulator alone: from
//! posted to delivered, and from queued to completed (`[one-clearer]`).

use super::{Descriptor, PeerRings, XDP_PKT_CONTD};
#[cfg(loom)]
use super::{LaneRings, RingSizes};
use crate::backend::Statistics;
#[cfg(loom)]
use crate::error::Result;
use crate::umem::{Holder, Lane, Place, UmemRegion, XDP_PACKET_HEADROOM};
#[cfg(loom)]
use crate::umem::{LaneKey, Mover};

/// `MAX_SKB_FRAGS` (`CONFIG_MAX_SKB_FRAGS`), beside which the first segment of a packet has a place.
const MAX_SKB_FRAGS: usize = 17;

/// Frames, rings and counters of one simulated lane, on the kernel's side.
///
/// Unlike [`PeerRings`], which are plain numbers, it takes frames out of the ledger and writes them back
/// there as it moves them: what the user's side of the lane gives out is what this has put in.
///
/// `[one-clearer]`: it must not outlive its lane, whose frames the next lane may sweep. In a world it goes
/// when the lane closes; nobody else can have one but models.
#[derive(Debug)]
pub struct KernelSide {
    umem: UmemRegion,
    pub(crate) peer: PeerRings,
    posted: Holder,
    delivered: Holder,
    queued: Holder,
    completed: Holder,
    /// Frames taken from the fill ring and not used yet (`free_list` of `struct xsk_buff_pool`).
    free: Vec<u64>,
    /// Slots of the completion ring that are promised to packets under way.
    reserved: u32,
    /// The beginning of a packet whose end has not come (`skb` of `struct xdp_sock`).
    begun: Begun,
    /// Whether the next descriptors are the rest of a packet that was dropped.
    drains: bool,
    pub(crate) statistics: Statistics,
}

/// The beginning of a packet to send.
#[derive(Debug, Default)]
struct Begun {
    bytes: Vec<u8>,
    addrs: Vec<u64>,
}

/// What came out of the tx ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// Nothing was there.
    Empty,
    /// A descriptor that the kernel does not send; its address has been completed.
    Invalid,
    /// The completion ring has no room for one more.
    NoRoom,
    /// A descriptor of a packet that goes on, or of one that is dropped.
    Part,
    /// A packet; its addresses, for the completions.
    Packet(Addresses),
}

/// The addresses of a packet's segments; most have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    first: Vec<u64>,
    last: u64,
}

impl IntoIterator for Addresses {
    type Item = u64;
    type IntoIter = std::iter::Chain<std::vec::IntoIter<u64>, std::iter::Once<u64>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(std::iter::once(self.last))
    }
}

impl KernelSide {
    pub(crate) fn new(lane: &Lane, peer: PeerRings) -> Self {
        Self {
            umem: lane.umem().clone(),
            peer,
            posted: lane.holder(Place::Posted),
            delivered: lane.holder(Place::Delivered),
            queued: lane.holder(Place::Queued),
            completed: lane.holder(Place::Completed),
            free: Vec::new(),
            reserved: 0,
            begun: Begun::default(),
            drains: false,
            statistics: Statistics::default(),
        }
    }

    /// The longest packet that can be received (`xsk_pool_get_rx_frame_size`).
    pub fn receivable(&self) -> usize {
        self.umem.layout().packet_max() as usize
    }

    /// Takes a frame to receive into (`xp_alloc`).
    pub fn take_frame(&mut self) -> Option<u64> {
        if let Some(addr) = self.free.pop() {
            return Some(addr);
        }
        loop {
            let Ok(Some(addr)) = self.peer.fill.pop() else {
                self.statistics.rx_fill_ring_empty_descs += 1;
                return None;
            };
            // `xp_check_aligned`: what is beyond the UMEM is skipped. (It counts where nobody reads it.)
            if self.umem.frames().claim(addr, 0, self.posted).is_some() {
                return Some(self.umem.frames().base_of(addr));
            }
        }
    }

    /// Copies a packet into the frame at `addr` and shows it to the user (`__xsk_rcv`, `__xsk_rcv_zc`);
    /// says whether it did.
    pub fn deliver(&mut self, addr: u64, packet: &[u8]) -> bool {
        let headroom = u64::from(XDP_PACKET_HEADROOM + self.umem.layout().headroom());
        let (first, len) = (addr + headroom, packet.len());
        let room = self.peer.rx.room(1).unwrap_or(0);
        if room == 0 {
            self.statistics.rx_ring_full += 1;
            self.free.push(addr);
            return false;
        }
        let Some(mut claim) = self.umem.frames().claim(first, len as u64, self.posted) else {
            self.statistics.rx_dropped += 1;
            return false;
        };
        claim.bytes_mut().copy_from_slice(packet);
        claim.lend(self.delivered);
        let _there_is_room =
            self.peer.rx.push(Descriptor { addr: first, len: len as u32, options: 0 });
        self.peer.rx.publish();
        true
    }

    /// Cuts a packet over as many frames as it takes, and shows it to the user, all or nothing (`__xsk_rcv`);
    /// says whether it did.
    pub fn deliver_cut(&mut self, packet: &[u8]) -> bool {
        let cuts = packet.chunks(self.receivable());
        let count = cuts.len() as u32;
        // `xp_can_alloc`, `xskq_cons_nb_entries`: the user's index is looked at when there are not enough.
        let wanted = count.saturating_sub(self.free.len() as u32);
        let known = self.peer.fill.known();
        let there = if known >= wanted { known } else { self.peer.fill.look().unwrap_or(0) };
        if there < wanted {
            self.statistics.rx_fill_ring_empty_descs += u64::from(there == 0);
            self.statistics.rx_dropped += 1;
            return false;
        }
        if self.peer.rx.room(count).unwrap_or(0) < count {
            self.statistics.rx_ring_full += 1;
            return false;
        }
        let frames: Vec<u64> = (0..count).map_while(|_| self.take_frame()).collect();
        if frames.len() < count as usize {
            // Some of what was in the fill ring was a lie.
            self.free.extend(frames);
            self.statistics.rx_dropped += 1;
            return false;
        }
        let headroom = u64::from(XDP_PACKET_HEADROOM + self.umem.layout().headroom());
        for ((left, bytes), frame) in (0..count).rev().zip(cuts).zip(frames) {
            let (addr, len) = (frame + headroom, bytes.len() as u32);
            if let Some(mut claim) = self.umem.frames().claim(addr, u64::from(len), self.posted) {
                claim.bytes_mut().copy_from_slice(bytes);
                claim.lend(self.delivered);
            }
            let options = if left > 0 { XDP_PKT_CONTD } else { 0 };
            let _there_is_room = self.peer.rx.push(Descriptor { addr, len, options });
        }
        self.peer.rx.publish();
        true
    }

    /// Takes a descriptor of a packet to send (`xskq_cons_peek_desc`, `xsk_build_skb`), and copies the packet into
    /// `packet` once all of it is there.
    ///
    /// A packet with an invalid descriptor, or with too many, is dropped to its end: as on Linux 6.18.44, each
    /// of its descriptors counts as invalid and is completed; an invalid one ends the call.
    pub fn take_packet(&mut self, packet: &mut Vec<u8>) -> Outgoing {
        if self.peer.tx.ready().unwrap_or(0) == 0 {
            self.statistics.tx_ring_empty_descs += 1;
            return Outgoing::Empty;
        }
        if !self.can_send() {
            return Outgoing::NoRoom;
        }
        let Ok(Some(Descriptor { addr, len, options })) = self.peer.tx.pop() else {
            return Outgoing::Empty;
        };
        let goes_on = options & XDP_PKT_CONTD != 0;
        // `xp_aligned_validate_desc`; and, beyond that, the frame has to be where it says.
        let claim = self.umem.frames().claim(addr, u64::from(len), self.queued);
        let claim = claim.filter(|_| len > 0 && options & !XDP_PKT_CONTD == 0);
        self.reserved += 1;
        let (is_invalid, begun) = (claim.is_none(), self.begun.addrs.len());
        if is_invalid || self.drains || (begun == MAX_SKB_FRAGS && goes_on) {
            // The claim ends here, and the frame is queued as before.
            drop(claim);
            self.drains = goes_on;
            self.drop_begun(addr);
            return if is_invalid { Outgoing::Invalid } else { Outgoing::Part };
        }
        let Some(mut claim) = claim else { return Outgoing::Invalid };
        if goes_on || begun > 0 {
            self.begun.bytes.extend_from_slice(claim.bytes_mut());
        } else {
            packet.clear();
            packet.extend_from_slice(claim.bytes_mut());
        }
        if goes_on {
            self.begun.addrs.push(addr);
            return Outgoing::Part;
        }
        if begun > 0 {
            packet.clear();
            packet.append(&mut self.begun.bytes);
        }
        Outgoing::Packet(Addresses { first: std::mem::take(&mut self.begun.addrs), last: addr })
    }

    /// Drops the packet that was begun, and a descriptor with it (`xsk_drop_skb`).
    fn drop_begun(&mut self, addr: u64) {
        let Begun { addrs, .. } = std::mem::take(&mut self.begun);
        for addr in addrs.into_iter().chain([addr]) {
            self.statistics.tx_invalid_descs += 1;
            self.complete(addr);
        }
    }

    /// Says that a segment of a packet was sent (`xskq_prod_submit_addr`).
    pub fn complete(&mut self, addr: u64) {
        self.reserved = self.reserved.saturating_sub(1);
        // An address that names no frame of ours goes back as well: it is a number, no more.
        if let Some(claim) = self.umem.frames().claim(addr, 0, self.queued) {
            claim.lend(self.completed);
        }
        let _reserved = self.peer.completion.push(addr);
        self.peer.completion.publish();
    }

    /// Writes an address that is a lie into the completion ring, unless all its slots are promised.
    pub fn forge_completion(&mut self, addr: u64) {
        if self.peer.completion.room(self.reserved + 1).unwrap_or(0) > self.reserved {
            let _full = self.peer.completion.push(addr);
            self.peer.completion.publish();
        }
    }

    /// Writes a descriptor that is a lie into the rx ring, if it has room.
    pub fn forge_packet(&mut self, descriptor: Descriptor) {
        let _full = self.peer.rx.push(descriptor);
        self.peer.rx.publish();
    }

    /// Whether there is a packet to send, and room to say so.
    pub fn can_send(&mut self) -> bool {
        let room = self.peer.completion.room(self.reserved + 1).unwrap_or(0) > self.reserved;
        room && self.peer.tx.ready().is_ok_and(|ready| ready > 0)
    }

    /// Whether there are packets for the user.
    pub fn is_readable(&self) -> bool {
        self.peer.rx.occupancy() > 0
    }

    /// Whether the tx ring is half empty (`xsk_tx_writeable`).
    pub fn is_writable(&self) -> bool {
        self.peer.tx.occupancy() <= self.peer.tx.size() / 2
    }
}

#[cfg(loom)]
impl LaneRings {
    /// A lane whose frames are moved by the kernel's side that comes with it: for
    /// models of the simulator. All indices begin at `start`.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) if a size is not a power of two.
    pub fn simulated(
        umem: &UmemRegion,
        sizes: RingSizes,
        start: u32,
    ) -> Result<(Self, KernelSide)> {
        let lane = Lane::open(umem, LaneKey::Heap, Mover::Simulator)?;
        let (rings, peer) = Self::of(&lane, sizes, start)?;
        Ok((rings, KernelSide::new(&lane, peer)))
    }
}

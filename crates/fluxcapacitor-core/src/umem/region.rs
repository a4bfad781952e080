//! The region itself: bytes, layout, ledger and lanes.
//!
//! # Safety
//! Owns `[one-token]`: the bytes of a frame are reached only through its one [`Frame`], or the chain that this
//! is part of (`slices`), borrowed shared for `&[u8]`, exclusively for `&mut [u8]`. While a token exists, its frame is with the user,
//! and the kernel, which is trusted in this, writes only into frames that it holds.
#![allow(unsafe_code)]

use std::fmt;
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use super::chain::{Links, Place};
use super::claim::Frames;
use super::lane::LaneTable;
use super::ledger::{Entries, Ledger};
use super::memory::Memory;
use super::{Census, Frame, FramePool, GrantedPages, Layout, PageSize, Segment};
use crate::error::{Error, Result};

/// Which UMEM of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UmemId(u32);

/// Packet memory that is shared with the kernel, cut into frames.
///
/// A handle: clones are the same region, which lives for as long as anything that could reach its
/// bytes. It is populated before use, locked by the kernel while a socket is bound, and not inherited
/// by a forked child (`MADV_DONTFORK`).
///
/// Two views of one frame do not compile, nor does a view that outlives its frame's submission:
/// ```compile_fail,E0499
/// # use fluxcapacitor_core::umem::*;
/// # fn f(umem: &UmemRegion, mut frame: Frame) -> Result<(), Foreign> {
/// let one = umem.frame_mut(&mut frame)?;
/// let two = umem.frame_mut(&mut frame)?;
/// one[0] = two[0];
/// # Ok(()) }
/// ```
/// A view of a packet that outlives the packet does not, either:
/// ```compile_fail,E0505
/// # use fluxcapacitor_core::umem::*;
/// # fn f(umem: &UmemRegion, packet: Segment) -> Result<u8, Foreign> {
/// let bytes = umem.packet(&packet)?;
/// drop(packet.into_frame());
/// Ok(bytes[0])
/// # }
/// ```
/// One after the other does:
/// ```
/// # use fluxcapacitor_core::umem::*;
/// # fn f(umem: &UmemRegion, mut frame: Frame) -> Result<(), Foreign> {
/// let one = umem.frame_mut(&mut frame)?;
/// one[0] = 1;
/// let two = umem.frame_mut(&mut frame)?;
/// two[0] = 2;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct UmemRegion(Arc<Inner>);

struct Inner {
    id: UmemId,
    layout: Layout,
    pages: GrantedPages,
    ledger: Ledger,
    links: Links,
    lanes: Mutex<LaneTable>,
    memory: Memory,
}

// SAFETY: [one-token]: `memory` is reached only through tokens, each of which is in one place; all
// else in it is `Send` by itself.
unsafe impl Send for Inner {}
// SAFETY: [one-token]: as for `Send`; `&Inner` gives no access to a byte without a borrowed token.
unsafe impl Sync for Inner {}

/// A frame, or something made of one, that is of another UMEM; handed back unchanged.
#[derive(Debug, PartialEq, Eq)]
pub struct Foreign<T = ()>(pub T);

/// Bytes that would not lie within their frame; the frame is handed back.
#[derive(Debug, PartialEq, Eq)]
pub struct NoSegment(pub Frame);

impl UmemRegion {
    /// Maps and populates a region, and hands out all its frames in a pool.
    ///
    /// If `pages` cannot be had, the next smaller ones are taken and [`UmemRegion::pages`] says why.
    ///
    /// # Errors
    /// [`Error::Sys`] if there is not even enough memory on base pages.
    pub fn new(layout: Layout, pages: PageSize) -> Result<(Self, FramePool)> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Relaxed);
        let id = u32::try_from(id).map_err(|_| {
            Error::invalid("number of UMEMs", id, "a process can have 2^32 in its life")
        })?;
        let (memory, pages) = Memory::new(layout.bytes(), pages)?;
        let ledger = Ledger::new(layout.frames());
        let (links, lanes) = (Links::new(layout.frames()), Mutex::default());
        let inner = Inner { id: UmemId(id), layout, pages, ledger, links, lanes, memory };
        let umem = Self(Arc::new(inner));

        let mut pool = FramePool::new(&umem);
        // [one-token]: for the first time; the ledger says that the user has all of them. Backwards,
        // so that the pool, a stack, hands out the lowest first.
        let all = (0..layout.frames()).rev().map(|index| Frame::new(index, umem.id()));
        let Ok(()) = pool.give_all(all) else { return Err(Error::invalid("pool", id, "foreign")) };
        Ok((umem, pool))
    }

    /// Which UMEM of this process it is.
    #[inline]
    pub fn id(&self) -> UmemId {
        self.0.id
    }

    /// Size, number and headroom of its frames.
    #[inline]
    pub fn layout(&self) -> Layout {
        self.0.layout
    }

    /// The pages that it stands on.
    #[inline]
    pub fn pages(&self) -> &GrantedPages {
        &self.0.pages
    }

    /// All bytes of a frame.
    ///
    /// # Errors
    /// [`Foreign`] if the frame is of another UMEM.
    #[inline]
    pub fn frame<'u>(&'u self, frame: &'u Frame) -> Result<&'u [u8], Foreign> {
        self.bytes(frame, 0, self.layout().frame_size())
    }

    /// All bytes of a frame, to write.
    ///
    /// # Errors
    /// [`Foreign`] if the frame is of another UMEM.
    #[inline]
    pub fn frame_mut<'u>(&'u self, frame: &'u mut Frame) -> Result<&'u mut [u8], Foreign> {
        self.bytes_mut(frame, 0, self.layout().frame_size())
    }

    /// The bytes of a packet's segment.
    ///
    /// # Errors
    /// [`Foreign`] if the segment is of another UMEM.
    #[inline]
    pub fn packet<'u>(&'u self, segment: &'u Segment) -> Result<&'u [u8], Foreign> {
        self.bytes(segment.frame(), segment.start(), segment.len())
    }

    /// The bytes of a packet's segment, to write.
    ///
    /// # Errors
    /// [`Foreign`] if the segment is of another UMEM.
    #[inline]
    pub fn packet_mut<'u>(&'u self, segment: &'u mut Segment) -> Result<&'u mut [u8], Foreign> {
        let (start, len) = (segment.start(), segment.len());
        self.bytes_mut(segment.frame_mut(), start, len)
    }

    /// Says where in a frame the bytes of a packet lie: `len` bytes from offset `start` on.
    ///
    /// # Errors
    /// [`NoSegment`] with the frame, if the bytes do not lie within it or it is of another UMEM.
    #[inline]
    pub fn segment(&self, frame: Frame, start: u32, len: u32) -> Result<Segment, NoSegment> {
        let inside = start.checked_add(len).is_some_and(|end| end <= self.layout().frame_size());
        if !inside || frame.umem() != self.id() {
            return Err(NoSegment(frame));
        }
        Ok(Segment::new(frame, start, len, false))
    }

    /// Copies a packet into a frame, behind the headroom.
    ///
    /// # Errors
    /// [`NoSegment`] with the frame, if the packet does not fit or the frame is of another UMEM.
    pub fn write(&self, frame: Frame, packet: &[u8]) -> Result<Segment, NoSegment> {
        let Ok(len) = u32::try_from(packet.len()) else { return Err(NoSegment(frame)) };
        let mut segment = self.segment(frame, self.layout().headroom(), len)?;
        match self.packet_mut(&mut segment) {
            Ok(bytes) => bytes.copy_from_slice(packet),
            Err(Foreign(())) => return Err(NoSegment(segment.into_frame())),
        }
        Ok(segment)
    }

    /// Counts who holds how many frames. Reads one word per frame: for display and for tests.
    pub fn census(&self) -> Census {
        let lanes = self.lanes();
        let mut census = Census::default();
        for holder in self.entries().holders() {
            match holder.lane_of() {
                None => census.user += 1,
                Some(lane) if lanes.is_closed(lane) => census.retired += 1,
                Some(_) if holder.is_rx() => census.rx += 1,
                Some(_) => census.tx += 1,
            }
        }
        census
    }

    /// Takes back, into `pool`, the frames that closed lanes had out and that the kernel has let go:
    /// those of lanes that were never bound, and those whose queue was bound again since.
    ///
    /// Returns how many.
    ///
    /// # Errors
    /// [`Foreign`] if the pool is for another UMEM.
    pub fn recover(&self, pool: &mut FramePool) -> Result<u32, Foreign> {
        if pool.umem().id() != self.id() {
            return Err(Foreign(()));
        }
        let swept = self.lanes().take_released();
        let mut recovered = 0;
        for (index, holder) in (0..).zip(self.entries().holders()) {
            let Some(lane) = holder.lane_of() else { continue };
            if !swept.contains(&lane) {
                continue;
            }
            // [one-clearer]: the lane is closed, none of its rings exists any more, and taking its
            // number out of the table gave the right to sweep it to us alone.
            if self.entries().reclaim(index, holder).is_some() {
                let _same_umem = pool.give(Frame::new(index as u32, self.id()));
                recovered += 1;
            }
        }
        self.lanes().reuse(&swept);
        Ok(recovered)
    }

    /// What a batch of packets needs of the region.
    #[inline]
    pub(crate) fn frames(&self) -> Frames<'_> {
        Frames::new(self, self.entries(), self.0.memory.base())
    }

    /// What follows each frame in its chain.
    #[inline]
    pub(super) fn links(&self) -> &Links {
        &self.0.links
    }

    #[inline]
    fn entries(&self) -> Entries<'_> {
        self.0.ledger.entries()
    }

    /// The lanes of this region; a panic while they were locked leaves nothing half done.
    pub(super) fn lanes(&self) -> std::sync::MutexGuard<'_, LaneTable> {
        self.0.lanes.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Where the region begins, for `XDP_UMEM_REG`.
    #[cfg(all(target_os = "linux", not(loom)))]
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.0.memory.base()
    }

    #[inline]
    fn bytes<'u>(&'u self, frame: &'u Frame, start: u32, len: u32) -> Result<&'u [u8], Foreign> {
        let first = self.first(frame, start)?;
        // SAFETY: [one-token]: the frame's only token is borrowed for 'u, so there is no `&mut` to its
        // bytes and the kernel does not hold it; [in-chunk]: `len` bytes from `start` on lie in it.
        Ok(unsafe { slice::from_raw_parts(first.as_ptr(), len as usize) })
    }

    #[inline]
    fn bytes_mut<'u>(
        &'u self,
        frame: &'u mut Frame,
        start: u32,
        len: u32,
    ) -> Result<&'u mut [u8], Foreign> {
        let first = self.first(frame, start)?;
        // SAFETY: [one-token]: the frame's only token is exclusively borrowed for 'u, so these bytes
        // are ours alone; [in-chunk]: `len` bytes from `start` on lie in it.
        Ok(unsafe { slice::from_raw_parts_mut(first.as_ptr(), len as usize) })
    }

    /// The byte at offset `start` of a frame, which is at most the frame size.
    #[inline]
    fn first(&self, frame: &Frame, start: u32) -> Result<NonNull<u8>, Foreign> {
        if frame.umem() != self.id() {
            return Err(Foreign(()));
        }
        Ok(self.byte_at(Place { index: frame.index(), start, len: 0 }))
    }

    /// The byte at `addr`, which is that of a frame of this region.
    #[inline]
    pub(super) fn byte_of(&self, addr: u64) -> NonNull<u8> {
        // SAFETY: a frame's bytes lie within the region.
        unsafe { self.0.memory.base().add(addr as usize) }
    }

    /// The first byte of a segment of this region, or what was one.
    #[inline]
    pub(super) fn byte_at(&self, place: Place) -> NonNull<u8> {
        let offset = self.layout().base(place.index as usize) as usize + place.start as usize;
        // SAFETY: a token's index is below the number of frames, and `start` within the frame, so the
        // offset is within (or at the end of) the region.
        unsafe { self.0.memory.base().add(offset) }
    }
}

impl fmt::Debug for UmemRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UmemRegion")
            .field("id", &self.0.id)
            .field("layout", &self.0.layout)
            .field("pages", &self.0.pages)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Display for Foreign<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the frame is of another UMEM; use it with the region that it came from")
    }
}

impl<T: fmt::Debug> std::error::Error for Foreign<T> {}

impl fmt::Display for NoSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes do not lie within a frame of this UMEM")
    }
}

impl std::error::Error for NoSegment {}

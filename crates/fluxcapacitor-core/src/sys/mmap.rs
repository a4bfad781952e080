//! Mappings: packet memory, and the rings of a socket.
//!
//! # Safety
//! Owns `[mapped]`: a mapping made here is fresh, is not touched by anything else in this process,
//! and stays until it is dropped, which unmaps all of it.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};

use rustix::io::Errno;
use rustix::mm::{self, Advice, MapFlags, ProtFlags};

use crate::umem::PageSize;

/// Memory that was mapped, is not inherited by a forked child, and is unmapped on drop.
#[derive(Debug)]
struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: [mapped]: it owns its pages alone, and munmap works from any thread.
unsafe impl Send for Mapping {}
// SAFETY: `&Mapping` gives nothing but numbers; who dereferences them proves it.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(base: *mut std::ffi::c_void, len: usize) -> io::Result<Self> {
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        let mapping = Self { base, len };
        // A child would get copies on write of packet memory that the kernel goes on filling here,
        // and its copy of a ring would keep the queue busy.
        // SAFETY: [mapped]: our own mapping, whole; the advice changes nothing in this process.
        unsafe { mm::madvise(mapping.base.as_ptr().cast(), len, Advice::LinuxDontFork) }?;
        Ok(mapping)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: [mapped]: we made it, and whoever held a pointer into it held us.
        let _unmapped = unsafe { mm::munmap(self.base.as_ptr().cast(), self.len) };
    }
}

/// Anonymous memory for packets: populated.
#[derive(Debug)]
#[cfg_attr(miri, allow(dead_code))]
pub(crate) struct PacketMapping(Mapping);

#[cfg_attr(miri, allow(dead_code))]
impl PacketMapping {
    /// Maps at least `bytes` bytes on pages of the given size; it may fail where the next smaller
    /// size would do.
    pub(crate) fn new(bytes: usize, pages: PageSize) -> io::Result<Self> {
        let (flags, page) = match pages {
            PageSize::Base => (MapFlags::empty(), rustix::param::page_size()),
            PageSize::Huge2M => (MapFlags::HUGETLB | MapFlags::HUGE_2MB, 2 << 20),
            PageSize::Huge1G => (MapFlags::HUGETLB | MapFlags::HUGE_1GB, 1 << 30),
        };
        let len = bytes.checked_next_multiple_of(page).ok_or(io::ErrorKind::OutOfMemory)?;
        let flags = flags | MapFlags::PRIVATE | MapFlags::POPULATE;
        // SAFETY: a fresh anonymous mapping, at an address that the kernel chooses.
        let base = unsafe {
            mm::mmap_anonymous(ptr::null_mut(), len, ProtFlags::READ | ProtFlags::WRITE, flags)
        }?;
        let mapping = Mapping::new(base, len)?;
        // mmap does not say when it could not populate, and the first touch would end the process.
        // SAFETY: [mapped]: our own fresh mapping, whole, which nobody has written to yet.
        match unsafe { mm::madvise(base, len, Advice::LinuxPopulateWrite) } {
            // Before Linux 5.14 there is no such advice.
            Ok(()) | Err(Errno::INVAL) => Ok(Self(mapping)),
            Err(errno) => Err(errno.into()),
        }
    }

    #[inline]
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.0.base
    }
}

/// One ring of a socket.
#[derive(Debug)]
pub(crate) struct RingMapping(Mapping);

impl RingMapping {
    /// Maps `len` bytes of the ring that the socket has at page offset `offset`.
    pub(crate) fn new(socket: BorrowedFd<'_>, offset: u64, len: usize) -> io::Result<Self> {
        let (prot, flags) =
            (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED | MapFlags::POPULATE);
        // SAFETY: a fresh mapping at an address that the kernel chooses.
        let base = unsafe { mm::mmap(ptr::null_mut(), len, prot, flags, socket, offset) }?;
        Ok(Self(Mapping::new(base, len)?))
    }

    #[inline]
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.0.base
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.len
    }
}

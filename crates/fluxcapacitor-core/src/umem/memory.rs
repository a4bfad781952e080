//! The bytes of a UMEM, and the pages that they stand on.

use std::fmt;

/// Size of the pages that packet memory stands on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum PageSize {
    /// The machine's base pages, 4 KiB on most.
    #[default]
    Base,
    /// Huge pages of 2 MiB. They must have been reserved (`/proc/sys/vm/nr_hugepages`).
    Huge2M,
    /// Huge pages of 1 GiB. They must have been reserved, as a rule on the kernel's command line.
    Huge1G,
}

impl fmt::Display for PageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Base => "base pages",
            Self::Huge2M => "2 MiB pages",
            Self::Huge1G => "1 GiB pages",
        })
    }
}

/// The pages that were granted, and why not the ones that were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GrantedPages {
    /// What the memory stands on.
    pub size: PageSize,
    /// Why it is not what was asked for; `None` if it is.
    pub why_not: Option<String>,
}

#[cfg(any(not(target_os = "linux"), loom, miri))]
pub(super) use heap::Memory;
#[cfg(all(target_os = "linux", not(any(loom, miri))))]
pub(super) use mapped::Memory;

#[cfg(all(target_os = "linux", not(any(loom, miri))))]
mod mapped {
    use std::ptr::NonNull;
    use std::{fs, io};

    use super::{GrantedPages, PageSize};
    use crate::error::{Error, Result};
    use crate::sys::mmap::PacketMapping;

    /// Our own mapping: the kernel may write pinned pages for a moment after the last socket has
    /// closed, and those must not be somebody else's heap by then.
    pub(in crate::umem) struct Memory(PacketMapping);

    impl Memory {
        pub(in crate::umem) fn new(bytes: usize, pages: PageSize) -> Result<(Self, GrantedPages)> {
            let mut why_not = None;
            let ladder = [PageSize::Huge1G, PageSize::Huge2M, PageSize::Base];
            for size in ladder.into_iter().filter(|size| *size <= pages) {
                match PacketMapping::new(bytes, size) {
                    Ok(mapping) => {
                        let why_not = why_not.map(|why| format!("{why}; taken instead: {size}"));
                        return Ok((Self(mapping), GrantedPages { size, why_not }));
                    }
                    Err(source) if size == PageSize::Base => {
                        let call = "mmap of packet memory (fewer frames need less)";
                        return Err(Error::sys(call, source));
                    }
                    Err(source) => {
                        why_not.get_or_insert_with(|| shortage(bytes, size, &source));
                    }
                }
            }
            Err(Error::invalid("page size", 0, "unknown"))
        }

        #[inline]
        pub(in crate::umem) fn base(&self) -> NonNull<u8> {
            self.0.base()
        }
    }

    /// Why there are not enough huge pages, as far as that can be known.
    fn shortage(bytes: usize, size: PageSize, source: &io::Error) -> String {
        let kib = if size == PageSize::Huge1G { 1 << 20 } else { 2 << 10 };
        let needed = bytes.div_ceil(kib << 10);
        let pages = format!("/sys/kernel/mm/hugepages/hugepages-{kib}kB");
        let free = fs::read_to_string(format!("{pages}/free_hugepages"));
        let free = free.map_or_else(|_| "unknown".to_owned(), |free| free.trim().to_owned());
        format!(
            "no {size}: {needed} needed, {free} free ({source}); reserve them in {pages}/nr_hugepages"
        )
    }
}

#[cfg(any(not(target_os = "linux"), loom, miri))]
mod heap {
    use std::cell::UnsafeCell;
    use std::ptr::NonNull;

    use super::{GrantedPages, PageSize};
    use crate::error::Result;

    /// Where there is no kernel that could write to it, and where Miri looks on, the heap will do.
    pub(in crate::umem) struct Memory(Box<[UnsafeCell<u8>]>);

    impl Memory {
        pub(in crate::umem) fn new(bytes: usize, pages: PageSize) -> Result<(Self, GrantedPages)> {
            let bytes = (0..bytes).map(|_| UnsafeCell::new(0)).collect();
            let why_not = (pages != PageSize::Base).then(|| "only on Linux".to_owned());
            Ok((Self(bytes), GrantedPages { size: PageSize::Base, why_not }))
        }

        #[inline]
        pub(in crate::umem) fn base(&self) -> NonNull<u8> {
            // A pointer to the inside of the cells: writing through it is what they are for.
            NonNull::from(&*self.0).cast()
        }
    }
}

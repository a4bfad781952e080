//! Memory: how much may be locked, and on which pages.

use std::fs;

use fluxcapacitor::umem::PageSize;
use fluxcapacitor::{Error, FluxBuilder};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::CapabilitySet;

use crate::capability::give_up;
use crate::other::{Other, find, ready};
use crate::wire::{open, says, small, wire};

/// What [`small`] needs: 64 frames of 2048 bytes.
const NEEDED: u64 = 131_072;

/// A limit below that.
const LITTLE: u64 = 65_536;

/// Limits are the process's, and a hard one that was lowered stays so: in a process of its own.
#[test]
fn locked_memory() {
    let Some(wire) = wire(1) else { return };
    let other = Other::on(wire.b(), "little-memory");
    assert_eq!(other.said, "and all of it held");
    assert_eq!(wire.b().xdp_attached().unwrap(), None);
}

pub fn have_little(place: &str) {
    let (namespace, interface) = find(place);
    let build = |less| {
        let build = || {
            give_up(less);
            small(FluxBuilder::new(interface)).build_raw()
        };
        namespace.run(build).unwrap()
    };
    let enough = getrlimit(Resource::Memlock).maximum;
    assert!(enough.is_none_or(|enough| enough >= 4 * NEEDED), "{enough:?}");

    // The soft limit is low and the hard one is not: it raises the soft one.
    let low = Rlimit { current: Some(LITTLE), maximum: enough };
    setrlimit(Resource::Memlock, low).unwrap();
    drop(build(CapabilitySet::IPC_LOCK).unwrap());
    assert_eq!(getrlimit(Resource::Memlock).current, enough);

    // With the capability there is no limit, and it leaves the soft one alone.
    setrlimit(Resource::Memlock, low).unwrap();
    drop(build(CapabilitySet::empty()).unwrap());
    assert_eq!(getrlimit(Resource::Memlock), low);

    setrlimit(Resource::Memlock, Rlimit { current: Some(0), maximum: Some(LITTLE) }).unwrap();
    let error = build(CapabilitySet::IPC_LOCK).unwrap_err();
    assert!(matches!(error, Error::MemoryLock { needed: NEEDED, limit: LITTLE }), "{error}");
    assert!(error.is_permission());
    let (needed, limit) = (NEEDED.to_string(), LITTLE.to_string());
    says(&error, &[&needed, &limit, "`ulimit -l`", "CAP_IPC_LOCK", "fewer frames"]);
    drop(build(CapabilitySet::empty()).unwrap());

    // Memory altogether: as much as on a machine that has less than this.
    let maximum = getrlimit(Resource::As).maximum;
    setrlimit(Resource::As, Rlimit { current: Some(1 << 30), maximum }).unwrap();
    let build = || FluxBuilder::new(interface).frames(1 << 20).build_raw().unwrap_err();
    let error = namespace.run(build).unwrap();
    assert!(matches!(error, Error::Sys { .. }), "{error}");
    says(&error, &["mmap of packet memory", "fewer frames", "Cannot allocate memory"]);
    ready("and all of it held");
}

/// Huge pages that are free, by the kernel's count.
fn free(kib: u32) -> u64 {
    let path = format!("/sys/kernel/mm/hugepages/hugepages-{kib}kB/free_hugepages");
    fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

#[test]
fn huge_pages_that_are_short() {
    let Some(wire) = wire(1) else { return };
    // One page more than there is, of the size of which that is not too much memory to be had in
    // smaller pages.
    let (asked, kib, instead) = if free(2048) < 512 {
        (PageSize::Huge2M, 2048, PageSize::Base)
    } else {
        (PageSize::Huge1G, 1 << 20, PageSize::Huge2M)
    };
    let free = free(kib);
    let frames = free as u32 * (kib / 2) + 64;
    let raw = open(wire.b(), |builder| small(builder).pages(asked).frames(frames)).unwrap();
    let granted = raw.granted();
    assert_eq!(granted.pages.size, instead);
    let why = granted.pages.why_not.as_deref().unwrap();
    let short = format!("no {asked}: {} needed, {free} free", free + 1);
    let reserve =
        format!("reserve them in /sys/kernel/mm/hugepages/hugepages-{kib}kB/nr_hugepages");
    for part in [&short, &reserve, &format!("taken instead: {instead}")] {
        assert!(why.contains(part), "no {part:?} in: {why}");
    }
    assert!(granted.shortfalls().any(|line| line == why), "{granted:?}");
}

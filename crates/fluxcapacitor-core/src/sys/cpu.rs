//! Processors: which there are for us, which are near an interface, and staying on one.

use std::{fs, io};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The processors that the calling thread may run on, in order.
///
/// # Errors
/// What the kernel answers.
pub fn allowed() -> io::Result<Vec<usize>> {
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect())
}

/// Keeps the calling thread on one processor.
///
/// # Errors
/// What the kernel answers: `EINVAL` for one that it may not run on.
pub fn pin(cpu: usize) -> io::Result<()> {
    if cpu >= CpuSet::MAX_CPU {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut set = CpuSet::new();
    set.set(cpu);
    Ok(sched_setaffinity(None, &set)?)
}

/// The processors of the NUMA node that an interface is attached to, as far as sysfs says: it knows the
/// interfaces of the network namespace that mounted it, and virtual ones have no node.
#[must_use]
pub fn near(interface: &str) -> Option<Vec<usize>> {
    if interface.contains('/') {
        return None;
    }
    let node = fs::read_to_string(format!("/sys/class/net/{interface}/device/numa_node")).ok()?;
    // -1: none.
    let node: u32 = node.trim().parse().ok()?;
    let list = fs::read_to_string(format!("/sys/devices/system/node/node{node}/cpulist")).ok()?;
    Some(parse_list(&list))
}

/// Reads a list like `0-3,8`; what makes no sense is left out.
fn parse_list(list: &str) -> Vec<usize> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let last: usize = last.parse().ok()?;
        Some(first.parse().ok()?..=last.min(CpuSet::MAX_CPU))
    };
    list.trim().split(',').filter_map(range).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_the_kernel_writes_them() {
        assert_eq!(parse_list("0-2,5,7-8\n"), [0, 1, 2, 5, 7, 8]);
        assert_eq!(parse_list("\n"), [0; 0]);
        assert_eq!(parse_list("a-b,3,-,4-"), [3]);
        assert!(parse_list("0-18446744073709551615").len() <= CpuSet::MAX_CPU + 1);
    }

    #[test]
    fn a_thread_stays_where_it_is_put() {
        let all = allowed().unwrap();
        let last = *all.last().unwrap();
        std::thread::spawn(move || {
            pin(last).unwrap();
            assert_eq!(allowed().unwrap(), [last]);
        })
        .join()
        .unwrap();
        assert_eq!(allowed().unwrap(), all, "that thread alone");
        assert!(pin(CpuSet::MAX_CPU).is_err() && pin(usize::MAX).is_err());
        assert_eq!(near("../../etc"), None);
    }
}

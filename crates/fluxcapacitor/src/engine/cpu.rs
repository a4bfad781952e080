//! Which processors the workers run on.

use fluxcapacitor_core::Result;
#[cfg(target_os = "linux")]
use fluxcapacitor_core::{Error, sys::cpu};

/// Which processors the threads of workers run on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pin {
    /// One each, of those that this process may use: first those of the interface's NUMA node, as far as the
    /// kernel says which that is. More workers than processors share them. On Linux; elsewhere as `Nowhere`.
    #[default]
    Near,
    /// These, worker by worker, and from the beginning again if there are more workers.
    Cpus(Vec<usize>),
    /// Wherever the system puts them.
    Nowhere,
}

/// A processor for each of `count` workers.
#[cfg(target_os = "linux")]
pub(super) fn choose(pin: &Pin, interface: &str, count: usize) -> Result<Vec<Option<usize>>> {
    let from = |cpus: &[usize]| cpus.iter().copied().cycle().map(Some).take(count).collect();
    let allowed = || cpu::allowed().map_err(|source| Error::sys("sched_getaffinity", source));
    match pin {
        Pin::Nowhere => Ok(vec![None; count]),
        Pin::Cpus(cpus) => {
            let allowed = allowed()?;
            let stranger = cpus.iter().find(|cpu| !allowed.contains(cpu));
            if cpus.is_empty() || stranger.is_some() {
                let asked = stranger.map_or_else(|| "none".to_owned(), ToString::to_string);
                let why = format!("this process may use {allowed:?} (`taskset`, cpusets)");
                return Err(Error::invalid("processor", asked, why));
            }
            Ok(from(cpus))
        }
        Pin::Near => {
            let mut cpus = allowed()?;
            if let Some(near) = cpu::near(interface) {
                // Stable: near ones first, each part in order.
                cpus.sort_by_key(|cpu| !near.contains(cpu));
            }
            Ok(from(&cpus))
        }
    }
}

/// Elsewhere nobody is pinned.
#[cfg(not(target_os = "linux"))]
pub(super) fn choose(_: &Pin, _: &str, count: usize) -> Result<Vec<Option<usize>>> {
    Ok(vec![None; count])
}

/// Pins the calling thread.
#[cfg(target_os = "linux")]
pub(super) fn pin_to(cpu: usize) -> Result<()> {
    cpu::pin(cpu).map_err(|source| Error::sys("sched_setaffinity", source))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn pin_to(_: usize) -> Result<()> {
    Ok(())
}

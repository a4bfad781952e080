//! Workers on threads of their own.

use std::fmt;
use std::panic::resume_unwind;
use std::slice;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use fluxcapacitor_core::{Error, Result};

use super::worker::run;
use super::{FluxEngine, PacketBatch, StopHandle, WorkerInfo, cpu};
use crate::stats::{Stats, StatsReader};

/// Workers that run. Dropped, it stops them and waits for their end.
#[must_use = "dropped, it stops the workers"]
pub struct EngineHandle {
    threads: Vec<JoinHandle<Result<()>>>,
    stop: StopHandle,
    reader: StatsReader,
}

/// Starts a thread for each worker.
pub(super) fn spawn<M, F>(engine: FluxEngine, make: Arc<M>) -> Result<EngineHandle>
where
    M: Fn(&WorkerInfo) -> F + Send + Sync + 'static,
    F: FnMut(PacketBatch<'_>),
{
    let FluxEngine { workers, options, pin, stop, reader } = engine;
    let interface = workers.first().and_then(|worker| worker.granted().next());
    let interface = interface.map_or_else(String::new, |granted| granted.interface.clone());
    let cpus = cpu::choose(&pin, &interface, workers.len())?;
    // Dropped on the way, by an error, it stops those that have started.
    let mut handle = EngineHandle { threads: Vec::new(), stop, reader };
    for (mut worker, cpu) in workers.into_iter().zip(cpus) {
        let (make, stop) = (Arc::clone(&make), handle.stop.clone());
        let info = worker.info(cpu);
        let name = format!("flux-{}", info.queue);
        let thread = move || {
            if let Some(cpu) = cpu {
                cpu::pin_to(cpu)?;
            }
            let mut callback = make(&info);
            run(slice::from_mut(&mut worker), &options, &stop, &mut callback)
        };
        let started = Builder::new().name(name).spawn(thread);
        handle.threads.push(started.map_err(|source| Error::sys("clone(thread)", source))?);
    }
    Ok(handle)
}

impl EngineHandle {
    /// Has all workers end. Returns at once.
    pub fn stop(&self) {
        self.stop.stop();
    }

    /// Stops the workers, from any thread or from a signal handler.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// What has been counted up to now; the workers do not notice.
    ///
    /// # Errors
    /// [`Error::Sys`] if a socket does not tell its own counters.
    pub fn stats(&self) -> Result<Stats> {
        self.reader.read()
    }

    /// What reads the counters, from any thread.
    #[must_use]
    pub fn stats_reader(&self) -> StatsReader {
        self.reader.clone()
    }

    /// Whether a worker is still running.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.threads.iter().any(|thread| !thread.is_finished())
    }

    /// Waits for all workers to end.
    ///
    /// # Errors
    /// The first that a worker has ended with, as [`FluxEngine::run`].
    ///
    /// # Panics
    /// With what the callback of a worker has panicked with. It has ended that worker alone, and lost no frame.
    pub fn join(mut self) -> Result<()> {
        let mut result = Ok(());
        let mut panic = None;
        for thread in self.threads.drain(..) {
            match thread.join() {
                Ok(ended) => result = result.and(ended),
                Err(payload) => panic = panic.or(Some(payload)),
            }
        }
        panic.map_or(result, |payload| resume_unwind(payload))
    }
}

impl Drop for EngineHandle {
    fn drop(&mut self) {
        self.stop.stop();
        for thread in self.threads.drain(..) {
            let _nobody_asked = thread.join();
        }
    }
}

impl fmt::Debug for EngineHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineHandle").field("threads", &self.threads.len()).finish_non_exhaustive()
    }
}

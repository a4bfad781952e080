//! Runs cases: each on ports of its own, on a thread of its own, with a watchdog.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::backend::Backend;
use crate::bench::Bench;
use crate::cases::{Body, CASES, Case};
use crate::expected::{Expected, Kernel, Key};
use crate::fixture;
use crate::verdict::{Outcome, Reason, Stop, Verdict};

/// How long a case may take: several times what it waits for anything.
const WATCHDOG: Duration = Duration::from_secs(180);

/// How cases are run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A program that begins with `victim::be_if_asked`.
    pub program: PathBuf,
    /// How many packets the cases that count them send, instead of their own number; they take their time then.
    pub packets: Option<u32>,
    /// The names of two interfaces that one wire connects, for the backends that do not make their own.
    pub ports: Option<[String; 2]>,
}

impl From<PathBuf> for Options {
    fn from(program: PathBuf) -> Self {
        Self { program, ..Self::default() }
    }
}

impl Options {
    /// How much longer than by default a case may take: 1000 packets a second are slow, on an emulated processor too.
    pub(crate) fn more_time(&self) -> Duration {
        self.packets
            .map_or(Duration::ZERO, |packets| Duration::from_secs(u64::from(packets) / 1000))
    }

    fn watchdog(&self) -> Duration {
        WATCHDOG + self.more_time()
    }
}

/// How a run of a case ended.
#[derive(Clone, Debug)]
pub struct Run {
    /// Which.
    pub key: Key,
    /// How.
    pub verdict: Verdict,
    /// What it says besides.
    pub notes: Vec<String>,
    /// What is wrong with that, if anything is.
    pub difference: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// Runs `cases` on a backend, plain and, where they have that variant, with busy polling.
///
/// A path alone is that of the program in `options`. `each` sees every run as it
/// ends. A case that hangs is the last: nothing can end its thread but the end of the process.
pub fn run<'c>(
    backend: Backend,
    cases: impl IntoIterator<Item = &'c Case>,
    expected: &Expected,
    options: impl Into<Options>,
    mut each: impl FnMut(&Run),
) -> Vec<Run> {
    let options = options.into();
    let (mut runs, kernel) = (Vec::new(), Kernel::of_this_machine());
    for case in cases {
        for busy in [false, true] {
            if busy && !case.has_busy_variant() {
                continue;
            }
            let started = Instant::now();
            let key = Key { case: case.name.to_owned(), backend, busy };
            if expected.breaks(&key, kernel) {
                let verdict = Verdict::NotRun(Reason::KernelBreaks);
                let (notes, difference, took) = (Vec::new(), None, started.elapsed());
                runs.push(Run { key, verdict, notes, difference, took });
                runs.last().into_iter().for_each(&mut each);
                continue;
            }
            let done = guarded(case, backend, busy, options.clone());
            let hangs = done.is_none();
            if hangs {
                say_where(case.name);
            }
            let (verdict, notes) = done.unwrap_or_else(|| {
                let patience = options.watchdog();
                (Verdict::Fail(format!("it did not end within {patience:?}")), Vec::new())
            });
            let difference = expected.difference(&key, &verdict, kernel);
            runs.push(Run { key, verdict, notes, difference, took: started.elapsed() });
            runs.last().into_iter().for_each(&mut each);
            if hangs {
                return runs;
            }
        }
    }
    runs
}

/// The verdict on one run, and its notes; `None` if it hangs.
fn guarded(
    case: &Case,
    backend: Backend,
    busy: bool,
    options: Options,
) -> Option<(Verdict, Vec<String>)> {
    let body = case.body;
    let (tell, told) = channel();
    let patience = options.watchdog();
    let thread = thread::Builder::new().name(case.name.to_owned()).spawn(move || {
        let mut notes = Vec::new();
        let outcome = catch_unwind(AssertUnwindSafe(|| match body {
            Body::NotRun(reason) => Err(Stop::NotRun(reason)),
            Body::Heap(run) => run(),
            Body::Ports { shape, run, .. } => {
                let fixture = fixture::make(backend, shape, &options)?;
                let bench = Bench::new(&*fixture, backend, busy, &options);
                let outcome = catch_unwind(AssertUnwindSafe(|| run(&bench)));
                notes = bench.notes();
                outcome.unwrap_or_else(|panic| Err(panicked(&*panic)))?;
                bench.settle_accounts()
            }
        }));
        let verdict = match outcome.unwrap_or_else(|panic| Err(panicked(&*panic))) {
            Ok(()) => Verdict::Pass,
            Err(Stop::NotRun(reason)) => Verdict::NotRun(reason),
            Err(Stop::Failed(why)) => Verdict::Fail(why),
        };
        let _gone = tell.send((verdict, notes));
    });
    if let Err(error) = thread {
        return Some((Verdict::Fail(format!("no thread to run on: {error}")), Vec::new()));
    }
    match told.recv_timeout(patience) {
        Ok(told) => Some(told),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => {
            Some((Verdict::Fail("its thread died".to_owned()), Vec::new()))
        }
    }
}

/// Says where in the kernel the thread of a case is.
fn say_where(name: &str) {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    for task in tasks.map(|task| task.path()) {
        let read = |file| std::fs::read_to_string(task.join(file)).unwrap_or_default();
        // The kernel keeps the first 15 bytes of a name.
        if name.starts_with(read("comm").trim()) {
            eprintln!("{name} hangs in system call {}{}", read("syscall"), read("stack"));
        }
    }
}

/// What a panic said; where, the panic itself has said on stderr.
fn panicked(panic: &(dyn Any + Send)) -> Stop {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    Stop::Failed(text.unwrap_or_else(|| "it panicked, without words".to_owned()))
}

/// Runs on a scoped thread's handle: its value, or its panic as our own.
///
/// # Panics
/// If the thread has.
pub fn joined<T>(handle: thread::ScopedJoinHandle<'_, Outcome<T>>) -> Outcome<T> {
    handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// What `expected` says of cases and variants that there are not.
#[must_use]
pub fn strangers(expected: &Expected) -> Vec<String> {
    let exists = |key: &Key| {
        let case = CASES.iter().find(|case| case.name == key.case);
        case.is_some_and(|case| !key.busy || case.has_busy_variant())
    };
    let busy = |key: &Key| if key.busy { " with busy polling" } else { "" };
    let named = |key: &Key| format!("there is no {}{} on {}", key.case, busy(key), key.backend);
    expected.strangers(exists).map(named).collect()
}

//! The conformance suite in virtual machines: drivers with real zero-copy, and kernels old and new.
//!
//! A guest has two network cards on one wire inside QEMU, and nothing else to talk to. It boots a kernel of Debian's
//! from memory, runs what is built here, and says on two serial lines how that went. QEMU emulates the processor, so
//! it takes neither hardware nor privilege. Nothing on the machine is changed.

mod guest;
mod kernel;
mod module;
mod nic;
mod qemu;
mod report;
mod table;

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Error, Result, bail, ensure};
use clap::Args;

use crate::debian::Home;
use crate::workspace;
use guest::Programs;
use kernel::{Kernel, Release};
use nic::Nic;
use report::Report;

/// What moves packets, waits for them, ends in the middle, or loses its link.
const SHORT: [&str; 16] = [
    "SEND_RECEIVE",
    "BIDIRECTIONAL",
    "TEARDOWN",
    "POLL_RX",
    "POLL_TX",
    "STAT_TX_INVALID",
    "SHARED_UMEM_TWO_PORTS",
    "RECONNECT_ONE_QUEUE",
    "DROP_ANYWHERE",
    "STARVE_AND_RECOVER",
    "WAKEUP",
    "PROGRAM_BUSY_KILLED",
    "LINK_DOWN",
    "LINK_RESET",
    "LINK_GONE",
    "NAPI_DEFERRAL",
];

/// How many packets the cases that count them send on veth. Their own number, up to a million, is for the
/// cards: a guest takes half a minute for it, and veth is also where the suite runs without a guest.
const PACKETS_ON_VETH: u32 = 100_000;

/// How many guests run for each processor: one with igb waits for links two thirds of its time.
const JOBS_PER_PROCESSOR: usize = 3;

/// How many cases send as many packets as they are told to, and how slowly they may.
const COUNTING: u32 = 3;
const PACKETS_A_SECOND_MIN: u32 = 1000;

#[derive(Debug, Args)]
pub struct Options {
    /// Which kernels: a release such as 6.12, `newest`, or `all`; several with commas
    #[arg(long, value_name = "KERNEL", value_delimiter = ',', default_value = "newest")]
    kernel: Vec<String>,

    /// Which network cards; without it, virtio and igb
    #[arg(long, value_name = "NIC", value_delimiter = ',')]
    nic: Vec<Nic>,

    /// Only these cases; without it, all
    #[arg(long, value_name = "CASE", value_delimiter = ',')]
    case: Vec<String>,

    /// Only the cases in which a kernel or a driver has most to go wrong
    #[arg(long, conflicts_with = "case")]
    short: bool,

    /// How many guests run at a time; without it, three for each processor
    #[arg(long, value_name = "N")]
    jobs: Option<NonZero<usize>>,

    /// How many packets the cases that count them send, instead of their own number
    #[arg(long, value_name = "N")]
    packets: Option<u32>,

    /// Write what each kernel and driver granted into this file, as a table
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
}

/// A guest that is to be booted.
#[derive(Debug)]
struct Guest {
    /// Where its report stands: by its kernel, as they were named, and its card.
    place: (usize, usize),
    /// No other's.
    name: String,
    kernel: Kernel,
    nic: Nic,
    /// What the suite runs on in it.
    backends: &'static [&'static str],
}

/// Boots a guest for each kernel and card that was asked for.
pub fn run(options: &Options) -> Result<()> {
    let home = Home::at(&workspace::target().join("vm"))?;
    qemu::check()?;
    let programs = Programs::build()?;
    let releases = options.releases()?;
    let (ready, guests) = channel();
    let guests = Mutex::new(guests);
    let mut reports = thread::scope(|scope| {
        let fetching = scope.spawn(|| options.fetch(releases, &home, ready));
        let workers: Vec<_> = (0..options.jobs())
            .map(|_| scope.spawn(|| options.work(&guests, &programs, &home)))
            .collect();
        let reports = workers.into_iter().map(joined).collect::<Result<Vec<_>>>();
        joined(fetching)?;
        Ok::<_, Error>(reports?.into_iter().flatten().collect::<Vec<_>>())
    })?;
    reports.sort_by_key(|(place, _)| *place);
    let reports: Vec<_> = reports.into_iter().map(|(_, report)| report).collect();
    if let Some(path) = &options.table {
        table::write(&reports, path)?;
    }
    reports.iter().for_each(|report| println!("{report}"));
    let wrong = reports.iter().filter(|report| !report.is_good()).count();
    ensure!(wrong == 0, "{wrong} of {} guests are not as they should be", reports.len());
    Ok(())
}

/// What a thread gave, or its panic as our own.
fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

impl Options {
    fn releases(&self) -> Result<Vec<Release>> {
        let mut releases = Vec::new();
        for name in &self.kernel {
            match name.as_str() {
                "all" => releases.extend(Release::all()),
                name => releases.push(name.parse().map_err(|expected| {
                    anyhow::anyhow!("--kernel {name}: there is no such one; say {expected}")
                })?),
            }
        }
        if releases.is_empty() {
            bail!("--kernel names none");
        }
        Ok(releases)
    }

    fn nics(&self) -> Vec<Nic> {
        if self.nic.is_empty() { vec![Nic::Virtio, Nic::Igb] } else { self.nic.clone() }
    }

    /// How many guests run at a time.
    fn jobs(&self) -> usize {
        let processors = || thread::available_parallelism().map_or(1, NonZero::get);
        self.jobs.map_or_else(|| JOBS_PER_PROCESSOR * processors(), NonZero::get)
    }

    /// Fetches what guests boot, one after the other, while those before run. The last kernel first: the newer ones have
    /// the guests that take longest.
    fn fetch(&self, releases: Vec<Release>, home: &Home, ready: Sender<Guest>) -> Result<()> {
        let mut names = Vec::new();
        for (number, release) in releases.into_iter().enumerate().rev() {
            let mut run = Vec::new();
            for (card, nic) in self.nics().into_iter().enumerate() {
                let kernel = Kernel::fetch(&release, nic.flavour(), home)?;
                let name = format!("{}-{nic}", kernel.version);
                if names.contains(&name) {
                    // The newest may be one that was named, too.
                    continue;
                }
                let mut backends = nic.backends(&kernel);
                if run.contains(&backends) {
                    // Another guest of this kernel has it: this one only asks what is granted.
                    backends = &[];
                }
                run.push(backends);
                ready.send(Guest {
                    place: (number, card),
                    name: name.clone(),
                    kernel,
                    nic,
                    backends,
                })?;
                names.push(name);
            }
        }
        Ok(())
    }

    /// Boots guests, one after the other, until there are no more.
    fn work(
        &self,
        guests: &Mutex<Receiver<Guest>>,
        programs: &Programs,
        home: &Home,
    ) -> Result<Vec<((usize, usize), Report)>> {
        let mut reports = Vec::new();
        loop {
            let next = guests.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(guest) = next else { return Ok(reports) };
            reports.push((guest.place, self.one(&guest, programs, home)?));
        }
    }

    /// Boots one guest, and says how it went.
    fn one(&self, guest: &Guest, programs: &Programs, home: &Home) -> Result<Report> {
        let started = Instant::now();
        let Guest { name, kernel, nic, backends, .. } = guest;
        let directory = home.directory(&format!("guest-{name}"))?;
        eprintln!(
            "xtask: booting {} with {nic}; its console is kept in {}",
            kernel.version,
            directory.display()
        );
        let plan = self.plan(*nic, backends);
        let initramfs = guest::pack(programs, kernel, &plan, &directory)?;
        let ended = qemu::boot(kernel, *nic, &initramfs, &directory, self.time_max_s())?;
        Report::of(kernel, *nic, ended, started.elapsed(), plan.len())
    }

    /// How long a guest may take, in seconds: as much longer as the suite lets cases take that send so many packets.
    fn time_max_s(&self) -> u32 {
        let case = self.packets.map_or(0, |packets| packets / PACKETS_A_SECOND_MIN);
        qemu::TIME_MAX_S + COUNTING.saturating_mul(case)
    }

    /// What the guest is to run.
    fn plan(&self, nic: Nic, backends: &[&str]) -> Vec<String> {
        const PORTS: &str = "--ports eth0,eth1";
        let mut plan = vec![format!("granted {PORTS} --backend {}", nic.backend())];
        if !backends.is_empty() {
            let mut conformance =
                format!("conformance {PORTS} --output json --backend {}", backends.join(","));
            let case = if self.short { SHORT.join(",") } else { self.case.join(",") };
            if !case.is_empty() {
                conformance.push_str(&format!(" --case {case}"));
            }
            let usual = (backends == nic::VETH).then_some(PACKETS_ON_VETH);
            if let Some(packets) = self.packets.or(usual) {
                conformance.push_str(&format!(" --packets {packets}"));
            }
            plan.push(conformance);
        }
        plan
    }
}

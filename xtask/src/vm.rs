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

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use clap::Args;

use crate::debian::Home;
use crate::workspace;
use guest::Programs;
use kernel::{Kernel, Release};
use nic::Nic;
use report::Report;

/// What moves packets, waits for them, ends in the middle, or loses its link.
const SHORT: [&str; 14] = [
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
    "LINK_GONE",
];

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

    /// How many packets the cases that count them send, instead of their own number
    #[arg(long, value_name = "N")]
    packets: Option<u32>,

    /// Write what each kernel and driver granted into this file, as a table
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
}

/// Boots a guest for each kernel and card that was asked for.
pub fn run(options: &Options) -> Result<()> {
    let home = Home::at(&workspace::target().join("vm"))?;
    qemu::check()?;
    let programs = Programs::build()?;
    let mut reports = Vec::new();
    for release in options.releases()? {
        for nic in options.nics() {
            let kernel = Kernel::fetch(&release, nic.flavour(), &home)?;
            reports.push(options.one(&programs, &kernel, nic, &home)?);
        }
    }
    if let Some(path) = &options.table {
        table::write(&reports, path)?;
    }
    reports.iter().for_each(|report| println!("{report}"));
    let wrong = reports.iter().filter(|report| !report.is_good()).count();
    ensure!(wrong == 0, "{wrong} of {} guests are not as they should be", reports.len());
    Ok(())
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

    /// Boots one guest, and says how it went.
    fn one(&self, programs: &Programs, kernel: &Kernel, nic: Nic, home: &Home) -> Result<Report> {
        let started = Instant::now();
        let name = format!("{}-{nic}", kernel.version);
        let directory = home.directory(&format!("guest-{name}"))?;
        eprintln!(
            "xtask: booting {} with {nic}; its console is kept in {}",
            kernel.version,
            directory.display()
        );
        let plan = self.plan(kernel, nic);
        let initramfs = guest::pack(programs, kernel, &plan, &directory)?;
        let ended = qemu::boot(kernel, nic, &initramfs, &directory)?;
        Report::of(kernel, nic, ended, started.elapsed(), plan.len())
    }

    /// What the guest is to run.
    fn plan(&self, kernel: &Kernel, nic: Nic) -> Vec<String> {
        const PORTS: &str = "--ports eth0,eth1";
        let mut plan = vec![format!("granted {PORTS} --backend {}", nic.backend())];
        let backends = nic.backends(kernel);
        if !backends.is_empty() {
            let mut conformance =
                format!("conformance {PORTS} --output json --backend {}", backends.join(","));
            let case = if self.short { SHORT.join(",") } else { self.case.join(",") };
            if !case.is_empty() {
                conformance.push_str(&format!(" --case {case}"));
            }
            if let Some(packets) = self.packets {
                conformance.push_str(&format!(" --packets {packets}"));
            }
            plan.push(conformance);
        }
        plan
    }
}

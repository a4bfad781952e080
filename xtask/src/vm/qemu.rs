//! QEMU: boots a guest, and listens to it until it ends.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::kernel::Kernel;
use super::nic::Nic;
use crate::workspace;

const QEMU: &str = "qemu-system-x86_64";

/// The first release that has a model of igb.
const MAJOR_MIN: u32 = 8;

/// What to do where it is missing or too old.
const INSTALL: &str = "\
On Debian 13, as root:
    apt-get install --no-install-recommends qemu-system-x86
On Debian 12, whose own is too old, as root:
    echo 'deb http://deb.debian.org/debian bookworm-backports main' >/etc/apt/sources.list.d/bookworm-backports.list
    apt-get update
    apt-get install --no-install-recommends --target-release bookworm-backports qemu-system-x86";

/// How long a guest may take, in seconds, unless it is to send more packets than usual. It is ended then, also if we
/// have been.
pub const TIME_MAX_S: u32 = 20 * 60;

/// What a guest's programs write into.
const REPORT: &str = "report.json";

/// What a kernel says of itself when something is wrong with it.
const TROUBLE: [&str; 12] = [
    "Kernel panic",
    "Oops",
    "BUG:",
    "WARNING:",
    "Call Trace:",
    "general protection fault",
    "soft lockup",
    "blocked for more than",
    "rcu: INFO:",
    "NETDEV WATCHDOG",
    "unregister_netdevice: waiting",
    "refcount_t:",
];

/// How a guest has ended.
#[derive(Debug)]
pub struct Ended {
    /// What its programs wrote: one JSON value after the other.
    pub report: PathBuf,
    /// What is wrong with its kernel.
    pub trouble: Vec<String>,
    /// Whether it had to be ended.
    pub hung: bool,
}

/// Whether there is a QEMU that will do.
pub fn check() -> Result<()> {
    let version = workspace::read(Command::new(QEMU).arg("--version"))
        .with_context(|| format!("there is no QEMU here.\n{INSTALL}"))?;
    // `QEMU emulator version 10.0.2 (Debian …)`
    let number = version.split_whitespace().find_map(|word| word.split('.').next()?.parse().ok());
    match number {
        Some(major) if u32::ge(&major, &MAJOR_MIN) => Ok(()),
        Some(major) => {
            bail!("QEMU {major} is too old: it takes {MAJOR_MIN}, for its model of igb.\n{INSTALL}")
        }
        None => bail!("{QEMU} does not say its version: {version:?}"),
    }
}

/// How a boot has ended.
enum Boot {
    Ended(Ended),
    /// It says nothing of the guest, for this reason.
    Void(&'static str),
}

/// How often a guest is booted at most until that says something of it.
const BOOTS_MAX: u32 = 3;

/// What a program ends by that has found a mistake of its own.
const SIGABRT: i32 = 6;

/// Boots a guest, passes its console on, and waits for its end.
pub fn boot(
    kernel: &Kernel,
    nic: Nic,
    initramfs: &Path,
    into: &Path,
    time_max_s: u32,
) -> Result<Ended> {
    let mut why = "";
    for _ in 0..BOOTS_MAX {
        match boot_once(kernel, nic, initramfs, into, time_max_s)? {
            Boot::Ended(ended) => return Ok(ended),
            Boot::Void(reason) => why = reason,
        }
        eprintln!("xtask: {} with {nic} has to boot again: {why}", kernel.version);
    }
    bail!("{} with {nic} was booted {BOOTS_MAX} times: {why}", kernel.version)
}

/// The same, whether that says something of the guest or not.
fn boot_once(
    kernel: &Kernel,
    nic: Nic,
    initramfs: &Path,
    into: &Path,
    time_max_s: u32,
) -> Result<Boot> {
    let report = into.join(REPORT);
    let mut log = File::create(into.join("console.log"))?;
    let mut qemu = command(kernel, nic, initramfs, into, time_max_s);
    let mut child =
        qemu.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot run `timeout`")?;
    let console = child.stdout.take().context("QEMU has no output")?;
    let mut trouble = Vec::new();
    // Other guests speak, too.
    let release = kernel.release();
    let mut console = BufReader::new(console);
    let mut line = Vec::new();
    while console.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        writeln!(log, "{text}")?;
        println!("{release} {nic}: {text}");
        if is_clock_wrong(text) {
            // `timeout` passes it on.
            workspace::run(Command::new("kill").arg(child.id().to_string()))?;
            child.wait()?;
            return Ok(Boot::Void("this machine was too busy for it to set its clock"));
        }
        if is_trouble(text) {
            trouble.push(text.to_owned());
        }
        line.clear();
    }
    let status = child.wait()?;
    // `timeout` ends as it has, or says so.
    if status.signal() == Some(SIGABRT) || status.code() == Some(128 + SIGABRT) {
        return Ok(Boot::Void("QEMU has ended by an assertion of its own, as it says above"));
    }
    // That of `timeout`, when it had to kill.
    let hung = status.code() == Some(137) || status.code().is_none();
    ensure!(hung || status.success(), "{status} of QEMU, which says why above");
    fs::metadata(&report).context("QEMU has left no report")?;
    Ok(Boot::Ended(Ended { report, trouble, hung }))
}

fn command(kernel: &Kernel, nic: Nic, initramfs: &Path, into: &Path, time_max_s: u32) -> Command {
    let mut qemu = Command::new("timeout");
    // In the foreground it is ended with us by a key, too.
    qemu.args(["--foreground", "--signal=KILL"]).arg(time_max_s.to_string()).arg(QEMU);
    qemu.args(["-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max"]);
    qemu.args(["-smp", "2", "-m", "512"]);
    qemu.args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
    qemu.args(["-serial", "stdio", "-serial"]).arg(format!("file:{}", into.join(REPORT).display()));
    qemu.arg("-kernel").arg(&kernel.image).arg("-initrd").arg(initramfs);
    // A warning is the end of it, and an end is no new beginning.
    qemu.args([
        "-append",
        "console=ttyS0 loglevel=5 panic=-1 oops=panic panic_on_warn=1 net.ifnames=0 mitigations=off",
    ]);
    // What nobody takes goes nowhere, so that a card never waits for the other.
    let nowhere = into.join("nowhere").display().to_string();
    let (local, remote) = (format!("{nowhere}.local"), format!("{nowhere}.remote"));
    let sink = format!("local.type=unix,local.path={local},remote.type=unix,remote.path={remote}");
    qemu.args(["-netdev", &format!("dgram,id=nowhere,{sink}")]);
    qemu.args(["-netdev", "hubport,id=drain,hubid=0,netdev=nowhere"]);
    for port in 0..2 {
        qemu.args(["-netdev", &format!("hubport,id=wire{port},hubid=0")]);
        // A card is taken away by the slot that it is in.
        qemu.args(["-device", &format!("pcie-root-port,id=slot{port},chassis={port},slot={port}")]);
        let device = nic.device();
        let mac = format!("mac=52:54:00:00:00:0{}", port + 1);
        qemu.args(["-device", &format!("{device},netdev=wire{port},bus=slot{port},{mac}")]);
    }
    qemu
}

/// Whether a line is the kernel's, and says that something is wrong with it.
fn is_trouble(line: &str) -> bool {
    line.trim_start().starts_with('[') && TROUBLE.iter().any(|sign| line.contains(sign))
}

/// Whether a line is the kernel's, which has measured the timer of a processor (`calibrate_APIC_clock`) while that had to
/// wait for ours: ticks come too early or too late then, by as much.
fn is_clock_wrong(line: &str) -> bool {
    const MEASURED: &str = "APIC calibration not consistent with PM-Timer: ";
    let measured = line.split_once(MEASURED).and_then(|(_, rest)| rest.split_once("ms instead of"));
    let ms = measured.and_then(|(ms, _)| ms.parse().ok());
    // Of 100.
    ms.is_some_and(|ms: u32| !(50..=200).contains(&ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_may_be_off_by_a_little() {
        for (ms, wrong) in [(6, true), (49, true), (93, false), (102, false), (1000, true)] {
            let line = format!(
                "[    0.89] APIC calibration not consistent with PM-Timer: {ms}ms instead of 100ms"
            );
            assert_eq!(is_clock_wrong(&line), wrong, "{line}");
        }
        assert!(!is_clock_wrong(
            "[    1.60] mtrr: your CPUs had inconsistent MTRRdefType settings"
        ));
    }

    #[test]
    fn only_the_kernel_is_in_trouble() {
        for (line, trouble) in [
            ("[    3.1] WARNING: CPU: 0 PID: 77 at net/xdp/xsk.c:1 xsk_bind+0x1", true),
            ("[   12.0] Kernel panic - not syncing: panic_on_warn set ...", true),
            ("[    0.1] BUG: kernel NULL pointer dereference, address: 0", true),
            ("[    0.2] igb 0000:01:00.0 eth0: igb: eth0 NIC Link is Up", false),
            ("DIFFERENCE: WARNING: said by a program", false),
        ] {
            assert_eq!(is_trouble(line), trouble, "{line}");
        }
    }
}

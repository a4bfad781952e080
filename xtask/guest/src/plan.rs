//! What is to be done, and doing it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::mount::{MountFlags, mount};
use rustix::system::{RebootCommand, finit_module, reboot};

/// What programs expect: type, and where.
const MOUNTS: [(&str, &str); 5] = [
    ("devtmpfs", "/dev"),
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("tmpfs", "/tmp"),
    ("bpf", "/sys/fs/bpf"),
];

/// What speaks by itself on every interface unless it is told not to.
const NO_IPV6: &str = "/proc/sys/net/ipv6/conf/default/disable_ipv6";

/// The second serial line.
const REPORT: &str = "/dev/ttyS1";

/// Does what `/plan` says.
pub fn carry_out() -> io::Result<()> {
    for (kind, place) in MOUNTS {
        fs::create_dir_all(place)?;
        mount(kind, place, kind, MountFlags::empty(), None)?;
    }
    fs::write(NO_IPV6, "1")?;
    let mut report = OpenOptions::new().write(true).open(REPORT)?;
    let plan = fs::read_to_string("/plan")?;
    for line in plan.lines() {
        match line.split_once(' ') {
            Some(("module", file)) => load(file)?,
            Some(("run", words)) => run(words, &mut report)?,
            _ => return Err(io::Error::other(format!("the plan says {line:?}"))),
        }
    }
    Ok(())
}

fn load(file: &str) -> io::Result<()> {
    let module = File::open(file)?;
    finit_module(module, c"", 0).map_err(|errno| io::Error::other(format!("{file}: {errno}")))
}

fn run(words: &str, report: &mut File) -> io::Result<()> {
    let mut words = words.split(' ');
    let program = words.next().unwrap_or_default();
    let mut command = Command::new(format!("/{program}"));
    let status = command.args(words).stdout(report.try_clone()?).status()?;
    let code = status.code().unwrap_or(-1);
    eprintln!("init: {program}: {status}");
    writeln!(report, "{{\"program\": \"{program}\", \"code\": {code}}}")
}

/// Ends the machine, when what was said has been heard.
pub fn switch_off() {
    rustix::fs::sync();
    thread::sleep(Duration::from_millis(200));
    if let Err(errno) = reboot(RebootCommand::PowerOff) {
        eprintln!("init: cannot switch off: {errno}");
    }
}

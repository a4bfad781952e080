//! What only sysfs can set before Linux 6.13.
//!
//! `/sys/class/net` shows the network namespace that mounted it. It is taken
//! only if it shows the interface that is meant.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use rustix::fs::{CWD, Mode, OFlags, openat};

use super::{Interface, NapiSettings};

const HARD_IRQS: &str = "napi_defer_hard_irqs";
const TIMEOUT: &str = "gro_flush_timeout";

/// The directory of an interface in sysfs.
#[derive(Debug)]
pub(super) struct Attributes {
    index: u32,
    /// It stays the interface's when that gets another name, and when the
    /// thread that uses it is in another namespace.
    directory: OwnedFd,
}

impl Attributes {
    /// Finds the interface.
    ///
    /// An index is not enough to know it by: the second interface of many
    /// namespaces is an `eth0` with index 2. The hardware address tells them
    /// apart.
    pub(super) fn of(interface: &Interface) -> io::Result<Self> {
        let path = format!("/sys/class/net/{}", interface.name);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(CWD, path, flags, Mode::empty())?;
        let attributes = Self { index: interface.index, directory };
        let (index, address) = (attributes.read("ifindex")?, attributes.read("address")?);
        let mac = interface.mac.map(|mac| mac.map(|byte| format!("{byte:02x}")).join(":"));
        if index != interface.index.to_string() || mac.is_some_and(|mac| mac != address) {
            let name = &interface.name;
            let text = format!(
                "/sys shows the {name} of another network namespace (index {index}, address {address})"
            );
            return Err(io::Error::new(io::ErrorKind::NotFound, text));
        }
        Ok(attributes)
    }

    pub(super) const fn index(&self) -> u32 {
        self.index
    }

    /// The settings of all NAPI instances of the interface that have none of their own.
    pub(super) fn settings(&self) -> io::Result<NapiSettings> {
        Ok(NapiSettings { hard_irqs: self.number(HARD_IRQS)?, timeout_ns: self.number(TIMEOUT)? })
    }

    /// Sets both, or neither, for all NAPI instances of the interface.
    pub(super) fn set(&self, settings: NapiSettings) -> io::Result<()> {
        let before = self.number::<u64>(HARD_IRQS)?;
        self.write(HARD_IRQS, settings.hard_irqs.into())?;
        self.write(TIMEOUT, settings.timeout_ns).inspect_err(|_| {
            let _gone = self.write(HARD_IRQS, before);
        })
    }

    fn number<N: std::str::FromStr>(&self, name: &str) -> io::Result<N> {
        let text = self.read(name)?;
        text.parse().map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{name} in sysfs is {text:?}"))
        })
    }

    fn read(&self, name: &str) -> io::Result<String> {
        let file = self.open(name, OFlags::RDONLY)?;
        let mut bytes = [0; 128];
        let len = file.read_at(&mut bytes, 0)?;
        Ok(String::from_utf8_lossy(&bytes[..len]).trim_end().to_owned())
    }

    fn write(&self, name: &str, value: u64) -> io::Result<()> {
        // sysfs takes a value by one write, or not at all.
        self.open(name, OFlags::WRONLY)?.write_at(value.to_string().as_bytes(), 0).map(drop)
    }

    fn open(&self, name: &str, how: OFlags) -> io::Result<File> {
        Ok(openat(&self.directory, name, how | OFlags::CLOEXEC, Mode::empty())?.into())
    }
}

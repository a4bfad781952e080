//! Debian's kernels: which there are, and the parts of one that a guest boots.

use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result};

use super::module;
use crate::debian::{Apt, Home};

/// The newest kernel, wherever that is by now.
const NEWEST: &str = "newest";

/// Where Debian keeps the newest, and those on the way there.
const BACKPORTS: &str = "trixie-backports";

/// Those that Debian's releases came with, and where they are.
const RELEASED: [(&str, &str); 3] = [("6.12", "trixie"), ("6.1", "bookworm"), ("5.10", "bullseye")];

/// What `all` stands for: the oldest that is supported first.
const ALL: [&str; 6] = ["5.10", "6.1", "6.12", "6.17", "6.18", NEWEST];

/// What the drivers of the guests' interfaces are called, and what is needed besides.
const MODULES: [&str; 4] = ["virtio_pci", "virtio_net", "igb", "veth"];

/// The first kernel on which both virtio_net and igb send and receive without copies.
const ZERO_COPY_SINCE: &str = "6.16";

/// Which kernel, as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release(String);

impl Release {
    /// Those that `all` stands for.
    pub fn all() -> impl Iterator<Item = Self> {
        ALL.into_iter().map(|name| Self(name.to_owned()))
    }

    /// Debian's suite that has it.
    fn suite(&self) -> &'static str {
        let released = RELEASED.iter().find(|(release, _)| *release == self.0);
        released.map_or(BACKPORTS, |(_, suite)| suite)
    }

    /// What its packages' versions begin with.
    fn prefix(&self) -> String {
        if self.0 == NEWEST { String::new() } else { format!("{}.", self.0) }
    }
}

impl FromStr for Release {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_release = text
            .split_once('.')
            .is_some_and(|(major, minor)| [major, minor].iter().all(|n| n.parse::<u32>().is_ok()));
        if is_release || text == NEWEST {
            return Ok(Self(text.to_owned()));
        }
        Err("a release as 6.12, `newest`, or `all`")
    }
}

/// How much a kernel of Debian's has in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// What a virtual machine needs: a quarter of the download.
    Cloud,
    /// Everything.
    Full,
}

impl Flavour {
    const fn suffix(self) -> &'static str {
        match self {
            Self::Cloud => "-cloud-amd64",
            Self::Full => "-amd64",
        }
    }

    /// The version in the name of a package of this flavour, and of no other.
    fn version(self, package: &str) -> Option<&str> {
        let version = package.strip_prefix("linux-image-")?.strip_suffix(self.suffix())?;
        let digits = |part: &str| part.starts_with(|first: char| first.is_ascii_digit());
        // A name with less than three numbers stands for whatever is newest.
        (version.split('.').count() >= 3 && version.split('-').all(digits)).then_some(version)
    }
}

/// A kernel that is there to be booted.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// As `uname -r` says it.
    pub version: String,
    /// The image.
    pub image: PathBuf,
    /// Its modules, in the order in which they are loaded.
    pub modules: Vec<PathBuf>,
}

impl Kernel {
    /// Finds the newest of a release, and fetches it unless it is there.
    pub fn fetch(release: &Release, flavour: Flavour, home: &Home) -> Result<Self> {
        let suite = release.suite();
        let apt = Apt::new(home, suite)?;
        let names = apt.names("linux-image-")?;
        let newest = names
            .iter()
            .filter_map(|name| flavour.version(name))
            .filter(|version| version.starts_with(&release.prefix()))
            .max_by(|a, b| by_numbers(a, b))
            .with_context(|| {
                format!("{suite} has no kernel {}: it has\n{}", release.0, names.join("\n"))
            })?;
        let version = format!("{newest}{}", flavour.suffix());
        let directory = home.once(&format!("linux-{version}"), |part| {
            // Since 7.3 the image and its modules are packages of their own.
            let mut packages = vec![format!("linux-image-{version}")];
            for part in ["linux-binary", "linux-modules"] {
                let name = format!("{part}-{version}");
                packages.extend(apt.names(&name)?.into_iter().filter(|found| *found == name));
            }
            take_apart(part, |package| apt.unpack_alone(&packages, package))
        })?;
        let (image, order) = (directory.join(IMAGE), fs::read_to_string(directory.join(ORDER))?);
        let modules = order.lines().map(|name| directory.join(name)).collect();
        Ok(Self { version, image, modules })
    }
}

impl Kernel {
    /// The two numbers that its version begins with.
    pub fn release(&self) -> &str {
        let second = self.version.match_indices('.').nth(1);
        second.map_or(&*self.version, |(at, _)| &self.version[..at])
    }

    /// Whether the drivers of our guests' cards are known to do without copies on it: what is to be found, not
    /// what is relied upon.
    pub fn has_zero_copy(&self) -> bool {
        by_numbers(&self.version, ZERO_COPY_SINCE).is_ge()
    }
}

/// What the parts of a kernel are called, once they are taken out of its packages.
const IMAGE: &str = "vmlinuz";
const ORDER: &str = "modules";

/// Unpacks packages, and keeps what a guest needs of them.
fn take_apart(into: &Path, unpack: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let package = into.join("package");
    fs::create_dir(&package)?;
    unpack(&package)?;
    let files = files(&package)?;
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let image = files.iter().find(|path| name(path).is_some_and(|name| name.starts_with(IMAGE)));
    fs::rename(image.context("no vmlinuz in its package")?, into.join(IMAGE))?;
    let order = module::unpack(&MODULES, &files, into)?;
    fs::write(into.join(ORDER), order.join("\n"))?;
    Ok(fs::remove_dir_all(package)?)
}

/// All files below a directory.
fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut left) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let list = if entry.file_type()?.is_dir() { &mut left } else { &mut found };
            list.push(entry.path());
        }
    }
    Ok(found)
}

/// The order of versions: number by number, whatever stands between.
fn by_numbers(a: &str, b: &str) -> Ordering {
    let numbers = |text: &str| -> Vec<u32> {
        let parts = text.split(|c: char| !c.is_ascii_digit());
        parts.filter_map(|part| part.parse().ok()).collect()
    };
    numbers(a).cmp(&numbers(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_taken_out_of_a_package_of_its_flavour_alone() {
        for (package, cloud, full) in [
            ("linux-image-6.18.15+deb13-cloud-amd64", Some("6.18.15+deb13"), None),
            ("linux-image-6.18.15+deb13-amd64", None, Some("6.18.15+deb13")),
            ("linux-image-5.10.0-32-amd64", None, Some("5.10.0-32")),
            ("linux-image-5.10.0-32-cloud-amd64", Some("5.10.0-32"), None),
            ("linux-image-5.10.0-32-rt-amd64", None, None),
            ("linux-image-5.10.0-32-amd64-unsigned", None, None),
            ("linux-image-7.3-amd64", None, None),
            ("linux-image-amd64", None, None),
            ("linux-image-6.1.0-50-amd64-dbg", None, None),
        ] {
            assert_eq!(Flavour::Cloud.version(package), cloud, "{package}");
            assert_eq!(Flavour::Full.version(package), full, "{package}");
        }
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        let mut versions =
            ["6.12.90+deb12.1", "6.12.117+deb13", "6.12.90+deb12", "6.1.0-50", "6.1.0-9"];
        versions.sort_by(|a, b| by_numbers(a, b));
        let sorted = ["6.1.0-9", "6.1.0-50", "6.12.90+deb12", "6.12.90+deb12.1", "6.12.117+deb13"];
        assert_eq!(versions, sorted);
    }

    #[test]
    fn a_release_is_two_numbers_or_the_newest() {
        for (text, suite) in [("5.10", "bullseye"), ("7.3", BACKPORTS), (NEWEST, BACKPORTS)] {
            assert_eq!(text.parse::<Release>().unwrap().suite(), suite);
        }
        assert!("6.1".parse::<Release>().unwrap().prefix() != "6.1", "6.12 is another");
        for wrong in ["", "6", "6.12.1", "old", "6.x"] {
            assert!(wrong.parse::<Release>().is_err(), "{wrong}");
        }
    }
}

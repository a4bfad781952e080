//! apt, with a state of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::Home;
use crate::workspace;

/// How a machine says where Debian is, if it does so in the newer way.
const SOURCES: &str = "/etc/apt/sources.list.d/debian.sources";

/// Where Debian is, otherwise.
const MIRROR: &str = "http://deb.debian.org/debian";

/// What its lists are signed with.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Lists of packages older than this are fetched anew.
const LISTS_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// apt with a state of its own, for one suite.
#[derive(Debug)]
pub struct Apt {
    state: PathBuf,
}

impl Apt {
    /// For the suite that this machine runs.
    pub fn of_this_machine(home: &Home) -> Result<Self> {
        let release = fs::read_to_string("/etc/os-release").context("what system is this?")?;
        let suite = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
        Self::new(home, suite.context("/etc/os-release names no suite")?)
    }

    /// For a suite by its name.
    pub fn new(home: &Home, suite: &str) -> Result<Self> {
        let state = home.directory(&format!("apt-{suite}"))?;
        for directory in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(state.join(directory))?;
        }
        let sources = fs::read_to_string(SOURCES).unwrap_or_default();
        let field = |name| sources.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let uri = field("URIs:").unwrap_or(MIRROR);
        let key = field("Signed-By:").unwrap_or(KEYRING);
        let list = format!("deb [signed-by={key}] {uri} {suite} main\n");
        fs::write(state.join("sources.list"), list)?;
        let this = Self { state };
        if !this.is_fresh() {
            workspace::run(this.command("apt-get").arg("update")).with_context(|| {
                format!("no list of the packages of {suite}: see what apt says")
            })?;
        }
        Ok(this)
    }

    /// Unpacks packages, and of what they depend on all that this machine does not have.
    pub fn unpack(&self, packages: &[&str], into: &Path) -> Result<()> {
        let archives = into.with_extension("debs");
        fs::create_dir_all(archives.join("partial"))?;
        let mut apt = self.command("apt-get");
        apt.arg("-o").arg(format!("Dir::Cache::archives={}", archives.display()));
        apt.args(["install", "--download-only", "--yes", "--no-install-recommends"]);
        workspace::run(apt.args(packages))?;
        extract_all(&archives, into)?;
        fs::remove_dir_all(archives)?;
        // Debian has merged /lib into /usr/lib, but not in all packages.
        if into.join("lib").is_dir() {
            let (from, to) = (into.join("lib/."), into.join("usr/lib"));
            fs::create_dir_all(&to)?;
            workspace::run(Command::new("cp").arg("--archive").args([from, to]))?;
        }
        Ok(())
    }

    /// Unpacks a version of one package that begins with `version`.
    pub fn unpack_version(&self, package: &str, version: &str, into: &Path) -> Result<()> {
        let known = workspace::read(self.command("apt-cache").args(["madison", package]))?;
        let versions = known.lines().filter_map(|line| line.split('|').nth(1)).map(str::trim);
        let Some(exact) = versions.into_iter().find(|known| known.starts_with(version)) else {
            bail!("Debian has no {package} {version}*, but\n{known}");
        };
        self.unpack_alone(&[format!("{package}={exact}")], into)
    }

    /// Unpacks packages, and nothing of what they depend on.
    pub fn unpack_alone(&self, packages: &[String], into: &Path) -> Result<()> {
        let mut apt = self.command("apt-get");
        workspace::run(apt.arg("download").args(packages).current_dir(into))?;
        extract_all(into, into)
    }

    /// The names of all packages that begin with `prefix`.
    pub fn names(&self, prefix: &str) -> Result<Vec<String>> {
        let names = workspace::read(self.command("apt-cache").args(["pkgnames", prefix]))?;
        Ok(names.lines().map(str::to_owned).collect())
    }

    fn is_fresh(&self) -> bool {
        let Ok(lists) = fs::read_dir(self.state.join("lists")) else { return false };
        lists.flatten().any(|list| {
            let age = list.metadata().and_then(|list| list.modified()).map(|time| time.elapsed());
            let new = age.is_ok_and(|age| age.is_ok_and(|age| age < LISTS_MAX));
            new && list.file_name().to_string_lossy().ends_with("_Packages")
        })
    }

    /// One of apt's programs, told to leave the machine's own state alone.
    fn command(&self, program: &str) -> Command {
        let mut apt = Command::new(program);
        apt.arg("-qq");
        for (option, file) in [
            ("Dir::Etc::sourcelist", "sources.list"),
            ("Dir::State::lists", "lists"),
            ("Dir::Cache", "cache"),
        ] {
            apt.arg("-o").arg(format!("{option}={}", self.state.join(file).display()));
        }
        for option in [
            "Dir::Etc::sourceparts=/dev/null",
            "Dir::Etc::preferencesparts=/dev/null",
            "Acquire::Languages=none",
            "Acquire::Retries=3",
            // The lists are ours, so nobody needs to be kept out, nor to become the user `_apt`.
            "APT::Sandbox::User=root",
            "Debug::NoLocking=true",
        ] {
            apt.args(["-o", option]);
        }
        apt
    }
}

/// Unpacks all archives of a directory, and removes them.
fn extract_all(directory: &Path, into: &Path) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let archive = entry?.path();
        if archive.extension().is_some_and(|extension| extension == "deb") {
            workspace::run(Command::new("dpkg-deb").arg("--extract").arg(&archive).arg(into))?;
            fs::remove_file(archive)?;
        }
    }
    Ok(())
}

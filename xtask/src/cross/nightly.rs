//! The nightly compiler, and the sources of its standard library.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::System;
use crate::debian::{Apt, Home};
use crate::workspace;

/// Where Debian has compilers this new.
const SUITE: &str = "forky";

/// What to do where it has not.
const HINT: &str = "`rustup component add rust-src --toolchain nightly` does without Debian's";

/// The nightly compiler that rustup has.
#[derive(Debug)]
pub struct Nightly {
    /// As in `1.97`.
    minor: String,
    commit: String,
}

/// The sources of the standard library.
#[derive(Debug)]
pub struct Library {
    path: PathBuf,
    /// Whether cargo finds them by itself.
    own: bool,
}

impl Nightly {
    pub fn find() -> Result<Self> {
        let version = workspace::read(rustc().arg("--version"))
            .context("no nightly compiler: `rustup toolchain install nightly --profile minimal`")?;
        // `rustc 1.97.0-nightly (0123456789 2026-01-01)`
        let mut words = version.split(' ').skip(1);
        let (number, commit) = words.next().zip(words.next()).context("a version of two words")?;
        let (minor, _patch) = number.rsplit_once('.').context("a version of three numbers")?;
        Ok(Self { minor: minor.to_owned(), commit: commit.trim_start_matches('(').to_owned() })
    }

    /// Rustup's sources if they are installed, otherwise Debian's of the same version.
    pub fn library(&self, home: &Home) -> Result<Library> {
        let sysroot = workspace::read(rustc().args(["--print", "sysroot"]))?;
        let path = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library");
        if path.join("std/Cargo.toml").exists() {
            return Ok(Library { path, own: true });
        }
        let version = format!("{}.", self.minor);
        let name = format!("rust-src-{}", self.minor);
        let unpacked = home.once(&name, |part| {
            let package = part.join("package");
            fs::create_dir(&package)?;
            Apt::new(home, SUITE)?.unpack_version("rust-src", &version, &package).context(HINT)?;
            // The rest is the compiler's.
            let sources = fs::read_dir(package.join("usr/src"))?.flatten();
            let mut libraries = sources.map(|entry| entry.path().join("library"));
            let library = libraries.find(|path| path.exists()).context("no `library` in it")?;
            fs::rename(library, part.join("library"))?;
            Ok(fs::remove_dir_all(package)?)
        })?;
        let path = unpacked.join("library");
        Ok(Library { path, own: false })
    }

    /// The objects that programs for Windows begin and end with. They come with a standard library that is
    /// ready-made, and are not made when it is built.
    pub fn startup_objects(
        &self,
        home: &Home,
        library: &Library,
        system: System,
    ) -> Result<PathBuf> {
        home.once(&format!("startup-{}", self.commit), |part| {
            for name in ["rsbegin", "rsend"] {
                let mut rustc = rustc();
                rustc.args(["--target", system.triple(), "--emit=obj", "-o"]);
                rustc.arg(part.join(format!("{name}.o")));
                workspace::run(rustc.arg(library.path.join(format!("rtstartup/{name}.rs"))))?;
            }
            Ok(())
        })
    }
}

impl Library {
    /// Tells cargo where it is.
    pub fn show_to(&self, cargo: &mut Command) {
        if !self.own {
            cargo.env("__CARGO_TESTS_ONLY_SRC_ROOT", &self.path);
        }
    }
}

/// By rustup's proxy, which the cargo that runs us has been found by.
fn rustc() -> Command {
    let mut rustc = Command::new("rustc");
    rustc.arg("+nightly");
    rustc
}

//! What a guest has in it: the programs, built here, and the archive that it boots from.

use std::env;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cpio::NewcBuilder;
use cpio::newc::{ModeFileType, trailer};

use super::kernel::Kernel;
use crate::workspace;

/// What guests run: emulated, so that it need not be what this machine is.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// The profile in the workspace's `Cargo.toml`.
const PROFILE: &str = "guest";

/// Programs that need nothing but a kernel, in a directory.
#[derive(Debug)]
pub struct Programs(PathBuf);

impl Programs {
    /// Builds them, with the C library in them.
    pub fn build() -> Result<Self> {
        let mut cargo = workspace::cargo();
        cargo.args(["build", "--target", TRIPLE, "--profile", PROFILE]);
        cargo.args(["--package", "guest-init", "--package", "fluxcapacitor-conformance"]);
        // Drivers are to be shown what no safe code can submit, too.
        let ours = "-C target-feature=+crt-static --cfg fluxcap_doors";
        let flags = env::var("RUSTFLAGS").unwrap_or_default();
        cargo.env("RUSTFLAGS", format!("{flags} {ours}")).current_dir(workspace::root());
        workspace::run(&mut cargo).context(
            "the guests' programs cannot be built: that takes an x86-64 machine, and the static C library \
             (`apt-get install gcc libc6-dev`)",
        )?;
        Ok(Self(workspace::target().join(TRIPLE).join(PROFILE)))
    }
}

/// Writes what a guest boots from: the kernel's modules, the programs, and the plan.
pub fn pack(programs: &Programs, kernel: &Kernel, plan: &[String], into: &Path) -> Result<PathBuf> {
    let path = into.join("initramfs");
    let mut archive = Archive::new(BufWriter::new(File::create(&path)?));
    let mut todo = String::new();
    archive.directory("modules")?;
    for module in &kernel.modules {
        let name = module.file_name().context("a module without a name")?.to_string_lossy();
        let name = format!("modules/{name}");
        archive.file(&name, &fs::read(module)?)?;
        todo.push_str(&format!("module /{name}\n"));
    }
    for command in plan {
        todo.push_str(&format!("run {command}\n"));
    }
    archive.file("plan", todo.as_bytes())?;
    for (name, program) in
        [("init", "guest-init"), ("conformance", "conformance"), ("granted", "granted")]
    {
        archive.file(name, &fs::read(programs.0.join(program))?)?;
    }
    archive.finish()?;
    Ok(path)
}

/// An archive as the kernel unpacks it.
struct Archive<W> {
    into: W,
    entries: u32,
}

impl<W: Write> Archive<W> {
    const fn new(into: W) -> Self {
        Self { into, entries: 0 }
    }

    fn entry(&mut self, name: &str, kind: ModeFileType, bytes: &[u8]) -> Result<()> {
        self.entries += 1;
        let entry = NewcBuilder::new(name).ino(self.entries).mode(0o755).set_mode_file_type(kind);
        let mut entry = entry.write(&mut self.into, u32::try_from(bytes.len())?);
        entry.write_all(bytes)?;
        entry.finish()?;
        Ok(())
    }

    fn directory(&mut self, name: &str) -> Result<()> {
        self.entry(name, ModeFileType::Directory, &[])
    }

    fn file(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        self.entry(name, ModeFileType::Regular, bytes)
    }

    fn finish(self) -> Result<()> {
        Ok(trailer(self.into)?.flush()?)
    }
}

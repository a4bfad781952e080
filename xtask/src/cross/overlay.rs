//! Programs that see more in `/usr` than there is.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::System;
use crate::debian::{Apt, Home};
use crate::workspace;

/// Lays the first argument's `usr` over `/usr`, and becomes the rest.
const SCRIPT: &str = r#"mount -t overlay overlay -o "lowerdir=$0/usr:/usr" /usr && exec "$@""#;

/// Packages that are unpacked, for programs that run in a mount namespace of their own.
#[derive(Debug)]
pub struct Overlay {
    /// Nothing if nothing is needed.
    unpacked: Option<PathBuf>,
    is_root: bool,
}

impl Overlay {
    /// What `system` needs; fetched, if need be.
    pub fn find(home: &Home, system: System) -> Result<Self> {
        let packages = system.packages();
        if packages.is_empty() {
            return Ok(Self { unpacked: None, is_root: false });
        }
        let is_root = workspace::read(Command::new("id").arg("-u"))?.trim() == "0";
        let unpacked = home.once(&format!("root-{}", system.triple()), |part| {
            Apt::of_this_machine(home)?.unpack(packages, part)
        })?;
        let this = Self { unpacked: Some(unpacked), is_root };
        workspace::run(&mut this.command("true")).context(
            "cannot lay packages over /usr: that takes root (CAP_SYS_ADMIN), or unprivileged user \
             namespaces with overlayfs",
        )?;
        Ok(this)
    }

    /// A program that sees them, to be given its arguments.
    pub fn command(&self, program: &str) -> Command {
        let Some(unpacked) = &self.unpacked else { return Command::new(program) };
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--propagation=private"]);
        if !self.is_root {
            unshare.arg("--map-root-user");
        }
        unshare.args(["sh", "-c", SCRIPT]).arg(unpacked).arg(program);
        unshare
    }

    /// The directory that they are unpacked in.
    pub fn path(&self) -> Option<&Path> {
        self.unpacked.as_deref()
    }
}

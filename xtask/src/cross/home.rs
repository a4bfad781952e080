//! Where what was fetched is kept.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The directory that `CROSS_HOME` names.
#[derive(Debug)]
pub struct Home(PathBuf);

impl Home {
    pub fn new() -> Result<Self> {
        let chosen = env::var_os("CROSS_HOME").map(PathBuf::from);
        let cache = || {
            let xdg = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
            xdg.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))
        };
        let home = chosen
            .or_else(|| Some(cache()?.join("fluxcapacitor-cross")))
            .context("neither CROSS_HOME nor HOME is set: where to keep what is fetched?")?;
        fs::create_dir_all(&home).with_context(|| home.display().to_string())?;
        Ok(Self(home.canonicalize()?))
    }

    /// A directory that stays; made if it is not there.
    pub fn directory(&self, name: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
        Ok(path)
    }

    /// A directory that is filled once. It has its name only when it is complete.
    pub fn once(&self, name: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let (path, part) = (self.0.join(name), self.0.join(format!("{name}.part")));
        if !path.exists() {
            if part.exists() {
                fs::remove_dir_all(&part)?;
            }
            eprintln!("xtask: making {}", path.display());
            fs::create_dir_all(&part)?;
            fill(&part).with_context(|| format!("cannot make {}", path.display()))?;
            fs::rename(&part, &path)?;
        }
        Ok(path)
    }
}

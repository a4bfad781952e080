//! Where what was fetched is kept.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A directory of what was fetched, and of what was made of it.
#[derive(Debug)]
pub struct Home(PathBuf);

impl Home {
    /// A directory; made if it is not there.
    pub fn at(path: &Path) -> Result<Self> {
        fs::create_dir_all(path).with_context(|| path.display().to_string())?;
        Ok(Self(path.canonicalize()?))
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

//! A copy of the workspace, to break.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::mutant::Mutant;
use crate::workspace;

/// The copy, in cargo's target directory. It goes when this is dropped; what was built from it stays, so that
/// the next run builds little.
#[derive(Debug)]
pub struct Scratch {
    home: PathBuf,
}

impl Scratch {
    /// Copies all files that git has, or would have: as they are now, committed or not.
    pub fn new() -> Result<Self> {
        let this = Self { home: workspace::target().join("mutants") };
        // A run that was killed leaves its copy.
        remove(&this.tree())?;
        let mut git = Command::new("git");
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        for file in workspace::read(git.current_dir(workspace::root()))?.split_terminator('\0') {
            let (from, to) = (workspace::root().join(file), this.tree().join(file));
            if !from.is_file() {
                continue; // Removed, and not committed yet.
            }
            fs::create_dir_all(to.parent().unwrap_or(&to))?;
            // Not `fs::copy`, and not the old times: cargo must see that a file of the mutant before is gone.
            fs::write(&to, fs::read(&from)?).with_context(|| to.display().to_string())?;
        }
        Ok(this)
    }

    /// The directory of the copy.
    pub fn tree(&self) -> PathBuf {
        self.home.join("tree")
    }

    /// The directory of the copy, and of all that is built from it.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Does something with the copy while it is a mutant.
    pub fn mutated<T>(&self, mutant: &Mutant, todo: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        let file = self.tree().join(&mutant.file);
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        fs::write(&file, mutant.applied(&text)?)?;
        let done = todo(self);
        fs::write(&file, text)?;
        done
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.tree()) {
            eprintln!("{} is left behind: {error}", self.tree().display());
        }
    }
}

/// Removes a directory, if it is there.
fn remove(directory: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

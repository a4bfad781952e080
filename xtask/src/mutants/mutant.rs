//! One way to break the library.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::killer::{Build, Killer};

/// One piece of text in one file, what stands in its place, and the tests that must not let it live.
///
/// Text, not a diff: what is around it may change, and one reads at once what is broken.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutant {
    /// The name of its file.
    #[serde(skip)]
    pub name: String,
    /// What goes wrong with it, in one line.
    pub why: String,
    /// The file to change, from the root of the workspace.
    pub file: PathBuf,
    /// What stands there once, and once only.
    find: String,
    /// What stands there in the mutant.
    replace: String,
    /// The tests that must fail, each of them.
    #[serde(rename = "killer")]
    pub killers: Vec<Killer>,
}

impl Mutant {
    /// All in a directory, in the order of their names.
    pub fn all(directory: &Path) -> Result<Vec<Self>> {
        let mut mutants = Vec::new();
        for entry in fs::read_dir(directory).with_context(|| directory.display().to_string())? {
            let path = entry?.path();
            mutants.push(Self::read(&path).with_context(|| path.display().to_string())?);
        }
        mutants.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(mutants)
    }

    fn read(path: &Path) -> Result<Self> {
        let mut mutant: Self = toml::from_str(&fs::read_to_string(path)?)?;
        mutant.name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        ensure!(!mutant.killers.is_empty(), "no test is named that must kill it");
        Ok(mutant)
    }

    /// The text of its file with the mutation.
    pub fn applied(&self, text: &str) -> Result<String> {
        let Self { name, file, find, replace, .. } = self;
        let found = text.matches(find.as_str()).count();
        ensure!(
            found == 1,
            "mutant {name}: what it replaces stands {found} times in {}, not once:\n{find}",
            file.display()
        );
        Ok(text.replacen(find.as_str(), replace, 1))
    }

    /// Whether only tests on a real kernel can kill it.
    pub fn needs_kernel(&self) -> bool {
        self.killers.iter().any(|killer| killer.kernel)
    }

    /// The builds that its killers are of.
    pub fn builds(&self) -> Vec<Build> {
        self.killers.iter().map(|killer| killer.build).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutant(find: &str) -> Mutant {
        let text = format!(
            "why = 'w'\nfile = 'f'\nfind = '{find}'\nreplace = 'two'\n[[killer]]\ntest = 't'\n"
        );
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn what_it_replaces_must_stand_there_once() {
        assert_eq!(mutant("one").applied("is one").unwrap(), "is two");
        assert!(mutant("one").applied("one or one").is_err());
        assert!(mutant("one").applied("none of it").is_ok(), "text, not words");
        assert!(mutant("one").applied("nothing").is_err());
    }
}

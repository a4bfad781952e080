//! Figures in documents, written by the commands that measure them.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::workspace;

/// Two lines of a document between which stands what a command has written.
#[derive(Debug)]
pub struct Marks {
    pub begin: &'static str,
    pub end: &'static str,
}

impl Marks {
    /// Puts this between them in the document there, in the place of what is.
    pub fn write(&self, document: &Path, text: &str) -> Result<()> {
        let name = || document.display().to_string();
        let old = fs::read_to_string(document).with_context(name)?;
        let new = self.put(&old, text).with_context(name)?;
        fs::write(document, new).with_context(name)
    }

    /// The document with this between them.
    pub fn put(&self, document: &str, text: &str) -> Result<String> {
        let Self { begin, end } = self;
        let lacking = || format!("it has no {begin} with {end} behind it");
        let (before, rest) = document.split_once(begin).with_context(lacking)?;
        let (_old, after) = rest.split_once(end).with_context(lacking)?;
        Ok(format!("{before}{begin}\n\n{}\n\n{end}{after}", text.trim()))
    }
}

/// As `2026-01-31`.
pub fn today() -> Result<String> {
    let date = workspace::read(Command::new("date").args(["-u", "+%F"]))?;
    Ok(date.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKS: Marks = Marks { begin: "<!-- here -->", end: "<!-- /here -->" };

    #[test]
    fn a_text_takes_the_place_of_the_old_one_and_of_nothing_else() {
        let Marks { begin, end } = MARKS;
        let old = format!("above\n{begin}\nold\n{end}\nbelow\n");
        let new = MARKS.put(&old, "new\n").unwrap();
        assert_eq!(new, format!("above\n{begin}\n\nnew\n\n{end}\nbelow\n"));
        assert_eq!(MARKS.put(&new, "new").unwrap(), new);
        assert!(MARKS.put("no marks", "new").is_err() && MARKS.put(begin, "new").is_err());
    }

    #[test]
    fn the_documents_have_the_marks() {
        for (document, marks) in [crate::peers::TABLE, crate::growth::CURVES] {
            let text = fs::read_to_string(workspace::root().join(document)).unwrap();
            marks.put(&text, "").unwrap();
        }
    }
}

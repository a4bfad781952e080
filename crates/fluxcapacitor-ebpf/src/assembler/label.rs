//! Places in a program that does not exist yet.

use core::fmt;

/// A place in a program, to jump to.
///
/// Made by [`Assembler::label`](crate::Assembler::label), and of use to that assembler alone;
/// another one refuses it when it has made fewer labels, and else takes it for its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    index: usize,
}

impl Label {
    pub(super) const fn new(index: usize) -> Self {
        Self { index }
    }

    pub(super) const fn index(self) -> usize {
        self.index
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "label {}", self.index)
    }
}

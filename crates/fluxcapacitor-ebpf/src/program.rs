//! A finished program.

use alloc::vec::Vec;
use core::fmt;

use crate::{Disassembly, Insn, Target};

/// A finished program, for one target.
///
/// Its jumps are resolved. It is well formed, which is less than safe: the kernel's verifier still
/// has to agree. Printing it gives its disassembly.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Program {
    target: Target,
    instructions: Vec<Insn>,
}

impl Program {
    /// Takes instructions that are known to be well formed.
    pub(crate) fn new(target: Target, instructions: Vec<Insn>) -> Self {
        Self { target, instructions }
    }

    /// Where this program can run.
    #[must_use]
    pub const fn target(&self) -> Target {
        self.target
    }

    /// The instructions, one for each eight bytes; a wide instruction takes two places.
    #[must_use]
    pub fn instructions(&self) -> &[Insn] {
        &self.instructions
    }

    /// The program as its target reads it, in this host's byte order.
    ///
    /// Eight bytes for each of [`instructions`](Self::instructions).
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.instructions.iter().flat_map(|insn| insn.encode()).collect()
    }

    /// Number of instructions, as `insn_cnt` has it: a wide one counts twice.
    #[must_use]
    pub fn len(&self) -> usize {
        self.instructions.len()
    }

    /// Always false: an empty program cannot be made.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.instructions.is_empty()
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Disassembly::new(&self.instructions).fmt(f)
    }
}

//! What can be wrong with a program.

use core::{error, fmt};

use crate::{Assembler, Label};

/// Why an [`Assembler`] could not finish its program.
///
/// `at` counts instructions from 0, as a disassembly does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AssembleError {
    /// No instruction was given.
    Empty,
    /// More instructions than the kernel loads.
    TooLong {
        /// Number of instructions that were given.
        len: usize,
    },
    /// A jump goes to a label that was never bound.
    UnboundLabel {
        /// The label.
        label: Label,
        /// The jump.
        at: usize,
    },
    /// A label was bound a second time.
    LabelBoundTwice {
        /// The label.
        label: Label,
        /// The second place.
        at: usize,
    },
    /// A label was bound or jumped to that another assembler made.
    ForeignLabel {
        /// The label.
        label: Label,
        /// Where it was used.
        at: usize,
    },
    /// A jump is too long for its 16-bit offset.
    JumpTooFar {
        /// The jump.
        at: usize,
        /// The instruction that it should reach.
        to: usize,
    },
    /// A path leads past the last instruction.
    FallsOffEnd {
        /// The last instruction of that path.
        at: usize,
    },
    /// An instruction writes R10, which is read-only.
    WritesFramePointer {
        /// The instruction.
        at: usize,
    },
}

impl fmt::Display for AssembleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "the program has no instructions: it needs at least an exit"),
            Self::TooLong { len } => write!(
                f,
                "the program has {len} instructions and the kernel loads at most {}: shorten it, or keep its data in a map",
                Assembler::INSTRUCTIONS_MAX
            ),
            Self::UnboundLabel { label, at } => {
                write!(f, "instruction {at} jumps to {label}, which is bound nowhere: bind it")
            }
            Self::LabelBoundTwice { label, at } => {
                write!(
                    f,
                    "{label} is bound a second time at instruction {at}: use a label for each place"
                )
            }
            Self::ForeignLabel { label, at } => {
                write!(
                    f,
                    "{label}, used at instruction {at}, belongs to another assembler: make it with this one"
                )
            }
            Self::JumpTooFar { at, to } => {
                write!(
                    f,
                    "instruction {at} jumps to {to}, and a jump reaches 32767 instructions at most: jump in steps"
                )
            }
            Self::FallsOffEnd { at } => {
                write!(
                    f,
                    "instruction {at} leads past the end of the program: end every path with an exit"
                )
            }
            Self::WritesFramePointer { at } => {
                write!(
                    f,
                    "instruction {at} writes r10, the read-only frame pointer: write to r0 to r9"
                )
            }
        }
    }
}

impl error::Error for AssembleError {}

//! Registers.

use core::fmt;

/// A register of 64 bits. `Documentation/bpf/standardization/abi.rst`.
///
/// When a program starts, R1 points to its context and R10 to the end of its stack; the others hold
/// nothing that may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Register {
    /// The result of a call, and of the program.
    R0 = 0,
    /// First argument of a call; clobbered by it.
    R1 = 1,
    /// Second argument of a call; clobbered by it.
    R2 = 2,
    /// Third argument of a call; clobbered by it.
    R3 = 3,
    /// Fourth argument of a call; clobbered by it.
    R4 = 4,
    /// Fifth argument of a call; clobbered by it.
    R5 = 5,
    /// Survives calls.
    R6 = 6,
    /// Survives calls.
    R7 = 7,
    /// Survives calls.
    R8 = 8,
    /// Survives calls.
    R9 = 9,
    /// The frame pointer, read-only: the 512 bytes of stack lie below it.
    R10 = 10,
}

impl Register {
    /// Every register, by rising number.
    pub const ALL: [Self; 11] = [
        Self::R0,
        Self::R1,
        Self::R2,
        Self::R3,
        Self::R4,
        Self::R5,
        Self::R6,
        Self::R7,
        Self::R8,
        Self::R9,
        Self::R10,
    ];

    /// Its number, 0 to 10.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The register with this number, or `None` above 10.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.number())
    }
}

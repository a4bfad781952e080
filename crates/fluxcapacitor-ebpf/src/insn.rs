//! One instruction, its operands, and its eight bytes.
//!
//! Names follow RFC 9669, *BPF Instruction Set Architecture*, and `include/uapi/linux/bpf.h`. What
//! is here is the instruction set as every kernel with `AF_XDP` knows it (Linux 4.18), and the
//! 32-bit jumps of Linux 5.1: no atomics, no signed division, no sign-extending loads and moves.

mod alu;
mod encoding;
mod fields;
mod jump;
mod memory;
mod operand;
mod register;

pub use alu::{AluOp, Swap, Width};
pub use jump::Condition;
pub use memory::{Size, WideKind};
pub use operand::Operand;
pub use register::Register;

use crate::Helper;

/// One instruction: eight bytes in a program.
///
/// Loading a 64-bit constant takes two places, [`Wide`](Self::Wide) and
/// [`WideHigh`](Self::WideHigh); neither means anything alone. Offsets of jumps count instructions
/// from the one that follows.
#[doc(alias = "bpf_insn")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Insn {
    /// `dst = dst op operand`. RFC 9669 section 4.1.
    #[doc(alias = "BPF_ALU64")]
    Alu {
        /// How many bits of the registers take part; 32 clear the upper half of `dst`.
        width: Width,
        /// What is computed.
        op: AluOp,
        /// Left operand and result.
        dst: Register,
        /// Right operand.
        operand: Operand,
    },
    /// `dst = -dst`. RFC 9669 section 4.1.
    #[doc(alias = "BPF_NEG")]
    Negate {
        /// How many bits of the register take part.
        width: Width,
        /// Operand and result.
        dst: Register,
    },
    /// Between the host's byte order and a fixed one. RFC 9669 section 4.2.
    ///
    /// Bits above those swapped become 0.
    #[doc(alias = "BPF_END")]
    Swap {
        /// Which bytes, to which order.
        swap: Swap,
        /// Operand and result.
        dst: Register,
    },
    /// `dst = *(base + offset)`, upper bits cleared. RFC 9669 section 5.1.
    #[doc(alias = "BPF_LDX")]
    Load {
        /// How much is read.
        size: Size,
        /// Result.
        dst: Register,
        /// Address.
        base: Register,
        /// Bytes from `base`.
        offset: i16,
    },
    /// `*(base + offset) = value`. RFC 9669 section 5.1.
    #[doc(alias = "BPF_ST")]
    #[doc(alias = "BPF_STX")]
    Store {
        /// How much is written.
        size: Size,
        /// Address.
        base: Register,
        /// Bytes from `base`.
        offset: i16,
        /// What is written.
        value: Operand,
    },
    /// First half of loading a 64-bit constant. RFC 9669 section 5.4.
    #[doc(alias = "BPF_LD_IMM64")]
    Wide {
        /// Result.
        dst: Register,
        /// What the constant means.
        kind: WideKind,
        /// Low 32 bits of the constant.
        low: u32,
    },
    /// Second half of loading a 64-bit constant. RFC 9669 section 3.2.
    WideHigh {
        /// High 32 bits of the constant.
        high: u32,
    },
    /// Go on elsewhere. RFC 9669 section 4.3.
    #[doc(alias = "BPF_JA")]
    Jump {
        /// Instructions to skip; negative goes back.
        offset: i16,
    },
    /// Go on elsewhere if `left condition right`. RFC 9669 section 4.3.
    #[doc(alias = "BPF_JMP")]
    #[doc(alias = "BPF_JMP32")]
    JumpIf {
        /// How many bits are compared.
        width: Width,
        /// How they are compared.
        condition: Condition,
        /// Left operand.
        left: Register,
        /// Right operand.
        right: Operand,
        /// Instructions to skip; negative goes back.
        offset: i16,
    },
    /// Call a kernel function. RFC 9669 section 4.3.1.
    ///
    /// Arguments in R1 to R5, result in R0.
    #[doc(alias = "BPF_CALL")]
    Call {
        /// The function.
        helper: Helper,
    },
    /// End the program and return R0. RFC 9669 section 4.3.
    #[doc(alias = "BPF_EXIT")]
    Exit,
}

impl Insn {
    /// `dst = operand`, all 64 bits.
    pub(crate) fn mov(dst: Register, operand: impl Into<Operand>) -> Self {
        Self::Alu { width: Width::Bits64, op: AluOp::Mov, dst, operand: operand.into() }
    }

    /// The register that this instruction changes, calls aside.
    pub(crate) const fn written(self) -> Option<Register> {
        match self {
            Self::Alu { dst, .. }
            | Self::Negate { dst, .. }
            | Self::Swap { dst, .. }
            | Self::Load { dst, .. }
            | Self::Wide { dst, .. } => Some(dst),
            Self::Store { .. }
            | Self::WideHigh { .. }
            | Self::Jump { .. }
            | Self::JumpIf { .. }
            | Self::Call { .. }
            | Self::Exit => None,
        }
    }

    /// Whether the next instruction is never the one that follows.
    pub(crate) const fn ends_path(self) -> bool {
        matches!(self, Self::Jump { .. } | Self::Exit)
    }

    /// Points a jump elsewhere; any other instruction stays as it is.
    pub(crate) const fn set_jump_offset(&mut self, to: i16) {
        if let Self::Jump { offset } | Self::JumpIf { offset, .. } = self {
            *offset = to;
        }
    }
}

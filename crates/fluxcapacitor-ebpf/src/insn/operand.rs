//! The right-hand side of an instruction.

use crate::{Register, XdpAction};

/// The right-hand side of an instruction: a register or a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// What the register holds.
    #[doc(alias = "BPF_X")]
    Register(Register),
    /// The constant, sign-extended where 64 bits are wanted: -1 is all ones.
    #[doc(alias = "BPF_K")]
    Immediate(i32),
}

impl From<Register> for Operand {
    fn from(register: Register) -> Self {
        Self::Register(register)
    }
}

impl From<i32> for Operand {
    fn from(value: i32) -> Self {
        Self::Immediate(value)
    }
}

impl From<XdpAction> for Operand {
    fn from(action: XdpAction) -> Self {
        Self::Immediate(action.code().cast_signed())
    }
}

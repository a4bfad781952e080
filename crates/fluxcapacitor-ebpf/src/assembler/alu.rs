//! The arithmetic of an assembler.

use crate::{AluOp, Assembler, Insn, Operand, Register, Width};

impl Assembler {
    /// `dst = dst op operand`: any operation in either width.
    ///
    /// The most common ones have methods of their own.
    pub fn alu(
        &mut self,
        width: Width,
        op: AluOp,
        dst: Register,
        operand: impl Into<Operand>,
    ) -> &mut Self {
        self.insn(Insn::Alu { width, op, dst, operand: operand.into() })
    }

    /// `dst = -dst`.
    pub fn neg(&mut self, width: Width, dst: Register) -> &mut Self {
        self.insn(Insn::Negate { width, dst })
    }

    /// `dst = operand`.
    pub fn mov(&mut self, dst: Register, operand: impl Into<Operand>) -> &mut Self {
        self.alu(Width::Bits64, AluOp::Mov, dst, operand)
    }

    /// `dst = dst + operand`.
    pub fn add(&mut self, dst: Register, operand: impl Into<Operand>) -> &mut Self {
        self.alu(Width::Bits64, AluOp::Add, dst, operand)
    }

    /// `dst = dst - operand`.
    pub fn sub(&mut self, dst: Register, operand: impl Into<Operand>) -> &mut Self {
        self.alu(Width::Bits64, AluOp::Sub, dst, operand)
    }

    /// `dst = dst & operand`.
    pub fn and(&mut self, dst: Register, operand: impl Into<Operand>) -> &mut Self {
        self.alu(Width::Bits64, AluOp::And, dst, operand)
    }

    /// `dst = dst | operand`.
    pub fn or(&mut self, dst: Register, operand: impl Into<Operand>) -> &mut Self {
        self.alu(Width::Bits64, AluOp::Or, dst, operand)
    }

    /// `dst = dst ^ operand`.
    pub fn xor(&mut self, dst: Register, operand: impl Into<Operand>) -> &mut Self {
        self.alu(Width::Bits64, AluOp::Xor, dst, operand)
    }

    /// `dst = dst << operand`.
    pub fn lsh(&mut self, dst: Register, operand: impl Into<Operand>) -> &mut Self {
        self.alu(Width::Bits64, AluOp::Lsh, dst, operand)
    }

    /// `dst = dst >> operand`.
    pub fn rsh(&mut self, dst: Register, operand: impl Into<Operand>) -> &mut Self {
        self.alu(Width::Bits64, AluOp::Rsh, dst, operand)
    }

    /// `dst = operand`, in 32 bits; the upper 32 become 0.
    pub fn mov32(&mut self, dst: Register, operand: impl Into<Operand>) -> &mut Self {
        self.alu(Width::Bits32, AluOp::Mov, dst, operand)
    }

    /// `dst = dst + operand`, in 32 bits; the upper 32 become 0.
    pub fn add32(&mut self, dst: Register, operand: impl Into<Operand>) -> &mut Self {
        self.alu(Width::Bits32, AluOp::Add, dst, operand)
    }

    /// `dst = dst - operand`, in 32 bits; the upper 32 become 0.
    pub fn sub32(&mut self, dst: Register, operand: impl Into<Operand>) -> &mut Self {
        self.alu(Width::Bits32, AluOp::Sub, dst, operand)
    }

    /// `dst = dst & operand`, in 32 bits; the upper 32 become 0.
    pub fn and32(&mut self, dst: Register, operand: impl Into<Operand>) -> &mut Self {
        self.alu(Width::Bits32, AluOp::And, dst, operand)
    }

    /// `dst = dst | operand`, in 32 bits; the upper 32 become 0.
    pub fn or32(&mut self, dst: Register, operand: impl Into<Operand>) -> &mut Self {
        self.alu(Width::Bits32, AluOp::Or, dst, operand)
    }

    /// `dst = dst ^ operand`, in 32 bits; the upper 32 become 0.
    pub fn xor32(&mut self, dst: Register, operand: impl Into<Operand>) -> &mut Self {
        self.alu(Width::Bits32, AluOp::Xor, dst, operand)
    }

    /// `dst = dst << operand`, in 32 bits; the upper 32 become 0.
    pub fn lsh32(&mut self, dst: Register, operand: impl Into<Operand>) -> &mut Self {
        self.alu(Width::Bits32, AluOp::Lsh, dst, operand)
    }

    /// `dst = dst >> operand`, in 32 bits; the upper 32 become 0.
    pub fn rsh32(&mut self, dst: Register, operand: impl Into<Operand>) -> &mut Self {
        self.alu(Width::Bits32, AluOp::Rsh, dst, operand)
    }
}

//! Instructions and labels in, a program out.

mod alu;
mod label;

pub use label::Label;

use alloc::vec::Vec;

use crate::{
    AssembleError, Condition, ContextField, Helper, Insn, MapRef, Operand, Program, Register, Size,
    Swap, Target, WideKind, Width, XdpAction,
};

/// Puts a program together, instruction by instruction.
///
/// Each method adds its instruction after those that are there, and gives the assembler back for
/// the next. A jump names a [`Label`], which [`bind`](Self::bind) ties to a place before or after
/// it. Nothing fails until [`finish`](Self::finish).
#[derive(Clone, Debug)]
#[must_use = "instructions become a program only by `finish`"]
pub struct Assembler {
    target: Target,
    instructions: Vec<Insn>,
    /// Where each label is bound; its number is its index.
    labels: Vec<Option<usize>>,
    /// Jumps whose offset waits for their label.
    jumps: Vec<(usize, Label)>,
    /// The first mistake that `finish` could not see any more.
    mistake: Option<AssembleError>,
}

impl Assembler {
    /// The longest program that the kernel loads, in instructions: 1,000,000.
    ///
    /// For a loader with `CAP_BPF` on Linux 5.2 and later; else it is 4096
    /// (`BPF_COMPLEXITY_LIMIT_INSNS`, `include/linux/bpf.h`; `bpf_prog_load`,
    /// `kernel/bpf/syscall.c`).
    #[doc(alias = "BPF_COMPLEXITY_LIMIT_INSNS")]
    pub const INSTRUCTIONS_MAX: usize = 1_000_000;

    /// An empty program for `target`.
    pub const fn new(target: Target) -> Self {
        Self {
            target,
            instructions: Vec::new(),
            labels: Vec::new(),
            jumps: Vec::new(),
            mistake: None,
        }
    }

    /// A new label, bound nowhere yet.
    pub fn label(&mut self) -> Label {
        let label = Label::new(self.labels.len());
        self.labels.push(None);
        label
    }

    /// Ties `label` to the instruction that comes next.
    pub fn bind(&mut self, label: Label) -> &mut Self {
        let at = self.instructions.len();
        match self.labels.get_mut(label.index()) {
            Some(place @ None) => *place = Some(at),
            Some(Some(_)) => self.note(AssembleError::LabelBoundTwice { label, at }),
            None => self.note(AssembleError::ForeignLabel { label, at }),
        }
        self
    }

    /// `dst = *(base + offset)`, upper bits cleared.
    pub fn load(&mut self, size: Size, dst: Register, base: Register, offset: i16) -> &mut Self {
        self.insn(Insn::Load { size, dst, base, offset })
    }

    /// `*(base + offset) = value`.
    pub fn store(
        &mut self,
        size: Size,
        base: Register,
        offset: i16,
        value: impl Into<Operand>,
    ) -> &mut Self {
        self.insn(Insn::Store { size, base, offset, value: value.into() })
    }

    /// `dst = context.field`, where `context` holds what R1 held at the start.
    pub fn load_context(
        &mut self,
        dst: Register,
        context: Register,
        field: ContextField,
    ) -> &mut Self {
        self.insn(self.target.load_context(dst, context, field))
    }

    /// `dst = map`, as helpers take it. Two places.
    pub fn load_map(&mut self, dst: Register, map: MapRef) -> &mut Self {
        self.instructions.extend(self.target.load_map(dst, map));
        self
    }

    /// `dst = value`, all 64 bits of it. Two places.
    ///
    /// [`mov`](Self::mov) takes one place, where 32 signed bits do.
    #[doc(alias = "BPF_LD_IMM64")]
    pub fn load_constant(&mut self, dst: Register, value: u64) -> &mut Self {
        let (low, high) = (value as u32, (value >> 32) as u32);
        let kind = WideKind::Constant;
        self.insn(Insn::Wide { dst, kind, low }).insn(Insn::WideHigh { high })
    }

    /// Changes the byte order of `dst`.
    pub fn swap(&mut self, dst: Register, swap: Swap) -> &mut Self {
        self.insn(Insn::Swap { swap, dst })
    }

    /// Goes on at `label`.
    pub fn jump(&mut self, label: Label) -> &mut Self {
        self.jump_insn(label, Insn::Jump { offset: 0 })
    }

    /// Goes on at `label` if `left condition right`, in all 64 bits.
    pub fn jump_if(
        &mut self,
        condition: Condition,
        left: Register,
        right: impl Into<Operand>,
        label: Label,
    ) -> &mut Self {
        self.conditional(Width::Bits64, condition, left, right.into(), label)
    }

    /// Goes on at `label` if `left condition right`, in the low 32 bits. Linux 5.1.
    pub fn jump32_if(
        &mut self,
        condition: Condition,
        left: Register,
        right: impl Into<Operand>,
        label: Label,
    ) -> &mut Self {
        self.conditional(Width::Bits32, condition, left, right.into(), label)
    }

    /// Calls `helper`: arguments in R1 to R5, which it clobbers; result in R0.
    pub fn call(&mut self, helper: Helper) -> &mut Self {
        self.insn(Insn::Call { helper })
    }

    /// Ends the program with what R0 holds.
    pub fn exit(&mut self) -> &mut Self {
        self.insn(Insn::Exit)
    }

    /// Ends the program with `action`. Two instructions.
    pub fn return_action(&mut self, action: XdpAction) -> &mut Self {
        self.mov(Register::R0, action).exit()
    }

    /// Resolves the jumps and hands out the program.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the program and at which instruction: see [`AssembleError`].
    pub fn finish(mut self) -> Result<Program, AssembleError> {
        let len = self.instructions.len();
        if len > Self::INSTRUCTIONS_MAX {
            return Err(AssembleError::TooLong { len });
        }
        let last = len.checked_sub(1).ok_or(AssembleError::Empty)?;
        if let Some(mistake) = self.mistake {
            return Err(mistake);
        }
        self.resolve_jumps()?;
        for (at, insn) in self.instructions.iter().enumerate() {
            if insn.written() == Some(Register::R10) {
                return Err(AssembleError::WritesFramePointer { at });
            }
            if at == last && !insn.ends_path() {
                return Err(AssembleError::FallsOffEnd { at });
            }
        }
        Ok(Program::new(self.target, self.instructions))
    }

    fn resolve_jumps(&mut self) -> Result<(), AssembleError> {
        let len = self.instructions.len();
        for &(at, label) in &self.jumps {
            let to = self
                .labels
                .get(label.index())
                .ok_or(AssembleError::ForeignLabel { label, at })?
                .ok_or(AssembleError::UnboundLabel { label, at })?;
            if to == len {
                return Err(AssembleError::FallsOffEnd { at });
            }
            let offset = jump_offset(at, to).ok_or(AssembleError::JumpTooFar { at, to })?;
            if let Some(insn) = self.instructions.get_mut(at) {
                insn.set_jump_offset(offset);
            }
        }
        Ok(())
    }

    fn conditional(
        &mut self,
        width: Width,
        condition: Condition,
        left: Register,
        right: Operand,
        label: Label,
    ) -> &mut Self {
        let insn = Insn::JumpIf { width, condition, left, right, offset: 0 };
        self.jump_insn(label, insn)
    }

    fn jump_insn(&mut self, label: Label, insn: Insn) -> &mut Self {
        self.jumps.push((self.instructions.len(), label));
        self.insn(insn)
    }

    /// Private, for not every row of instructions is a program.
    ///
    /// Wide instructions have two halves, and jumps must land.
    fn insn(&mut self, insn: Insn) -> &mut Self {
        self.instructions.push(insn);
        self
    }

    fn note(&mut self, mistake: AssembleError) {
        self.mistake.get_or_insert(mistake);
    }
}

/// Offset of a jump, which counts from the instruction after it.
fn jump_offset(at: usize, to: usize) -> Option<i16> {
    let at = i64::try_from(at).ok()?;
    let to = i64::try_from(to).ok()?;
    i16::try_from(to - at - 1).ok()
}

//! Instructions as text, as `bpftool prog dump xlated` prints them.

use core::fmt;

use crate::{AluOp, Condition, Insn, Operand, Register, Size, Swap, WideKind, Width};

/// Instructions as text, a line each.
///
/// A line is an index, the opcode in hexadecimal, and what the instruction does, in the manner of
/// C. This is the form of the kernel's verifier log and of `bpftool prog dump xlated`
/// (`print_bpf_insn` in `kernel/bpf/disasm.c`), so that the two can be read side by side. Registers
/// are `r0` to `r10`, or `w0` to `w10` where only their low 32 bits count; jumps count from the
/// next instruction. A wide instruction is one line and two indices.
#[derive(Clone, Copy, Debug)]
pub struct Disassembly<'a> {
    instructions: &'a [Insn],
}

impl<'a> Disassembly<'a> {
    /// The text of `instructions`.
    #[must_use]
    pub const fn new(instructions: &'a [Insn]) -> Self {
        Self { instructions }
    }
}

impl fmt::Display for Disassembly<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.instructions.iter().enumerate().peekable();
        while let Some((index, insn)) = rest.next() {
            let [opcode, ..] = insn.encode();
            write!(f, "{index:4}: ({opcode:02x}) ")?;
            match (*insn, rest.peek()) {
                (Insn::Wide { dst, kind, low }, Some(&(_, &Insn::WideHigh { high }))) => {
                    write_wide(f, dst, kind, low, high)?;
                    rest.next();
                }
                (insn, _) => write_insn(f, insn)?,
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn write_insn(f: &mut fmt::Formatter<'_>, insn: Insn) -> fmt::Result {
    match insn {
        Insn::Alu { width, op, dst, operand } => {
            write_register(f, width, dst)?;
            write!(f, " {} ", alu_sign(op))?;
            match operand {
                Operand::Register(src) => write_register(f, width, src),
                Operand::Immediate(value) => write!(f, "{value}"),
            }
        }
        Insn::Negate { width, dst } => {
            write_register(f, width, dst)?;
            write!(f, " = -")?;
            write_register(f, width, dst)
        }
        Insn::Swap { swap, dst } => write!(f, "{dst} = {} {dst}", swap_name(swap)),
        Insn::Load { size, dst, base, offset } => {
            write!(f, "{dst} = *({} *)({base} {offset:+})", size_name(size))
        }
        Insn::Store { size, base, offset, value } => {
            write!(f, "*({} *)({base} {offset:+}) = ", size_name(size))?;
            match value {
                Operand::Register(src) => write!(f, "{src}"),
                Operand::Immediate(value) => write!(f, "{value}"),
            }
        }
        Insn::Wide { dst, kind, low } => write_wide(f, dst, kind, low, 0),
        Insn::WideHigh { high } => write!(f, "high half {high:#x}"),
        Insn::Jump { offset } => write!(f, "goto pc{offset:+}"),
        Insn::JumpIf { width, condition, left, right, offset } => {
            write!(f, "if ")?;
            write_register(f, width, left)?;
            write!(f, " {} ", condition_sign(condition))?;
            match right {
                Operand::Register(right) => write_register(f, width, right)?,
                Operand::Immediate(value) => write!(f, "{value:#x}")?,
            }
            write!(f, " goto pc{offset:+}")
        }
        Insn::Call { helper } => write!(f, "call {}#{}", helper.name(), helper.number()),
        Insn::Exit => write!(f, "exit"),
    }
}

fn write_wide(
    f: &mut fmt::Formatter<'_>,
    dst: Register,
    kind: WideKind,
    low: u32,
    high: u32,
) -> fmt::Result {
    match kind {
        WideKind::Constant => {
            let value = u64::from(high) << 32 | u64::from(low);
            write!(f, "{dst} = {value:#x}")
        }
        WideKind::MapFd => write!(f, "{dst} = map[fd:{}]", low.cast_signed()),
    }
}

fn write_register(f: &mut fmt::Formatter<'_>, width: Width, register: Register) -> fmt::Result {
    match width {
        Width::Bits64 => write!(f, "{register}"),
        Width::Bits32 => write!(f, "w{}", register.number()),
    }
}

const fn alu_sign(op: AluOp) -> &'static str {
    match op {
        AluOp::Add => "+=",
        AluOp::Sub => "-=",
        AluOp::Mul => "*=",
        AluOp::Div => "/=",
        AluOp::Or => "|=",
        AluOp::And => "&=",
        AluOp::Lsh => "<<=",
        AluOp::Rsh => ">>=",
        AluOp::Mod => "%=",
        AluOp::Xor => "^=",
        AluOp::Mov => "=",
        AluOp::Arsh => "s>>=",
    }
}

const fn condition_sign(condition: Condition) -> &'static str {
    match condition {
        Condition::Eq => "==",
        Condition::Gt => ">",
        Condition::Ge => ">=",
        Condition::Set => "&",
        Condition::Ne => "!=",
        Condition::SignedGt => "s>",
        Condition::SignedGe => "s>=",
        Condition::Lt => "<",
        Condition::Le => "<=",
        Condition::SignedLt => "s<",
        Condition::SignedLe => "s<=",
    }
}

const fn size_name(size: Size) -> &'static str {
    match size {
        Size::Byte => "u8",
        Size::Half => "u16",
        Size::Word => "u32",
        Size::Double => "u64",
    }
}

const fn swap_name(swap: Swap) -> &'static str {
    match swap {
        Swap::Le16 => "le16",
        Swap::Le32 => "le32",
        Swap::Le64 => "le64",
        Swap::Be16 => "be16",
        Swap::Be32 => "be32",
        Swap::Be64 => "be64",
    }
}

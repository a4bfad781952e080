//! From instructions to bytes and back. RFC 9669 sections 3 to 5.

use super::fields::Fields;
use super::{AluOp, Condition, Insn, Operand, Register, Size, Swap, WideKind, Width};
use crate::Helper;

// Instruction classes: the low three bits of the opcode. RFC 9669 section 3.3.
const CLASS_MASK: u8 = 0x07;
const LD: u8 = 0x00;
const LDX: u8 = 0x01;
const ST: u8 = 0x02;
const STX: u8 = 0x03;
const ALU: u8 = 0x04;
const JMP: u8 = 0x05;
const JMP32: u8 = 0x06;
const ALU64: u8 = 0x07;

// Arithmetic and jumps: operation in the upper four bits, and whether the right operand is a
// register. RFC 9669 section 4.
const CODE_MASK: u8 = 0xf0;
const FROM_REGISTER: u8 = 0x08;
const NEG: u8 = 0x80;
const END: u8 = 0xd0;
const TO_BIG_ENDIAN: u8 = 0x08;
const JA: u8 = 0x00;
const CALL: u8 = 0x80;
const EXIT: u8 = 0x90;

// Loads and stores: mode in the upper three bits, size in the two below. RFC 9669 section 5.
const MODE_MEM: u8 = 0x60;
const SIZE_MASK: u8 = 0x18;
const WIDE: u8 = LD | 0x18;
const WIDE_HIGH: u8 = 0x00;

impl Insn {
    /// The eight bytes of this instruction in a program, in this host's byte order.
    #[must_use]
    pub fn encode(self) -> [u8; 8] {
        fields_of(self).to_bytes()
    }

    /// The instruction behind eight bytes of a program, if [`Insn`] has it.
    ///
    /// Strict: a register above R10, an unknown opcode or helper, and a field that is not 0 though
    /// the instruction does not use it are all refused, as the kernel's verifier does. What it
    /// returns encodes to the same bytes again.
    #[must_use]
    pub fn decode(bytes: [u8; 8]) -> Option<Self> {
        insn_of(Fields::from_bytes(bytes)).filter(|insn| insn.encode() == bytes)
    }
}

fn fields_of(insn: Insn) -> Fields {
    match insn {
        Insn::Alu { width, op, dst, operand } => {
            with_operand(alu_class(width) | op.code(), dst, operand, 0)
        }
        Insn::Negate { width, dst } => {
            Fields { opcode: alu_class(width) | NEG, dst: dst.number(), ..Fields::default() }
        }
        Insn::Swap { swap, dst } => Fields {
            opcode: ALU | END | if swap.is_big_endian() { TO_BIG_ENDIAN } else { 0 },
            dst: dst.number(),
            immediate: i32::from(swap.bits()),
            ..Fields::default()
        },
        Insn::Load { size, dst, base, offset } => Fields {
            opcode: LDX | MODE_MEM | size.code(),
            dst: dst.number(),
            src: base.number(),
            offset,
            immediate: 0,
        },
        Insn::Store { size, base, offset, value } => store(size, base, offset, value),
        Insn::Wide { dst, kind, low } => Fields {
            opcode: WIDE,
            dst: dst.number(),
            src: kind.code(),
            offset: 0,
            immediate: low.cast_signed(),
        },
        Insn::WideHigh { high } => {
            Fields { opcode: WIDE_HIGH, immediate: high.cast_signed(), ..Fields::default() }
        }
        Insn::Jump { offset } => Fields { opcode: JMP | JA, offset, ..Fields::default() },
        Insn::JumpIf { width, condition, left, right, offset } => {
            with_operand(jump_class(width) | condition.code(), left, right, offset)
        }
        Insn::Call { helper } => Fields {
            opcode: JMP | CALL,
            immediate: helper.number().cast_signed(),
            ..Fields::default()
        },
        Insn::Exit => Fields { opcode: JMP | EXIT, ..Fields::default() },
    }
}

fn with_operand(opcode: u8, left: Register, right: Operand, offset: i16) -> Fields {
    let (from_register, src, immediate) = match right {
        Operand::Register(register) => (FROM_REGISTER, register.number(), 0),
        Operand::Immediate(value) => (0, 0, value),
    };
    Fields { opcode: opcode | from_register, dst: left.number(), src, offset, immediate }
}

fn store(size: Size, base: Register, offset: i16, value: Operand) -> Fields {
    let (class, src, immediate) = match value {
        Operand::Register(register) => (STX, register.number(), 0),
        Operand::Immediate(value) => (ST, 0, value),
    };
    Fields { opcode: class | MODE_MEM | size.code(), dst: base.number(), src, offset, immediate }
}

const fn alu_class(width: Width) -> u8 {
    match width {
        Width::Bits32 => ALU,
        Width::Bits64 => ALU64,
    }
}

const fn jump_class(width: Width) -> u8 {
    match width {
        Width::Bits32 => JMP32,
        Width::Bits64 => JMP,
    }
}

/// The nearest instruction: what it leaves unread, [`Insn::decode`] finds by encoding it again.
fn insn_of(fields: Fields) -> Option<Insn> {
    match (fields.opcode, fields.opcode & CLASS_MASK) {
        (WIDE, _) => Some(Insn::Wide {
            dst: Register::from_number(fields.dst)?,
            kind: WideKind::from_code(fields.src)?,
            low: fields.immediate.cast_unsigned(),
        }),
        (WIDE_HIGH, _) => Some(Insn::WideHigh { high: fields.immediate.cast_unsigned() }),
        (_, LDX | ST | STX) => memory_of(fields),
        (_, ALU) => alu_of(fields, Width::Bits32),
        (_, ALU64) => alu_of(fields, Width::Bits64),
        (_, JMP) => jump_of(fields, Width::Bits64),
        (_, JMP32) => jump_of(fields, Width::Bits32),
        _ => None,
    }
}

fn memory_of(fields: Fields) -> Option<Insn> {
    let size = Size::from_code(fields.opcode & SIZE_MASK)?;
    let dst = Register::from_number(fields.dst)?;
    let src = Register::from_number(fields.src)?;
    let offset = fields.offset;
    Some(match fields.opcode & CLASS_MASK {
        LDX => Insn::Load { size, dst, base: src, offset },
        STX => Insn::Store { size, base: dst, offset, value: src.into() },
        _ => Insn::Store { size, base: dst, offset, value: fields.immediate.into() },
    })
}

fn alu_of(fields: Fields, width: Width) -> Option<Insn> {
    let dst = Register::from_number(fields.dst)?;
    match fields.opcode & CODE_MASK {
        NEG => Some(Insn::Negate { width, dst }),
        END => {
            let big_endian = fields.opcode & TO_BIG_ENDIAN != 0;
            let swap = Swap::ALL.into_iter().find(|swap| {
                i32::from(swap.bits()) == fields.immediate && swap.is_big_endian() == big_endian
            })?;
            Some(Insn::Swap { swap, dst })
        }
        code => Some(Insn::Alu {
            width,
            op: AluOp::from_code(code)?,
            dst,
            operand: operand_of(fields)?,
        }),
    }
}

fn jump_of(fields: Fields, width: Width) -> Option<Insn> {
    let offset = fields.offset;
    match fields.opcode & CODE_MASK {
        JA => Some(Insn::Jump { offset }),
        CALL => Some(Insn::Call { helper: Helper::from_number(fields.immediate.cast_unsigned())? }),
        EXIT => Some(Insn::Exit),
        code => Some(Insn::JumpIf {
            width,
            condition: Condition::from_code(code)?,
            left: Register::from_number(fields.dst)?,
            right: operand_of(fields)?,
            offset,
        }),
    }
}

fn operand_of(fields: Fields) -> Option<Operand> {
    if fields.opcode & FROM_REGISTER == 0 {
        return Some(Operand::Immediate(fields.immediate));
    }
    Register::from_number(fields.src).map(Operand::Register)
}

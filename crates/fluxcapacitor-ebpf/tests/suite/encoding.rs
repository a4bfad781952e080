//! Bytes against the tables of RFC 9669, copied by hand.

use fluxcapacitor_ebpf::Register::*;
use fluxcapacitor_ebpf::{AluOp, Condition, Helper, Insn, Operand, Size, Swap, WideKind, Width};

const REGISTER: Operand = Operand::Register(R2);
const IMMEDIATE: Operand = Operand::Immediate(0x1122_3344);

/// `dst` R1, then either `src` R2, or the constant.
fn expected(opcode: u8, operand: Operand, offset: u8) -> [u8; 8] {
    match operand {
        REGISTER => [opcode, 0x21, offset, 0, 0, 0, 0, 0],
        _ => [opcode, 0x01, offset, 0, 0x44, 0x33, 0x22, 0x11],
    }
}

/// Section 4.1: constant and register in 32 bits, then in 64.
const ALU: [(AluOp, [u8; 4]); 12] = [
    (AluOp::Add, [0x04, 0x0c, 0x07, 0x0f]),
    (AluOp::Sub, [0x14, 0x1c, 0x17, 0x1f]),
    (AluOp::Mul, [0x24, 0x2c, 0x27, 0x2f]),
    (AluOp::Div, [0x34, 0x3c, 0x37, 0x3f]),
    (AluOp::Or, [0x44, 0x4c, 0x47, 0x4f]),
    (AluOp::And, [0x54, 0x5c, 0x57, 0x5f]),
    (AluOp::Lsh, [0x64, 0x6c, 0x67, 0x6f]),
    (AluOp::Rsh, [0x74, 0x7c, 0x77, 0x7f]),
    (AluOp::Mod, [0x94, 0x9c, 0x97, 0x9f]),
    (AluOp::Xor, [0xa4, 0xac, 0xa7, 0xaf]),
    (AluOp::Mov, [0xb4, 0xbc, 0xb7, 0xbf]),
    (AluOp::Arsh, [0xc4, 0xcc, 0xc7, 0xcf]),
];

/// Section 4.3: constant and register in 32 bits, then in 64.
const JUMPS: [(Condition, [u8; 4]); 11] = [
    (Condition::Eq, [0x16, 0x1e, 0x15, 0x1d]),
    (Condition::Gt, [0x26, 0x2e, 0x25, 0x2d]),
    (Condition::Ge, [0x36, 0x3e, 0x35, 0x3d]),
    (Condition::Set, [0x46, 0x4e, 0x45, 0x4d]),
    (Condition::Ne, [0x56, 0x5e, 0x55, 0x5d]),
    (Condition::SignedGt, [0x66, 0x6e, 0x65, 0x6d]),
    (Condition::SignedGe, [0x76, 0x7e, 0x75, 0x7d]),
    (Condition::Lt, [0xa6, 0xae, 0xa5, 0xad]),
    (Condition::Le, [0xb6, 0xbe, 0xb5, 0xbd]),
    (Condition::SignedLt, [0xc6, 0xce, 0xc5, 0xcd]),
    (Condition::SignedLe, [0xd6, 0xde, 0xd5, 0xdd]),
];

/// Section 5.1: load, store of a constant, store of a register.
const MEMORY: [(Size, [u8; 3]); 4] = [
    (Size::Word, [0x61, 0x62, 0x63]),
    (Size::Half, [0x69, 0x6a, 0x6b]),
    (Size::Byte, [0x71, 0x72, 0x73]),
    (Size::Double, [0x79, 0x7a, 0x7b]),
];

/// Section 4.2: opcode and bits.
const SWAPS: [(Swap, u8, u8); 6] = [
    (Swap::Le16, 0xd4, 16),
    (Swap::Le32, 0xd4, 32),
    (Swap::Le64, 0xd4, 64),
    (Swap::Be16, 0xdc, 16),
    (Swap::Be32, 0xdc, 32),
    (Swap::Be64, 0xdc, 64),
];

const FORMS: [(Width, Operand); 4] = [
    (Width::Bits32, IMMEDIATE),
    (Width::Bits32, REGISTER),
    (Width::Bits64, IMMEDIATE),
    (Width::Bits64, REGISTER),
];

#[test]
fn arithmetic_has_the_opcodes_of_section_4_1() {
    assert_eq!(ALU.map(|(op, _)| op), AluOp::ALL);
    for (op, opcodes) in ALU {
        for ((width, operand), opcode) in FORMS.into_iter().zip(opcodes) {
            let insn = Insn::Alu { width, op, dst: R1, operand };
            assert_eq!(insn.encode(), expected(opcode, operand, 0), "{insn:?}");
        }
    }
    let negate = |width| Insn::Negate { width, dst: R9 }.encode();
    assert_eq!(negate(Width::Bits32), [0x84, 0x09, 0, 0, 0, 0, 0, 0]);
    assert_eq!(negate(Width::Bits64), [0x87, 0x09, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn swaps_have_the_opcodes_of_section_4_2() {
    assert_eq!(SWAPS.map(|(swap, ..)| swap), Swap::ALL);
    for (swap, opcode, bits) in SWAPS {
        let insn = Insn::Swap { swap, dst: R3 };
        assert_eq!(insn.encode(), [opcode, 0x03, 0, 0, bits, 0, 0, 0]);
    }
}

#[test]
fn jumps_have_the_opcodes_of_section_4_3() {
    assert_eq!(JUMPS.map(|(condition, _)| condition), Condition::ALL);
    for (condition, opcodes) in JUMPS {
        for ((width, right), opcode) in FORMS.into_iter().zip(opcodes) {
            let insn = Insn::JumpIf { width, condition, left: R1, right, offset: 5 };
            assert_eq!(insn.encode(), expected(opcode, right, 5), "{insn:?}");
        }
    }
    let back = Insn::Jump { offset: -2 };
    assert_eq!(back.encode(), [0x05, 0, 0xfe, 0xff, 0, 0, 0, 0]);
    let call = Insn::Call { helper: Helper::XdpAdjustTail };
    assert_eq!(call.encode(), [0x85, 0, 0, 0, 65, 0, 0, 0]);
    assert_eq!(Insn::Exit.encode(), [0x95, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn loads_and_stores_have_the_opcodes_of_section_5_1() {
    assert_eq!(MEMORY.map(|(size, _)| size), Size::ALL);
    for (size, [load, store_immediate, store_register]) in MEMORY {
        let insn = Insn::Load { size, dst: R1, base: R2, offset: 4 };
        assert_eq!(insn.encode(), expected(load, REGISTER, 4));
        let store = |value| Insn::Store { size, base: R1, offset: 4, value }.encode();
        assert_eq!(store(IMMEDIATE), expected(store_immediate, IMMEDIATE, 4));
        assert_eq!(store(REGISTER), expected(store_register, REGISTER, 4));
    }
}

#[test]
fn wide_constants_have_the_form_of_sections_3_2_and_5_4() {
    let wide = |kind| Insn::Wide { dst: R1, kind, low: 0x89ab_cdef }.encode();
    let low = [0xef, 0xcd, 0xab, 0x89];
    assert_eq!(wide(WideKind::Constant)[..4], [0x18, 0x01, 0, 0]);
    assert_eq!(wide(WideKind::Constant)[4..], low);
    assert_eq!(wide(WideKind::MapFd)[..4], [0x18, 0x11, 0, 0]);
    assert_eq!(wide(WideKind::MapFd)[4..], low);
    let high = Insn::WideHigh { high: 0x0123_4567 };
    assert_eq!(high.encode(), [0, 0, 0, 0, 0x67, 0x45, 0x23, 0x01]);
}

#[test]
fn the_example_of_section_3_1_has_its_bytes() {
    let add = Insn::Alu {
        width: Width::Bits64,
        op: AluOp::Add,
        dst: R1,
        operand: Operand::Immediate(0x1122_3344),
    };
    assert_eq!(add.encode(), [0x07, 0x01, 0, 0, 0x44, 0x33, 0x22, 0x11]);
}

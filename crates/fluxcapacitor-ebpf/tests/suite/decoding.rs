//! From bytes back to instructions.

use fluxcapacitor_ebpf::{
    AluOp, Condition, Helper, Insn, Operand, Register, Size, Swap, WideKind, Width,
};

const WIDTHS: [Width; 2] = [Width::Bits32, Width::Bits64];
const OFFSETS: [i16; 5] = [0, 1, -1, i16::MAX, i16::MIN];
const IMMEDIATES: [i32; 5] = [0, 1, -1, i32::MAX, i32::MIN];

fn operands() -> impl Iterator<Item = Operand> + Clone {
    let registers = Register::ALL.into_iter().map(Operand::Register);
    registers.chain(IMMEDIATES.into_iter().map(Operand::Immediate))
}

/// Every instruction, with telling offsets and constants.
fn every_instruction() -> Vec<Insn> {
    let mut all = vec![Insn::Exit];
    all.extend(Helper::ALL.iter().map(|&helper| Insn::Call { helper }));
    all.extend(OFFSETS.map(|offset| Insn::Jump { offset }));
    all.extend(IMMEDIATES.map(|high| Insn::WideHigh { high: high as u32 }));
    for dst in Register::ALL {
        all.extend(Swap::ALL.map(|swap| Insn::Swap { swap, dst }));
        all.extend(WIDTHS.map(|width| Insn::Negate { width, dst }));
        for low in IMMEDIATES.map(|low| low as u32) {
            all.extend([WideKind::Constant, WideKind::MapFd].map(|kind| Insn::Wide {
                dst,
                kind,
                low,
            }));
        }
        for operand in operands() {
            for width in WIDTHS {
                all.extend(AluOp::ALL.map(|op| Insn::Alu { width, op, dst, operand }));
                for offset in OFFSETS {
                    let (left, right) = (dst, operand);
                    all.extend(Condition::ALL.map(|condition| Insn::JumpIf {
                        width,
                        condition,
                        left,
                        right,
                        offset,
                    }));
                }
            }
            for (size, offset) in Size::ALL.into_iter().zip(OFFSETS) {
                let (base, value) = (dst, operand);
                all.push(Insn::Store { size, base, offset, value });
            }
        }
        for base in Register::ALL {
            for (size, offset) in Size::ALL.into_iter().zip(OFFSETS) {
                all.push(Insn::Load { size, dst, base, offset });
            }
        }
    }
    all
}

#[test]
fn instructions_survive_the_round_trip() {
    let all = every_instruction();
    assert!(all.len() > 20_000);
    for insn in all {
        assert_eq!(Insn::decode(insn.encode()), Some(insn));
    }
}

#[test]
fn bytes_survive_the_round_trip_or_are_refused() {
    let mut decoded = 0;
    for opcode in 0..=u8::MAX {
        for registers in 0..=u8::MAX {
            for offset in [0, 1] {
                for immediate in [0, 1, 16, 32, 64] {
                    let bytes = [opcode, registers, offset, 0, immediate, 0, 0, 0];
                    if let Some(insn) = Insn::decode(bytes) {
                        decoded += 1;
                        assert_eq!(insn.encode(), bytes);
                    }
                }
            }
        }
    }
    assert!(decoded > 0);
}

#[test]
fn refuses_what_no_instruction_says() {
    let refused = [
        ("destination r11", [0xb7, 0x0b, 0, 0, 0, 0, 0, 0]),
        ("source r11", [0xbf, 0xb0, 0, 0, 0, 0, 0, 0]),
        ("mov of a constant with a source", [0xb7, 0x10, 0, 0, 0, 0, 0, 0]),
        ("mov of a register with a constant", [0xbf, 0x10, 0, 0, 1, 0, 0, 0]),
        ("mov with an offset (sign extension)", [0xbf, 0x10, 8, 0, 0, 0, 0, 0]),
        ("swap of 8 bits", [0xdc, 0x00, 0, 0, 8, 0, 0, 0]),
        ("unconditional swap", [0xd7, 0x00, 0, 0, 16, 0, 0, 0]),
        ("exit with an offset", [0x95, 0x00, 1, 0, 0, 0, 0, 0]),
        ("call of no helper", [0x85, 0x00, 0, 0, 0, 0, 0, 0]),
        ("call of a kernel function by type", [0x85, 0x20, 0, 0, 51, 0, 0, 0]),
        ("atomic addition", [0xdb, 0x10, 0, 0, 0, 0, 0, 0]),
        ("sign-extending load", [0x91, 0x10, 0, 0, 0, 0, 0, 0]),
        ("legacy packet access", [0x30, 0x00, 0, 0, 0, 0, 0, 0]),
        ("wide constant of an unknown kind", [0x18, 0x60, 0, 0, 0, 0, 0, 0]),
        ("high half with a register", [0x00, 0x01, 0, 0, 0, 0, 0, 0]),
        ("long jump", [0x06, 0x00, 0, 0, 1, 0, 0, 0]),
        ("arithmetic with an unknown code", [0xe7, 0x00, 0, 0, 0, 0, 0, 0]),
        ("jump with an unknown code", [0xe5, 0x00, 0, 0, 0, 0, 0, 0]),
    ];
    for (what, bytes) in refused {
        assert_eq!(Insn::decode(bytes), None, "{what}");
    }
}

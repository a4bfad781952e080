//! Instructions as text.

use fluxcapacitor_ebpf::Register::*;
use fluxcapacitor_ebpf::{
    AluOp, Assembler, Condition, Disassembly, Helper, Insn, MapRef, Size, Swap, Target, WideKind,
    Width, redirect_program,
};

use crate::drop_odd::drop_odd;

#[test]
fn drop_odd_reads_like_bpftool() {
    let text = "   0: (61) r2 = *(u32 *)(r1 +0)
   1: (61) r3 = *(u32 *)(r1 +4)
   2: (bf) r4 = r2
   3: (07) r4 += 15
   4: (2d) if r4 > r3 goto pc+5
   5: (71) r5 = *(u8 *)(r2 +14)
   6: (57) r5 &= 1
   7: (15) if r5 == 0x0 goto pc+2
   8: (b7) r0 = 1
   9: (95) exit
  10: (b7) r0 = 2
  11: (95) exit
";
    assert_eq!(drop_odd(Target::Kernel).to_string(), text);
}

#[test]
fn redirect_shows_what_the_interpreter_gets() {
    let text = "   0: (79) r2 = *(u64 *)(r1 +32)
   1: (18) r1 = 0x3
   3: (b7) r3 = 2
   4: (85) call bpf_redirect_map#51
   5: (95) exit
";
    assert_eq!(redirect_program(3, Target::Interpreter).to_string(), text);
}

#[test]
fn every_kind_of_instruction_has_its_line() {
    let mut asm = Assembler::new(Target::Kernel);
    let (back, forth) = (asm.label(), asm.label());
    asm.mov32(R0, -1)
        .mov32(R0, R1)
        .sub(R0, R1)
        .or(R0, 1)
        .xor32(R0, R9)
        .lsh(R0, 3)
        .rsh32(R0, 3)
        .alu(Width::Bits64, AluOp::Mul, R0, 3)
        .alu(Width::Bits64, AluOp::Div, R0, R2)
        .alu(Width::Bits32, AluOp::Mod, R0, 3)
        .alu(Width::Bits64, AluOp::Arsh, R0, 3)
        .neg(Width::Bits64, R0)
        .neg(Width::Bits32, R0);
    for swap in Swap::ALL {
        asm.swap(R3, swap);
    }
    asm.bind(back)
        .store(Size::Half, R10, -2, R3)
        .store(Size::Double, R10, -16, -7)
        .load_constant(R4, 0x0123_4567_89ab_cdef)
        .load_map(R1, MapRef::from_fd(12))
        .call(Helper::MapLookupElem);
    for condition in Condition::ALL {
        asm.jump_if(condition, R0, R1, forth);
    }
    asm.jump32_if(Condition::Eq, R0, -1, back)
        .jump32_if(Condition::SignedLe, R0, R7, back)
        .bind(forth)
        .jump(back);
    let program = asm.finish().expect("the program is well formed");

    let text = "   0: (b4) w0 = -1
   1: (bc) w0 = w1
   2: (1f) r0 -= r1
   3: (47) r0 |= 1
   4: (ac) w0 ^= w9
   5: (67) r0 <<= 3
   6: (74) w0 >>= 3
   7: (27) r0 *= 3
   8: (3f) r0 /= r2
   9: (94) w0 %= 3
  10: (c7) r0 s>>= 3
  11: (87) r0 = -r0
  12: (84) w0 = -w0
  13: (d4) r3 = le16 r3
  14: (d4) r3 = le32 r3
  15: (d4) r3 = le64 r3
  16: (dc) r3 = be16 r3
  17: (dc) r3 = be32 r3
  18: (dc) r3 = be64 r3
  19: (6b) *(u16 *)(r10 -2) = r3
  20: (7a) *(u64 *)(r10 -16) = -7
  21: (18) r4 = 0x123456789abcdef
  23: (18) r1 = map[fd:12]
  25: (85) call bpf_map_lookup_elem#1
  26: (1d) if r0 == r1 goto pc+12
  27: (2d) if r0 > r1 goto pc+11
  28: (3d) if r0 >= r1 goto pc+10
  29: (4d) if r0 & r1 goto pc+9
  30: (5d) if r0 != r1 goto pc+8
  31: (6d) if r0 s> r1 goto pc+7
  32: (7d) if r0 s>= r1 goto pc+6
  33: (ad) if r0 < r1 goto pc+5
  34: (bd) if r0 <= r1 goto pc+4
  35: (cd) if r0 s< r1 goto pc+3
  36: (dd) if r0 s<= r1 goto pc+2
  37: (16) if w0 == 0xffffffff goto pc-19
  38: (de) if w0 s<= w7 goto pc-20
  39: (05) goto pc-21
";
    assert_eq!(program.to_string(), text);
}

#[test]
fn halves_of_wide_instructions_are_shown_alone() {
    let halves =
        [Insn::WideHigh { high: 2 }, Insn::Wide { dst: R1, kind: WideKind::Constant, low: 3 }];
    let text = "   0: (00) high half 0x2\n   1: (18) r1 = 0x3\n";
    assert_eq!(Disassembly::new(&halves).to_string(), text);
    assert_eq!(Disassembly::new(&[]).to_string(), "");
}

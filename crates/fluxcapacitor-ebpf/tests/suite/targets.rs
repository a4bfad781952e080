//! What differs between the targets, and what does not.

use fluxcapacitor_ebpf::Register::*;
use fluxcapacitor_ebpf::{
    Assembler, Condition, ContextField, Helper, Insn, MapRef, Program, Size, Swap, Target,
    WideKind, Width, XdpAction,
};

const CONTEXT: fluxcapacitor_ebpf::Register = R6;
const FD: i32 = 0x0102_0304;

/// One of everything, and loads that look like context loads but go through other registers.
fn one_of_everything(target: Target) -> Program {
    let mut asm = Assembler::new(target);
    let end = asm.label();
    asm.mov(CONTEXT, R1);
    for field in ContextField::ALL {
        asm.load_context(R2, CONTEXT, field);
    }
    for size in Size::ALL {
        asm.store(size, R10, -16, R2).store(size, R10, -8, 5).load(size, R3, R10, -16);
    }
    asm.load(Size::Word, R4, R2, 16)
        .load_map(R1, MapRef::from_fd(FD))
        .load_constant(R5, FD as u64)
        .add32(R4, 1)
        .neg(Width::Bits64, R4)
        .swap(R4, Swap::Be16)
        .jump_if(Condition::Gt, R4, R3, end)
        .jump32_if(Condition::Set, R4, 1, end)
        .call(Helper::KtimeGetNs)
        .jump(end)
        .bind(end)
        .return_action(XdpAction::Pass);
    asm.finish().expect("the program is well formed")
}

#[test]
fn only_context_loads_and_map_references_differ() {
    let kernel = one_of_everything(Target::Kernel);
    let interpreter = one_of_everything(Target::Interpreter);
    assert_eq!(kernel.len(), interpreter.len());

    let mut fields = ContextField::ALL.into_iter();
    let mut maps = 0;
    for pair in kernel.instructions().iter().zip(interpreter.instructions()) {
        match pair {
            (
                &Insn::Load { dst, base: CONTEXT, size: Size::Word, offset },
                &Insn::Load {
                    dst: wide_dst,
                    base: CONTEXT,
                    size: Size::Double,
                    offset: wide_offset,
                },
            ) => {
                let index = fields.next().expect("one load a field").index();
                assert_eq!(dst, wide_dst);
                assert_eq!(offset, i16::from(index) * 4);
                assert_eq!(wide_offset, i16::from(index) * 8);
            }
            (
                &Insn::Wide { dst, kind: WideKind::MapFd, low },
                &Insn::Wide { dst: plain_dst, kind: WideKind::Constant, low: plain_low },
            ) => {
                maps += 1;
                assert_eq!((dst, low), (plain_dst, plain_low));
                assert_eq!(low, FD as u32);
            }
            (kernel, interpreter) => assert_eq!(kernel, interpreter),
        }
    }
    assert_eq!(fields.next(), None, "every context load differs");
    assert_eq!(maps, 1, "every map reference differs");
}

#[test]
fn a_program_says_its_target() {
    for target in [Target::Kernel, Target::Interpreter] {
        assert_eq!(one_of_everything(target).target(), target);
    }
}

//! Labels, jumps, and every way in which a program can be refused.

use fluxcapacitor_ebpf::Register::*;
use fluxcapacitor_ebpf::{
    AssembleError, Assembler, Condition, Insn, Program, Size, Swap, Target, WideKind, Width,
};

fn assemble(write: impl FnOnce(&mut Assembler)) -> Result<Program, AssembleError> {
    let mut asm = Assembler::new(Target::Kernel);
    write(&mut asm);
    asm.finish()
}

#[test]
fn jumps_count_from_the_next_instruction() {
    let program = assemble(|asm| {
        let (back, forth, next) = (asm.label(), asm.label(), asm.label());
        asm.bind(back)
            .mov(R0, 0)
            .jump_if(Condition::Eq, R1, 0, forth)
            .jump32_if(Condition::Ne, R1, R2, back)
            .jump(next)
            .bind(next)
            .mov(R0, 1)
            .bind(forth)
            .exit();
    })
    .expect("the program is well formed");
    let offsets: Vec<_> = program
        .instructions()
        .iter()
        .filter_map(|insn| match *insn {
            Insn::Jump { offset } | Insn::JumpIf { offset, .. } => Some(offset),
            _ => None,
        })
        .collect();
    assert_eq!(offsets, [3, -3, 0]);
}

#[test]
fn wide_instructions_count_twice() {
    let program = assemble(|asm| {
        let after = asm.label();
        asm.jump_if(Condition::Eq, R1, 0, after)
            .load_constant(R0, 0x0123_4567_89ab_cdef)
            .bind(after)
            .exit();
    })
    .expect("the program is well formed");
    assert_eq!(program.len(), 4);
    assert!(!program.is_empty());
    assert_eq!(
        program.instructions()[1..3],
        [
            Insn::Wide { dst: R0, kind: WideKind::Constant, low: 0x89ab_cdef },
            Insn::WideHigh { high: 0x0123_4567 },
        ]
    );
    assert!(matches!(program.instructions()[0], Insn::JumpIf { offset: 2, .. }));
}

#[test]
fn refuses_an_empty_program() {
    let error = assemble(|_| ()).unwrap_err();
    assert_eq!(error, AssembleError::Empty);
    let text = "the program has no instructions: it needs at least an exit";
    assert_eq!(error.to_string(), text);
}

#[test]
fn refuses_more_than_a_million_instructions() {
    let write = |len| {
        move |asm: &mut Assembler| {
            for _ in 1..len {
                asm.mov(R0, 0);
            }
            asm.exit();
        }
    };
    let program = assemble(write(1_000_000)).expect("the limit itself is allowed");
    assert_eq!(program.len(), 1_000_000);
    let error = assemble(write(1_000_001)).unwrap_err();
    assert_eq!(error, AssembleError::TooLong { len: 1_000_001 });
    assert_eq!(
        error.to_string(),
        "the program has 1000001 instructions and the kernel loads at most 1000000: shorten it, or keep its data in a map"
    );
}

#[test]
fn refuses_a_jump_to_an_unbound_label() {
    let mut asm = Assembler::new(Target::Kernel);
    let _bound_elsewhere = asm.label();
    let label = asm.label();
    asm.mov(R0, 0).jump(label).exit();
    let error = asm.finish().unwrap_err();
    assert_eq!(error, AssembleError::UnboundLabel { label, at: 1 });
    let text = "instruction 1 jumps to label 1, which is bound nowhere: bind it";
    assert_eq!(error.to_string(), text);
}

#[test]
fn allows_an_unbound_label_that_nothing_jumps_to() {
    let program = assemble(|asm| {
        asm.label();
        asm.exit();
    });
    assert!(program.is_ok());
}

#[test]
fn refuses_a_label_that_is_bound_twice() {
    let mut asm = Assembler::new(Target::Kernel);
    let label = asm.label();
    asm.bind(label).mov(R0, 0).bind(label).exit();
    let error = asm.finish().unwrap_err();
    assert_eq!(error, AssembleError::LabelBoundTwice { label, at: 1 });
    let text = "label 0 is bound a second time at instruction 1: use a label for each place";
    assert_eq!(error.to_string(), text);
}

#[test]
fn refuses_a_label_of_another_assembler() {
    let label = Assembler::new(Target::Kernel).label();
    let error = assemble(|asm| {
        asm.mov(R0, 0).jump(label).exit();
    })
    .unwrap_err();
    assert_eq!(error, AssembleError::ForeignLabel { label, at: 1 });
    let error = assemble(|asm| {
        asm.mov(R0, 0).exit().bind(label);
    })
    .unwrap_err();
    assert_eq!(error, AssembleError::ForeignLabel { label, at: 2 });
    let text =
        "label 0, used at instruction 2, belongs to another assembler: make it with this one";
    assert_eq!(error.to_string(), text);
}

#[test]
fn refuses_a_jump_beyond_sixteen_bits() {
    let forth = |between: usize| {
        assemble(|asm| {
            let end = asm.label();
            asm.jump(end);
            for _ in 0..between {
                asm.mov(R0, 0);
            }
            asm.bind(end).exit();
        })
    };
    assert!(forth(32_767).is_ok());
    let error = forth(32_768).unwrap_err();
    assert_eq!(error, AssembleError::JumpTooFar { at: 0, to: 32_769 });
    assert_eq!(
        error.to_string(),
        "instruction 0 jumps to 32769, and a jump reaches 32767 instructions at most: jump in steps"
    );

    let back = |between: usize| {
        assemble(|asm| {
            let start = asm.label();
            asm.bind(start);
            for _ in 0..between {
                asm.mov(R0, 0);
            }
            asm.jump(start);
        })
    };
    assert!(back(32_767).is_ok());
    let error = back(32_768).unwrap_err();
    assert_eq!(error, AssembleError::JumpTooFar { at: 32_768, to: 0 });
}

#[test]
fn refuses_a_path_past_the_end() {
    let error = assemble(|asm| {
        asm.exit().mov(R0, 0);
    })
    .unwrap_err();
    assert_eq!(error, AssembleError::FallsOffEnd { at: 1 });
    let text = "instruction 1 leads past the end of the program: end every path with an exit";
    assert_eq!(error.to_string(), text);

    let conditional_last = assemble(|asm| {
        let start = asm.label();
        asm.bind(start).jump_if(Condition::Eq, R1, 0, start);
    });
    assert_eq!(conditional_last, Err(AssembleError::FallsOffEnd { at: 0 }));

    let label_at_the_end = assemble(|asm| {
        let end = asm.label();
        asm.jump_if(Condition::Eq, R1, 0, end).exit().bind(end);
    });
    assert_eq!(label_at_the_end, Err(AssembleError::FallsOffEnd { at: 0 }));
}

#[test]
fn allows_a_jump_as_the_last_instruction() {
    let program = assemble(|asm| {
        let (start, body) = (asm.label(), asm.label());
        asm.jump(body).bind(start).exit().bind(body).mov(R0, 2).jump(start);
    });
    assert!(program.is_ok());
}

#[test]
fn refuses_to_write_the_frame_pointer() {
    let writers: [fn(&mut Assembler); 6] = [
        |asm| _ = asm.mov(R10, 0).exit(),
        |asm| _ = asm.add32(R10, R1).exit(),
        |asm| _ = asm.neg(Width::Bits64, R10).exit(),
        |asm| _ = asm.swap(R10, Swap::Le16).exit(),
        |asm| _ = asm.load(Size::Word, R10, R1, 0).exit(),
        |asm| _ = asm.load_constant(R10, 1).exit(),
    ];
    for write in writers {
        let error = assemble(|asm| {
            asm.mov(R0, 0);
            write(asm);
        })
        .unwrap_err();
        assert_eq!(error, AssembleError::WritesFramePointer { at: 1 });
        let text = "instruction 1 writes r10, the read-only frame pointer: write to r0 to r9";
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn allows_to_read_the_frame_pointer() {
    let program = assemble(|asm| {
        asm.mov(R2, R10)
            .add(R2, -8)
            .store(Size::Double, R10, -8, 0)
            .store(Size::Double, R2, 0, R10)
            .load(Size::Double, R0, R10, -8)
            .exit();
    });
    assert!(program.is_ok());
}

//! The XDP program, run by the NIC.

use fluxcapacitor::ebpf::Register::{R1, R2, R3, R4, R5};
use fluxcapacitor::ebpf::{Assembler, Condition, ContextField, Helper, Size, XdpAction};
use fluxcapacitor::hook::XdpProgram;
use fluxcapacitor::simulator::control::Profile;
use fluxcapacitor::{Error, FluxBuilder, FluxRaw};

use crate::bench::{Bench, open, packet};

fn open_with(bench: &Bench, program: XdpProgram) -> Result<FluxRaw, Error> {
    FluxBuilder::new(bench.b.name()).program(program).build_raw()
}

/// Redirects packets whose 18th octet is even, and does `otherwise` with the others.
fn even_or(otherwise: XdpAction) -> XdpProgram {
    XdpProgram::new(move |map, target| {
        let mut asm = Assembler::new(target);
        let (short, odd) = (asm.label(), asm.label());
        asm.load_context(R2, R1, ContextField::Data)
            .load_context(R3, R1, ContextField::DataEnd)
            .mov(R4, R2)
            .add(R4, 18)
            .jump_if(Condition::Gt, R4, R3, short)
            .load(Size::Byte, R5, R2, 17)
            .jump_if(Condition::Set, R5, 1, odd)
            .load_context(R2, R1, ContextField::RxQueueIndex)
            .load_map(R1, map)
            .mov(R3, XdpAction::Pass)
            .call(Helper::RedirectMap)
            .exit()
            .bind(short)
            .return_action(XdpAction::Pass)
            .bind(odd)
            .return_action(otherwise);
        asm.finish()
    })
}

#[test]
fn each_packet_goes_where_the_program_says_exactly_once() {
    let counts = |action| {
        let bench = Bench::new(1, Profile::Copy);
        let mut raw = open_with(&bench, even_or(action)).unwrap();
        (0..10).for_each(|number| bench.b.inject(&packet(number)));
        bench.world.run_for(crate::bench::SECOND);
        let received = raw.rx.receive(64).unwrap().count();
        let passed = std::iter::from_fn(|| bench.b.passed()).count();
        (received, passed, bench.b.counters().tx_packets)
    };
    assert_eq!(counts(XdpAction::Drop), (5, 0, 0));
    assert_eq!(counts(XdpAction::Aborted), (5, 0, 0));
    assert_eq!(counts(XdpAction::Pass), (5, 5, 0));
    assert_eq!(counts(XdpAction::Tx), (5, 0, 5));
    assert_eq!(counts(XdpAction::Redirect), (5, 0, 0), "to nowhere");
}

#[test]
fn without_a_program_packets_go_to_the_stack() {
    let bench = Bench::new(2, Profile::Copy);
    bench.b.inject(&packet(1));
    assert_eq!(bench.b.passed(), Some(packet(1)));
    drop(open(&bench.b));
    bench.b.inject(&packet(2));
    assert_eq!(bench.b.passed(), Some(packet(2)), "detached with the socket");
}

#[test]
fn a_tail_is_adjusted_within_bounds() {
    let adjust = |by: i32| {
        XdpProgram::new(move |map, target| {
            let mut asm = Assembler::new(target);
            asm.mov(fluxcapacitor::ebpf::Register::R6, R1)
                .mov(R2, by)
                .call(Helper::XdpAdjustTail)
                .load_context(R2, fluxcapacitor::ebpf::Register::R6, ContextField::RxQueueIndex)
                .load_map(R1, map)
                .mov(R3, XdpAction::Pass)
                .call(Helper::RedirectMap)
                .exit();
            asm.finish()
        })
    };
    for (by, len) in [(-20, 44), (0, 64), (100, 164), (-51, 64), (-50, 14), (10_000, 64)] {
        let bench = Bench::new(3, Profile::Copy);
        let mut raw = open_with(&bench, adjust(by)).unwrap();
        bench.b.inject(&[7; 64]);
        let segment = raw.rx.pop().unwrap().unwrap();
        let bytes = raw.umem.packet(&segment).unwrap();
        assert_eq!(bytes.len(), len, "by {by}");
        assert!(bytes.iter().take(64).all(|byte| *byte == 7));
        assert!(bytes.iter().skip(64).all(|byte| *byte == 0));
    }
}

#[test]
fn what_is_not_modelled_is_refused() {
    let refused = |make: fn(&mut Assembler)| {
        let bench = Bench::new(4, Profile::Copy);
        let program = XdpProgram::new(move |_, target| {
            let mut asm = Assembler::new(target);
            make(&mut asm);
            asm.finish()
        });
        open_with(&bench, program).unwrap_err()
    };
    let store = refused(|asm| {
        asm.load_context(R2, R1, ContextField::Data)
            .store(Size::Byte, R2, 0, R1)
            .return_action(XdpAction::Pass);
    });
    assert!(store.to_string().contains("only the stack can be written"), "{store}");
    let looped = refused(|asm| {
        let again = asm.label();
        asm.mov(R2, 0).bind(again).add(R2, 1).jump_if(Condition::Lt, R2, 10, again);
        asm.return_action(XdpAction::Pass);
    });
    assert!(looped.to_string().contains("jumps backwards"), "{looped}");
    let helper = refused(|asm| {
        asm.call(Helper::KtimeGetNs).return_action(XdpAction::Pass);
    });
    assert!(helper.to_string().contains("of the helpers"), "{helper}");
}

/// One instruction, as it is encoded: opcode, registers, offset, immediate.
fn insn(opcode: u8, registers: u8, offset: i16, immediate: i32) -> [u8; 8] {
    let mut bytes = [opcode, registers, 0, 0, 0, 0, 0, 0];
    bytes[2..4].copy_from_slice(&offset.to_le_bytes());
    bytes[4..].copy_from_slice(&immediate.to_le_bytes());
    bytes
}

const MOV_R0_2: [u8; 8] = [0xb7, 0, 0, 0, 2, 0, 0, 0];
const EXIT: [u8; 8] = [0x95, 0, 0, 0, 0, 0, 0, 0];

/// What an interpreter in unsafe code would do with these is not found out.
#[test]
fn instructions_that_reach_beyond_the_stack_or_the_program_are_refused() {
    let bench = Bench::new(5, Profile::Copy);
    let attach = |code: &[[u8; 8]]| bench.b.attach(&code.concat());
    // Stores by R10, to all that is not the stack: 512 bytes below it.
    for (opcode, size) in [(0x72, 1), (0x6a, 2), (0x62, 4), (0x7a, 8)] {
        let store = |offset| attach(&[insn(opcode, 10, offset, 1), MOV_R0_2, EXIT]).map(drop);
        assert!(store(-size).is_ok() && store(-512).is_ok(), "{opcode:#x}");
        for offset in [i16::MIN, -32494, -513, 1 - size, 0, 1, i16::MAX] {
            assert!(store(offset).is_err(), "{opcode:#x} at {offset}");
        }
    }
    // R10 made to point elsewhere.
    assert!(attach(&[insn(0x18, 10, 0, 1), [0; 8], MOV_R0_2, EXIT]).is_err());
    // No end: nothing, a call, or a jump over it.
    assert!(attach(&[]).is_err());
    assert!(attach(&[MOV_R0_2, insn(0x85, 0, 0, 65)]).is_err());
    assert!(attach(&[MOV_R0_2, insn(0x05, 0, 5, 0), EXIT]).is_err());
    // More than the kernel takes, and than jumps are counted over.
    assert!(attach(&vec![MOV_R0_2; 65_536]).is_err());
}

#[test]
fn arithmetic_that_overflows_harms_nobody() {
    let bench = Bench::new(6, Profile::Copy);
    // R0 = i64::MIN, negated.
    let code = [insn(0x18, 0, 0, 0), insn(0, 0, 0, i32::MIN), insn(0x87, 0, 0, 0), EXIT];
    let _attached = bench.b.attach(&code.concat()).unwrap();
    bench.b.inject(&packet(1));
    assert_eq!(bench.b.passed(), None);
    assert_eq!(bench.b.counters().rx_packets, 1);
}

/// Random instructions, most of them refused: what is attached runs to its end.
#[test]
fn no_bytes_make_a_program_that_does_harm() {
    let bench = Bench::new(7, Profile::Copy);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let opcodes =
        [0xb7, 0x07, 0x61, 0x71, 0x79, 0x72, 0x7b, 0x05, 0x15, 0x85, 0x87, 0x18, 0x3f, 0xbf];
    let mut attached = 0;
    for _ in 0..20_000 {
        let mut code: Vec<[u8; 8]> = (0..next() % 6)
            .map(|_| {
                let opcode = opcodes[next() as usize % opcodes.len()];
                let registers = (next() % 11) as u8 | ((next() % 11) as u8) << 4;
                insn(opcode, registers, (next() % 8) as i16 - 2, (next() % 70) as i32)
            })
            .collect();
        code.extend([MOV_R0_2, EXIT]);
        if let Ok(_program) = bench.b.attach(&code.concat()) {
            attached += 1;
            bench.b.inject(&[0x5a; 64]);
        }
        while let Some(passed) = bench.b.passed() {
            assert!(passed.iter().all(|byte| *byte == 0x5a || *byte == 0), "written to: {code:?}");
        }
        while bench.b.transmitted().is_some() {}
    }
    assert!(attached > 1000, "{attached}");
}

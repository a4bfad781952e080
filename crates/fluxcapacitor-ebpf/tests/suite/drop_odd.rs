//! A program that drops about half of all packets.
//!
//! It takes jumps, arithmetic, and packet loads with a bounds check.

use fluxcapacitor_ebpf::Register::*;
use fluxcapacitor_ebpf::{Assembler, Condition, ContextField, Program, Size, Target, XdpAction};

use crate::interpreter::Interpreter;

/// Drops every packet whose byte 14 is odd, and passes those that are too short to have one.
pub fn drop_odd(target: Target) -> Program {
    let mut asm = Assembler::new(target);
    let pass = asm.label();
    asm.load_context(R2, R1, ContextField::Data)
        .load_context(R3, R1, ContextField::DataEnd)
        .mov(R4, R2)
        .add(R4, 15)
        .jump_if(Condition::Gt, R4, R3, pass)
        .load(Size::Byte, R5, R2, 14)
        .and(R5, 1)
        .jump_if(Condition::Eq, R5, 0, pass)
        .return_action(XdpAction::Drop)
        .bind(pass)
        .return_action(XdpAction::Pass);
    asm.finish().expect("the program is well formed")
}

#[test]
fn drops_odd_and_passes_even() {
    let program = drop_odd(Target::Interpreter);
    let interpreter = Interpreter::new(&program);
    for byte in 0..=u8::MAX {
        let mut packet = [0xff; 60];
        packet[14] = byte;
        let expected = if byte % 2 == 1 { XdpAction::Drop } else { XdpAction::Pass };
        assert_eq!(interpreter.run(&packet, 0, &[]), expected, "byte {byte}");
    }
}

#[test]
fn never_reads_past_a_short_packet() {
    let program = drop_odd(Target::Interpreter);
    let interpreter = Interpreter::new(&program);
    for len in 0..=14 {
        let packet = vec![1; len];
        // rbpf stops with an error at a load out of bounds.
        assert_eq!(interpreter.run(&packet, 0, &[]), XdpAction::Pass, "{len} bytes");
    }
    assert_eq!(interpreter.run(&[1; 15], 0, &[]), XdpAction::Drop);
}

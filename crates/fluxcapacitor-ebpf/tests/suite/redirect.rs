//! The redirect program.

use fluxcapacitor_ebpf::Register::*;
use fluxcapacitor_ebpf::{
    Assembler, ContextField, Helper, MapRef, Target, XdpAction, redirect_program,
};

use crate::interpreter::{Interpreter, XSK_MAP};

#[test]
fn redirects_queues_that_have_a_socket_and_passes_the_others() {
    let program = redirect_program(XSK_MAP, Target::Interpreter);
    let interpreter = Interpreter::new(&program);
    let sockets = [0, 3, 63, u64::from(u32::MAX)];

    for queue in [0, 1, 2, 3, 4, 62, 63, 64, 1000, u64::from(u32::MAX)] {
        let expected = if sockets.contains(&queue) { XdpAction::Redirect } else { XdpAction::Pass };
        let action = interpreter.run(&[0; 60], queue, &sockets);
        assert_eq!(action, expected, "queue {queue}");
    }
}

#[test]
fn passes_everything_while_the_map_is_empty() {
    let program = redirect_program(XSK_MAP, Target::Interpreter);
    let interpreter = Interpreter::new(&program);
    for queue in 0..64 {
        assert_eq!(interpreter.run(&[0; 60], queue, &[]), XdpAction::Pass);
    }
}

#[test]
fn is_what_an_assembler_makes_of_it() {
    for target in [Target::Kernel, Target::Interpreter] {
        let mut asm = Assembler::new(target);
        asm.load_context(R2, R1, ContextField::RxQueueIndex)
            .load_map(R1, MapRef::from_fd(XSK_MAP))
            .mov(R3, XdpAction::Pass)
            .call(Helper::RedirectMap)
            .exit();
        assert_eq!(asm.finish(), Ok(redirect_program(XSK_MAP, target)));
    }
}

#[test]
fn has_these_bytes_for_the_kernel() {
    #[rustfmt::skip]
    let bytes = [
        0x61, 0x12, 0x10, 0, 0, 0, 0, 0,
        0x18, 0x11, 0, 0, 7, 0, 0, 0,
        0x00, 0x00, 0, 0, 0, 0, 0, 0,
        0xb7, 0x03, 0, 0, 2, 0, 0, 0,
        0x85, 0x00, 0, 0, 51, 0, 0, 0,
        0x95, 0x00, 0, 0, 0, 0, 0, 0,
    ];
    assert_eq!(redirect_program(7, Target::Kernel).bytes(), bytes);
}

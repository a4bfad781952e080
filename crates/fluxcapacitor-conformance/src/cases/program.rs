//! XDP programs of one's own.

use fluxcapacitor::ebpf::Register::{R1, R2, R3, R4, R5};
use fluxcapacitor::ebpf::{Assembler, Condition, ContextField, Helper, Size, XdpAction};
use fluxcapacitor::hook::XdpProgram;

use crate::bench::Bench;
use crate::fixture::Side::{A, B};
use crate::traffic::{NUMBER_AT, QUIET};
use crate::verdict::Outcome;

/// A program goes with its socket: the next one finds none, and the stack has the packets in between.
pub(super) fn cleanup(bench: &Bench<'_>) -> Outcome {
    let drop_all = XdpProgram::new(|_, target| {
        let mut asm = Assembler::new(target);
        asm.return_action(XdpAction::Drop);
        asm.finish()
    });
    let port = bench.port(B);
    for round in 0..3 {
        let packet = bench.packet(A, round);
        let mut deaf = bench.open(B, |builder| builder.program(drop_all.clone()))?;
        assert!(port.has_program()?);
        port.inject(&packet)?;
        assert_eq!(bench.receive_until(&mut deaf, 1, QUIET)?.len(), 0, "dropped");
        assert_eq!(port.passed(QUIET)?, None, "dropped");
        drop(deaf);

        assert!(!port.has_program()?, "it stayed");
        // A driver may begin anew without its program, and has no packet that comes meanwhile.
        bench.until("in the stack's hands: nobody is in between", || {
            port.inject(&packet)?;
            Ok(port.passed(QUIET)? == Some(packet.clone()))
        })?;
        while port.passed(QUIET)?.is_some() {}

        let mut receiver = bench.open(B, |builder| builder)?;
        port.inject(&packet)?;
        assert!(bench.receive(&mut receiver, 1)? == [packet]);
        assert_eq!(port.passed(QUIET)?, None, "each goes one way");
        let mut sender = bench.open(A, |builder| builder)?;
        bench.cross((A, &mut sender), &mut receiver, &bench.packets(A, 0..128))?;
    }
    Ok(())
}

/// Every second packet is dropped by the program, the others come.
pub(super) fn drop_half(bench: &Bench<'_>) -> Outcome {
    const LAST_OCTET: i32 = NUMBER_AT as i32 + 3;
    let drop_odd = XdpProgram::new(|map, target| {
        let mut asm = Assembler::new(target);
        let (short, odd) = (asm.label(), asm.label());
        asm.load_context(R2, R1, ContextField::Data)
            .load_context(R3, R1, ContextField::DataEnd)
            .mov(R4, R2)
            .add(R4, LAST_OCTET + 1)
            .jump_if(Condition::Gt, R4, R3, short)
            .load(Size::Byte, R5, R2, LAST_OCTET as i16)
            .jump_if(Condition::Set, R5, 1, odd)
            .load_context(R2, R1, ContextField::RxQueueIndex)
            .load_map(R1, map)
            .mov(R3, XdpAction::Pass)
            .call(Helper::RedirectMap)
            .exit()
            .bind(short)
            .return_action(XdpAction::Pass)
            .bind(odd)
            .return_action(XdpAction::Drop);
        asm.finish()
    });
    let mut receiver = bench.open(B, |builder| builder.program(drop_odd))?;
    let mut sender = bench.open(A, |builder| builder)?;
    let before = bench.both(A)?;
    for round in 0..32 {
        let sent = bench.packets(A, round * 64..(round + 1) * 64);
        bench.send(&mut sender, &sent)?;
        let received = bench.receive(&mut receiver, sent.len() / 2)?;
        assert!(received.iter().eq(sent.iter().step_by(2)), "round {round}: the even ones");
    }
    assert_eq!(bench.receive_until(&mut receiver, 1, QUIET)?.len(), 0);
    assert_eq!(receiver.statistics()?.rx_dropped, 0, "dropped by the program, not by the socket");
    bench.counted(A, before, 32 * 64)
}

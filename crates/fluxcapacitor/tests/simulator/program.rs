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

//! What other processes have, and other programs.

use std::thread;
use std::time::{Duration, Instant};

use fluxcapacitor::Error;
use fluxcapacitor::ebpf::{Assembler, Target, XdpAction};
use fluxcapacitor::umem::{Layout, PageSize, UmemRegion};
use fluxcapacitor_core::lane::OpenLane;
use fluxcapacitor_core::sys::bpf::{Link, Program, XdpMode};

use super::netlink;
use crate::bench::Bench;
use crate::cases::busy::refused;
use crate::fixture::Side::{A, B};
use crate::run::joined;
use crate::verdict::Outcome;
use crate::victim::{Role, Victim};

/// A lane on a queue that is taken is refused by name, after a while; and let in if the other one is
/// closed meanwhile.
pub(in crate::cases) fn queue(bench: &Bench<'_>) -> Outcome {
    let end = bench.kernel(B)?;
    let first = bench.open(B, |builder| builder.queue(1))?;
    let started = Instant::now();
    let refused = lane(bench, 1).expect_err("two sockets on one queue");
    let Error::QueueBusy { interface, queue, tried_ms } = &refused else {
        panic!("not typed: {refused}")
    };
    assert_eq!((interface.as_str(), *queue), (end.name(), 1), "{refused}");
    assert!(*tried_ms >= 1000 && started.elapsed() >= Duration::from_millis(*tried_ms));
    drop(lane(bench, 0)?);

    thread::scope(|scope| {
        let second = scope.spawn(move || Ok(lane(bench, 1)?));
        thread::sleep(Duration::from_millis(50));
        drop(first);
        joined(second).map(drop)
    })
}

/// A lane without a program.
fn lane(bench: &Bench<'_>, queue: u32) -> fluxcapacitor::Result<OpenLane> {
    let (umem, mut pool) =
        UmemRegion::new(Layout::new(bench.port(B).frame_size(), 64, 0)?, PageSize::Base)?;
    bench.watch(&umem);
    bench.port(B).open_lane(queue, &umem, &mut pool, None)
}

/// Somebody else's program, in either mode and held in either way, is named and left alone.
pub(in crate::cases) fn program(bench: &Bench<'_>) -> Outcome {
    let mut sender = bench.open(A, |builder| builder)?;
    let end = bench.kernel(B)?;
    for mode in [XdpMode::Native, XdpMode::Generic] {
        let theirs = theirs()?;
        let attach = || Link::attach_xdp(&theirs, end.index(), mode);
        let link = end.namespace().run(attach)??;
        refused(bench, "their_firewall");
        assert_eq!(end.xdp_attached()?, Some(theirs.id()), "{mode:?}: it was touched");
        drop(link);

        netlink::set(end, Some(&theirs), mode)?;
        refused(bench, "their_firewall");
        assert_eq!(end.xdp_attached()?, Some(theirs.id()), "{mode:?}, netlink: it was touched");
        netlink::set(end, None, mode)?;
        assert_eq!(end.xdp_attached()?, None);
        let mut socket = bench.open(B, |builder| builder)?;
        bench.cross((A, &mut sender), &mut socket, &bench.packets(A, 0..64))?;
    }
    assert!(!bench.port(B).has_program()?);
    Ok(())
}

/// Somebody else's program, which passes everything.
fn theirs() -> Outcome<Program> {
    let mut asm = Assembler::new(Target::Kernel);
    asm.return_action(XdpAction::Pass);
    let program = asm.finish()?;
    let code: Vec<[u8; 8]> = program.instructions().iter().map(|insn| insn.encode()).collect();
    Ok(Program::load_xdp(&code, "their_firewall", 0)?)
}

/// A process that is killed leaves no program, and its queue free.
pub(in crate::cases) fn killed(bench: &Bench<'_>) -> Outcome {
    let end = bench.kernel(B)?;
    let mut sender = bench.open(A, |builder| builder)?;
    for round in 0..3 {
        let (victim, _) = Victim::start(bench.program(), Role::Socket, end)?;
        assert!(bench.port(B).has_program()?, "round {round}: it has none");
        let refused = bench.try_open(B, |builder| builder).expect_err("two programs");
        assert!(matches!(refused, Error::ProgramBusy { .. }), "not typed: {refused}");
        victim.kill()?;
        bench.until("free of its program", || Ok(!bench.port(B).has_program()?))?;
        let mut socket = bench.open(B, |builder| builder)?;
        bench.cross((A, &mut sender), &mut socket, &bench.packets(A, 0..64))?;
    }
    Ok(())
}

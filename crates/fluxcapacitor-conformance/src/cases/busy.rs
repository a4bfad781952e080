//! What somebody else has already.

use std::thread;
use std::time::{Duration, Instant};

use fluxcapacitor::Error;
use fluxcapacitor::ebpf::{Assembler, Target, XdpAction};
use fluxcapacitor::hook::Attach;
use fluxcapacitor::ring::RingSizes;
use fluxcapacitor::umem::{Layout, PageSize, UmemRegion};
use fluxcapacitor_core::sys::bpf::{Link, Program, XdpMode};
use fluxcapacitor_core::sys::lane::{self, LaneOptions, OpenLane};
use fluxcapacitor_core::sys::socket::BindMode;
use fluxcapacitor_testbed::End;

use crate::bench::Bench;
use crate::fixture::Side::{A, B};
use crate::run::joined;
use crate::verdict::Outcome;
use crate::victim::{Role, Victim};

/// In generic mode the last rx queue is beyond reach.
pub(super) const QUEUES: u32 = 3;

/// How long binding goes on while the queue is taken.
const BIND: Duration = Duration::from_secs(3);

/// A second socket on a queue is refused by name; it is let in within the retry's bound once the first
/// is closed.
pub(super) fn queue(bench: &Bench<'_>) -> Outcome {
    let first = bench.open(B, |builder| builder.queue(1))?;
    let refused = bench.try_open(B, |builder| builder.queue(1));
    let refused = refused.expect_err("two sockets on one queue");
    assert!(
        matches!(refused, Error::ProgramBusy { .. } | Error::QueueBusy { .. }),
        "not typed: {refused}"
    );
    if let Some(end) = bench.port(B).end() {
        let started = Instant::now();
        let refused = lane(bench, end, 1).expect_err("two sockets on one queue");
        let Error::QueueBusy { interface, queue, tried_ms } = &refused else {
            panic!("not typed: {refused}")
        };
        assert_eq!((interface.as_str(), *queue), (end.name(), 1), "{refused}");
        assert!(*tried_ms >= 1000 && started.elapsed() >= Duration::from_millis(*tried_ms));
        drop(lane(bench, end, 0)?);

        // Closed while another one tries.
        thread::scope(|scope| {
            let second = scope.spawn(move || Ok(lane(bench, end, 1)?));
            thread::sleep(Duration::from_millis(50));
            drop(first);
            joined(second).map(drop)
        })?;
    } else {
        drop(first);
    }
    for round in 0..10 {
        let started = bench.fixture().now();
        let mut second = bench.open(B, |builder| builder.queue(1))?;
        let took = bench.fixture().now() - started;
        assert!(took < BIND, "round {round}: {took:?}");
        let mut sender = bench.open(A, |builder| builder.queue(sends_to(bench, 1)))?;
        bench.cross((A, &mut sender), &mut second, &bench.packets(A, 0..64))?;
    }
    Ok(())
}

/// The tx queue whose packets arrive at rx queue `queue`.
fn sends_to(bench: &Bench<'_>, queue: u32) -> u32 {
    let found = (0..QUEUES).find(|tx| bench.fixture().arrives_at(*tx) == queue);
    found.unwrap_or(queue)
}

/// A lane without a program.
fn lane(bench: &Bench<'_>, end: &End, queue: u32) -> fluxcapacitor::Result<OpenLane> {
    let (umem, mut pool) = UmemRegion::new(Layout::new(2048, 64, 0)?, PageSize::Base)?;
    bench.watch(&umem);
    let options = LaneOptions {
        interface: end.name(),
        driver: "veth",
        ifindex: end.index(),
        queue,
        sizes: RingSizes { fill: 32, rx: 32, tx: 32, completion: 32 },
        mode: BindMode { zero_copy: false, need_wakeup: true },
        tx_reserve: 32,
    };
    let opened = end.namespace().run(|| lane::open(&umem, &mut pool, options));
    opened.map_err(|error| Error::sys("setns", std::io::Error::other(error)))?
}

/// Another program on the interface, ours or somebody else's, in either mode, is named and left alone.
pub(super) fn program(bench: &Bench<'_>) -> Outcome {
    let refused = |named: &str| {
        for attach in [Attach::Native, Attach::Generic, Attach::Auto] {
            let refused = bench.try_open(B, |builder| builder.queue(1).attach(attach));
            let refused = refused.expect_err("two programs on one interface");
            let Error::ProgramBusy { interface, program } = &refused else {
                panic!("{attach:?}: not typed: {refused}")
            };
            assert!(!interface.is_empty() && program.contains(named), "{attach:?}: {refused}");
        }
    };
    let mut first = bench.open(B, |builder| builder)?;
    refused("flux_redirect");
    let mut sender = bench.open(A, |builder| builder)?;
    bench.cross((A, &mut sender), &mut first, &bench.packets(A, 0..64))?;
    drop(first);

    let end = bench.kernel(B)?;
    for mode in [XdpMode::Native, XdpMode::Generic] {
        let theirs = theirs()?;
        let attach = || Link::attach_xdp(&theirs, end.index(), mode);
        let link = end.namespace().run(attach)??;
        refused("their_firewall");
        assert_eq!(end.xdp_attached()?, Some(theirs.id()), "{mode:?}: it was touched");
        drop(link);
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
pub(super) fn killed(bench: &Bench<'_>) -> Outcome {
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

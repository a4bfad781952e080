//! What another process has: the queue, or the hook.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use fluxcapacitor::ebpf::{Assembler, Target, XdpAction};
use fluxcapacitor::hook::Attach;
use fluxcapacitor::ring::RingSizes;
use fluxcapacitor::umem::{Layout, PageSize, UmemRegion};
use fluxcapacitor::{Error, FluxBuilder};
use fluxcapacitor_core::backend::BindMode;
use fluxcapacitor_core::lane::{self, LaneOptions, Port};
use fluxcapacitor_core::sys::bpf::{Link, Program, XdpMode};
use fluxcapacitor_core::sys::netdev::Interface;
use rustix::thread::CapabilitySet;

use crate::capability::give_up;
use crate::other::{Other, find, ready};
use crate::wire::{SECOND, open, refused, says, small, wire};

const EVERY_WAY: [Attach; 3] = [Attach::Native, Attach::Generic, Attach::Auto];

/// A socket on queue 0, without a program.
pub fn hold_a_socket(place: &str) {
    let (namespace, interface) = find(place);
    let layout = Layout::new(2048, 64, 0).unwrap();
    let (umem, mut pool) = UmemRegion::new(layout, PageSize::Base).unwrap();
    let open = || {
        let port = Port::Kernel { ifindex: Interface::by_name(interface).unwrap().index };
        let sizes = RingSizes { fill: 32, rx: 32, tx: 32, completion: 32 };
        let mode = BindMode { zero_copy: false, need_wakeup: true, segments_max: 1 };
        let (driver, queue, tx_reserve) = ("veth", 0, 32);
        let options =
            LaneOptions { port, interface, driver, queue, sizes, mode, share: None, tx_reserve };
        lane::open(&umem, &mut pool, &options).unwrap()
    };
    let _lane = namespace.run(open).unwrap();
    ready("");
}

/// A program that passes everything.
fn their_firewall() -> Program {
    let mut asm = Assembler::new(Target::Kernel);
    asm.return_action(XdpAction::Pass);
    let code: Vec<[u8; 8]> =
        asm.finish().unwrap().instructions().iter().map(|insn| insn.encode()).collect();
    Program::load_xdp(&code, "their_firewall", 0).unwrap()
}

/// A program that a link of this process holds.
pub fn hold_a_program(mode: &str, place: &str) {
    let (namespace, interface) = find(place);
    let mode = if mode == "native" { XdpMode::Native } else { XdpMode::Generic };
    let program = their_firewall();
    let attach = || {
        let ifindex = Interface::by_name(interface).unwrap().index;
        Link::attach_xdp(&program, ifindex, mode).unwrap()
    };
    let _link = namespace.run(attach).unwrap();
    ready(&program.id().to_string());
}

#[test]
fn a_queue_that_another_process_has() {
    let Some(wire) = wire(2) else { return };
    let mut other = Other::on(wire.b(), "socket");
    let started = Instant::now();
    let error = refused(wire.b(), small);
    assert!(matches!(error, Error::QueueBusy { queue: 0, tried_ms: 3000, .. }), "{error}");
    assert!(started.elapsed() >= 3 * SECOND, "{:?}", started.elapsed());
    let which = format!("queue 0 of {} is taken by another socket", wire.b().name());
    says(&error, &[&which, "still after 3000 ms", "end the program", "take another queue"]);
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::ResourceBusy);

    // What it says to do, either way.
    drop(open(wire.b(), |builder| small(builder).queue(1)).unwrap());
    other.kill();
    open(wire.b(), small).unwrap();
}

#[test]
fn a_hook_that_another_process_has() {
    let Some(wire) = wire(1) else { return };
    for (mode, option) in [("native", "xdp"), ("generic", "xdpgeneric")] {
        let mut other = Other::on(wire.b(), mode);
        for attach in EVERY_WAY {
            let error = refused(wire.b(), |builder| small(builder).attach(attach));
            assert!(matches!(error, Error::ProgramBusy { .. }), "{attach:?}: {error}");
            let name = wire.b().name();
            let which = format!("another XDP program is on {name}: their_firewall (id ");
            let how = format!("{}, {mode};", other.said);
            let off = format!("`ip link set {name} {option} off` takes it off if no link holds it");
            says(&error, &[&which, &how, &off, "end the process that put it there"]);
            assert_eq!(io::Error::from(error).kind(), io::ErrorKind::ResourceBusy);
        }
        let off = wire.b().set_xdp(None, mode == "generic");
        assert!(off.is_err(), "a link holds it");
        other.kill();
        open(wire.b(), small).unwrap();
    }
}

#[test]
fn a_hook_that_nobody_holds() {
    let Some(wire) = wire(1) else { return };
    for (generic, mode, off) in [(false, "native", "xdp off"), (true, "generic", "xdpgeneric off")]
    {
        wire.b().set_xdp(Some(their_firewall().as_fd()), generic).unwrap();
        for attach in EVERY_WAY {
            let error = refused(wire.b(), |builder| small(builder).attach(attach));
            assert!(matches!(error, Error::ProgramBusy { .. }), "{attach:?}: {error}");
            let off = format!("`ip link set {} {off}`", wire.b().name());
            says(&error, &["their_firewall (id ", &format!(", {mode};"), &off]);
        }
        // What it says to do.
        wire.b().set_xdp(None, generic).unwrap();
        open(wire.b(), small).unwrap();
    }
}

/// The kernel tells a program's name to `CAP_SYS_ADMIN` alone.
#[test]
fn a_hook_that_we_may_not_look_at() {
    let Some(wire) = wire(1) else { return };
    let other = Other::on(wire.b(), "native");
    let build = || {
        give_up(CapabilitySet::SYS_ADMIN);
        small(FluxBuilder::new(wire.b().name())).build_raw().unwrap_err()
    };
    let error = wire.b().namespace().run(build).unwrap();
    assert!(matches!(error, Error::ProgramBusy { .. }), "{error}");
    let id = &other.said;
    says(&error, &[&format!("id {id} (native;"), &format!("`bpftool prog show id {id}`")]);
}

#[test]
fn a_hook_that_is_ours() {
    let Some(wire) = wire(2) else { return };
    let first = open(wire.b(), |builder| small(builder).attach(Attach::Native)).unwrap();
    for attach in EVERY_WAY {
        let error = refused(wire.b(), |builder| small(builder).queue(1).attach(attach));
        assert!(matches!(error, Error::ProgramBusy { .. }), "{error}");
        says(&error, &["flux_redirect (id ", "one of ours: each holds its interface alone"]);
    }
    drop(first);
    open(wire.b(), |builder| small(builder).attach(Attach::Generic)).unwrap();
    assert_eq!(wire.b().xdp_attached().unwrap(), None);
}

//! Each capability, missing alone.
//!
//! `CAP_SYS_ADMIN` serves in place of `CAP_BPF`, `CAP_PERFMON` and, for bpf(2), of `CAP_NET_ADMIN`
//! (`bpf_token_capable`, `perfmon_capable`). Root has it, so it is taken away along with these.

use fluxcapacitor::ebpf::Register::{R1, R2, R3, R4, R5};
use fluxcapacitor::ebpf::{Assembler, Condition, ContextField, Helper, Size, XdpAction};
use fluxcapacitor::hook::XdpProgram;
use fluxcapacitor::{Error, FluxBuilder, FluxRaw, Result};
use fluxcapacitor_testbed::End;
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

use crate::wire::{says, small, wire};

const SYS_ADMIN: CapabilitySet = CapabilitySet::SYS_ADMIN;

/// Takes them from this thread, for its life: they are each thread's own.
pub fn give_up(less: CapabilitySet) {
    let mut sets = capabilities(None).unwrap();
    sets.effective.remove(less);
    sets.permitted.remove(less);
    sets.inheritable.remove(less);
    set_capabilities(None, sets).unwrap();
}

/// Builds without these capabilities: on a thread that is in the namespace before it gives them up, as
/// entering takes `CAP_SYS_ADMIN`, and that ends afterwards.
fn open_without(
    less: CapabilitySet,
    end: &End,
    configure: impl FnOnce(FluxBuilder) -> FluxBuilder + Send,
) -> Result<FluxRaw> {
    let build = || {
        give_up(less);
        configure(small(FluxBuilder::new(end.name()))).build_raw()
    };
    let built = end.namespace().run(build).unwrap();
    if built.is_err() {
        assert_eq!(end.xdp_attached().unwrap(), None, "a failed build leaves nothing");
    }
    built
}

#[test]
fn a_missing_capability_is_named_with_what_needs_it_and_who_grants_it() {
    let Some(wire) = wire(1) else { return };
    let (net_raw, net_admin, bpf) =
        (CapabilitySet::NET_RAW, CapabilitySet::NET_ADMIN, CapabilitySet::BPF);
    let (making_maps, both) = ("bpf(BPF_MAP_CREATE)", "CAP_BPF and CAP_NET_ADMIN");
    for (less, named, needed_by) in [
        (net_raw, "CAP_NET_RAW", "socket(AF_XDP)"),
        (net_admin | SYS_ADMIN, both, making_maps),
        (bpf | SYS_ADMIN, both, making_maps),
    ] {
        let error = open_without(less, wire.b(), |builder| builder).unwrap_err();
        assert!(
            matches!(error, Error::MissingCapability { capability, call }
                if capability == named && call == needed_by),
            "{less:?}: {error}"
        );
        assert!(error.is_permission());
        says(&error, &[&format!("{needed_by} needs {named};"), "run as root", "in a container"]);
        // The command grants what is missing, whichever it is.
        let text = error.to_string();
        let granted = text.split("`sudo setcap ").nth(1).unwrap().split('+').next().unwrap();
        for capability in named.split(" and ") {
            let capability = capability.to_lowercase();
            assert!(granted.split(',').any(|granted| granted == capability), "{text}");
        }
    }
}

#[test]
fn the_capabilities_that_it_says_to_grant_are_enough() {
    let Some(wire) = wire(1) else { return };
    let granted = CapabilitySet::NET_ADMIN | CapabilitySet::NET_RAW | CapabilitySet::BPF;
    open_without(!granted, wire.b(), |builder| builder).unwrap();
}

#[test]
fn sys_admin_serves_in_place_of_those_for_bpf() {
    let Some(wire) = wire(1) else { return };
    for less in [CapabilitySet::NET_ADMIN, CapabilitySet::BPF, CapabilitySet::PERFMON] {
        open_without(less, wire.b(), |builder| builder).unwrap();
    }
}

/// Redirects packets of IPv4 whose byte behind the IP header, wherever that ends, is even: an offset
/// into the packet that is known at run time only.
fn by_what_is_behind_the_ip_header() -> XdpProgram {
    XdpProgram::new(|map, target| {
        let mut asm = Assembler::new(target);
        let pass = asm.label();
        asm.load_context(R2, R1, ContextField::Data)
            .load_context(R3, R1, ContextField::DataEnd)
            .mov(R4, R2)
            .add(R4, 34)
            .jump_if(Condition::Gt, R4, R3, pass)
            .load(Size::Byte, R5, R2, 14)
            .and(R5, 15)
            .lsh(R5, 2)
            .add(R2, R5)
            .mov(R4, R2)
            .add(R4, 15)
            .jump_if(Condition::Gt, R4, R3, pass)
            .load(Size::Byte, R5, R2, 14)
            .jump_if(Condition::Set, R5, 1, pass)
            .load_context(R2, R1, ContextField::RxQueueIndex)
            .load_map(R1, map)
            .mov(R3, XdpAction::Pass)
            .call(Helper::RedirectMap)
            .exit()
            .bind(pass)
            .return_action(XdpAction::Pass);
        asm.finish()
    })
}

#[test]
fn perfmon_is_for_programs_with_variable_offsets_and_ours_has_none() {
    let Some(wire) = wire(1) else { return };
    let less = CapabilitySet::PERFMON | SYS_ADMIN;
    open_without(less, wire.b(), |builder| builder).unwrap();

    let program = by_what_is_behind_the_ip_header();
    let error = open_without(less, wire.b(), |b| b.program(program.clone())).unwrap_err();
    assert!(matches!(error, Error::ProgramRefused { .. }), "{error}");
    says(&error, &["the kernel's verifier refused the XDP program: Permission denied"]);
    says(&error, &["r2 += r5", "prohibited for !root", "CAP_PERFMON would allow it: run as root"]);
    open_without(SYS_ADMIN, wire.b(), |builder| builder.program(program)).unwrap();
}

#[test]
fn perfmon_is_not_said_to_help_where_it_does_not() {
    let Some(wire) = wire(1) else { return };
    // A pointer, made none: nobody may.
    let program = XdpProgram::new(|_, target| {
        let mut asm = Assembler::new(target);
        asm.load_context(R2, R1, ContextField::Data).or(R2, 1).return_action(XdpAction::Pass);
        asm.finish()
    });
    for less in [CapabilitySet::empty(), CapabilitySet::PERFMON | SYS_ADMIN] {
        let error = open_without(less, wire.b(), |b| b.program(program.clone())).unwrap_err();
        assert!(matches!(error, Error::ProgramRefused { .. }), "{error}");
        says(&error, &["bitwise operator |= on pointer prohibited"]);
        assert!(!error.to_string().contains("CAP_PERFMON"), "{error}");
    }
}

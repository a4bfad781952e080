//! Loading and attaching on Linux, and what its refusals mean.

use std::io;

use fluxcapacitor_core::sys::bpf::{Link, Program, XDP_HAS_FRAGS, XdpMode};
use fluxcapacitor_core::sys::netdev::{AttachedMode, Interface};
use fluxcapacitor_core::{Error, Result};
use fluxcapacitor_ebpf::Target;

use super::{Attach, AttachMode, Holder, Hook, XdpProgram, XskMap};

/// What our program is called, in `bpftool prog` and elsewhere.
const PROGRAM: &str = "flux_redirect";

impl Hook {
    /// Assembles, loads and attaches the program, with a map for all queues of the interface.
    ///
    /// # Errors
    /// [`Error::ProgramBusy`] if another program is there; [`Error::NoNativeMode`];
    /// [`Error::MissingCapability`]; [`Error::ProgramRefused`] with the verifier's words.
    pub fn attach(interface: &Interface, attach: Attach) -> Result<Self> {
        Self::attach_program(interface, attach, &XdpProgram::default())
    }

    /// As [`Hook::attach`], with a program of your own.
    ///
    /// # Errors
    /// Also [`Error::Invalid`], if it cannot be assembled.
    pub fn attach_program(
        interface: &Interface,
        attach: Attach,
        program: &XdpProgram,
    ) -> Result<Self> {
        let map = XskMap::new(interface.queue_count())?;
        let code = program.assemble(map.reference(), Target::Kernel)?;
        let code: Vec<[u8; 8]> = code.instructions().iter().map(|insn| insn.encode()).collect();
        let flags = if program.is_multi_buffer() { XDP_HAS_FRAGS } else { 0 };
        let program = load(&code, flags)?;

        let link = |mode| Link::attach_xdp(&program, interface.index, mode);
        let hooked = |link, mode, why_not_native| {
            let holder = Holder::Kernel(link);
            Ok(Self { _holder: holder, map, mode, why_not_native })
        };
        if attach == Attach::Generic {
            let generic =
                link(XdpMode::Generic).map_err(|source| attach_error(interface, source))?;
            return hooked(generic, AttachMode::Generic, None);
        }
        match link(XdpMode::Native) {
            Ok(native) => hooked(native, AttachMode::Native, None),
            // The driver's refusal, not that of the kernel for somebody else's program.
            Err(source) if is_refused_by_driver(&source) => {
                let (driver, why) = (driver(interface), native_refusal(&source, interface.mtu));
                if attach == Attach::Native {
                    return Err(Error::NoNativeMode {
                        interface: interface.name.clone(),
                        driver,
                        why,
                    });
                }
                let generic =
                    link(XdpMode::Generic).map_err(|source| attach_error(interface, source))?;
                hooked(
                    generic,
                    AttachMode::Generic,
                    Some(format!("driver {driver} refuses: {why}")),
                )
            }
            Err(source) => Err(attach_error(interface, source)),
        }
    }
}

/// Loads a program, with flags that old kernels do not know.
fn load(code: &[[u8; 8]], flags: u32) -> Result<Program> {
    Program::load_xdp(code, PROGRAM, flags).map_err(|refused| {
        let unknown = refused.source.raw_os_error() == Some(errno::EINVAL)
            && flags & XDP_HAS_FRAGS != 0
            && Program::load_xdp(code, PROGRAM, flags & !XDP_HAS_FRAGS).is_ok();
        if unknown {
            Error::Unsupported {
                what: "XDP programs for packets of several segments (BPF_F_XDP_HAS_FRAGS)",
                since: "5.18",
            }
        } else {
            refused.into()
        }
    })
}

fn is_refused_by_driver(source: &io::Error) -> bool {
    // EBUSY and EEXIST are about another program, EPERM about us, ENODEV about the interface.
    const OURS: [i32; 4] = [errno::EPERM, errno::EBUSY, errno::EEXIST, errno::ENODEV];
    source.raw_os_error().is_some_and(|number| !OURS.contains(&number))
}

fn native_refusal(source: &io::Error, mtu: u32) -> String {
    match source.raw_os_error() {
        Some(errno::ERANGE) => format!(
            "packets of this link do not fit one buffer (the MTU is {mtu} here; on veth the peer's counts): \
             ask for multi_buffer, or set a smaller MTU"
        ),
        _ => source.to_string(),
    }
}

/// The driver's name, as far as it has one.
pub(crate) fn driver(interface: &Interface) -> String {
    interface.driver.clone().unwrap_or_else(|| "none".to_owned())
}

fn attach_error(interface: &Interface, source: io::Error) -> Error {
    match source.raw_os_error() {
        // EEXIST: a program in the other mode than the one asked for.
        Some(errno::EBUSY | errno::EEXIST) => {
            Error::ProgramBusy { interface: interface.name.clone(), program: program_on(interface) }
        }
        _ => Error::privileged("bpf(BPF_LINK_CREATE)", "CAP_NET_ADMIN", source),
    }
}

/// What can be said of the program that is on an interface: the kernel tells who may ask.
fn program_on(interface: &Interface) -> String {
    let now = Interface::by_index(interface.index).ok().and_then(|interface| interface.xdp);
    let Some(attached) = now else { return "it has just gone; try again".to_owned() };
    let (mode, off) = match attached.mode {
        AttachedMode::Native => ("native", "xdp"),
        AttachedMode::Generic => ("generic", "xdpgeneric"),
        _ => ("offloaded", "xdpoffload"),
    };
    let (id, name) = (attached.program_id, &interface.name);
    let off = format!("`ip link set {name} {off} off` takes it off if no link holds it");
    match Program::info_by_id(id) {
        Ok(info) if info.name == PROGRAM => {
            format!("{PROGRAM} (id {id}, {mode}), one of ours: each holds its interface alone")
        }
        Ok(info) => format!("{} (id {id}, {mode}; {off})", info.name),
        Err(_) => format!("id {id} ({mode}; {off}; `bpftool prog show id {id}` tells more)"),
    }
}

/// Numbers of `asm-generic/errno-base.h`, the same on every architecture that Linux has AF_XDP on.
mod errno {
    pub(super) const EPERM: i32 = 1;
    pub(super) const EBUSY: i32 = 16;
    pub(super) const EEXIST: i32 = 17;
    pub(super) const ENODEV: i32 = 19;
    pub(super) const EINVAL: i32 = 22;
    pub(super) const ERANGE: i32 = 34;
}

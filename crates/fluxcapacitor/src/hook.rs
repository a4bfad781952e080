//! The hook: the XDP program on an interface, and the map from its queues to sockets.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use fluxcapacitor_core::sys::bpf::{Link, Map, Program, ProgramLoadError, XdpMode};
use fluxcapacitor_core::sys::netdev::{AttachedMode, Interface};
use fluxcapacitor_core::{Error, Result};
use fluxcapacitor_ebpf::{Target, redirect_program};

/// What loading XDP programs and making XskMaps takes (`kernel/bpf/syscall.c`).
const CAPABILITIES: &str = "CAP_BPF and CAP_NET_ADMIN";

/// The map from queue to socket that the XDP program redirects by (`BPF_MAP_TYPE_XSKMAP`).
#[derive(Debug)]
pub struct XskMap(Map);

impl XskMap {
    /// A map for queues 0 to `queues` − 1.
    ///
    /// # Errors
    /// [`Error::MissingCapability`] without `CAP_BPF` and `CAP_NET_ADMIN`.
    pub fn new(queues: u32) -> Result<Self> {
        let map = Map::xskmap(queues, "flux_xskmap");
        map.map(Self)
            .map_err(|source| Error::privileged("bpf(BPF_MAP_CREATE)", CAPABILITIES, source))
    }

    /// The map of a program of your own.
    ///
    /// # Errors
    /// [`Error::Sys`] if it is not an XskMap.
    pub fn from_fd(fd: OwnedFd) -> Result<Self> {
        Map::from_fd(fd).map(Self).map_err(|source| Error::sys("XskMap::from_fd", source))
    }

    /// The map of a program of your own, pinned on a bpffs.
    ///
    /// # Errors
    /// [`Error::Sys`] if there is none, or it is not an XskMap.
    pub fn from_pinned(path: impl AsRef<Path>) -> Result<Self> {
        let map = Map::from_pinned(path.as_ref());
        map.map(Self).map_err(|source| Error::privileged("bpf(BPF_OBJ_GET)", CAPABILITIES, source))
    }

    /// Has the packets of `queue` redirected to `socket`, which must be bound to that queue.
    ///
    /// # Errors
    /// [`Error::Sys`] if the map has no such queue or `socket` is not of AF_XDP.
    pub fn insert(&self, queue: u32, socket: &impl AsFd) -> Result<()> {
        let updated = self.0.update(queue, socket.as_fd());
        updated
            .map_err(|source| Error::privileged("bpf(BPF_MAP_UPDATE_ELEM)", CAPABILITIES, source))
    }

    /// Has the packets of `queue` go to the stack again.
    ///
    /// # Errors
    /// [`Error::Sys`] if the map has no such queue.
    pub fn remove(&self, queue: u32) -> Result<()> {
        let deleted = self.0.delete(queue);
        deleted
            .map_err(|source| Error::privileged("bpf(BPF_MAP_DELETE_ELEM)", CAPABILITIES, source))
    }

    /// How many queues it has room for.
    #[must_use]
    pub fn queues(&self) -> u32 {
        self.0.max_entries()
    }
}

impl AsFd for XskMap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Where the XDP program is to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attach {
    /// In the driver if that is offered, else generic; [`Granted`](crate::Granted) says which, and why.
    #[default]
    Auto,
    /// In the driver, or not at all.
    Native,
    /// In the stack, on socket buffers: works on every interface, and is slower.
    Generic,
}

/// Where an XDP program does run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttachMode {
    /// In the driver.
    Native,
    /// In the stack, on socket buffers.
    Generic,
}

impl fmt::Display for AttachMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Generic => "generic",
        })
    }
}

/// Our XDP program, on an interface for as long as this lives.
///
/// It redirects the packets of each queue that has a socket in the map, and passes all others to the
/// stack. The attachment is a BPF link: when the process ends, however it ends, the kernel detaches
/// the program.
#[derive(Debug)]
pub struct Hook {
    // Detached first: fields drop in this order.
    _link: Link,
    map: XskMap,
    mode: AttachMode,
    why_not_native: Option<String>,
}

impl Hook {
    /// Assembles, loads and attaches the program, with a map for all queues of the interface.
    ///
    /// # Errors
    /// [`Error::ProgramBusy`] if another program is there; [`Error::NoNativeMode`];
    /// [`Error::MissingCapability`]; [`Error::ProgramRefused`] with the verifier's words.
    pub fn attach(interface: &Interface, attach: Attach) -> Result<Self> {
        let map = XskMap::new(interface.queue_count())?;
        let code = redirect_program(map.as_fd().as_raw_fd(), Target::Kernel);
        let code: Vec<[u8; 8]> = code.instructions().iter().map(|insn| insn.encode()).collect();
        let program = Program::load_xdp(&code, "flux_redirect", 0).map_err(load_error)?;

        let link = |mode| Link::attach_xdp(&program, interface.index, mode);
        let hooked = |link, mode, why| Ok(Self { _link: link, map, mode, why_not_native: why });
        if attach == Attach::Generic {
            let why = Some("generic was asked for".to_owned());
            let generic =
                link(XdpMode::Generic).map_err(|source| attach_error(interface, source))?;
            return hooked(generic, AttachMode::Generic, why);
        }
        match link(XdpMode::Native) {
            Ok(native) => hooked(native, AttachMode::Native, None),
            // The driver's refusal, not that of the kernel for somebody else's program.
            Err(source) if is_refused_by_driver(&source) => {
                let driver = interface.driver.clone().unwrap_or_else(|| "unknown".to_owned());
                if attach == Attach::Native {
                    let interface = interface.name.clone();
                    return Err(Error::NoNativeMode { interface, driver, source });
                }
                let generic =
                    link(XdpMode::Generic).map_err(|source| attach_error(interface, source))?;
                let why =
                    format!("driver {driver} refuses: {}", native_refusal(&source, interface.mtu));
                hooked(generic, AttachMode::Generic, Some(why))
            }
            Err(source) => Err(attach_error(interface, source)),
        }
    }

    /// The map by which the program redirects.
    #[must_use]
    pub const fn map(&self) -> &XskMap {
        &self.map
    }

    /// Where the program runs.
    #[must_use]
    pub const fn mode(&self) -> AttachMode {
        self.mode
    }

    /// Why it does not run in the driver, if it does not.
    #[must_use]
    pub fn why_not_native(&self) -> Option<&str> {
        self.why_not_native.as_deref()
    }
}

fn is_refused_by_driver(source: &io::Error) -> bool {
    // EBUSY and EEXIST are about another program, EPERM about us, ENODEV about the interface.
    const OURS: [i32; 4] = [errno::EPERM, errno::EBUSY, errno::EEXIST, errno::ENODEV];
    source.raw_os_error().is_some_and(|number| !OURS.contains(&number))
}

fn native_refusal(source: &io::Error, mtu: u32) -> String {
    match source.raw_os_error() {
        Some(errno::ERANGE) => format!("an MTU of {mtu} does not fit one buffer ({source})"),
        _ => source.to_string(),
    }
}

fn load_error(error: ProgramLoadError) -> Error {
    if error.log.is_empty() {
        return Error::privileged("bpf(BPF_PROG_LOAD)", CAPABILITIES, error.source);
    }
    Error::ProgramRefused { log: error.log, source: error.source }
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
    let mode = match attached.mode {
        AttachedMode::Native => "native",
        AttachedMode::Generic => "generic",
        _ => "offloaded",
    };
    let id = attached.program_id;
    match Program::info_by_id(id) {
        Ok(info) => format!("{} (id {id}, {mode})", info.name),
        Err(_) => format!("id {id}, {mode} (`bpftool prog show id {id}` tells more)"),
    }
}

/// Numbers of `asm-generic/errno-base.h`, the same on every architecture that Linux has AF_XDP on.
mod errno {
    pub(super) const EPERM: i32 = 1;
    pub(super) const EBUSY: i32 = 16;
    pub(super) const EEXIST: i32 = 17;
    pub(super) const ENODEV: i32 = 19;
    pub(super) const ERANGE: i32 = 34;
}

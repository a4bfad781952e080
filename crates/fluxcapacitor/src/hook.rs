//! The hook: the XDP program on an interface, and the map from its queues to sockets.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use fluxcapacitor_core::sys::bpf::{Link, Map, Program, XdpMode};
use fluxcapacitor_core::sys::netdev::AttachedMode;
pub use fluxcapacitor_core::sys::netdev::Interface;
use fluxcapacitor_core::{Error, Result};
use fluxcapacitor_ebpf::{
    AssembleError, MapRef, Program as Instructions, Target, redirect_program,
};

/// What loading XDP programs and making XskMaps takes (`kernel/bpf/syscall.c`).
const CAPABILITIES: &str = "CAP_BPF and CAP_NET_ADMIN";

/// What our program is called, in `bpftool prog` and elsewhere.
const PROGRAM: &str = "flux_redirect";

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

/// How to make the XDP program, once it is known which map it redirects by and where it will run.
///
/// By default it is [`redirect_program`]: the packets of each queue that has a socket go there, all
/// others to the stack.
#[derive(Clone)]
pub struct XdpProgram(Arc<Make>);

type Make = dyn Fn(MapRef, Target) -> Result<Instructions, AssembleError> + Send + Sync;

impl XdpProgram {
    /// A program of your own, put together by [`ebpf::Assembler`](crate::ebpf::Assembler).
    pub fn new(
        make: impl Fn(MapRef, Target) -> Result<Instructions, AssembleError> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(make))
    }

    fn assemble(&self, map: MapRef, target: Target) -> Result<Instructions> {
        (self.0)(map, target)
            .map_err(|error| Error::invalid("XDP program", "of your own", error.to_string()))
    }
}

impl Default for XdpProgram {
    fn default() -> Self {
        Self::new(|map, target| Ok(redirect_program(map.fd(), target)))
    }
}

impl fmt::Debug for XdpProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("XdpProgram").finish_non_exhaustive()
    }
}

/// Our XDP program, on an interface for as long as this lives.
///
/// It redirects the packets of each queue that has a socket in the map, and passes all others to the
/// stack. The attachment is a BPF link: dropping this detaches the program, and so does the kernel when
/// the process ends, however it ends, unless a forked child has inherited the link and lives on.
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
        let code = program.assemble(MapRef::from_fd(map.as_fd().as_raw_fd()), Target::Kernel)?;
        let code: Vec<[u8; 8]> = code.instructions().iter().map(|insn| insn.encode()).collect();
        let program = Program::load_xdp(&code, PROGRAM, 0)?;

        let link = |mode| Link::attach_xdp(&program, interface.index, mode);
        let hooked = |link, mode, why| Ok(Self { _link: link, map, mode, why_not_native: why });
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

    /// Why it does not run in the driver, if it was to.
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
        Some(errno::ERANGE) => format!(
            "packets of this link do not fit one buffer (the MTU is {mtu} here; on veth the peer's counts)"
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
    pub(super) const ERANGE: i32 = 34;
}

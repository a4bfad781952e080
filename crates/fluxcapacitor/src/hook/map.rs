//! The map from queues to sockets.

#[cfg(target_os = "linux")]
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
#[cfg(target_os = "linux")]
use std::path::Path;

#[cfg(any(target_os = "linux", feature = "simulator"))]
use fluxcapacitor_core::Error;
use fluxcapacitor_core::Result;
use fluxcapacitor_core::backend::Backend;
#[cfg(feature = "simulator")]
use fluxcapacitor_core::simulator::SocketMap;
#[cfg(target_os = "linux")]
use fluxcapacitor_core::sys::bpf::Map;
use fluxcapacitor_ebpf::MapRef;

/// What loading XDP programs and making XskMaps takes (`kernel/bpf/syscall.c`).
#[cfg(target_os = "linux")]
pub(super) const CAPABILITIES: &str = "CAP_BPF and CAP_NET_ADMIN";

/// The map from queue to socket that the XDP program redirects by (`BPF_MAP_TYPE_XSKMAP`).
#[derive(Debug)]
pub struct XskMap(Kind);

#[derive(Debug)]
enum Kind {
    #[cfg(target_os = "linux")]
    Kernel(Map),
    #[cfg(feature = "simulator")]
    Simulated(SocketMap),
}

impl XskMap {
    #[cfg(feature = "simulator")]
    pub(super) fn simulated(map: SocketMap) -> Self {
        Self(Kind::Simulated(map))
    }

    /// What a program names it by.
    pub(super) fn reference(&self) -> MapRef {
        match self.0 {
            #[cfg(target_os = "linux")]
            Kind::Kernel(ref map) => MapRef::from_fd(map.as_fd().as_raw_fd()),
            #[cfg(feature = "simulator")]
            Kind::Simulated(ref map) => MapRef::from_fd(map.number()),
        }
    }

    /// Has the packets of `queue` redirected to `socket`, real or simulated as the map is, which is bound to
    /// that queue.
    ///
    /// # Errors
    /// [`Error::Sys`](crate::Error::Sys) or [`Error::Invalid`](crate::Error::Invalid) if the map has no such
    /// queue, or the socket is of the other kind.
    pub fn insert_socket(&self, queue: u32, socket: &dyn Backend) -> Result<()> {
        match self.0 {
            #[cfg(target_os = "linux")]
            Kind::Kernel(_) => self.insert(queue, &socket.fd()),
            #[cfg(feature = "simulator")]
            Kind::Simulated(ref map) => match socket.as_simulated() {
                None => Err(Error::invalid("socket", "a kernel's", "the map is a simulated one")),
                simulated => map.set(queue, simulated),
            },
        }
    }

    /// Has the packets of `queue` go to the stack again.
    ///
    /// # Errors
    /// [`Error::Sys`](crate::Error::Sys) if the map has no such queue.
    pub fn remove(&self, queue: u32) -> Result<()> {
        match self.0 {
            #[cfg(target_os = "linux")]
            Kind::Kernel(ref map) => map.delete(queue).map_err(|source| {
                Error::privileged("bpf(BPF_MAP_DELETE_ELEM)", CAPABILITIES, source)
            }),
            #[cfg(feature = "simulator")]
            Kind::Simulated(ref map) => map.set(queue, None),
        }
    }

    /// How many queues it has room for.
    #[must_use]
    pub fn queues(&self) -> u32 {
        match self.0 {
            #[cfg(target_os = "linux")]
            Kind::Kernel(ref map) => map.max_entries(),
            #[cfg(feature = "simulator")]
            Kind::Simulated(ref map) => map.slots(),
        }
    }
}

#[cfg(target_os = "linux")]
impl XskMap {
    /// A map for queues 0 to `queues` − 1.
    ///
    /// # Errors
    /// [`Error::MissingCapability`] without `CAP_BPF` and `CAP_NET_ADMIN`.
    pub fn new(queues: u32) -> Result<Self> {
        let map = Map::xskmap(queues, "flux_xskmap");
        map.map(Self::of)
            .map_err(|source| Error::privileged("bpf(BPF_MAP_CREATE)", CAPABILITIES, source))
    }

    /// The map of a program of your own.
    ///
    /// # Errors
    /// [`Error::Sys`] if it is not an XskMap.
    pub fn from_fd(fd: OwnedFd) -> Result<Self> {
        Map::from_fd(fd).map(Self::of).map_err(|source| Error::sys("XskMap::from_fd", source))
    }

    /// The map of a program of your own, pinned on a bpffs.
    ///
    /// # Errors
    /// [`Error::Sys`] if there is none, or it is not an XskMap.
    pub fn from_pinned(path: impl AsRef<Path>) -> Result<Self> {
        let map = Map::from_pinned(path.as_ref());
        map.map(Self::of)
            .map_err(|source| Error::privileged("bpf(BPF_OBJ_GET)", CAPABILITIES, source))
    }

    /// Has the packets of `queue` redirected to `socket`, which must be bound to that queue.
    ///
    /// # Errors
    /// [`Error::Sys`] if the map has no such queue or `socket` is not of AF_XDP; [`Error::Invalid`] if the
    /// map is a simulated one.
    pub fn insert(&self, queue: u32, socket: &impl AsFd) -> Result<()> {
        let map = self.kernel_map().ok_or_else(|| {
            Error::invalid(
                "map",
                "simulated",
                "only simulated sockets go there, when they are opened",
            )
        })?;
        map.update(queue, socket.as_fd())
            .map_err(|source| Error::privileged("bpf(BPF_MAP_UPDATE_ELEM)", CAPABILITIES, source))
    }

    /// The descriptor of the map; `None` if it is a simulated one.
    #[must_use]
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.kernel_map().map(AsFd::as_fd)
    }

    fn of(map: Map) -> Self {
        Self(Kind::Kernel(map))
    }

    fn kernel_map(&self) -> Option<&Map> {
        match &self.0 {
            Kind::Kernel(map) => Some(map),
            #[cfg(feature = "simulator")]
            Kind::Simulated(_) => None,
        }
    }
}

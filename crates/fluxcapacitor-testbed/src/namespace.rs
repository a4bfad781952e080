//! Anonymous network namespaces, and threads inside them.

mod builder;

use std::{
    fmt,
    fs::File,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::MetadataExt,
    },
    panic,
    path::Path,
    sync::Arc,
    thread,
};

use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, setns, unshare},
};

pub use self::builder::NetNsBuilder;
use crate::{
    error::{Result, TestbedError},
    netlink,
};

/// A network namespace, held by a file descriptor.
///
/// The kernel removes the namespace and all links in it once the last clone is dropped, the last thread inside has
/// ended and the last socket made inside is closed. It does so a moment later, on a kernel thread.
///
/// No method moves the calling thread: what happens inside happens on threads made for it.
///
/// Take facts about a namespace from netlink or `/proc/net`, not from `/sys/class/net`: that shows the namespace in
/// which `/sys` was mounted, but on a thread of [`run_with_sysfs`](Self::run_with_sysfs).
#[derive(Clone)]
pub struct NetNs {
    fd: Arc<OwnedFd>,
    inode: u64,
}

impl NetNs {
    /// Makes a namespace with `lo` up and IPv6 off.
    ///
    /// # Errors
    ///
    /// [`TestbedError::NotPermitted`] without `CAP_SYS_ADMIN`; see also [`NetNsBuilder::build`].
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// Makes a namespace with other settings than [`new`](Self::new).
    pub fn builder() -> NetNsBuilder {
        NetNsBuilder::default()
    }

    /// The namespace of the calling thread.
    ///
    /// # Errors
    ///
    /// [`TestbedError::Sys`] when `/proc` is not mounted.
    pub fn current() -> Result<Self> {
        Self::open("/proc/thread-self/ns/net")
    }

    /// Opens a namespace by path: `/proc/<pid>/ns/net`, or `/run/netns/<name>`.
    ///
    /// # Errors
    ///
    /// [`TestbedError::Sys`] when the file cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let open = |path: &Path| {
            let file = File::open(path)?;
            let inode = file.metadata()?.ino();
            Ok(Self { fd: Arc::new(file.into()), inode })
        };
        open(path.as_ref()).map_err(|source: std::io::Error| {
            TestbedError::refused("opening a network namespace file", "CAP_SYS_PTRACE", source)
        })
    }

    /// The number in `/proc/<pid>/ns/net`: equal numbers at one time, equal namespaces.
    #[must_use]
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// Runs `body` on a fresh thread inside the namespace and returns its value.
    ///
    /// The thread ends before this returns, so `body` may borrow. Sockets made inside stay in the namespace and may
    /// be returned.
    ///
    /// # Errors
    ///
    /// [`TestbedError::NotPermitted`] without `CAP_SYS_ADMIN`, [`TestbedError::Sys`] when no thread can be made.
    ///
    /// # Panics
    ///
    /// With the payload of `body` when `body` panics.
    pub fn run<T, F>(&self, body: F) -> Result<T>
    where
        F: FnOnce() -> T + Send,
        T: Send,
    {
        on_thread(|| {
            self.enter()?;
            Ok(body())
        })
    }

    /// As [`run`](Self::run), with a `/sys` that shows the namespace: in a mount namespace that only the thread is in,
    /// and that ends with it.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), and [`TestbedError::Sys`] when sysfs cannot be mounted.
    ///
    /// # Panics
    ///
    /// With the payload of `body` when `body` panics.
    pub fn run_with_sysfs<T, F>(&self, body: F) -> Result<T>
    where
        F: FnOnce() -> T + Send,
        T: Send,
    {
        on_thread(|| {
            self.enter()?;
            mount_sysfs().map_err(|source| TestbedError::sys("mounting sysfs", source))?;
            Ok(body())
        })
    }

    /// Starts a named thread inside the namespace.
    ///
    /// The name is cut to 15 bytes by the kernel; it may hold no NUL byte.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn spawn<T, F>(&self, name: &str, body: F) -> Result<thread::JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let thread = named(name)?;
        // A thread starts in the namespace of the thread that makes it.
        self.run(|| thread.spawn(body))?
            .map_err(|source| TestbedError::sys("starting a thread", source))
    }

    /// Starts a named thread inside the namespace that may borrow from outside `scope`.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn spawn_scoped<'scope, 'env, T, F>(
        &self,
        scope: &'scope thread::Scope<'scope, 'env>,
        name: &str,
        body: F,
    ) -> Result<thread::ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let thread = named(name)?;
        self.run(|| thread.spawn_scoped(scope, body))?
            .map_err(|source| TestbedError::sys("starting a thread", source))
    }

    /// Names of all links in the namespace, `lo` included.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), and [`TestbedError::Sys`] when the kernel refuses the list.
    pub fn links(&self) -> Result<Vec<String>> {
        netlink::within(self, async |rtnl| netlink::link_names(&rtnl).await)
    }

    /// Moves the calling thread, which must end inside, into the namespace.
    fn enter(&self) -> Result<()> {
        setns(self.fd.as_fd(), CloneFlags::CLONE_NEWNET)
            .map_err(|source| TestbedError::refused("setns", "CAP_SYS_ADMIN", source))
    }
}

impl AsFd for NetNs {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl fmt::Debug for NetNs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NetNs(net:[{}])", self.inode)
    }
}

impl PartialEq for NetNs {
    fn eq(&self, other: &Self) -> bool {
        // All namespaces are files of one kernel-internal file system.
        self.inode == other.inode
    }
}

impl Eq for NetNs {}

/// Gives the calling thread a `/sys` of its own, which shows the network namespace that it is in.
fn mount_sysfs() -> nix::Result<()> {
    let none: Option<&str> = None;
    unshare(CloneFlags::CLONE_NEWNS)?;
    // Otherwise the mount would be seen where this one was copied from.
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    mount(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::empty(), none)
}

/// Runs `body` on a thread of its own, which dies with whatever namespace it has entered.
fn on_thread<T, F>(body: F) -> Result<T>
where
    F: FnOnce() -> Result<T> + Send,
    T: Send,
{
    thread::scope(|scope| {
        let thread = named("netns")?
            .spawn_scoped(scope, body)
            .map_err(|source| TestbedError::sys("starting a thread", source))?;
        thread.join().unwrap_or_else(|payload| panic::resume_unwind(payload))
    })
}

fn named(name: &str) -> Result<thread::Builder> {
    if name.contains('\0') {
        return Err(TestbedError::Invalid {
            what: "the thread name",
            found: format!("{name:?}"),
            expected: "without NUL bytes",
        });
    }
    Ok(thread::Builder::new().name(name.to_owned()))
}

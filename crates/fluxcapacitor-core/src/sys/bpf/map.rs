//! An XSKMAP: from receive queue to AF_XDP socket.
//!
//! # Safety
//!
//! `[u32-map]`: the descriptor of a [`Map`] is that of a map with keys and
//! values of four bytes. `Map::xskmap` makes it so, `Map::from_fd` asks the
//! kernel, and a map never changes its sizes. The kernel reads as many bytes
//! at a key or value as the map has, so that is what keeps it within ours.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::super::memory_lock::lifted_for;
use super::{attr, command, object_name};

/// An XSKMAP, which tells a redirecting program which socket to hand a packet.
///
/// Anybody who holds its descriptor, or a program that uses it, may keep it
/// alive and change it meanwhile.
#[derive(Debug)]
#[doc(alias = "BPF_MAP_TYPE_XSKMAP")]
pub struct Map {
    fd: OwnedFd,
    max_entries: u32,
}

impl Map {
    /// Creates an XSKMAP for the queues 0 up to `entries`.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a `name` the kernel does not take, `EINVAL` for 0
    /// entries, `EPERM` without `CAP_BPF`.
    #[doc(alias = "BPF_MAP_CREATE")]
    pub fn xskmap(entries: u32, name: &str) -> io::Result<Self> {
        let map_name = object_name(name)?;
        let fd = lifted_for(|| {
            command::map_create(attr::MapCreate {
                map_type: attr::BPF_MAP_TYPE_XSKMAP,
                key_size: 4,
                value_size: 4,
                max_entries: entries,
                map_name,
                ..Default::default()
            })
        })?;
        // [u32-map] by the sizes above.
        let max_entries = entries;
        Ok(Self { fd, max_entries })
    }

    /// Takes over an XSKMAP that somebody else made.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it is a map of another kind, or another BPF object;
    /// `EINVAL` or `EBADFD` if it is none.
    pub fn from_fd(fd: OwnedFd) -> io::Result<Self> {
        let info = command::map_info(fd.as_fd())?;
        let found = (info.map_type, info.key_size, info.value_size);
        if found != (attr::BPF_MAP_TYPE_XSKMAP, 4, 4) {
            let (kind, key, value) = found;
            let text = format!(
                "expected an XSKMAP (map type 17, keys and values of 4 bytes), found type {kind}, keys of {key} and values of {value} bytes"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        // [u32-map] by the check above.
        let max_entries = info.max_entries;
        Ok(Self { fd, max_entries })
    }

    /// Opens an XSKMAP that is pinned in a BPF file system.
    ///
    /// # Errors
    ///
    /// Those of [`Map::from_fd`], and what opening a file gives: `NotFound`,
    /// `EACCES`; `EPERM` without `CAP_BPF` where unprivileged BPF is off.
    #[doc(alias = "BPF_OBJ_GET")]
    pub fn from_pinned(path: &Path) -> io::Result<Self> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        Self::from_fd(command::object_get(&path)?)
    }

    /// Gives the packets of queue `key` to `socket`.
    ///
    /// # Errors
    ///
    /// `E2BIG` if the map has no such key, `ENOTSOCK` if `socket` is none, and
    /// `EOPNOTSUPP` if it is not an AF_XDP socket (`net/xdp/xskmap.c`,
    /// `xsk_map_update_elem`). One that is not bound is no error; it gets
    /// nothing.
    #[doc(alias = "BPF_MAP_UPDATE_ELEM")]
    pub fn update(&self, key: u32, socket: BorrowedFd<'_>) -> io::Result<()> {
        let value = socket.as_raw_fd().cast_unsigned();
        // SAFETY: [u32-map].
        unsafe { command::map_update_u32(self.fd.as_fd(), key, value) }
    }

    /// Takes queue `key` away from its socket; a queue without one stays so.
    ///
    /// The kernel does the same when the socket closes.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the map has no such key.
    #[doc(alias = "BPF_MAP_DELETE_ELEM")]
    pub fn delete(&self, key: u32) -> io::Result<()> {
        // SAFETY: [u32-map].
        unsafe { command::map_delete_u32(self.fd.as_fd(), key) }
    }

    /// How many queues it has room for.
    #[must_use]
    pub fn max_entries(&self) -> u32 {
        self.max_entries
    }
}

impl AsFd for Map {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

//! The commands of bpf(2), each as one function.
//!
//! # Safety
//!
//! `[attr]`: the kernel reads one member of `union bpf_attr`, of the size that
//! is passed, and writes its outputs back into it (`kernel/bpf/syscall.c`).
//! The structures of [`attr`] are those members, and hold integers only.
//! `[attr-memory]`: an address in one of them comes from a slice or reference
//! that outlives the call and is borrowed as the kernel uses it; the length
//! beside it is that of the memory there, so the kernel stays within it.
//! `[new-fd]`: commands that make or open an object return a new descriptor,
//! which has `O_CLOEXEC` and no other owner.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::attr;

const BPF_MAP_CREATE: u32 = 0;
const BPF_MAP_UPDATE_ELEM: u32 = 2;
const BPF_MAP_DELETE_ELEM: u32 = 3;
const BPF_PROG_LOAD: u32 = 5;
const BPF_OBJ_GET: u32 = 7;
const BPF_PROG_TEST_RUN: u32 = 10;
const BPF_PROG_GET_FD_BY_ID: u32 = 13;
const BPF_OBJ_GET_INFO_BY_FD: u32 = 15;
const BPF_LINK_CREATE: u32 = 28;
const BPF_LINK_UPDATE: u32 = 29;
const BPF_LINK_DETACH: u32 = 34;

/// The licence that programs are loaded with; helpers may ask for the GPL.
const LICENSE: &CStr = c"Dual MIT/GPL";

/// Creates a map.
pub(super) fn map_create(mut attribute: attr::MapCreate) -> io::Result<OwnedFd> {
    // SAFETY: [attr], and it holds no address; [new-fd].
    unsafe { call_for_fd(BPF_MAP_CREATE, &mut attribute) }
}

/// Sets the value of `key`.
///
/// # Safety
///
/// Keys and values of the map must be four bytes.
pub(super) unsafe fn map_update_u32(map: BorrowedFd<'_>, key: u32, value: u32) -> io::Result<()> {
    let mut attribute = attr::MapElement {
        map_fd: number(map),
        key: address(&raw const key),
        value: address(&raw const value),
        ..Default::default()
    };
    // SAFETY: [attr]; [attr-memory], since the kernel reads four bytes of each
    // by this function's contract.
    unsafe { call(BPF_MAP_UPDATE_ELEM, &mut attribute) }.map(drop)
}

/// Removes `key`.
///
/// # Safety
///
/// Keys of the map must be four bytes.
pub(super) unsafe fn map_delete_u32(map: BorrowedFd<'_>, key: u32) -> io::Result<()> {
    let mut attribute = attr::MapElement {
        map_fd: number(map),
        key: address(&raw const key),
        ..Default::default()
    };
    // SAFETY: [attr]; [attr-memory], since the kernel reads four bytes by this
    // function's contract.
    unsafe { call(BPF_MAP_DELETE_ELEM, &mut attribute) }.map(drop)
}

/// What the kernel says about a map.
pub(super) fn map_info(map: BorrowedFd<'_>) -> io::Result<attr::MapInfo> {
    let mut info = attr::MapInfo::default();
    let mut attribute = attr::ObjectInfo {
        bpf_fd: number(map),
        info_len: size_of_u32::<attr::MapInfo>(),
        info: address(&raw mut info),
    };
    // SAFETY: [attr]; [attr-memory]. Whatever kind of object this is, the
    // kernel writes at most `info_len` bytes, any of which are valid integers,
    // and finds no address in the zeroed structure to write through.
    unsafe { call(BPF_OBJ_GET_INFO_BY_FD, &mut attribute) }?;
    Ok(info)
}

/// Loads an XDP program; with `log`, the verifier explains itself there.
pub(super) fn program_load_xdp(
    instructions: &[[u8; 8]],
    name: [u8; attr::NAME_LEN],
    flags: u32,
    log: Option<&mut [u8]>,
) -> io::Result<OwnedFd> {
    let mut attribute = attr::ProgramLoad {
        program_type: attr::BPF_PROG_TYPE_XDP,
        instruction_count: length_u32(instructions.len())?,
        instructions: address(instructions.as_ptr()),
        license: address(LICENSE.as_ptr()),
        program_flags: flags,
        program_name: name,
        expected_attach_type: attr::BPF_XDP,
        ..Default::default()
    };
    if let Some(log) = log {
        attribute.log_level = 1;
        attribute.log_size = length_u32(log.len())?;
        attribute.log_buffer = address(log.as_mut_ptr());
    }
    // SAFETY: [attr]; [attr-memory]: instructions by count and the licence by
    // its NUL are read, the log is written within its size; [new-fd].
    unsafe { call_for_fd(BPF_PROG_LOAD, &mut attribute) }
}

/// Opens the program with this id.
pub(super) fn program_by_id(id: u32) -> io::Result<OwnedFd> {
    let mut attribute = attr::GetFdById { id, ..Default::default() };
    // SAFETY: [attr], and it holds no address; [new-fd].
    unsafe { call_for_fd(BPF_PROG_GET_FD_BY_ID, &mut attribute) }
}

/// What the kernel says about a program.
pub(super) fn program_info(program: BorrowedFd<'_>) -> io::Result<attr::ProgramInfo> {
    let mut info = attr::ProgramInfo::default();
    let mut attribute = attr::ObjectInfo {
        bpf_fd: number(program),
        info_len: size_of_u32::<attr::ProgramInfo>(),
        info: address(&raw mut info),
    };
    // SAFETY: [attr]; [attr-memory]. Whatever kind of object this is, the
    // kernel writes at most `info_len` bytes, any of which are valid integers,
    // and finds no address in the zeroed structure to write through.
    unsafe { call(BPF_OBJ_GET_INFO_BY_FD, &mut attribute) }?;
    Ok(info)
}

/// What a test run of a program came to.
#[derive(Debug)]
pub(super) struct RunOutcome {
    pub(super) return_value: u32,
    pub(super) duration_ns: u32,
    /// Length of the packet afterwards, of which `output` holds the first part.
    pub(super) output_len: u32,
}

/// Runs a program on `packet`, and writes what becomes of it to `output`.
pub(super) fn program_test_run(
    program: BorrowedFd<'_>,
    packet: &[u8],
    context: Option<&attr::XdpMetadata>,
    repeat: u32,
    output: &mut [u8],
) -> io::Result<RunOutcome> {
    let mut attribute = attr::ProgramTestRun {
        program_fd: number(program),
        data_size_in: length_u32(packet.len())?,
        data_size_out: length_u32(output.len())?,
        data_in: address(packet.as_ptr()),
        data_out: address(output.as_mut_ptr()),
        repeat,
        ..Default::default()
    };
    if let Some(context) = context {
        attribute.context_size_in = size_of_u32::<attr::XdpMetadata>();
        attribute.context_in = address(context);
    }
    // SAFETY: [attr]; [attr-memory]: packet and context are read, the output
    // is written, each within the size beside it.
    unsafe { call(BPF_PROG_TEST_RUN, &mut attribute) }?;
    Ok(RunOutcome {
        return_value: attribute.return_value,
        duration_ns: attribute.duration,
        output_len: attribute.data_size_out,
    })
}

/// Runs a program on `count` packets that are frames of the kernel's, and has become of them what it says.
pub(super) fn program_run_live(
    program: BorrowedFd<'_>,
    packet: &[u8],
    count: u32,
) -> io::Result<()> {
    let mut attribute = attr::ProgramTestRun {
        program_fd: number(program),
        data_size_in: length_u32(packet.len())?,
        data_in: address(packet.as_ptr()),
        repeat: count,
        flags: attr::BPF_F_TEST_XDP_LIVE_FRAMES,
        ..Default::default()
    };
    // SAFETY: [attr]; [attr-memory]: the packet is read within its size, and nothing is written.
    unsafe { call(BPF_PROG_TEST_RUN, &mut attribute) }.map(drop)
}

/// Opens the object that is pinned at `path`.
pub(super) fn object_get(path: &CStr) -> io::Result<OwnedFd> {
    let mut attribute = attr::ObjectGet { path: address(path.as_ptr()), ..Default::default() };
    // SAFETY: [attr]; [attr-memory]: the path is read up to its NUL; [new-fd].
    unsafe { call_for_fd(BPF_OBJ_GET, &mut attribute) }
}

/// Attaches an XDP program to an interface.
pub(super) fn link_create_xdp(
    program: BorrowedFd<'_>,
    interface_index: u32,
    flags: u32,
) -> io::Result<OwnedFd> {
    let mut attribute = attr::LinkCreate {
        program_fd: number(program),
        target_ifindex: interface_index,
        attach_type: attr::BPF_XDP,
        flags,
    };
    // SAFETY: [attr], and it holds no address; [new-fd].
    unsafe { call_for_fd(BPF_LINK_CREATE, &mut attribute) }
}

/// Puts another program in the place of a link's.
pub(super) fn link_update(link: BorrowedFd<'_>, program: BorrowedFd<'_>) -> io::Result<()> {
    let mut attribute = attr::LinkUpdate {
        link_fd: number(link),
        new_program_fd: number(program),
        ..Default::default()
    };
    // SAFETY: [attr], and it holds no address.
    unsafe { call(BPF_LINK_UPDATE, &mut attribute) }.map(drop)
}

/// Takes a link's program off, whoever else holds the link.
pub(super) fn link_detach(link: BorrowedFd<'_>) -> io::Result<()> {
    let mut attribute = attr::LinkDetach { link_fd: number(link) };
    // SAFETY: [attr], and it holds no address.
    unsafe { call(BPF_LINK_DETACH, &mut attribute) }.map(drop)
}

/// Calls bpf(2).
///
/// # Safety
///
/// `attribute` is the structure of `command` as in `[attr]`, and the addresses
/// in it are as in `[attr-memory]`.
unsafe fn call<A>(command: u32, attribute: &mut A) -> io::Result<libc::c_long> {
    // SAFETY: the kernel reads and writes `size_of::<A>()` bytes at
    // `attribute`, and what its addresses lead to by the caller's promise.
    let returned = unsafe {
        libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attribute), size_of::<A>())
    };
    if returned < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(returned)
}

/// Calls bpf(2) with a command that returns a descriptor.
///
/// # Safety
///
/// As for [`call`], and `command` is one of `[new-fd]`.
unsafe fn call_for_fd<A>(command: u32, attribute: &mut A) -> io::Result<OwnedFd> {
    // SAFETY: the caller's promise is that of `call`.
    let returned = unsafe { call(command, attribute) }?;
    let fd = RawFd::try_from(returned).map_err(io::Error::other)?;
    // SAFETY: [new-fd], by the caller's promise.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A pointer as the kernel takes it, on hosts of any pointer width.
fn address<T>(pointer: *const T) -> u64 {
    pointer.expose_provenance() as u64
}

/// A descriptor as the kernel takes it here; those that are open are positive.
fn number(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

fn size_of_u32<T>() -> u32 {
    const { assert!(size_of::<T>() <= u32::MAX as usize) };
    size_of::<T>() as u32
}

fn length_u32(length: usize) -> io::Result<u32> {
    let too_long = |_| io::Error::new(io::ErrorKind::InvalidInput, "longer than 4 GiB");
    u32::try_from(length).map_err(too_long)
}

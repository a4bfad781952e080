//! The arguments and answers of bpf(2), as `include/uapi/linux/bpf.h` has them.
//!
//! Each structure is one member of `union bpf_attr`, padded by name and cut
//! after the last field in use: kernels refuse bytes that they do not know
//! unless they are zero, and take a shorter structure as one with zeroes.

/// `BPF_OBJ_NAME_LEN`.
pub(super) const NAME_LEN: usize = 16;

pub(super) const BPF_MAP_TYPE_XSKMAP: u32 = 17;
pub(super) const BPF_PROG_TYPE_XDP: u32 = 6;
/// `BPF_XDP`, the attach type.
pub(super) const BPF_XDP: u32 = 37;

/// For `BPF_MAP_CREATE`.
#[repr(C)]
#[derive(Debug, Default)]
pub(super) struct MapCreate {
    pub(super) map_type: u32,
    pub(super) key_size: u32,
    pub(super) value_size: u32,
    pub(super) max_entries: u32,
    pub(super) map_flags: u32,
    pub(super) inner_map_fd: u32,
    pub(super) numa_node: u32,
    pub(super) map_name: [u8; NAME_LEN],
}

const _: () = assert!(size_of::<MapCreate>() == 44);

/// For `BPF_MAP_UPDATE_ELEM` and `BPF_MAP_DELETE_ELEM`.
#[repr(C)]
#[derive(Debug, Default)]
pub(super) struct MapElement {
    pub(super) map_fd: u32,
    pub(super) padding: u32,
    pub(super) key: u64,
    pub(super) value: u64,
    pub(super) flags: u64,
}

const _: () = assert!(size_of::<MapElement>() == 32);

/// For `BPF_PROG_LOAD`.
#[repr(C)]
#[derive(Debug, Default)]
pub(super) struct ProgramLoad {
    pub(super) program_type: u32,
    pub(super) instruction_count: u32,
    pub(super) instructions: u64,
    pub(super) license: u64,
    pub(super) log_level: u32,
    pub(super) log_size: u32,
    pub(super) log_buffer: u64,
    pub(super) kernel_version: u32,
    pub(super) program_flags: u32,
    pub(super) program_name: [u8; NAME_LEN],
    pub(super) program_ifindex: u32,
    pub(super) expected_attach_type: u32,
}

const _: () = assert!(size_of::<ProgramLoad>() == 72);

/// Flag of `ProgramTestRun`: what becomes of the packets is what the program says.
pub(super) const BPF_F_TEST_XDP_LIVE_FRAMES: u32 = 1 << 1;

/// For `BPF_PROG_TEST_RUN`.
#[repr(C)]
#[derive(Debug, Default)]
pub(super) struct ProgramTestRun {
    pub(super) program_fd: u32,
    pub(super) return_value: u32,
    pub(super) data_size_in: u32,
    pub(super) data_size_out: u32,
    pub(super) data_in: u64,
    pub(super) data_out: u64,
    pub(super) repeat: u32,
    pub(super) duration: u32,
    pub(super) context_size_in: u32,
    pub(super) context_size_out: u32,
    pub(super) context_in: u64,
    pub(super) context_out: u64,
    pub(super) flags: u32,
    pub(super) cpu: u32,
    pub(super) batch_size: u32,
    /// The kernel's structure ends before it; there must be no byte that is not zero.
    pub(super) padding: u32,
}

const _: () = assert!(size_of::<ProgramTestRun>() == 80);

/// For `BPF_PROG_GET_FD_BY_ID`.
#[repr(C)]
#[derive(Debug, Default)]
pub(super) struct GetFdById {
    pub(super) id: u32,
    pub(super) next_id: u32,
    pub(super) open_flags: u32,
}

const _: () = assert!(size_of::<GetFdById>() == 12);

/// For `BPF_OBJ_GET`.
#[repr(C)]
#[derive(Debug, Default)]
pub(super) struct ObjectGet {
    pub(super) path: u64,
    pub(super) bpf_fd: u32,
    pub(super) file_flags: u32,
}

const _: () = assert!(size_of::<ObjectGet>() == 16);

/// For `BPF_OBJ_GET_INFO_BY_FD`.
#[repr(C)]
#[derive(Debug, Default)]
pub(super) struct ObjectInfo {
    pub(super) bpf_fd: u32,
    pub(super) info_len: u32,
    pub(super) info: u64,
}

const _: () = assert!(size_of::<ObjectInfo>() == 16);

/// For `BPF_LINK_CREATE`.
#[repr(C)]
#[derive(Debug, Default)]
pub(super) struct LinkCreate {
    pub(super) program_fd: u32,
    pub(super) target_ifindex: u32,
    pub(super) attach_type: u32,
    pub(super) flags: u32,
}

const _: () = assert!(size_of::<LinkCreate>() == 16);

/// For `BPF_LINK_UPDATE`.
#[repr(C)]
#[derive(Debug, Default)]
pub(super) struct LinkUpdate {
    pub(super) link_fd: u32,
    pub(super) new_program_fd: u32,
    pub(super) flags: u32,
    pub(super) old_program_fd: u32,
}

const _: () = assert!(size_of::<LinkUpdate>() == 16);

/// For `BPF_LINK_DETACH`.
#[repr(C)]
#[derive(Debug, Default)]
pub(super) struct LinkDetach {
    pub(super) link_fd: u32,
}

/// The first part of `struct bpf_map_info`.
#[repr(C)]
#[derive(Debug, Default)]
pub(super) struct MapInfo {
    pub(super) map_type: u32,
    pub(super) id: u32,
    pub(super) key_size: u32,
    pub(super) value_size: u32,
    pub(super) max_entries: u32,
    pub(super) map_flags: u32,
}

const _: () = assert!(size_of::<MapInfo>() == 24);

/// The first part of `struct bpf_prog_info`.
///
/// The kernel writes through the fields that are addresses here only where the
/// caller sets them and their lengths.
#[repr(C)]
#[derive(Debug, Default)]
pub(super) struct ProgramInfo {
    pub(super) program_type: u32,
    pub(super) id: u32,
    pub(super) tag: [u8; 8],
    pub(super) jited_len: u32,
    pub(super) translated_len: u32,
    pub(super) jited: u64,
    pub(super) translated: u64,
    pub(super) load_time: u64,
    pub(super) created_by_uid: u32,
    pub(super) map_count: u32,
    pub(super) map_ids: u64,
    pub(super) name: [u8; NAME_LEN],
}

const _: () = assert!(size_of::<ProgramInfo>() == 80);

/// `struct xdp_md`.
#[repr(C)]
#[derive(Debug, Default)]
pub(super) struct XdpMetadata {
    pub(super) data: u32,
    pub(super) data_end: u32,
    pub(super) data_meta: u32,
    pub(super) ingress_ifindex: u32,
    pub(super) rx_queue_index: u32,
    pub(super) egress_ifindex: u32,
}

const _: () = assert!(size_of::<XdpMetadata>() == 24);

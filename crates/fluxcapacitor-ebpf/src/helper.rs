//! Helpers: the kernel functions that a program may call.

/// A kernel function that a program may call, by its number.
///
/// Arguments go in R1 to R5, which the call clobbers; the result comes back in R0. The list holds
/// what XDP programs use, and grows.
///
/// Source: `__BPF_FUNC_MAPPER`, `include/uapi/linux/bpf.h`, which also documents each helper; RFC
/// 9669 section 4.3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u32)]
pub enum Helper {
    /// `bpf_map_lookup_elem(map, key)`: the address of the value, or 0.
    #[doc(alias = "bpf_map_lookup_elem")]
    MapLookupElem = 1,
    /// `bpf_map_update_elem(map, key, value, flags)`: 0, or a negative errno.
    #[doc(alias = "bpf_map_update_elem")]
    MapUpdateElem = 2,
    /// `bpf_map_delete_elem(map, key)`: 0, or a negative errno.
    #[doc(alias = "bpf_map_delete_elem")]
    MapDeleteElem = 3,
    /// `bpf_ktime_get_ns()`: nanoseconds since boot, without time asleep.
    #[doc(alias = "bpf_ktime_get_ns")]
    KtimeGetNs = 5,
    /// `bpf_get_prandom_u32()`: a pseudo-random number.
    #[doc(alias = "bpf_get_prandom_u32")]
    GetPrandomU32 = 7,
    /// `bpf_get_smp_processor_id()`: the processor that the program runs on.
    #[doc(alias = "bpf_get_smp_processor_id")]
    GetSmpProcessorId = 8,
    /// `bpf_tail_call(ctx, map, index)`: goes on in another program.
    #[doc(alias = "bpf_tail_call")]
    TailCall = 12,
    /// `bpf_redirect(ifindex, flags)`: the packet leaves by another interface.
    #[doc(alias = "bpf_redirect")]
    Redirect = 23,
    /// `bpf_csum_diff(from, from_size, to, to_size, seed)`: updates a checksum.
    #[doc(alias = "bpf_csum_diff")]
    CsumDiff = 28,
    /// `bpf_xdp_adjust_head(ctx, delta)`: moves the start of the packet.
    #[doc(alias = "bpf_xdp_adjust_head")]
    XdpAdjustHead = 44,
    /// `bpf_redirect_map(map, key, flags)`: the packet goes to where a map says.
    #[doc(alias = "bpf_redirect_map")]
    RedirectMap = 51,
    /// `bpf_xdp_adjust_meta(ctx, delta)`: moves the start of the metadata.
    #[doc(alias = "bpf_xdp_adjust_meta")]
    XdpAdjustMeta = 54,
    /// `bpf_xdp_adjust_tail(ctx, delta)`: moves the end of the packet.
    #[doc(alias = "bpf_xdp_adjust_tail")]
    XdpAdjustTail = 65,
    /// `bpf_fib_lookup(ctx, params, size, flags)`: asks the kernel's routing table.
    #[doc(alias = "bpf_fib_lookup")]
    FibLookup = 69,
    /// `bpf_xdp_get_buff_len(ctx)`: the length of the packet, over all buffers.
    #[doc(alias = "bpf_xdp_get_buff_len")]
    XdpGetBuffLen = 188,
    /// `bpf_xdp_load_bytes(ctx, offset, buffer, size)`: copies from any buffer.
    #[doc(alias = "bpf_xdp_load_bytes")]
    XdpLoadBytes = 189,
    /// `bpf_xdp_store_bytes(ctx, offset, buffer, size)`: copies to any buffer.
    #[doc(alias = "bpf_xdp_store_bytes")]
    XdpStoreBytes = 190,
}

impl Helper {
    /// Every helper of this list, by rising number.
    pub const ALL: &[Self] = &[
        Self::MapLookupElem,
        Self::MapUpdateElem,
        Self::MapDeleteElem,
        Self::KtimeGetNs,
        Self::GetPrandomU32,
        Self::GetSmpProcessorId,
        Self::TailCall,
        Self::Redirect,
        Self::CsumDiff,
        Self::XdpAdjustHead,
        Self::RedirectMap,
        Self::XdpAdjustMeta,
        Self::XdpAdjustTail,
        Self::FibLookup,
        Self::XdpGetBuffLen,
        Self::XdpLoadBytes,
        Self::XdpStoreBytes,
    ];

    /// The number that a call instruction carries.
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The helper with this number, or `None` when this list lacks it.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.iter().copied().find(|helper| helper.number() == number)
    }

    /// The helper's name in the kernel.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MapLookupElem => "bpf_map_lookup_elem",
            Self::MapUpdateElem => "bpf_map_update_elem",
            Self::MapDeleteElem => "bpf_map_delete_elem",
            Self::KtimeGetNs => "bpf_ktime_get_ns",
            Self::GetPrandomU32 => "bpf_get_prandom_u32",
            Self::GetSmpProcessorId => "bpf_get_smp_processor_id",
            Self::TailCall => "bpf_tail_call",
            Self::Redirect => "bpf_redirect",
            Self::CsumDiff => "bpf_csum_diff",
            Self::XdpAdjustHead => "bpf_xdp_adjust_head",
            Self::RedirectMap => "bpf_redirect_map",
            Self::XdpAdjustMeta => "bpf_xdp_adjust_meta",
            Self::XdpAdjustTail => "bpf_xdp_adjust_tail",
            Self::FibLookup => "bpf_fib_lookup",
            Self::XdpGetBuffLen => "bpf_xdp_get_buff_len",
            Self::XdpLoadBytes => "bpf_xdp_load_bytes",
            Self::XdpStoreBytes => "bpf_xdp_store_bytes",
        }
    }
}

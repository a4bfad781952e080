//! What an XDP program is told about its packet: `struct xdp_md`.

/// A field of `struct xdp_md`, which R1 points to when an XDP program starts.
///
/// Six words in this order. The kernel shows each as 32 bits and rewrites every load to reach its
/// own `struct xdp_buff`; an interpreter in user space holds real pointers there and needs 64 bits.
/// [`Target`](crate::Target) knows which.
///
/// Source: `include/uapi/linux/bpf.h`; `xdp_is_valid_access` and `xdp_convert_ctx_access` in
/// `net/core/filter.c`.
#[doc(alias = "xdp_md")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ContextField {
    /// Address of the first byte of the packet.
    #[doc(alias = "data")]
    Data = 0,
    /// Address one past the last byte of the packet, or of its first buffer.
    #[doc(alias = "data_end")]
    DataEnd = 1,
    /// Address of the metadata before the packet; `Data` when there is none.
    #[doc(alias = "data_meta")]
    DataMeta = 2,
    /// Index of the interface that the packet came in by.
    #[doc(alias = "ingress_ifindex")]
    IngressIfindex = 3,
    /// Rx queue that the packet came in by.
    #[doc(alias = "rx_queue_index")]
    RxQueueIndex = 4,
    /// Index of the interface that the packet leaves by.
    ///
    /// Only programs in a device map may read it.
    #[doc(alias = "egress_ifindex")]
    EgressIfindex = 5,
}

impl ContextField {
    /// Every field, in the order in which `struct xdp_md` holds them.
    pub const ALL: [Self; 6] = [
        Self::Data,
        Self::DataEnd,
        Self::DataMeta,
        Self::IngressIfindex,
        Self::RxQueueIndex,
        Self::EgressIfindex,
    ];

    /// Place among the fields, from 0.
    #[must_use]
    pub const fn index(self) -> u8 {
        self as u8
    }
}

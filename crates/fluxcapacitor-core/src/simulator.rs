//! Simulated NICs: the other end of the same rings, on every system, without privilege.
//!
//! The rings, the ledger and the frames are those of the real thing; what the kernel does with them is
//! done here instead, in the kernel's order and with its edge cases.
//!
//! | What Linux does | Here |
//! |---|---|
//! | fill, rx, tx and completion ring; flags of `XDP_USE_NEED_WAKEUP` | as there |
//! | `sendto`, `recvfrom`, `poll`; 32 packets a send, or `XDP_MAX_TX_SKB_BUDGET` | as there |
//! | `XDP_STATISTICS` | as there, `rx_invalid_descs` always 0 included |
//! | bind: `EBUSY` (for 2 ms after a close, too), `EINVAL`, `ENODEV`, `EOPNOTSUPP` | as there |
//! | XDP programs, XskMaps | the same instructions, by `rbpf`; stores to packets, loops, and all helpers but `bpf_redirect_map` and `bpf_xdp_adjust_tail` are refused when they are attached; `data_end` is not read anew after the latter |
//! | programs with `BPF_F_XDP_HAS_FRAGS` | see the first 3520 bytes of a packet; others are refused natively where packets can be longer than a page takes, and see all of them otherwise; a packet of several buffers gets shorter, but not longer, as on veth |
//! | invalid tx descriptors | counted, not sent, and completed, as on 6.18 |
//! | `XDP_USE_SG` in copy mode | as there: packets are cut over as many frames as they take, all or nothing; sent, each descriptor takes a unit of the budget; one left open waits for its end; one with an invalid descriptor, or with more than 18, is dropped to its end, counted and completed, as on 6.18.44 |
//! | `XDP_USE_SG` without copies | `EOPNOTSUPP`, as the drivers that there are for virtual machines |
//! | a frame named by a forged descriptor | is touched only if the ledger says that it is there; else the descriptor counts as invalid |
//! | headroom up to the last byte of a frame | refused by us beyond what newer kernels take |
//! | `XDP_SHARED_UMEM` across queues and NICs | as there: how the first socket was bound holds for all |
//! | metadata, unaligned chunks | there is no way to ask for them yet |
//! | busy polling | accepted, and no NAPI id: nobody polls but the world |
//! | completions of a zero-copy driver | 2 µs later, and wake nobody |

mod clock;
mod doorbell;
mod fault;
mod map;
mod nic;
mod program;
mod random;
mod registry;
mod rss;
mod shared;
mod socket;
mod state;
mod world;

pub use fault::{Fault, Rule, Strikes};
pub use map::SocketMap;
pub use nic::{Attached, Captured, Counters, Facts, Nic, NicConfig, Profile};
pub use registry::{Registry, SOCKETS};
pub use socket::SimSocket;
pub use world::{LinkConfig, Live, World};

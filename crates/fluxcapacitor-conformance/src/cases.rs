//! All cases: the kernel's own, by the names that its selftest for AF_XDP gives them
//! (`tools/testing/selftests/bpf/prog_tests/test_xsk.h`), and ours.

mod basic;
mod busy;
mod conservation;
mod crossing;
mod descriptors;
mod engine;
mod faults;
mod forged;
mod fragments;
#[cfg_attr(not(target_os = "linux"), path = "cases/no_kernel.rs")]
mod kernel;
mod lanes;
mod link;
mod owned;
mod program;
mod reconnect;
mod sharing;
mod starvation;
mod statistics;
mod tail;
mod threads;
mod tokens;
mod waiting;
mod wakeup;
mod wrap;

use crate::bench::Bench;
use crate::fixture::Shape;
use crate::verdict::{Outcome, Reason};

/// Something that every backend must do.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its name: that of the kernel's selftest, if it has one like it.
    pub name: &'static str,
    /// What it takes, and what it does.
    pub body: Body,
}

/// What a case takes, and what it does.
#[derive(Clone, Copy, Debug)]
pub enum Body {
    /// It runs over two connected ports.
    Ports {
        /// What the ports are like.
        shape: Shape,
        /// Whether it runs once more with the kernel's busy polling.
        busy: bool,
        /// What it does.
        run: fn(&Bench<'_>) -> Outcome,
    },
    /// It plays both ends of rings on the heap: the same on every backend.
    Heap(fn() -> Outcome),
    /// There is nothing to run yet.
    NotRun(Reason),
}

/// All cases, the kernel's own first.
pub const CASES: &[Case] = &[
    // Basic.
    ports("SEND_RECEIVE", basic::send_receive).busy(),
    ports("SEND_RECEIVE_2K_FRAME", basic::send_receive_2k_frame).busy(),
    ports("SEND_RECEIVE_SINGLE_PKT", basic::single_packet).busy(),
    ports("BIDIRECTIONAL", basic::bidirectional).busy(),
    ports("UMEM_HEADROOM", basic::headroom).busy(),
    ports("TEARDOWN", basic::teardown).busy(),
    ports("TX_QUEUE_CONSUMER", wakeup::tx_queue_consumer),
    not_run("SEND_RECEIVE_UNALIGNED", Reason::Unaligned),
    not_run("SEND_RECEIVE_UNALIGNED_MULTI_BUFF", Reason::Unaligned),
    // Waiting.
    ports("POLL_RX", waiting::rx).busy(),
    ports("POLL_TX", waiting::tx).busy(),
    ports("POLL_RXQ_FULL", waiting::rx_queue).busy(),
    ports("POLL_TXQ_FULL", waiting::tx_queue_full).busy(),
    // Bad descriptors.
    ports("ALIGNED_INV_DESC", descriptors::aligned),
    ports("ALIGNED_INV_DESC_2K_FRAME_SIZE", descriptors::aligned_2k),
    ports("ALIGNED_INV_DESC_MULTI_BUFF", fragments::invalid),
    not_run("UNALIGNED_INV_DESC", Reason::Unaligned),
    not_run("UNALIGNED_INV_DESC_4K1_FRAME_SIZE", Reason::Unaligned),
    not_run("UNALIGNED_INV_DESC_MULTI_BUFF", Reason::Unaligned),
    // Statistics.
    ports("STAT_RX_DROPPED", statistics::rx_dropped),
    ports("STAT_TX_INVALID", statistics::tx_invalid),
    ports("STAT_RX_FULL", statistics::rx_full),
    ports("STAT_FILL_EMPTY", statistics::fill_empty),
    // Programs.
    ports("XDP_PROG_CLEANUP", program::cleanup),
    ports("XDP_DROP_HALF", program::drop_half).busy(),
    not_run("XDP_SHARED_UMEM", Reason::OneSocketPerQueue),
    not_run("XDP_METADATA_COPY", Reason::NeedsMetadata),
    not_run("XDP_METADATA_COPY_MULTI_BUFF", Reason::NeedsMetadata),
    // Fragments.
    ports("SEND_RECEIVE_9K_PACKETS", fragments::send_receive).busy(),
    ports("TOO_MANY_FRAGS", fragments::too_many),
    ports("XDP_ADJUST_TAIL_SHRINK", tail::shrink),
    ports("XDP_ADJUST_TAIL_SHRINK_MULTI_BUFF", tail::shrink_fragments),
    ports("XDP_ADJUST_TAIL_GROW", tail::grow),
    ports("XDP_ADJUST_TAIL_GROW_MULTI_BUFF", tail::grow_fragments),
    // Rings.
    not_run("HW_SW_MIN_RING_SIZE", Reason::Driver),
    not_run("HW_SW_MAX_RING_SIZE", Reason::Driver),
    // Ours.
    ports("CONSERVATION", conservation::everywhere),
    ports("RECONNECT", lanes::lanes).queues(5),
    ports("RECONNECT_ONE_QUEUE", lanes::one_queue),
    ports("RECONNECT_SOCKETS", reconnect::sockets),
    Case { name: "INDEX_WRAP", body: Body::Heap(wrap::indices) },
    ports("SHARED_UMEM_TWO_PORTS", sharing::two_ports),
    ports("SHARED_UMEM_TWO_PORTS_ENGINE", engine::two_ports).together(),
    ports("SHARED_UMEM_TWO_QUEUES", sharing::two_queues).queues(2),
    ports("SPLIT_THREADS", threads::split),
    ports("SPLIT_THREADS_ENGINE", crossing::engine),
    ports("SPLIT_THREADS_OWNED", crossing::owned),
    ports("DROP_ANYWHERE", tokens::anywhere),
    ports("DROP_ANYWHERE_ENGINE", engine::drop_anywhere),
    ports("DROP_ANYWHERE_OWNED", owned::drop_anywhere),
    ports("STARVE_AND_RECOVER", starvation::starve_and_recover).busy(),
    ports("STARVE_AND_RECOVER_ENGINE", engine::starve_and_recover).busy(),
    ports("STARVE_AND_RECOVER_OWNED", owned::starve_and_recover).busy(),
    ports("TX_BACKPRESSURE", starvation::tx_backpressure).busy(),
    ports("TX_BACKPRESSURE_ENGINE", engine::tx_backpressure).busy(),
    ports("TX_BACKPRESSURE_OWNED", owned::tx_backpressure).busy(),
    ports("WAKEUP", wakeup::counted),
    ports("WAKEUP_ENGINE", engine::kicks),
    ports("WAKEUP_POLLERS", engine::pollers).busy(),
    ports("WAKEUP_OWNED", owned::kicks),
    ports("WAKEUP_ALWAYS", wakeup::without_need_wakeup).busy(),
    ports("QUEUE_BUSY", busy::queue).queues(busy::QUEUES),
    ports("QUEUE_BUSY_LANE", kernel::queue).queues(2),
    ports("PROGRAM_BUSY", busy::program).queues(2),
    ports("PROGRAM_BUSY_OTHERS", kernel::program).queues(2),
    ports("PROGRAM_BUSY_KILLED", kernel::killed),
    ports("NAPI_DEFERRAL", kernel::deferral),
    ports("LINK_DOWN", link::down),
    ports("LINK_RESET", kernel::reset),
    ports("LINK_GONE", link::gone),
    ports("LINK_GONE_NAMESPACE", kernel::namespace_gone),
    not_run("RULES", Reason::NeedsRules),
    Case { name: "FORGED_PEER", body: Body::Heap(forged::peer) },
    ports("FAULTS", faults::repeatable),
];

impl Case {
    /// Whether it runs once more with the kernel's busy polling.
    #[must_use]
    pub const fn has_busy_variant(&self) -> bool {
        matches!(self.body, Body::Ports { busy: true, .. })
    }

    const fn busy(mut self) -> Self {
        if let Body::Ports { busy, .. } = &mut self.body {
            *busy = true;
        }
        self
    }

    const fn queues(mut self, count: u32) -> Self {
        if let Body::Ports { shape, .. } = &mut self.body {
            shape.queues = count;
        }
        self
    }

    const fn together(mut self) -> Self {
        if let Body::Ports { shape, .. } = &mut self.body {
            shape.together = true;
        }
        self
    }
}

const fn ports(name: &'static str, run: fn(&Bench<'_>) -> Outcome) -> Case {
    let shape = Shape { queues: 1, together: false };
    Case { name, body: Body::Ports { shape, busy: false, run } }
}

const fn not_run(name: &'static str, reason: Reason) -> Case {
    Case { name, body: Body::NotRun(reason) }
}

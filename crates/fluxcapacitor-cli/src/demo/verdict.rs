//! Where everything went: the books of both sides, held against the interfaces'.

use std::time::Duration;

use fluxcapacitor::umem::Census;
use serde::Serialize;

use super::platform::Platform;
use super::side::{BothEnded, Ended};
use super::wire::WireCounters;

/// The end of the demo. The names are stable.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    #[serde(flatten)]
    pub platform: Platform,
    pub elapsed_s: f64,
    /// Packets that the near side sent: completed, not just submitted.
    pub sent: u64,
    /// Packets that came back to it.
    pub returned: u64,
    /// Sent and not returned.
    pub lost: u64,
    /// Returned with other contents.
    pub damaged: u64,
    /// Returned before or after their turn.
    pub out_of_order: u64,
    /// Frames that neither a pool nor a ring nor the kernel has.
    pub leaked: u64,
    /// Whether the interfaces counted the same.
    pub interfaces_agree: bool,
    /// What they counted: near tx, far rx, far tx, near rx.
    pub interfaces: [u64; 4],
    #[serde(skip)]
    pub frames: [Census; 2],
    pub passed: bool,
    #[serde(rename = "final")]
    is_final: bool,
}

impl Verdict {
    pub fn new(
        ended: &BothEnded,
        counted: WireCounters,
        elapsed: Duration,
        platform: Platform,
    ) -> Self {
        let BothEnded { generator, forwarder } = ended;
        let (sent, returned) = (generator.counts.sent, generator.counts.received);
        let lost = sent.saturating_sub(returned);
        let leaked = leaked(generator) + leaked(forwarder);
        let WireCounters { near_tx, far_rx, far_tx, near_rx } = counted;
        let interfaces = [near_tx, far_rx, far_tx, near_rx];
        let interfaces_agree = interfaces == [sent, sent, returned, returned];
        let (damaged, out_of_order) = (generator.counts.damaged, generator.counts.out_of_order);
        let frames = [generator.raw.census(), forwarder.raw.census()];
        let passed = sent > 0
            && sent == returned
            && [damaged, out_of_order, leaked] == [0; 3]
            && interfaces_agree;
        let elapsed_s = elapsed.as_secs_f64();
        Self {
            platform,
            elapsed_s,
            sent,
            returned,
            lost,
            damaged,
            out_of_order,
            leaked,
            interfaces_agree,
            interfaces,
            frames,
            passed,
            is_final: true,
        }
    }

    pub fn passed(&self) -> bool {
        self.passed
    }
}

/// Frames that are with the user by the ledger, but not in the pool; and those that are missing from
/// the ledger, which there cannot be.
fn leaked(ended: &Ended) -> u64 {
    let census = ended.raw.census();
    let in_hand = u64::from(census.user) - ended.raw.pool.len() as u64;
    let missing = u64::from(ended.raw.granted().frames - census.total());
    in_hand + missing + u64::from(census.tx) + u64::from(census.retired)
}

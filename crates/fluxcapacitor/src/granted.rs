//! What the kernel gave of what was asked for.

use std::fmt;

use crate::hook::AttachMode;
use crate::proto::MacAddr;
use crate::ring::RingSizes;
use crate::umem::{GrantedPages, PageSize};

/// What a socket was granted, and why not more.
///
/// Its `Display` is one line, and then one for each thing that was asked for and not given.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Granted {
    /// The interface.
    pub interface: String,
    /// Its driver, as ethtool names it.
    pub driver: String,
    /// Its hardware address, if it has one of six bytes: what packets that it sends come from.
    pub mac: Option<MacAddr>,
    /// The interface's MTU when the queue was opened, in bytes: the longest packet has 14 more.
    pub mtu: u32,
    /// Whether the interface was up when the queue was opened.
    pub is_up: bool,
    /// The queue.
    pub queue: u32,
    /// How many queues the interface has.
    pub queues: u32,
    /// Whether packets are not copied (`XDP_OPTIONS`, asked after the bind).
    pub zero_copy: bool,
    /// Why they are copied, if they were not to be.
    pub why_copied: Option<String>,
    /// Where the XDP program runs; `None` if it is not ours.
    pub attach: Option<AttachMode>,
    /// Why it does not run in the driver, if it was to.
    pub why_not_native: Option<String>,
    /// The pages under the packet memory.
    pub pages: GrantedPages,
    /// Whether the kernel says when it wants to be woken.
    pub need_wakeup: bool,
    /// Whether the kernel polls the queue from our system calls.
    pub busy_poll: BusyPollGrant,
    /// Whether hard IRQs stay off meanwhile.
    pub napi_deferral: NapiDeferralGrant,
    /// How many packets one system call sends in copy mode, where that could be chosen.
    pub tx_budget: Option<u32>,
    /// Whether packets may have several segments: [`RxRing::receive_whole`](crate::ring::RxRing::receive_whole)
    /// and [`TxRing::push_chain`](crate::ring::TxRing::push_chain). Without it, the kernel drops packets that
    /// do not fit a frame, and counts them
    /// ([`Statistics::rx_dropped`](crate::raw::Statistics::rx_dropped)).
    pub multi_buffer: bool,
    /// How many segments a packet may have to be sent.
    pub segments_max: u32,
    /// Number of frames.
    pub frames: u32,
    /// Bytes per frame.
    pub frame_size: u32,
    /// Bytes kept free in front of received packets, beyond the kernel's own 256.
    pub headroom: u32,
    /// Slots per ring.
    pub rings: RingSizes,
}

/// What became of the wish for the kernel's busy polling.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BusyPollGrant {
    /// It was not asked for.
    NotAsked,
    /// It is real: the driver has told which NAPI instance serves the queue.
    Real {
        /// Its id (`SO_INCOMING_NAPI_ID`).
        napi_id: u32,
    },
    /// The options were accepted and do nothing: the driver has no NAPI instance for the queue.
    NoNapi,
    /// The kernel refused, in these words.
    Refused(String),
}

/// What became of the wish to keep hard IRQs off while the program polls.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NapiDeferralGrant {
    /// It was not asked for.
    NotAsked,
    /// They stay off for the NAPI instance of the queue.
    Napi {
        /// Its id.
        napi_id: u32,
    },
    /// They stay off for the whole interface: the kernel cannot do it for one NAPI instance.
    Interface,
    /// All was set as asked for before, by somebody else, and will stay so.
    Found,
    /// Nothing was set, since busy polling is not real: [`Granted::busy_poll`] says why.
    Void,
    /// It could not be set, for this reason; the queue works by interrupts in between.
    Refused(String),
}

impl Granted {
    /// What was asked for and not given, and what else stands in the way of packets, a line each.
    pub fn shortfalls(&self) -> impl Iterator<Item = String> {
        let busy_poll = match &self.busy_poll {
            BusyPollGrant::NotAsked | BusyPollGrant::Real { .. } => None,
            BusyPollGrant::NoNapi => Some(
                "no busy polling: the driver names no NAPI instance, so the options do nothing"
                    .to_owned(),
            ),
            BusyPollGrant::Refused(why) => Some(format!("no busy polling: {why}")),
        };
        let deferral = match &self.napi_deferral {
            NapiDeferralGrant::Refused(why) => Some(format!("hard IRQs are not deferred: {why}")),
            // Void: busy polling itself has its line.
            _ => None,
        };
        let down = (!self.is_up)
            .then(|| format!("no packets yet: {0} is down (`ip link set {0} up`)", self.interface));
        let copied = self.why_copied.as_ref().map(|why| format!("copied: {why}"));
        let generic = self.why_not_native.as_ref().map(|why| format!("not native: {why}"));
        // Their peers' stacks hand over what a card would cut; in native mode veth has it cut before.
        let may_be_long = self.attach == Some(AttachMode::Generic)
            && !self.multi_buffer
            && ["veth", "tun", "none"].contains(&self.driver.as_str());
        let long = may_be_long.then(|| {
            "no packets longer than a frame: the other end's TCP sends such, uncut, which are dropped \
             and counted (ask for multi_buffer, or switch its segmentation offloads off)"
                .to_owned()
        });
        let pages = self.pages.why_not.clone();
        [down, copied, generic, long, pages, busy_poll, deferral].into_iter().flatten()
    }
}

impl fmt::Display for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { interface, driver, queue, queues, frames, frame_size, .. } = self;
        write!(f, "{interface} ({driver}) queue {queue} of {queues}: ")?;
        f.write_str(if self.zero_copy { "zero-copy" } else { "copy" })?;
        match self.attach {
            Some(mode) => write!(f, ", {mode} XDP")?,
            None => f.write_str(", XDP program not ours")?,
        }
        write!(f, ", {frames} frames of {frame_size} bytes")?;
        if self.pages.size != PageSize::Base {
            write!(f, " on {}", self.pages.size)?;
        }
        if self.multi_buffer {
            write!(f, ", packets of up to {} frames", self.segments_max)?;
        }
        f.write_str(if self.need_wakeup { ", need_wakeup" } else { ", no need_wakeup" })?;
        if let BusyPollGrant::Real { .. } = self.busy_poll {
            f.write_str(", busy polling")?;
            f.write_str(match self.napi_deferral {
                NapiDeferralGrant::Napi { .. } => " with IRQs deferred",
                NapiDeferralGrant::Interface => " with IRQs deferred (on all queues)",
                NapiDeferralGrant::Found => " with IRQs deferred (as found)",
                _ => "",
            })?;
        }
        if let Some(budget) = self.tx_budget.filter(|_| !self.zero_copy) {
            write!(f, ", {budget} packets a send")?;
        }
        Ok(())
    }
}

//! From the name of an interface to a socket.

mod deferral;
mod layout;
mod open;
mod queues;

use fluxcapacitor_core::{Error, Result};

pub use deferral::NapiDeferral;
pub use queues::Queues;

use crate::engine::FluxEngine;
#[cfg(doc)]
use crate::granted::Granted;
use crate::hook::{Attach, XdpProgram};
use crate::raw::FluxRaw;
use crate::ring::RingSizes;
use crate::system::FluxSystem;
use crate::umem::{FRAME_SIZE_MIN, PageSize};

/// Whether packets are to be received and sent without copying.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ZeroCopy {
    /// If the driver can; [`Granted`] says whether, and why not.
    #[default]
    Prefer,
    /// Or not at all.
    Require,
    /// Never.
    Forbid,
}

/// How the kernel is to poll the queue from our system calls instead of by interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusyPoll {
    /// For how long, in microseconds (`SO_BUSY_POLL`).
    pub timeout_us: u32,
    /// How many packets at a time (`SO_BUSY_POLL_BUDGET`).
    pub budget: u32,
    /// Whether to keep the queue's hard IRQ off while the program polls; not by default.
    ///
    /// This is a setting of the machine's, not of the socket: for the NAPI instance of the queue since Linux 6.13,
    /// before that for the whole interface. What was set before is set again when the queue is closed, by the last
    /// of those that share the setting, unless somebody else has changed it meanwhile. A process that is killed
    /// leaves it behind. Nothing is set where busy polling is not real; [`Granted::napi_deferral`] says what was.
    ///
    /// The program has to go on polling, by any call that may find packets: without, they come late by the timeout.
    /// It takes `CAP_NET_ADMIN`, for the end too.
    #[doc(alias = "napi_defer_hard_irqs")]
    #[doc(alias = "gro_flush_timeout")]
    pub deferral: Option<NapiDeferral>,
}

impl Default for BusyPoll {
    /// 20 µs and 64 packets, as the kernel's own tools have it; IRQs are not deferred.
    fn default() -> Self {
        Self { timeout_us: 20, budget: 64, deferral: None }
    }
}

/// Opens queues of network interfaces. Everything has a default but the interface.
///
/// Nothing is checked before the last call, and everything that can be checked is checked there before
/// the kernel is asked, so that an error says what was wrong.
#[derive(Clone, Debug)]
#[must_use = "it opens nothing until it is built"]
pub struct FluxBuilder {
    /// The interfaces, in the order in which they become ports 0, 1, …
    interfaces: Vec<String>,
    queues: Queues,
    frames: Option<u32>,
    tx_reserve: Option<u32>,
    frame_size: u32,
    headroom: u32,
    rings: RingSizes,
    pages: PageSize,
    zero_copy: ZeroCopy,
    attach: Attach,
    program: XdpProgram,
    need_wakeup: bool,
    multi_buffer: bool,
    busy_poll: Option<BusyPoll>,
}

impl FluxBuilder {
    /// A socket on the interface of this name, in the network namespace of the thread that builds; or, if
    /// the name begins with `sim:`, on a simulated one.
    pub fn new(interface: impl Into<String>) -> Self {
        Self {
            interfaces: vec![interface.into()],
            queues: Queues::default(),
            frames: None,
            tx_reserve: None,
            frame_size: FRAME_SIZE_MIN,
            headroom: 0,
            rings: RingSizes::default(),
            pages: PageSize::Base,
            zero_copy: ZeroCopy::Prefer,
            attach: Attach::Auto,
            program: XdpProgram::default(),
            need_wakeup: true,
            multi_buffer: false,
            busy_poll: None,
        }
    }

    /// A further interface, to forward packets to and from without a copy: it gets its frames from the same
    /// packet memory. The first is port 0, this one port 1, the next one port 2, up to 8 in all.
    pub fn interface(mut self, interface: impl Into<String>) -> Self {
        self.interfaces.push(interface.into());
        self
    }

    /// Which queue; 0 by default. `ethtool -l` says how many there are.
    pub fn queue(self, queue: u32) -> Self {
        self.queues([queue])
    }

    /// Which queues, of each interface: `Queues::All`, or a list. Each gets packet memory of its own, which
    /// queues of the same number share if there are several interfaces.
    pub fn queues(mut self, queues: impl Into<Queues>) -> Self {
        self.queues = queues.into();
        self
    }

    /// Number of frames of each packet memory; by default as many as the rx and the tx ring have slots, 4096,
    /// for each interface.
    pub fn frames(mut self, frames: u32) -> Self {
        self.frames = Some(frames);
        self
    }

    /// How many of the frames are kept to send with, and are not posted to be received into: by default as many as the
    /// tx ring has slots, but no more than half. A program that sends only what it has received needs none.
    ///
    /// An engine keeps none in any case. Of frames that several interfaces share it is the sum.
    pub fn tx_reserve(mut self, frames: u32) -> Self {
        self.tx_reserve = Some(frames);
        self
    }

    /// Bytes per frame, 2048 (the default) or 4096. 256 of them, and the headroom, are not for packets.
    pub fn frame_size(mut self, bytes: u32) -> Self {
        self.frame_size = bytes;
        self
    }

    /// Bytes to keep free in front of received packets, beyond the kernel's own 256; 0 by default.
    pub fn headroom(mut self, bytes: u32) -> Self {
        self.headroom = bytes;
        self
    }

    /// Slots of the fill ring, a power of two; 4096 by default, twice as many as those of the rx ring: a full rx ring
    /// leaves something to receive into then, if there are the frames (see [`FluxBuilder::tx_reserve`]).
    pub fn fill_size(mut self, slots: u32) -> Self {
        self.rings.fill = slots;
        self
    }

    /// Slots of the rx ring, a power of two; 2048 by default.
    pub fn rx_size(mut self, slots: u32) -> Self {
        self.rings.rx = slots;
        self
    }

    /// Slots of the tx ring, a power of two; 2048 by default.
    pub fn tx_size(mut self, slots: u32) -> Self {
        self.rings.tx = slots;
        self
    }

    /// Slots of the completion ring, a power of two; 2048 by default.
    pub fn completion_size(mut self, slots: u32) -> Self {
        self.rings.completion = slots;
        self
    }

    /// The pages to put packet memory on; base pages by default. If there are none of the size asked
    /// for, smaller ones are taken, and [`Granted`] says so.
    pub fn pages(mut self, pages: PageSize) -> Self {
        self.pages = pages;
        self
    }

    /// Whether to go without copies; preferred by default.
    pub fn zero_copy(mut self, zero_copy: ZeroCopy) -> Self {
        self.zero_copy = zero_copy;
        self
    }

    /// Where to run the XDP program; in the driver if that is offered, by default.
    pub fn attach(mut self, attach: Attach) -> Self {
        self.attach = attach;
        self
    }

    /// The XDP program; by default the one that redirects all packets of the queue to the socket.
    ///
    /// One of your own says which packets come to the socket, by redirecting them by the map that it is
    /// given, and what becomes of the others.
    pub fn program(mut self, program: XdpProgram) -> Self {
        self.program = program;
        self
    }

    /// Whether the kernel is to say when it wants to be woken; on by default. Off, every
    /// [`FluxRaw::flush`] makes a system call.
    pub fn need_wakeup(mut self, on: bool) -> Self {
        self.need_wakeup = on;
        self
    }

    /// Whether a packet may have several frames, as jumbo frames do; off by default. It takes Linux 6.6, and
    /// without copies a driver that says so.
    ///
    /// Owned packets have their bytes in several slices then: [`Packet::segments`](crate::Packet::segments). In raw
    /// mode they are received by [`RxRing::receive_whole`](crate::ring::RxRing::receive_whole) and sent by
    /// [`TxRing::push_chain`](crate::ring::TxRing::push_chain); what moves single frames does not take them. The
    /// engine does without. An XDP program of your own sees the first part of a packet only.
    #[doc(alias = "XDP_USE_SG")]
    pub fn multi_buffer(mut self, on: bool) -> Self {
        self.multi_buffer = on;
        self
    }

    /// Has the kernel poll the queue from our system calls; off by default.
    pub fn busy_poll(mut self, busy_poll: BusyPoll) -> Self {
        self.busy_poll = Some(busy_poll);
        self
    }

    /// Opens the queue, and gives it in raw mode.
    ///
    /// # Errors
    /// [`Error`], which says what was asked, what was found and what to do. Nothing is left behind.
    /// [`Error::Invalid`] for several queues or interfaces: raw mode drives one.
    pub fn build_raw(self) -> Result<FluxRaw> {
        let mut groups =
            open::groups(&self, Some("build_raw() opens one; several are for build_engine()"))?;
        let group = groups.pop().map(|mut group| (group.lanes.pop(), group));
        let Some((Some(lane), group)) = group else {
            return Err(Error::invalid("queues", "none", "name one at least"));
        };
        Ok(FluxRaw::new(lane, group.pool, group.umem, group.tx_reserve))
    }

    /// Opens the queues, to be driven by a callback.
    ///
    /// There is one worker for each queue, which drives the queue of that number of all interfaces.
    ///
    /// # Errors
    /// As [`FluxBuilder::build_raw`], but for several queues and interfaces.
    pub fn build_engine(self) -> Result<FluxEngine> {
        Ok(FluxEngine::of(open::groups(&self, None)?))
    }

    /// Opens the queues, to be split into halves that receive and send owned packets.
    ///
    /// # Errors
    /// As [`FluxBuilder::build_raw`], but for several queues; [`Error::Invalid`] for several interfaces.
    pub fn build_system(self) -> Result<FluxSystem> {
        if self.interfaces.len() > 1 {
            let why = "build_system() opens one; several are for build_engine(), or a system each";
            return Err(Error::invalid("interfaces", self.interfaces.len(), why));
        }
        Ok(FluxSystem::of(open::groups(&self, None)?))
    }
}

//! From the name of an interface to a socket.

use fluxcapacitor_core::backend::{Backend, BindMode, SEGMENTS_MAX};
use fluxcapacitor_core::lane::{self, LaneOptions, OpenLane};
use fluxcapacitor_core::{Error, Result};

use crate::granted::{BusyPollGrant, Granted};
use crate::hook::{Attach, AttachMode, XdpProgram};
use crate::port::Port;
use crate::raw::{Device, FluxRaw, RawParts};
use crate::ring::{LaneRings, RingSizes};
use crate::umem::{FRAME_SIZE_MAX, FRAME_SIZE_MIN, FramePool, Layout, PageSize, UmemRegion};

/// Bytes of a frame on the wire beyond the MTU: Ethernet header, two VLAN tags, FCS.
const ETHERNET_OVERHEAD: u32 = 26;

/// Packets per system call in copy mode, where that can be chosen: eight times the kernel's own, and a
/// bound on how long one call can take.
const TX_BUDGET: u32 = 256;

/// The least that `XDP_MAX_TX_SKB_BUDGET` takes (`TX_BATCH_SIZE`, `net/xdp/xsk.c`).
const TX_BUDGET_MIN: u32 = 32;

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
}

impl Default for BusyPoll {
    /// 20 µs and 64 packets, as the kernel's own tools have it.
    fn default() -> Self {
        Self { timeout_us: 20, budget: 64 }
    }
}

/// Opens a queue of a network interface. Everything has a default but the interface.
///
/// Nothing is checked before the last call, and everything that can be checked is checked there before
/// the kernel is asked, so that an error says what was wrong.
#[derive(Clone, Debug)]
#[must_use = "it opens nothing until it is built"]
pub struct FluxBuilder {
    interface: String,
    queue: u32,
    frames: Option<u32>,
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
            interface: interface.into(),
            queue: 0,
            frames: None,
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

    /// Which queue; 0 by default. `ethtool -l` says how many there are.
    pub fn queue(mut self, queue: u32) -> Self {
        self.queue = queue;
        self
    }

    /// Number of frames; by default as many as the fill and the tx ring have slots, 4096.
    pub fn frames(mut self, frames: u32) -> Self {
        self.frames = Some(frames);
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

    /// Slots of the fill ring, a power of two; 2048 by default.
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
    /// Packets are then received by [`RxRing::receive_whole`](crate::ring::RxRing::receive_whole) and sent by
    /// [`TxRing::push_chain`](crate::ring::TxRing::push_chain); what moves single frames does not take them. An
    /// XDP program of your own sees the first part of a packet only.
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
    pub fn build_raw(self) -> Result<FluxRaw> {
        let port = self.find_port()?;
        self.rings.check()?;
        let layout = self.layout(&port)?;
        let reserve = self.rings.tx.min(layout.frames() / 2);

        let (umem, mut pool) = UmemRegion::new(layout, self.pages)?;
        let takes_chains = self.multi_buffer || self.program.is_multi_buffer();
        let program = self.program.clone().multi_buffer(takes_chains);
        let hook = port.attach(self.attach, &program)?;
        let (lane, why_copied) = self.open_lane(&port, hook.mode(), &umem, &mut pool, reserve)?;
        let OpenLane { rings, socket } = lane;

        let granted = Granted {
            driver: port.driver,
            mtu: port.mtu,
            is_up: port.is_up,
            queue: self.queue,
            queues: port.queues,
            zero_copy: socket.is_zero_copy()?,
            why_copied,
            attach: Some(hook.mode()),
            why_not_native: hook.why_not_native().map(str::to_owned),
            pages: umem.pages().clone(),
            need_wakeup: self.need_wakeup,
            busy_poll: self.grant_busy_poll(&*socket)?,
            tx_budget: self.grant_tx_budget(&*socket)?,
            multi_buffer: self.multi_buffer,
            segments_max: socket.segments_max(),
            frames: layout.frames(),
            frame_size: layout.frame_size(),
            headroom: layout.headroom(),
            rings: self.rings,
            interface: self.interface,
        };
        hook.map().insert_socket(granted.queue, &*socket)?;

        let LaneRings { fill, rx, tx, completion } = rings;
        let device = Device::new(Some(hook), granted.queue, socket);
        let parts = RawParts { device, rx, fill, tx, completion, pool, umem, granted };
        Ok(FluxRaw::new(parts, reserve))
    }

    fn find_port(&self) -> Result<Port> {
        let found = Port::find(&self.interface)?;
        let queues = found.queues;
        if self.queue >= queues {
            let interface = self.interface.clone();
            return Err(Error::QueueOutOfRange { interface, queue: self.queue, queues });
        }
        Ok(found)
    }

    /// The layout, if its frames hold the packets of the interface.
    fn layout(&self, port: &Port) -> Result<Layout> {
        let frames = self.frames.unwrap_or(self.rings.fill + self.rings.tx);
        let layout = Layout::new(self.frame_size, frames, self.headroom)?;
        let longest = port.mtu.saturating_add(ETHERNET_OVERHEAD);
        if self.multi_buffer {
            self.check_segments(port.mtu, longest.div_ceil(layout.packet_max()))?;
        } else if longest > layout.packet_max() {
            let unused = self.frame_size - layout.packet_max();
            let fits = FRAME_SIZE_MAX - unused;
            let mut what_fits = if longest <= fits {
                format!("take frames of {FRAME_SIZE_MAX} bytes")
            } else {
                let mtu = fits.saturating_sub(ETHERNET_OVERHEAD);
                let by = port.set_mtu_by(mtu);
                format!(
                    "take frames of {FRAME_SIZE_MAX} bytes and set the MTU to {mtu} or less ({by})"
                )
            };
            what_fits.push_str(", or ask for multi_buffer");
            if self.headroom > 0 {
                what_fits.push_str(", or ask for less headroom");
            }
            let mtu = port.mtu;
            return Err(Error::invalid(
                "frame size",
                self.frame_size,
                format!(
                    "packets of MTU {mtu} take up to {longest} bytes, and {unused} of each frame are \
                     headroom: {what_fits}"
                ),
            ));
        }
        Ok(layout)
    }

    /// Whether packets of so many segments can be received and sent.
    fn check_segments(&self, mtu: u32, segments: u32) -> Result<()> {
        let RingSizes { fill, rx, tx, completion } = self.rings;
        let most = [fill, rx, tx, completion].into_iter().fold(SEGMENTS_MAX, u32::min);
        if segments <= most {
            return Ok(());
        }
        let why = format!(
            "packets of MTU {mtu} take up to {segments} frames, and {most} are the most (a packet has \
             {SEGMENTS_MAX} at most, and has to fit the rings): take larger frames, less headroom or \
             larger rings, or set a smaller MTU"
        );
        Err(Error::invalid("frame size", self.frame_size, why))
    }

    /// The ladder: zero-copy by force, then copying by force, each with a fresh socket; with what the
    /// kernel said to the first.
    fn open_lane(
        &self,
        port: &Port,
        attached: AttachMode,
        umem: &UmemRegion,
        pool: &mut FramePool,
        tx_reserve: u32,
    ) -> Result<(OpenLane, Option<String>)> {
        let mut open = |zero_copy| {
            let options = LaneOptions {
                port: port.lane(),
                interface: &port.name,
                driver: &port.driver,
                queue: self.queue,
                sizes: self.rings,
                mode: BindMode {
                    zero_copy,
                    need_wakeup: self.need_wakeup,
                    segments_max: match (self.multi_buffer, zero_copy) {
                        (false, _) => 1,
                        (true, true) => port.zero_copy_segments_max,
                        (true, false) => SEGMENTS_MAX,
                    },
                },
                share: None,
                tx_reserve,
            };
            lane::open(umem, pool, &options)
        };
        if self.zero_copy == ZeroCopy::Forbid {
            return Ok((open(false)?, None));
        }
        let refusal = no_zero_copy(port, attached, umem.layout(), self.multi_buffer);
        match refusal.map_or_else(|| open(true), Err) {
            Ok(lane) => Ok((lane, None)),
            Err(Error::NoZeroCopy { why, .. }) if self.zero_copy == ZeroCopy::Prefer => {
                Ok((open(false)?, Some(why)))
            }
            Err(error) => Err(error),
        }
    }

    fn grant_busy_poll(&self, socket: &dyn Backend) -> Result<BusyPollGrant> {
        let Some(BusyPoll { timeout_us, budget }) = self.busy_poll else {
            return Ok(BusyPollGrant::NotAsked);
        };
        if let Err(error) = socket.busy_poll(timeout_us, budget) {
            return Ok(BusyPollGrant::Refused(error.to_string()));
        }
        Ok(socket
            .napi_id()?
            .map_or(BusyPollGrant::NoNapi, |napi_id| BusyPollGrant::Real { napi_id }))
    }

    /// As many packets per system call as are worth it, where the kernel lets us choose.
    fn grant_tx_budget(&self, socket: &dyn Backend) -> Result<Option<u32>> {
        let budget = TX_BUDGET.min(self.rings.tx);
        if budget < TX_BUDGET_MIN {
            return Ok(None);
        }
        match socket.tx_budget(budget) {
            Ok(()) => Ok(Some(budget)),
            Err(Error::Unsupported { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Why there can be no zero-copy, as far as it can be known without trying.
fn no_zero_copy(
    port: &Port,
    attached: AttachMode,
    layout: Layout,
    multi_buffer: bool,
) -> Option<Error> {
    // Drivers receive into whole cache lines: `xsk_pool_get_rx_frame_size` rounded down to 128.
    let receivable = layout.packet_max() & !127;
    let longest = port.mtu.saturating_add(ETHERNET_OVERHEAD);
    let most = port.zero_copy_segments_max;
    let why = if attached == AttachMode::Generic {
        // The driver would fill the ring for packets that the stack then copies out of it.
        "the XDP program runs in generic mode".to_owned()
    } else if port.refuses_zero_copy {
        "the driver does not offer it (xsk-zerocopy is not among its XDP features)".to_owned()
    } else if multi_buffer && most < 2 {
        "the driver does not offer it for packets of several segments (xdp-zc-max-segs)".to_owned()
    } else if multi_buffer && longest.div_ceil(receivable.max(1)) > most {
        format!(
            "packets of MTU {} take more than the {most} segments of {receivable} bytes that the driver can use",
            port.mtu
        )
    } else if longest > receivable && !multi_buffer {
        format!(
            "packets of MTU {} do not fit the {receivable} bytes that drivers can use",
            port.mtu
        )
    } else {
        return None;
    };
    let (interface, driver) = (port.name.clone(), port.driver.clone());
    Some(Error::NoZeroCopy { interface, driver, why })
}

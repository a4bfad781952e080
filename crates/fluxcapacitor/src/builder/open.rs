//! Opens what was asked for: a group of lanes for each queue, over one packet memory each.

use std::sync::Arc;

use fluxcapacitor_core::backend::{Backend, BindMode, SEGMENTS_MAX};
use fluxcapacitor_core::lane::{self, LaneOptions, OpenLane};
use fluxcapacitor_core::{Error, Result};

use super::layout::ETHERNET_OVERHEAD;
use super::{BusyPoll, FluxBuilder, NapiDeferral, ZeroCopy};
use crate::granted::{BusyPollGrant, Granted, NapiDeferralGrant};
use crate::hook::{AttachMode, Hook};
use crate::port::{Deferral, Port};
use crate::raw::{Device, Group, Lane};
use crate::trace;
use crate::umem::{FRAME_SIZE_MAX, FramePool, Layout, UmemRegion};

/// Packets per system call in copy mode, where that can be chosen: eight times the kernel's own, and a
/// bound on how long one call can take.
const TX_BUDGET: u32 = 256;

/// The least that `XDP_MAX_TX_SKB_BUDGET` takes (`TX_BATCH_SIZE`, `net/xdp/xsk.c`).
const TX_BUDGET_MIN: u32 = 32;

/// How many interfaces can share a packet memory: one worker waits for all of them.
const PORTS_MAX: usize = 8;

/// An interface, and the program on it.
struct Hooked {
    port: Port,
    hook: Arc<Hook>,
}

/// Opens everything; `one_only` says why there is to be one queue of one interface, if there is.
pub(super) fn groups(builder: &FluxBuilder, one_only: Option<&str>) -> Result<Vec<Group>> {
    let ports = find(builder)?;
    let queues = builder.queues.of(&ports)?;
    if let Some(why) = one_only.filter(|_| queues.len() > 1) {
        return Err(Error::invalid("queues", queues.len(), why));
    }
    if let Some(why) = one_only.filter(|_| ports.len() > 1) {
        return Err(Error::invalid("interfaces", ports.len(), why));
    }
    builder.rings.check()?;
    if let Some(deferral) = builder.busy_poll.and_then(|busy_poll| busy_poll.deferral) {
        deferral.check()?;
    }
    let layout = builder.layout(&ports)?;
    let takes_chains = builder.multi_buffer || builder.program.is_multi_buffer();
    let program = builder.program.clone().multi_buffer(takes_chains);
    let mut hooked = Vec::with_capacity(ports.len());
    for port in ports {
        let hook = Arc::new(port.attach(builder.attach, &program)?);
        hooked.push(Hooked { port, hook });
    }
    queues.into_iter().map(|queue| group(builder, &hooked, queue, layout)).collect()
}

fn find(builder: &FluxBuilder) -> Result<Vec<Port>> {
    let names = &builder.interfaces;
    if names.len() > PORTS_MAX {
        let why = format!("{PORTS_MAX} at most can share a packet memory");
        return Err(Error::invalid("interfaces", names.len(), why));
    }
    for (at, name) in names.iter().enumerate() {
        if names[..at].contains(name) {
            return Err(Error::invalid("interface", name, "it is named twice"));
        }
    }
    names.iter().map(|name| Port::find(name)).collect()
}

/// The ladder: zero-copy by force, then copying by force. It runs for the group, since the first socket
/// decides for all that share its memory; each rung has sockets and memory of its own.
fn group(builder: &FluxBuilder, hooked: &[Hooked], queue: u32, layout: Layout) -> Result<Group> {
    let rung = |zero_copy, why_copied| Rung { builder, queue, layout, zero_copy, why_copied };
    if builder.zero_copy == ZeroCopy::Forbid {
        return rung(false, None).open(hooked);
    }
    let refusal =
        hooked.iter().find_map(|hooked| no_zero_copy(hooked, layout, builder.multi_buffer));
    match refusal.map_or_else(|| rung(true, None).open(hooked), Err) {
        Err(Error::NoZeroCopy { why, .. }) if builder.zero_copy == ZeroCopy::Prefer => {
            rung(false, Some(why)).open(hooked)
        }
        opened => opened,
    }
}

/// One try at a group.
struct Rung<'b> {
    builder: &'b FluxBuilder,
    queue: u32,
    layout: Layout,
    zero_copy: bool,
    why_copied: Option<String>,
}

impl Rung<'_> {
    fn open(&self, hooked: &[Hooked]) -> Result<Group> {
        let (frames, count) = (self.layout.frames(), hooked.len() as u32);
        let usual = (self.builder.rings.tx.saturating_mul(count)).min(frames / 2);
        let tx_reserve = self.builder.tx_reserve.unwrap_or(usual);
        if tx_reserve > frames {
            let why = format!("there are {frames} frames");
            return Err(Error::invalid("tx reserve", tx_reserve, why));
        }
        // What the fill rings get of the frames, in equal parts.
        let share = (frames - tx_reserve) / count;
        let (umem, mut pool) = UmemRegion::new(self.layout, self.builder.pages)?;
        let mut lanes: Vec<Lane> = Vec::with_capacity(hooked.len());
        for hooked in hooked {
            let first = lanes.first().map(|first| first.device.socket());
            let opened = self.open_lane(hooked, first, &umem, &mut pool, share)?;
            lanes.push(self.lane(hooked, opened)?);
        }
        for lane in &lanes {
            if let Some(hook) = lane.device.hook() {
                hook.map().insert_socket(self.queue, lane.device.socket())?;
            }
        }
        Ok(Group { lanes, pool, umem, tx_reserve })
    }

    fn open_lane(
        &self,
        Hooked { port, .. }: &Hooked,
        share: Option<&dyn Backend>,
        umem: &UmemRegion,
        pool: &mut FramePool,
        frames: u32,
    ) -> Result<OpenLane> {
        let options = LaneOptions {
            port: port.lane(),
            interface: &port.name,
            driver: &port.driver,
            queue: self.queue,
            sizes: self.builder.rings,
            mode: self.mode(port),
            share,
            tx_reserve: (pool.len() as u32).saturating_sub(frames),
        };
        lane::open(umem, pool, &options)
    }

    fn mode(&self, port: &Port) -> BindMode {
        let segments_max = match (self.builder.multi_buffer, self.zero_copy) {
            (false, _) => 1,
            (true, true) => port.zero_copy_segments_max,
            (true, false) => SEGMENTS_MAX,
        };
        let need_wakeup = self.builder.need_wakeup;
        BindMode { zero_copy: self.zero_copy, need_wakeup, segments_max }
    }

    /// Says what was granted.
    fn lane(&self, Hooked { port, hook }: &Hooked, opened: OpenLane) -> Result<Lane> {
        let OpenLane { rings, socket } = opened;
        let busy_poll = busy_poll(self.builder.busy_poll, &*socket)?;
        let wanted = self.builder.busy_poll.and_then(|busy_poll| busy_poll.deferral);
        let (napi_deferral, deferral) = defer(wanted, &busy_poll, port, self.queue);
        let granted = Granted {
            interface: port.name.clone(),
            driver: port.driver.clone(),
            mac: port.mac,
            mtu: port.mtu,
            is_up: port.is_up,
            queue: self.queue,
            queues: port.queues,
            zero_copy: socket.is_zero_copy()?,
            why_copied: self.why_copied.clone(),
            attach: Some(hook.mode()),
            why_not_native: hook.why_not_native().map(str::to_owned),
            pages: socket.umem().pages().clone(),
            need_wakeup: self.builder.need_wakeup,
            busy_poll,
            napi_deferral,
            tx_budget: tx_budget(self.builder.rings.tx, &*socket)?,
            multi_buffer: self.builder.multi_buffer,
            segments_max: socket.segments_max(),
            frames: self.layout.frames(),
            frame_size: self.layout.frame_size(),
            headroom: self.layout.headroom(),
            rings: self.builder.rings,
        };
        trace::opened(&granted);
        let hook = Some(Arc::clone(hook));
        let device = Device::new(deferral, hook, port.name.clone(), self.queue, socket);
        Ok(Lane { device, rings, granted })
    }
}

/// Why there can be no zero-copy, as far as it can be known without trying.
fn no_zero_copy(
    Hooked { port, hook }: &Hooked,
    layout: Layout,
    multi_buffer: bool,
) -> Option<Error> {
    let receivable = receivable(&port.driver, layout.packet_max());
    let longest = port.mtu.saturating_add(ETHERNET_OVERHEAD);
    let (mtu, most) = (port.mtu, port.zero_copy_segments_max);
    let why = if hook.mode() == AttachMode::Generic {
        // The driver would fill the ring for packets that the stack then copies out of it.
        "the XDP program runs in generic mode".to_owned()
    } else if port.refuses_zero_copy {
        "the driver does not offer it (xsk-zerocopy is not among its XDP features)".to_owned()
    } else if multi_buffer && most < 2 {
        "the driver does not offer it for packets of several segments (xdp-zc-max-segs)".to_owned()
    } else if multi_buffer && longest.div_ceil(receivable.max(1)) > most {
        format!(
            "packets of MTU {mtu} take more than the {most} segments of {receivable} bytes that the \
             driver can use"
        )
    } else if longest > receivable && !multi_buffer {
        let larger = FRAME_SIZE_MAX - (layout.frame_size() - layout.packet_max());
        let fits = longest <= self::receivable(&port.driver, larger);
        let hint =
            if fits { format!(": take frames of {FRAME_SIZE_MAX} bytes") } else { String::new() };
        format!(
            "packets of MTU {mtu} do not fit the {receivable} bytes of a frame that the driver can use{hint}"
        )
    } else {
        return None;
    };
    let (interface, driver) = (port.name.clone(), port.driver.clone());
    Some(Error::NoZeroCopy { interface, driver, why })
}

/// How much of the room for a packet a driver can use, which tells its card in steps. What is longer than that comes
/// in pieces, each as if it were a packet.
fn receivable(driver: &str, room: u32) -> u32 {
    let step = match driver {
        // `SRRCTL.BSIZEPKT` (`igb_setup_srrctl`).
        "igb" => 1024,
        // Whole cache lines.
        _ => 128,
    };
    room - room % step
}

fn busy_poll(asked: Option<BusyPoll>, socket: &dyn Backend) -> Result<BusyPollGrant> {
    let Some(BusyPoll { timeout_us, budget, deferral: _ }) = asked else {
        return Ok(BusyPollGrant::NotAsked);
    };
    if let Err(error) = socket.busy_poll(timeout_us, budget) {
        return Ok(BusyPollGrant::Refused(error.to_string()));
    }
    Ok(socket.napi_id()?.map_or(BusyPollGrant::NoNapi, |napi_id| BusyPollGrant::Real { napi_id }))
}

/// Keeps IRQs off where somebody will poll instead. Elsewhere (veth) that would leave packets lying.
fn defer(
    wanted: Option<NapiDeferral>,
    busy_poll: &BusyPollGrant,
    port: &Port,
    queue: u32,
) -> (NapiDeferralGrant, Option<Deferral>) {
    let Some(wanted) = wanted else { return (NapiDeferralGrant::NotAsked, None) };
    let BusyPollGrant::Real { napi_id } = *busy_poll else {
        return (NapiDeferralGrant::Void, None);
    };
    match port.defer(queue, napi_id, wanted) {
        Ok((grant, deferral)) => (grant, Some(deferral)),
        Err(error @ Error::Sys { .. }) => {
            let NapiDeferral { hard_irqs, timeout } = wanted;
            let (directory, timeout_ns) =
                (format!("/sys/class/net/{}", port.name), timeout.as_nanos());
            (
                NapiDeferralGrant::Refused(format!(
                    "{error}; it takes CAP_NET_ADMIN on the machine, or have root set it for all queues: `echo \
                     {hard_irqs} > {directory}/napi_defer_hard_irqs; echo {timeout_ns} > \
                     {directory}/gro_flush_timeout`"
                )),
                None,
            )
        }
        Err(error) => (NapiDeferralGrant::Refused(error.to_string()), None),
    }
}

/// As many packets per system call as are worth it, where the kernel lets us choose.
fn tx_budget(tx_size: u32, socket: &dyn Backend) -> Result<Option<u32>> {
    let budget = TX_BUDGET.min(tx_size);
    if budget < TX_BUDGET_MIN {
        return Ok(None);
    }
    match socket.tx_budget(budget) {
        Ok(()) => Ok(Some(budget)),
        Err(Error::Unsupported { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn igb_receives_into_whole_kilobytes() {
        for (driver, frame_size, usable) in
            [("igb", 2048, 1024), ("igb", 4096, 3072), ("ice", 2048, 1792), ("ice", 4096, 3840)]
        {
            let room = Layout::new(frame_size, 1, 0).unwrap().packet_max();
            assert_eq!(receivable(driver, room), usable, "{driver}, {frame_size}");
        }
    }
}

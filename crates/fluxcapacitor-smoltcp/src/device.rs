//! A queue of a network interface, as smoltcp drives it.

#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
use std::thread;
use std::time::Duration;

use fluxcapacitor::raw::Waited;
use fluxcapacitor::umem::XDP_PACKET_HEADROOM;
use fluxcapacitor::{FluxRx, FluxSystem, FluxTx, Granted, Result, Stats};
use smoltcp::phy::{Device, DeviceCapabilities, Medium};
use smoltcp::time::{Duration as Delay, Instant};
use smoltcp::wire::{EthernetAddress, EthernetFrame};

use crate::incoming::Incoming;
use crate::outgoing::Outgoing;
use crate::token::{RxToken, TxToken};

/// How long a sleep lasts at most while packets are in the tx ring: nobody wakes us for them.
const NAP: Duration = Duration::from_millis(1);

/// How long a sleep lasts while the tx ring has room, and all frames are under way.
const PAUSE: Duration = Duration::from_micros(50);

/// A queue of a network interface, as a device of smoltcp.
///
/// Packets are read and written where the kernel has them; for none is anything allocated or copied, but what the
/// stack copies from and to its sockets. Checksums are the stack's to verify and to fill in, all of them. Packets from
/// a virtual interface of the same host come with half a checksum; it is completed before the stack sees them.
///
/// # When packets leave
///
/// smoltcp sends one packet a socket in each [`poll`](smoltcp::iface::Interface::poll), and says by a
/// [`poll_delay`](smoltcp::iface::Interface::poll_delay) of zero that there are more. A flush, which may be a system
/// call, after each poll would be one for each packet. So there is a flush
/// - in [`FluxDevice::wait`], unless the delay is zero and the last poll has sent;
/// - in the poll after the one in which the stack had nothing more to send, for those who poll without waiting;
/// - after 64 packets, and when the tx ring is full or all frames are under way;
/// - in [`FluxDevice::flush`].
///
/// # When there is no room
///
/// While the tx ring is full even so, or no frame is free, the stack is told that the device is exhausted, and keeps
/// what it has to send. It gets no packets either, since each may have to be answered; they wait in the rx ring.
///
/// # Several queues
///
/// A device is one queue. The stack sees what the interface steers there: give the interface one queue (`ethtool -L`),
/// or steer flows (`ethtool -N`), or make a device and a stack for each queue.
#[derive(Debug)]
pub struct FluxDevice {
    // Closed first: fields drop in this order.
    incoming: Incoming,
    outgoing: Outgoing,
    /// Whether the stack was told that there is no room.
    is_refused: bool,
    burst_max: usize,
}

const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<FluxDevice>();
};

impl FluxDevice {
    /// Of the one queue that is open.
    ///
    /// # Errors
    /// [`Error::Invalid`](fluxcapacitor::Error::Invalid) if several are:
    /// [`FluxSystem::into_queues`] gives the halves of each, for [`FluxDevice::new`].
    pub fn of(system: FluxSystem) -> Result<Self> {
        let (rx, tx) = system.split()?;
        Ok(Self::new(rx, tx))
    }

    /// Of the halves of a queue.
    #[must_use]
    pub fn new(rx: FluxRx, tx: FluxTx) -> Self {
        let Granted { mtu, frames, frame_size, headroom, rings, .. } = tx.granted();
        // At most half of the frames are kept for sending.
        let burst_max = rings.rx.min(rings.fill).min(rings.tx).min(frames / 2) as usize;
        // A packet is one frame, also where there may be packets of several.
        let holds = frame_size.saturating_sub(XDP_PACKET_HEADROOM + headroom) as usize;
        let len_max = (*mtu as usize + EthernetFrame::<&[u8]>::header_len()).min(holds);
        let outgoing = Outgoing::new(tx, len_max);
        Self { incoming: Incoming::new(rx), outgoing, is_refused: false, burst_max }
    }

    /// The halves again. Packets that the stack has not seen are dropped; those that it has sent leave with the next
    /// flush.
    #[must_use]
    pub fn into_halves(self) -> (FluxRx, FluxTx) {
        (self.incoming.into_rx(), self.outgoing.into_tx())
    }

    /// The address of the interface, to make the stack's with; none if it is no Ethernet interface.
    #[must_use]
    pub fn ethernet_address(&self) -> Option<EthernetAddress> {
        self.granted().mac.map(|mac| EthernetAddress(mac.octets()))
    }

    /// Has the kernel send what the stack has sent.
    ///
    /// # Errors
    /// [`Error::LinkGone`](fluxcapacitor::Error::LinkGone) if the interface has gone,
    /// [`Error::Ring`](fluxcapacitor::Error::Ring) if a ring is corrupt; also if that was found in a poll, which has no
    /// error to tell it by.
    pub fn flush(&mut self) -> Result<()> {
        self.outgoing.flush()
    }

    /// Flushes, and sleeps until the stack has something to do: a packet has arrived, there is room again after it was
    /// told that there is none, or `poll_delay` has passed; for `timeout` at most.
    ///
    /// `poll_delay` is what [`Interface::poll_delay`](smoltcp::iface::Interface::poll_delay) says. If that is zero and
    /// the last poll has sent, it ends at once and without a flush: poll again. Without room in the tx ring it counts
    /// for nothing, since the stack could not send.
    ///
    /// # Errors
    /// As [`FluxDevice::flush`]; that the interface has gone, at most 100 ms later.
    pub fn wait(&mut self, poll_delay: Option<Delay>, timeout: Duration) -> Result<Waited> {
        let has_room = self.outgoing.is_ready();
        if has_room && poll_delay == Some(Delay::ZERO) && self.outgoing.is_sending() {
            return Ok(Waited::Ready);
        }
        self.outgoing.flush()?;
        if !self.outgoing.prepare()? {
            return self.wait_for_room(timeout);
        }
        if std::mem::take(&mut self.is_refused) {
            return Ok(Waited::Ready);
        }
        self.wait_for_packets(poll_delay.map_or(timeout, |delay| timeout.min(delay.into())))
    }

    /// In naps, since the kernel wakes nobody for frames that come back.
    fn wait_for_room(&mut self, mut left: Duration) -> Result<Waited> {
        loop {
            let nap = left.min(NAP);
            let waited = self.outgoing.wait(nap)?;
            if self.outgoing.prepare()? {
                self.is_refused = false;
                return Ok(Waited::Ready);
            }
            match waited {
                Waited::TimedOut => left -= nap,
                // The ring has room: what is missing are frames.
                Waited::Ready => {
                    let pause = left.min(PAUSE);
                    thread::sleep(pause);
                    left -= pause;
                }
                link => return Ok(link),
            }
            if left.is_zero() {
                return Ok(Waited::TimedOut);
            }
        }
    }

    /// In naps while the kernel has left packets in the tx ring: the next flush takes them along.
    fn wait_for_packets(&mut self, mut left: Duration) -> Result<Waited> {
        loop {
            if self.incoming.has_arrived()? {
                return Ok(Waited::Ready);
            }
            let nap = if self.outgoing.is_drained()? { left } else { left.min(NAP) };
            match self.incoming.wait(nap)? {
                Waited::TimedOut => left -= nap,
                ended => return Ok(ended),
            }
            if left.is_zero() {
                return Ok(Waited::TimedOut);
            }
            self.outgoing.flush()?;
        }
    }

    /// How many packets the stack has made longer than the interface takes, which were dropped: smoltcp does not
    /// fragment IPv6, and IPv4 with its feature `proto-ipv4-fragmentation` only.
    #[must_use]
    pub const fn too_long(&self) -> u64 {
        self.outgoing.too_long()
    }

    /// What was granted.
    #[must_use]
    pub fn granted(&self) -> &Granted {
        self.incoming.rx().granted()
    }

    /// What has been counted up to now, in both directions.
    ///
    /// # Errors
    /// [`Error::Sys`](fluxcapacitor::Error::Sys) if the socket does not tell its own counters.
    pub fn stats(&self) -> Result<Stats> {
        self.incoming.rx().stats()
    }
}

impl Device for FluxDevice {
    type RxToken<'d> = RxToken;
    type TxToken<'d> = TxToken<'d>;

    #[inline]
    fn receive(&mut self, _now: Instant) -> Option<(RxToken, TxToken<'_>)> {
        if !self.outgoing.is_ready() {
            self.is_refused = true;
            return None;
        }
        match self.incoming.next() {
            Ok(Some(packet)) => Some((RxToken::new(packet), TxToken::new(&mut self.outgoing))),
            Ok(None) => {
                self.outgoing.flush_when_idle();
                None
            }
            Err(error) => {
                self.outgoing.fail(error);
                None
            }
        }
    }

    #[inline]
    fn transmit(&mut self, _now: Instant) -> Option<TxToken<'_>> {
        if !self.outgoing.is_ready() {
            self.is_refused = true;
            return None;
        }
        Some(TxToken::new(&mut self.outgoing))
    }

    /// Ethernet; the interface's MTU and 14 bytes, as far as a frame holds them; bursts as long as the shortest ring; all checksums by the stack.
    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = self.outgoing.len_max();
        capabilities.max_burst_size = Some(self.burst_max);
        capabilities
    }
}

/// Readable while packets are in the rx ring.
#[cfg(unix)]
impl AsFd for FluxDevice {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.incoming.rx().as_fd()
    }
}

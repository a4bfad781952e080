//! The driver of a NIC that receives into and sends out of the user's frames.
//!
//! It sleeps until it is kicked, says so in the rings' flags, and looks once more before it does.

use std::collections::VecDeque;
use std::time::Duration;

use super::super::nic::Queue;
use super::{Event, NicId, SocketId, State};
use crate::ring::Outgoing;

/// How many frames it keeps at hand to receive into.
const STOCK: usize = 256;

/// How many packets it sends in one go (`NAPI_POLL_WEIGHT`).
const BUDGET: usize = 64;

/// How long a packet takes to leave, and with it the time between two looks while it is awake.
const POLL_EVERY: Duration = Duration::from_micros(2);

/// What the driver of a queue knows.
#[derive(Debug, Default)]
pub(in crate::simulator) struct Driver {
    /// Frames to receive into.
    pub(super) stock: VecDeque<u64>,
    /// Packets that are leaving.
    leaving: VecDeque<u64>,
    awake: bool,
}

impl State {
    /// Has the driver look at the rings of a queue (`ndo_xsk_wakeup`).
    pub(super) fn wake_driver(&mut self, nic: NicId, queue: u32) {
        let driver = &mut self.nics[nic].queues[queue as usize].driver;
        if !std::mem::replace(&mut driver.awake, true) {
            self.poll_driver(nic, queue);
        }
    }

    /// The same, if there is a driver that works without copies.
    pub(in crate::simulator) fn wake_if_zero_copy(&mut self, nic: NicId, queue: u32) {
        let socket = self.nics[nic].queues[queue as usize].socket;
        let socket = socket.and_then(|id| self.sockets.get(&id));
        if socket.is_some_and(super::super::socket::Socket::is_zero_copy) {
            self.wake_driver(nic, queue);
        }
    }

    /// Whether there is a frame to receive a packet of this length into; where packets are copied, that is
    /// seen later.
    pub(super) fn has_frame(&self, nic: NicId, queue: u32, len: usize) -> bool {
        let queue = &self.nics[nic].queues[queue as usize];
        let socket = queue.socket.and_then(|id| self.sockets.get(&id));
        socket
            .filter(|socket| socket.is_zero_copy())
            .is_none_or(|socket| !queue.driver.stock.is_empty() && len <= socket.lane.receivable())
    }

    /// Takes frames from the fill ring, and says whether it has to be woken for more.
    pub(super) fn refill_driver(&mut self, nic: NicId, queue: u32) {
        let Queue { socket, driver, .. } = &mut self.nics[nic].queues[queue as usize];
        let socket = socket.and_then(|id| self.sockets.get_mut(&id));
        let Some(socket) = socket.filter(|socket| socket.is_zero_copy()) else { return };
        while driver.stock.len() < STOCK {
            let Some(frame) = socket.lane.take_frame() else { break };
            driver.stock.push_back(frame);
        }
        if socket.uses_need_wakeup() {
            // With none left there will be no packet, and so no further look.
            socket.lane.peer.fill.set_need_wakeup(driver.stock.is_empty());
        }
    }

    /// One look.
    pub(super) fn poll_driver(&mut self, nic: NicId, queue: u32) {
        let at = queue as usize;
        let Some(id) = self.nics[nic].queues[at].socket else {
            self.nics[nic].queues[at].driver = Driver::default();
            return;
        };
        self.complete_leaving(nic, at, id);
        let now = self.clock.now();
        let again = self.clock.after(POLL_EVERY);
        if !self.nics[nic].is_running(now) {
            // It comes back to life with the link, or with the next kick.
            self.nics[nic].queues[at].driver.awake = false;
            if let Some(socket) = self.sockets.get(&id) {
                socket.set_tx_wakeup(true);
            }
            return;
        }
        let sent = self.send_batch(nic, queue, id);
        self.refill_driver(nic, queue);
        let (driver, socket) = (&mut self.nics[nic].queues[at].driver, self.sockets.get_mut(&id));
        let Some(socket) = socket else { return };
        if sent == 0 && driver.leaving.is_empty() {
            socket.set_tx_wakeup(true);
            // The user publishes first and reads the flag second. Without room to complete, it sleeps too:
            // whoever makes room finds the flag.
            if !socket.lane.can_send() {
                driver.awake = false;
                return;
            }
        }
        socket.set_tx_wakeup(false);
        self.clock.schedule(again, Event::Poll { nic, queue });
    }

    /// What left since the last look is complete.
    fn complete_leaving(&mut self, nic: NicId, at: usize, id: SocketId) {
        let mut leaving = std::mem::take(&mut self.nics[nic].queues[at].driver.leaving);
        for addr in leaving.drain(..) {
            self.complete(nic, id, addr);
        }
        // The same memory again: tests count allocations.
        self.nics[nic].queues[at].driver.leaving = leaving;
    }

    /// Sends as many packets as one look may; says how many.
    fn send_batch(&mut self, nic: NicId, queue: u32, id: SocketId) -> usize {
        for sent in 0..BUDGET {
            // It may have stopped with the packet before.
            if !self.nics[nic].is_running(self.clock.now()) {
                return sent;
            }
            let mut packet = self.buffer();
            let Some(socket) = self.sockets.get_mut(&id) else { return sent };
            // `xsk_tx_peek_release_desc_batch` does not count a look in vain.
            if !socket.lane.can_send() {
                self.recycle(packet);
                return sent;
            }
            match socket.lane.take_packet(&mut packet) {
                Outgoing::Packet(addrs) => {
                    self.nics[nic].queues[queue as usize].driver.leaving.extend(addrs);
                    self.wire(nic, Some(queue), packet);
                }
                Outgoing::Invalid | Outgoing::Part => self.recycle(packet),
                Outgoing::Empty | Outgoing::NoRoom => {
                    self.recycle(packet);
                    return sent;
                }
            }
        }
        BUDGET
    }
}

//! From the tx ring to the wire: what a kick does.

use super::super::fault::{Fault, Stage};
use super::{Event, NicId, SocketId, State};
use crate::backend::Kick;
use crate::error::{Error, Result};
use crate::ring::{Addresses, Descriptor, Outgoing};

impl State {
    /// `sendto` (`__xsk_sendmsg`).
    pub(in crate::simulator) fn kick_tx(&mut self, id: SocketId) -> Result<Kick> {
        let Some((nic, queue)) = self.check_link(id)? else { return Ok(Kick::Done) };
        let mut is_short = false;
        match self.strike(Stage::Kick, nic, None) {
            Some(Fault::KickAgain | Fault::KickNoBuffers) => return Ok(Kick::Again),
            Some(Fault::Forge) => self.forge(id),
            Some(Fault::ShortKick) => is_short = true,
            _ => {}
        }
        let Some(socket) = self.sockets.get(&id) else { return Ok(Kick::Done) };
        if socket.is_zero_copy() {
            self.wake_driver(nic, queue);
            return Ok(Kick::Done);
        }
        let waiting = socket.lane.peer.tx.occupancy();
        let budget = if is_short { waiting / 2 } else { socket.tx_budget };
        Ok(self.send(nic, queue, id, budget))
    }

    /// `recvfrom` (`__xsk_recvmsg`).
    pub(in crate::simulator) fn kick_rx(&mut self, id: SocketId) -> Result<Kick> {
        let Some((nic, queue)) = self.check_link(id)? else { return Ok(Kick::Done) };
        if self.sockets.get(&id).is_some_and(super::super::socket::Socket::is_zero_copy) {
            self.wake_driver(nic, queue);
        }
        Ok(Kick::Done)
    }

    /// What `poll` does beside looking (`xsk_poll`): in copy mode it sends, a driver it wakes. No fault of
    /// kicks strikes here.
    pub(in crate::simulator) fn drive(&mut self, id: SocketId) -> Result<()> {
        let Some((nic, queue)) = self.check_link(id)? else { return Ok(()) };
        match self.sockets.get(&id) {
            Some(socket) if socket.is_zero_copy() => self.wake_driver(nic, queue),
            Some(socket) => {
                let budget = socket.tx_budget;
                let _left_for_the_next = self.send(nic, queue, id, budget);
            }
            None => {}
        }
        Ok(())
    }

    /// Where a socket is bound, if it is and the link is there.
    fn check_link(&self, id: SocketId) -> Result<Option<(NicId, u32)>> {
        let Some(socket) = self.sockets.get(&id) else { return Ok(None) };
        let nic = &self.nics[socket.nic];
        if nic.removed {
            return Err(Error::LinkGone);
        }
        if !nic.up {
            return Err(Error::LinkDown);
        }
        Ok(socket.bound.map(|_| (socket.nic, socket.queue)))
    }

    /// `__xsk_generic_xmit` (net/xdp/xsk.c): up to `budget` descriptors, inside the call. A packet may be cut there,
    /// and goes out with a later call.
    fn send(&mut self, nic: NicId, queue: u32, id: SocketId, mut budget: u32) -> Kick {
        loop {
            let now = self.clock.now();
            let mut packet = self.buffer();
            let Some(socket) = self.sockets.get_mut(&id) else { return Kick::Done };
            let stays = budget == 0 || self.nics[nic].is_stopped(now);
            if stays && socket.lane.peer.tx.occupancy() > 0 {
                self.recycle(packet);
                return Kick::Again;
            }
            budget = budget.saturating_sub(1);
            let addrs = match socket.lane.take_packet(&mut packet) {
                Outgoing::Packet(addrs) => addrs,
                Outgoing::Part => {
                    self.has_stirred = true;
                    self.recycle(packet);
                    continue;
                }
                // An invalid descriptor is skipped, and ends the call.
                Outgoing::Empty | Outgoing::Invalid => {
                    self.recycle(packet);
                    return Kick::Done;
                }
                Outgoing::NoRoom => {
                    self.recycle(packet);
                    return Kick::Again;
                }
            };
            let busy = self.strike(Stage::Departure, nic, Some(&packet)).is_some();
            if busy || !self.takes(nic, packet.len()) {
                // `NET_XMIT_DROP`: completed, not sent, and EBUSY.
                self.nics[nic].counters.tx_dropped += 1;
                self.recycle(packet);
                self.complete_all(nic, id, addrs);
                return Kick::Again;
            }
            self.wire(nic, Some(queue), packet);
            self.complete_all(nic, id, addrs);
        }
    }

    /// Plays a forged peer: writes numbers out of the blue into the rx and the completion ring.
    fn forge(&mut self, id: SocketId) {
        let (random, Some(socket)) = (&mut self.random, self.sockets.get_mut(&id)) else { return };
        for _ in 0..=random.below(4) {
            // Often a frame that exists, and often one of which much is told.
            let addr = random.next() >> random.below(64);
            let len = (random.next() >> random.below(32)) as u32;
            let options = random.below(2) as u32;
            socket.lane.forge_packet(Descriptor { addr, len, options });
            socket.lane.forge_completion(addr);
        }
    }

    /// Completes each segment of a packet.
    fn complete_all(&mut self, nic: NicId, id: SocketId, addrs: Addresses) {
        for addr in addrs {
            self.complete(nic, id, addr);
        }
    }

    /// Completes a segment, now or, if a fault has it so, later.
    pub(super) fn complete(&mut self, nic: NicId, id: SocketId, addr: u64) {
        let late = self.strike(Stage::Completion, nic, None);
        if let Some(Fault::LateCompletion(by)) = late {
            let at = self.clock.after(by);
            self.clock.schedule(at, Event::Complete { socket: id, addr });
        } else if let Some(socket) = self.sockets.get_mut(&id) {
            socket.lane.complete(addr);
            self.has_stirred = true;
        }
    }
}

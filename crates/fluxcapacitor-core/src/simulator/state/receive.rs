//! From the wire to the program, and from there to a socket or to the host's stack.

use std::time::Duration;

use super::super::program::{Ingress, Verdict};
use super::super::rss;
use super::{CALL, Event, NicId, State};
use crate::simulator::nic::Profile;

impl State {
    /// A packet comes to a NIC.
    pub(super) fn arrive(&mut self, nic: NicId, from_queue: Option<u32>, mut packet: Vec<u8>) {
        let now = self.clock.now();
        let this = &mut self.nics[nic];
        if !this.is_running(now) || !this.fits(packet.len()) {
            this.counters.rx_dropped += 1;
            return self.recycle(packet);
        }
        this.counters.rx_packets += 1;
        this.counters.rx_bytes += packet.len() as u64;
        this.tapped(now, &packet);

        let queues = this.queues.len() as u32;
        let queue = match (from_queue, this.profile) {
            // veth: the queue follows that of the sender.
            (Some(queue), Profile::Copy) => queue % queues,
            _ => rss::queue(&packet, queues),
        };
        if !self.has_frame(nic, queue, packet.len()) {
            // A card without a frame of the user's has nowhere to put a packet, whatever is to become of it.
            self.nics[nic].counters.rx_dropped += 1;
            self.refill_driver(nic, queue);
            return self.recycle(packet);
        }
        let this = &mut self.nics[nic];
        let verdict = match &this.program {
            None => Verdict::Pass,
            Some(program) => {
                let ingress = Ingress { ifindex: nic as u32 + 1, queue };
                program.run(&mut packet, ingress, &self.maps)
            }
        };
        match verdict {
            Verdict::Drop | Verdict::Aborted => self.recycle(packet),
            Verdict::Pass => self.nics[nic].pass(packet),
            Verdict::Tx => {
                let at = self.clock.after(CALL);
                self.clock.schedule(at, Event::Bounce { nic, queue, packet });
            }
            Verdict::Redirect { map, slot } => self.redirect(nic, queue, (map, slot), packet),
        }
    }

    /// Lets a packet come to a NIC from outside of the world.
    pub(in crate::simulator) fn inject(&mut self, nic: NicId, queue: Option<u32>, bytes: &[u8]) {
        let mut packet = self.buffer();
        packet.clear();
        packet.extend_from_slice(bytes);
        let Some((at, packet, copy)) = self.harm(nic, packet) else { return };
        for packet in copy.into_iter().chain([packet]) {
            if at <= self.clock.now() {
                self.arrive(nic, queue, packet);
            } else {
                self.clock.schedule(at, Event::Arrive { nic, from_queue: queue, packet });
            }
        }
    }

    /// The same, when `delay` has passed. Rules are asked then.
    pub(in crate::simulator) fn inject_after(&mut self, nic: NicId, delay: Duration, bytes: &[u8]) {
        let at = self.clock.after(delay);
        self.clock.schedule(at, Event::Inject { nic, packet: bytes.to_vec() });
    }

    /// `xsk_rcv`, `xsk_rcv_check` (net/xdp/xsk.c).
    fn redirect(&mut self, nic: NicId, queue: u32, (map, slot): (u64, u64), packet: Vec<u8>) {
        let socket = self.maps.socket(map, slot).and_then(|id| self.sockets.get_mut(&id));
        // A socket takes packets of its own queue only.
        let socket = socket.filter(|socket| socket.is_bound_to(nic, queue));
        let Some(socket) = socket else {
            self.nics[nic].counters.rx_dropped += 1;
            return self.recycle(packet);
        };
        let (zero_copy, cuts) = (socket.is_zero_copy(), socket.is_multi_buffer());
        let (this, lane) = (&mut self.nics[nic], &mut socket.lane);
        let driver = &mut this.queues[queue as usize].driver;
        let fits = packet.len() <= lane.receivable();
        let frame = if zero_copy {
            // It is there, or the packet would not have come so far.
            driver.stock.pop_front()
        } else if fits {
            lane.take_frame()
        } else {
            None
        };
        let is_delivered = match frame {
            Some(frame) => lane.deliver(frame, &packet),
            None if cuts && !fits => lane.deliver_cut(&packet),
            None => {
                lane.statistics.rx_dropped += 1;
                false
            }
        };
        if is_delivered {
            socket.doorbell.ring();
            self.woken.extend(socket.task.take());
            self.has_stirred = true;
        } else {
            this.counters.rx_dropped += 1;
        }
        self.refill_driver(nic, queue);
        self.recycle(packet);
    }
}

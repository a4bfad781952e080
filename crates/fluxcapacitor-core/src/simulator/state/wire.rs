//! From one NIC to the other, and what may happen to a packet on the way.

use super::super::clock::{Moment, nanoseconds};
use super::super::fault::{Fault, Stage};
use super::super::nic::Wire;
use super::{Event, NicId, State};

/// `ETH_HLEN`.
const LEN_MIN: usize = 14;

impl State {
    /// A packet leaves a NIC.
    pub(super) fn wire(&mut self, nic: NicId, queue: Option<u32>, packet: Vec<u8>) {
        let now = self.clock.now();
        let this = &mut self.nics[nic];
        if !this.is_running(now) {
            this.counters.tx_dropped += 1;
            return self.recycle(packet);
        }
        this.counters.tx_packets += 1;
        this.counters.tx_bytes += packet.len() as u64;
        this.tapped(now, &packet);
        let Some((mut at, packet, copy)) = self.harm(nic, packet) else { return };
        match self.nics[nic].wire {
            Wire::Open => {
                let this = &mut self.nics[nic];
                copy.into_iter().chain([packet]).for_each(|packet| this.transmit(packet));
            }
            Wire::Linked { peer, delay } => {
                at = at.saturating_add(delay);
                for packet in copy.into_iter().chain([packet]) {
                    if at <= now {
                        self.arrive(peer, queue, packet);
                    } else {
                        let event = Event::Arrive { nic: peer, from_queue: queue, packet };
                        self.clock.schedule(at, event);
                    }
                }
            }
        }
    }

    /// Whether a NIC that copies can send a packet of this length (`veth_xmit`): it is an Ethernet frame, and
    /// the other end of the wire is up and takes it.
    pub(super) fn takes(&self, nic: NicId, len: usize) -> bool {
        let peer = match self.nics[nic].wire {
            Wire::Open => nic,
            Wire::Linked { peer, .. } => peer,
        };
        let peer = &self.nics[peer];
        len >= LEN_MIN && peer.up && !peer.removed && peer.fits(len)
    }

    /// What the rules do to a packet: when it is through, what is left of it, and a copy of it if there
    /// is to be one.
    pub(super) fn harm(
        &mut self,
        nic: NicId,
        mut packet: Vec<u8>,
    ) -> Option<(Moment, Vec<u8>, Option<Vec<u8>>)> {
        let mut at = self.clock.now();
        if self.rules.is_empty() {
            return Some((at, packet, None));
        }
        let mut copy = None;
        // Each rule may strike, in their order.
        for number in 0..self.rules.len() {
            let rule = &mut self.rules[number];
            let fault = rule.fault;
            let name = &self.nics[nic].full_name;
            let (random, panic) = (&mut self.random, &mut self.panic);
            if fault.stage() != Stage::Wire || !rule.strikes(name, Some(&packet), random, panic) {
                continue;
            }
            match fault {
                Fault::Lose => {
                    self.recycle(packet);
                    return None;
                }
                Fault::Duplicate => copy = Some(packet.clone()),
                Fault::Corrupt => {
                    let bit = self.random.below(packet.len() as u64 * 8) as usize;
                    if let Some(byte) = packet.get_mut(bit / 8) {
                        *byte ^= 1 << (bit % 8);
                    }
                }
                Fault::Reorder(by) => at = at.saturating_add(nanoseconds(by)),
                Fault::Delay { by, jitter } => {
                    let jitter = self.random.below(nanoseconds(jitter));
                    at = at.saturating_add(nanoseconds(by)).saturating_add(jitter);
                }
                Fault::Rate { bits_per_second } => {
                    let takes = packet.len() as u128 * 8 * 1_000_000_000;
                    let takes = takes / u128::from(bits_per_second.max(1));
                    let this = &mut self.nics[nic];
                    let begins = this.wire_busy_until.max(at);
                    this.wire_busy_until = begins.saturating_add(takes as Moment);
                    at = this.wire_busy_until;
                }
                Fault::Stop(time) => {
                    self.nics[nic].stopped_until = at.saturating_add(nanoseconds(time));
                }
                _ => {}
            }
        }
        Some((at, packet, copy))
    }
}

//! A NIC, as its world keeps it.

use std::collections::VecDeque;
use std::sync::mpsc::Sender;
use std::time::Duration;

use super::{Captured, Counters, Profile};
use crate::simulator::clock::Moment;
use crate::simulator::program::Program;
use crate::simulator::state::{Driver, NicId, SocketId};

/// How many packets wait for somebody to take them: those that an unlinked NIC has sent, and those that
/// went to the host's stack. What comes on top is dropped and counted.
const WAITING_MAX: usize = 1 << 16;

/// Bytes of a packet on the wire beyond the MTU: Ethernet header and a VLAN tag (`is_skb_forwardable`).
const OVERHEAD: usize = 14 + 4;

/// A NIC, as its world keeps it.
#[derive(Debug)]
pub(in crate::simulator) struct NicState {
    pub(in crate::simulator) full_name: String,
    pub(in crate::simulator) mac: [u8; 6],
    pub(in crate::simulator) mtu: u32,
    pub(in crate::simulator) profile: Profile,
    pub(in crate::simulator) up: bool,
    pub(in crate::simulator) removed: bool,
    pub(in crate::simulator) stopped_until: Moment,
    pub(in crate::simulator) wire: Wire,
    pub(in crate::simulator) wire_busy_until: Moment,
    pub(in crate::simulator) queues: Vec<Queue>,
    pub(in crate::simulator) program: Option<Program>,
    pub(in crate::simulator) counters: Counters,
    pub(super) transmitted: VecDeque<Vec<u8>>,
    pub(super) passed: VecDeque<Vec<u8>>,
    pub(super) tap: Option<Sender<Captured>>,
}

/// What a NIC is connected to.
#[derive(Clone, Copy, Debug)]
pub(in crate::simulator) enum Wire {
    /// Nothing but whoever holds the world.
    Open,
    /// Another NIC; `delay` in nanoseconds.
    Linked { peer: NicId, delay: Moment },
}

/// A queue of a NIC.
#[derive(Debug, Default)]
pub(in crate::simulator) struct Queue {
    pub(in crate::simulator) socket: Option<SocketId>,
    /// Until when it is not let go of, after its last socket has closed.
    pub(in crate::simulator) busy_until: Moment,
    pub(in crate::simulator) driver: Driver,
}

impl NicState {
    pub(super) fn new(
        full_name: String,
        mac: [u8; 6],
        mtu: u32,
        profile: Profile,
        queues: u32,
    ) -> Self {
        Self {
            full_name,
            mac,
            mtu,
            profile,
            up: true,
            removed: false,
            stopped_until: 0,
            wire: Wire::Open,
            wire_busy_until: 0,
            queues: (0..queues).map(|_| Queue::default()).collect(),
            program: None,
            counters: Counters::default(),
            transmitted: VecDeque::new(),
            passed: VecDeque::new(),
            tap: None,
        }
    }

    pub(super) fn name(&self) -> &str {
        self.full_name.rsplit('/').next().unwrap_or_default()
    }

    /// Whether a packet is no longer than it takes.
    pub(in crate::simulator) fn fits(&self, len: usize) -> bool {
        len <= self.mtu as usize + OVERHEAD
    }

    /// Whether packets come and go.
    pub(in crate::simulator) fn is_running(&self, now: Moment) -> bool {
        self.up && !self.removed && !self.is_stopped(now)
    }

    pub(in crate::simulator) fn is_stopped(&self, now: Moment) -> bool {
        now < self.stopped_until
    }

    /// A packet goes to the host's stack.
    pub(in crate::simulator) fn pass(&mut self, packet: Vec<u8>) {
        if self.passed.len() < WAITING_MAX {
            self.passed.push_back(packet);
        } else {
            self.counters.rx_dropped += 1;
        }
    }

    /// A packet goes out, where nobody is linked.
    pub(in crate::simulator) fn transmit(&mut self, packet: Vec<u8>) {
        if self.transmitted.len() < WAITING_MAX {
            self.transmitted.push_back(packet);
        } else {
            self.counters.tx_dropped += 1;
        }
    }

    pub(in crate::simulator) fn tapped(&mut self, now: Moment, packet: &[u8]) {
        if let Some(tap) = &self.tap {
            let captured = Captured { at: Duration::from_nanos(now), bytes: packet.to_vec() };
            if tap.send(captured).is_err() {
                self.tap = None;
            }
        }
    }
}

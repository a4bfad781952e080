//! What there is in a world, and what happens in it. All of it is under one lock.

mod driver;
mod receive;
mod send;
mod wire;

pub(super) use driver::Driver;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::clock::{Clock, Moment};
use super::fault::{Fault, Panic, Rule, Stage};
use super::map::Maps;
use super::nic::NicState;
use super::random::Random;
use super::socket::Socket;

/// How long a call into the simulated kernel takes, where the world's time is not this machine's. It
/// moves time on, so that a program that never waits gets on as well.
pub(super) const CALL: Duration = Duration::from_micros(1);

/// The number of a NIC in its world; its interface index is one more.
pub(super) type NicId = usize;

/// Which socket of a world. Never used again in that world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SocketId(u64);

/// What is to happen.
#[derive(Debug)]
pub(super) enum Event {
    /// A packet comes to a NIC; from the peer's tx queue, if a queue sent it.
    Arrive { nic: NicId, from_queue: Option<u32>, packet: Vec<u8> },
    /// A packet comes from outside of the world.
    Inject { nic: NicId, packet: Vec<u8> },
    /// A program sends a packet back out of the NIC that it came in by (`XDP_TX`).
    Bounce { nic: NicId, queue: u32, packet: Vec<u8> },
    /// A packet has left, and the kernel is done with its frame.
    Complete { socket: SocketId, addr: u64 },
    /// The driver of a zero-copy NIC looks at the rings of a queue.
    Poll { nic: NicId, queue: u32 },
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) clock: Clock<Event>,
    pub(super) random: Random,
    pub(super) nics: Vec<NicState>,
    pub(super) sockets: BTreeMap<SocketId, Socket>,
    next_socket: u64,
    pub(super) maps: Arc<Maps>,
    pub(super) rules: Vec<Rule>,
    /// What a closure of a rule has panicked with; it goes on when the lock is free.
    pub(super) panic: Panic,
    /// How many guards have it run live.
    pub(super) live_guards: usize,
    /// Whether something has happened that sockets may wait for.
    pub(super) has_stirred: bool,
    /// Tasks that are to be woken, once the lock is free.
    pub(super) woken: Vec<Waker>,
    /// Until when the thread of a live world sleeps; 0 while it does not.
    pub(super) wakes_at: Moment,
    /// Buffers of packets that have gone, to be used again.
    buffers: Vec<Vec<u8>>,
}

/// How many buffers are kept.
const BUFFERS_MAX: usize = 1024;

impl State {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            clock: Clock::new(),
            random: Random::new(seed),
            nics: Vec::new(),
            sockets: BTreeMap::new(),
            next_socket: 0,
            maps: Arc::default(),
            rules: Vec::new(),
            panic: None,
            live_guards: 0,
            has_stirred: false,
            woken: Vec::new(),
            wakes_at: 0,
            buffers: Vec::new(),
        }
    }

    pub(super) fn add_socket(&mut self, socket: Socket) -> SocketId {
        let id = SocketId(self.next_socket);
        self.next_socket += 1;
        self.sockets.insert(id, socket);
        id
    }

    /// Time passes for a call into the kernel, and what is due by then happens.
    pub(super) fn enter(&mut self) {
        self.clock.catch_up();
        self.clock.advance(self.clock.after(CALL));
        self.run_due();
    }

    /// Everything happens that is due.
    pub(super) fn run_due(&mut self) {
        while let Some(event) = self.clock.due() {
            self.happen(event);
        }
    }

    /// Moves on to the next event, if there is one up to `limit`, and lets it happen.
    pub(super) fn step(&mut self, limit: Moment) -> bool {
        match self.clock.next_at() {
            Some(at) if at <= limit => {
                self.clock.advance(at);
                match self.clock.due() {
                    Some(event) => self.happen(event),
                    None => return false,
                }
                true
            }
            _ => false,
        }
    }

    /// Moves on to `limit`, and everything happens that is due until then.
    pub(super) fn run_until(&mut self, limit: Moment) {
        while self.step(limit) {}
        self.clock.advance(limit);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive { nic, from_queue, packet } => self.arrive(nic, from_queue, packet),
            Event::Inject { nic, packet } => self.inject(nic, None, &packet),
            Event::Bounce { nic, queue, packet } => self.wire(nic, Some(queue), packet),
            Event::Complete { socket, addr } => {
                if let Some(socket) = self.sockets.get_mut(&socket) {
                    socket.lane.complete(addr);
                    self.has_stirred = true;
                }
            }
            Event::Poll { nic, queue } => self.poll_driver(nic, queue),
        }
    }

    /// The first fault of this stage that strikes at `nic`.
    pub(super) fn strike(
        &mut self,
        stage: Stage,
        nic: NicId,
        packet: Option<&[u8]>,
    ) -> Option<Fault> {
        let (name, random, panic) = (&self.nics[nic].full_name, &mut self.random, &mut self.panic);
        let mut rules = self.rules.iter_mut().filter(|rule| rule.fault.stage() == stage);
        rules.find_map(|rule| rule.strikes(name, packet, random, panic).then_some(rule.fault))
    }

    /// An empty buffer.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        self.buffers.pop().unwrap_or_default()
    }

    /// Takes the buffer of a packet that has gone.
    pub(super) fn recycle(&mut self, buffer: Vec<u8>) {
        if self.buffers.len() < BUFFERS_MAX {
            self.buffers.push(buffer);
        }
    }
}

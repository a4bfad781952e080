//! Simulated network cards.

mod config;
mod state;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

pub use config::{NicConfig, Profile};
pub(super) use state::{NicState, Queue, Wire};

use super::map::SocketMap;
use super::program::Program;
use super::registry::SOCKETS;
use super::shared::Shared;
use super::state::{NicId, State};
use crate::error::{Error, Result};
use config::check_mtu;

/// A page, less headroom, Ethernet header and `struct skb_shared_info` (`veth_xdp_set`, drivers/net/veth.c).
const NATIVE_MTU_MAX: u32 = 4096 - 256 - 14 - 320;

/// The counters of a NIC, since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Packets received, whatever became of them then.
    pub rx_packets: u64,
    /// Their bytes.
    pub rx_bytes: u64,
    /// Packets that were not received: too long, the NIC down or stopped, no socket or no frame for them.
    pub rx_dropped: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Their bytes.
    pub tx_bytes: u64,
    /// Packets that were not sent: the NIC or its peer down, or nobody to take them.
    pub tx_dropped: u64,
}

/// A packet that went by a tapped NIC, in either direction.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Captured {
    /// When, since the world began.
    pub at: Duration,
    /// Its bytes, from the Ethernet header on.
    pub bytes: Vec<u8>,
}

/// A network card of a simulated world. A handle: clones are the same card.
#[derive(Clone, Debug)]
pub struct Nic {
    shared: Arc<Shared>,
    id: NicId,
    name: Arc<str>,
}

/// What is known of a NIC without asking it anything.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Facts {
    /// Interface index, in its world.
    pub index: u32,
    /// Longest packet in bytes, without the Ethernet header.
    pub mtu: u32,
    /// How many queues it has.
    pub queues: u32,
    /// Whether it is up.
    pub is_up: bool,
    /// How it serves sockets.
    pub profile: Profile,
    /// Whether XDP programs that see packets in one buffer can run in its driver: the packets have to fit a
    /// page; where they are copied, those of the other end (`veth_xdp_set`). Programs that take several buffers
    /// always can.
    pub native_xdp: bool,
}

/// An XDP program on a NIC, for as long as this lives.
#[derive(Debug)]
#[must_use = "dropping it detaches the program"]
pub struct Attached {
    shared: Arc<Shared>,
    nic: NicId,
}

impl Nic {
    /// The NIC of this full name, `sim:WORLD/NIC`.
    pub fn find(name: &str) -> Option<Self> {
        let (world, nic) = name.strip_prefix("sim:")?.split_once('/')?;
        let shared = SOCKETS.find(world)?;
        let id =
            shared.lock().nics.iter().position(|known| known.name() == nic && !known.removed)?;
        Some(Self { shared, id, name: name.into() })
    }

    pub(super) fn make(shared: &Arc<Shared>, config: NicConfig) -> Result<Self> {
        let NicConfig { name, queues, mtu, profile, mac } = config;
        if name.is_empty() || name.contains('/') {
            return Err(Error::invalid(
                "name of a NIC",
                format!("{name:?}"),
                "it has no slash and is not empty",
            ));
        }
        if !(1..=64).contains(&queues) {
            return Err(Error::invalid("queues of a NIC", queues, "it has 1 to 64"));
        }
        check_mtu(mtu)?;
        let mut state = shared.lock();
        let id = state.nics.len();
        if state.nics.iter().any(|known| known.name() == name && !known.removed) {
            return Err(Error::invalid("name of a NIC", name, "its world has one of this name"));
        }
        let [.., high, low] = (id as u32 + 1).to_be_bytes();
        let [.., world] = shared.id.to_be_bytes();
        // Locally administered (IEEE 802, section 8.2).
        let mac = mac.unwrap_or([2, 0, 0, world, high, low]);
        let full_name = format!("sim:{}/{name}", shared.name);
        let handle = Self { shared: Arc::clone(shared), id, name: full_name.as_str().into() };
        state.nics.push(NicState::new(full_name, mac, mtu, profile, queues));
        Ok(handle)
    }

    /// Its full name, which `FluxBuilder` takes: `sim:WORLD/NIC`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address.
    pub fn mac(&self) -> [u8; 6] {
        self.with(|nic| nic.mac)
    }

    /// What does not change often.
    pub fn facts(&self) -> Facts {
        let state = self.shared.lock();
        let nic = &state.nics[self.id];
        let sender = match (nic.wire, nic.profile) {
            (Wire::Linked { peer, .. }, Profile::Copy) => &state.nics[peer],
            _ => nic,
        };
        Facts {
            index: self.id as u32 + 1,
            mtu: nic.mtu,
            queues: nic.queues.len() as u32,
            is_up: nic.up,
            profile: nic.profile,
            native_xdp: sender.mtu <= NATIVE_MTU_MAX,
        }
    }

    /// Its counters.
    pub fn counters(&self) -> Counters {
        self.with(|nic| nic.counters)
    }

    /// Lets a packet arrive, on the queue that its flow hashes to.
    pub fn inject(&self, packet: &[u8]) {
        self.shared.with(|state| state.inject(self.id, None, packet));
    }

    /// Lets a packet arrive on `queue` of a NIC that copies; on others the flow decides all the same.
    pub fn inject_on(&self, queue: u32, packet: &[u8]) {
        self.shared.with(|state| state.inject(self.id, Some(queue), packet));
    }

    /// Lets a packet arrive when `delay` has passed, on the queue that its flow hashes to.
    pub fn inject_after(&self, delay: Duration, packet: &[u8]) {
        self.shared.with(|state| state.inject_after(self.id, delay, packet));
    }

    /// Takes the oldest packet that it has sent, if it is linked to no other NIC.
    pub fn transmitted(&self) -> Option<Vec<u8>> {
        self.with(|nic| nic.transmitted.pop_front())
    }

    /// Takes the oldest packet that went to the host's stack: that the program let pass, or that came
    /// while there was none.
    pub fn passed(&self) -> Option<Vec<u8>> {
        self.with(|nic| nic.passed.pop_front())
    }

    /// From here on, gives every packet that goes by to the receiver, until that is dropped.
    pub fn tap(&self) -> Receiver<Captured> {
        let (tap, captured) = channel();
        self.with(|nic| nic.tap = Some(tap));
        captured
    }

    /// Sets the longest packet that it takes, in bytes without the Ethernet header.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is not 68 to 65535.
    pub fn set_mtu(&self, bytes: u32) -> Result<()> {
        check_mtu(bytes)?;
        self.with(|nic| nic.mtu = bytes);
        Ok(())
    }

    /// Switches it on.
    pub fn set_up(&self) {
        self.shared.with(|state| state.set_up(self.id));
    }

    /// Switches it off; its peer loses the carrier.
    pub fn set_down(&self) {
        self.shared.with(|state| {
            state.nics[self.id].up = false;
            state.has_stirred = true;
        });
    }

    /// Takes it out of its world: sockets that are bound to it learn that the link is gone.
    pub fn remove(&self) {
        self.shared.with(|state| {
            let nic = &mut state.nics[self.id];
            (nic.removed, nic.up, nic.program) = (true, false, None);
            state.has_stirred = true;
        });
    }

    /// A map from queues to sockets, for programs that run on it.
    pub fn socket_map(&self, slots: u32) -> SocketMap {
        SocketMap::new(Arc::clone(&self.shared), slots)
    }

    /// Loads an XDP program and attaches it: instructions for `Target::Interpreter`, encoded.
    ///
    /// # Errors
    /// [`Error::ProgramRefused`] if it does what is not modelled; [`Error::ProgramBusy`] if there is one;
    /// [`Error::UnknownInterface`] if the NIC was removed.
    pub fn attach(&self, code: &[u8]) -> Result<Attached> {
        self.attach_program(Program::load(code, false)?)
    }

    /// As [`Nic::attach`], for a program that sees packets of several buffers (`BPF_F_XDP_HAS_FRAGS`): the first
    /// 3520 bytes of each.
    ///
    /// # Errors
    /// As [`Nic::attach`].
    pub fn attach_multi_buffer(&self, code: &[u8]) -> Result<Attached> {
        self.attach_program(Program::load(code, true)?)
    }

    fn attach_program(&self, program: Program) -> Result<Attached> {
        let mut state = self.shared.lock();
        let nic = &mut state.nics[self.id];
        let interface = nic.full_name.clone();
        if nic.removed {
            return Err(Error::UnknownInterface { interface });
        }
        if nic.program.is_some() {
            let program = "one of this world's: each holds its interface alone".to_owned();
            return Err(Error::ProgramBusy { interface, program });
        }
        nic.program = Some(program);
        drop(state);
        Ok(Attached { shared: Arc::clone(&self.shared), nic: self.id })
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn id(&self) -> NicId {
        self.id
    }

    pub(super) fn is_in(&self, shared: &Arc<Shared>) -> bool {
        Arc::ptr_eq(&self.shared, shared)
    }

    fn with<T>(&self, ask: impl FnOnce(&mut NicState) -> T) -> T {
        ask(&mut self.shared.lock().nics[self.id])
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.shared.lock().nics[self.nic].program = None;
    }
}

impl State {
    fn set_up(&mut self, nic: NicId) {
        let this = &mut self.nics[nic];
        this.up = !this.removed;
        self.has_stirred = true;
        // The drivers look at their rings again.
        let served = (0..).zip(&self.nics[nic].queues).filter(|(_, queue)| queue.socket.is_some());
        let served: Vec<u32> = served.map(|(queue, _)| queue).collect();
        for queue in served {
            self.wake_if_zero_copy(nic, queue);
        }
    }
}

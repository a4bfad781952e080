//! Simulated sockets.

#[cfg(unix)]
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::task::Waker;
use std::thread;
use std::time::Duration;

use super::doorbell::{Bell, Doorbell};
use super::nic::{Nic, Profile};
use super::shared::{Shared, go_on};
use super::state::{NicId, SocketId, State};
use crate::backend::{Backend, BindMode, Interest, Kick, Statistics, Waited};
use crate::error::{Error, Result};
use crate::lane::{Refusal, Unbound};
use crate::ring::{KernelSide, LaneRings, RingSizes};
use crate::umem::{Lane, LaneKey, Mover, UmemRegion};

/// How many packets a kick sends unless that is set (`TX_BATCH_SIZE`, net/xdp/xsk.c).
const TX_BUDGET: u32 = 32;

/// How long a queue stays taken after its socket has closed.
const BUSY_AFTER_CLOSE: Duration = Duration::from_millis(2);

/// How often the link is looked at while waiting.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A socket on a queue of a simulated NIC.
#[derive(Debug)]
pub struct SimSocket {
    shared: Arc<Shared>,
    id: SocketId,
    bell: Bell,
    // Closed after the descriptor: fields drop in this order.
    lane: Arc<Lane>,
}

/// A socket, as its world keeps it.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) lane: KernelSide,
    pub(super) nic: NicId,
    pub(super) queue: u32,
    pub(super) bound: Option<BindMode>,
    pub(super) tx_budget: u32,
    pub(super) doorbell: Doorbell,
    /// The task that waits for packets.
    pub(super) task: Option<Waker>,
}

/// Lets go of a queue when the lane has closed: socket and rings are all gone.
#[derive(Debug)]
struct Closing {
    shared: Arc<Shared>,
    id: SocketId,
}

impl Socket {
    pub(super) fn is_zero_copy(&self) -> bool {
        self.bound.is_some_and(|mode| mode.zero_copy)
    }

    /// `xsk_uses_need_wakeup`.
    pub(super) fn uses_need_wakeup(&self) -> bool {
        self.bound.is_some_and(|mode| mode.need_wakeup)
    }

    /// Says whether a driver sleeps; one whose user does not ask leaves the flag as it is.
    pub(super) fn set_tx_wakeup(&self, asleep: bool) {
        if self.uses_need_wakeup() {
            self.lane.peer.tx.set_need_wakeup(asleep);
        }
    }

    /// Whether packets may have several segments (`xs->sg`).
    pub(super) fn is_multi_buffer(&self) -> bool {
        self.bound.is_some_and(|mode| mode.segments_max > 1)
    }

    /// `xsk_rcv_check`.
    pub(super) fn is_bound_to(&self, nic: NicId, queue: u32) -> bool {
        self.bound.is_some() && (self.nic, self.queue) == (nic, queue)
    }

    fn is_ready(&self, interest: Interest) -> bool {
        match interest {
            Interest::Rx => self.lane.is_readable(),
            Interest::Tx => self.lane.is_writable(),
        }
    }
}

impl SimSocket {
    /// Makes a socket over `umem`, and its rings, for a queue that it is not yet bound to.
    pub(crate) fn open(
        umem: &UmemRegion,
        nic: &Nic,
        queue: u32,
        sizes: RingSizes,
    ) -> Result<(LaneRings, Self)> {
        let shared = Arc::clone(nic.shared());
        let key = LaneKey::Simulated { world: shared.id, nic: nic.id() as u32, queue };
        let lane = Lane::open(umem, key, Mover::Simulator)?;
        let (rings, peer) = LaneRings::of(&lane, sizes, 0)?;
        // `xsk_setsockopt`: "Tx needs to be explicitly woken up the first time".
        peer.tx.set_need_wakeup(true);
        let (bell, doorbell) = Bell::new()?;
        let id = shared.lock().add_socket(Socket {
            lane: KernelSide::new(&lane, peer),
            nic: nic.id(),
            queue,
            bound: None,
            tx_budget: TX_BUDGET,
            doorbell,
            task: None,
        });
        lane.hold(Box::new(Closing { shared: Arc::clone(&shared), id }));
        Ok((rings, Self { shared, id, bell, lane }))
    }

    /// Lets time pass, and all happen that is due by then, for a caller who has slept so long; in a world that
    /// runs live it has passed already.
    #[doc(hidden)]
    pub fn let_pass(&self, time: Duration) {
        self.call(|state| {
            if !state.clock.is_live() {
                state.run_until(state.clock.after(time));
            }
        });
    }

    /// Has a task woken when packets come, once; says whether there are some already, and then it is not. A
    /// further task takes the place of the one before.
    #[doc(hidden)]
    pub fn wake_on_packets(&self, task: &Waker) -> bool {
        let told = self.with(|socket| {
            let is_readable = socket.lane.is_readable();
            let task = (!is_readable).then(|| task.clone());
            (is_readable, std::mem::replace(&mut socket.task, task))
        });
        // The one before ends here, out of the lock: it may be all that keeps a socket of this world.
        told.map_or(true, |(is_readable, _before)| is_readable)
    }

    pub(super) fn id(&self) -> SocketId {
        self.id
    }

    pub(super) fn is_in(&self, shared: &Arc<Shared>) -> bool {
        Arc::ptr_eq(&self.shared, shared)
    }

    pub(crate) fn is_of_the_world_of(&self, other: &Self) -> bool {
        self.is_in(&other.shared)
    }

    /// The socket to share with: a simulated one, of the same world (else `ENOTSOCK`, `ENOPROTOOPT`).
    fn sharer(&self, first: &dyn Backend) -> Result<SocketId, Refusal> {
        let first = first.as_simulated().filter(|first| first.is_in(&self.shared));
        first.map(Self::id).ok_or(Refusal::Invalid)
    }

    /// Waits for one of several sockets of one world. Time moves on to the next thing that happens, and from
    /// there to the next; in a world that runs live, it waits.
    pub(crate) fn wait_any(
        sockets: &[&Self],
        interest: Interest,
        timeout: Duration,
    ) -> Result<Waited> {
        let Some(shared) = sockets.first().map(|first| &first.shared) else {
            return Ok(Waited::TimedOut);
        };
        let mut state = shared.lock();
        state.enter();
        let deadline = state.clock.after(timeout);
        let look_at = state.clock.after(LOOK_EVERY);
        loop {
            let (mut is_ready, mut is_down) = (false, false);
            for socket in sockets {
                match socket.look(&mut state, interest)? {
                    Waited::Ready => is_ready = true,
                    Waited::LinkDown => is_down = true,
                    Waited::TimedOut => {}
                }
            }
            shared.tell(&mut state);
            state = shared.wake(state);
            if state.panic.is_some() && !thread::panicking() {
                go_on(state);
                return Ok(Waited::TimedOut);
            }
            if is_ready {
                return Ok(Waited::Ready);
            }
            let until = if is_down { deadline.min(look_at) } else { deadline };
            if state.clock.now() >= until {
                return Ok(if is_down { Waited::LinkDown } else { Waited::TimedOut });
            }
            if state.clock.is_live() {
                let sleep = Duration::from_nanos(until - state.clock.now());
                state = shared.wait_stirred(state, sleep);
                state.clock.catch_up();
            } else if !state.step(until) {
                state.run_until(until);
            }
        }
    }

    /// What `poll` would say now, after what it does beside looking.
    fn look(&self, state: &mut State, interest: Interest) -> Result<Waited> {
        let link = state.drive(self.id);
        let Some(socket) = state.sockets.get(&self.id) else { return Err(Error::LinkGone) };
        // Of a link that is down, `xsk_poll` reports nothing but that it has nothing.
        if link.is_ok() && socket.is_ready(interest) {
            return Ok(Waited::Ready);
        }
        if !socket.is_ready(Interest::Rx) {
            self.bell.hush();
        }
        match link {
            Ok(()) => Ok(Waited::TimedOut),
            Err(Error::LinkDown) => Ok(Waited::LinkDown),
            Err(error) => Err(error),
        }
    }

    fn with<T>(&self, ask: impl FnOnce(&mut Socket) -> T) -> Result<T> {
        let mut state = self.shared.lock();
        state.sockets.get_mut(&self.id).map(ask).ok_or(Error::LinkGone)
    }

    /// A call into the simulated kernel.
    fn call<T>(&self, call: impl FnOnce(&mut State) -> T) -> T {
        self.shared.with(|state| {
            state.enter();
            call(state)
        })
    }
}

impl Backend for SimSocket {
    fn kick_tx(&self) -> Result<Kick> {
        self.call(|state| state.kick_tx(self.id))
    }

    fn kick_rx(&self) -> Result<Kick> {
        self.call(|state| state.kick_rx(self.id))
    }

    fn wait(&self, interest: Interest, timeout: Duration) -> Result<Waited> {
        Self::wait_any(&[self], interest, timeout)
    }

    fn statistics(&self) -> Result<Statistics> {
        self.with(|socket| socket.lane.statistics)
    }

    fn is_zero_copy(&self) -> Result<bool> {
        self.with(|socket| socket.is_zero_copy())
    }

    fn segments_max(&self) -> u32 {
        self.with(|socket| socket.bound.map_or(1, |mode| mode.segments_max)).unwrap_or(1)
    }

    /// There is none: nobody polls but the world.
    fn napi_id(&self) -> Result<Option<u32>> {
        Ok(None)
    }

    fn busy_poll(&self, _busy_poll_us: u32, _budget: u32) -> Result<()> {
        Ok(())
    }

    fn tx_budget(&self, packets: u32) -> Result<()> {
        self.with(|socket| {
            let most = socket.lane.peer.tx.size();
            if !(TX_BUDGET..=most).contains(&packets) {
                let why = "32 up to the size of the tx ring will do";
                return Err(Error::invalid("tx budget", packets, why));
            }
            socket.tx_budget = packets;
            Ok(())
        })?
    }

    fn umem(&self) -> &UmemRegion {
        self.lane.umem()
    }

    /// Readable while there are packets, as of the last time that this was called or waited, or they came.
    #[cfg(unix)]
    fn fd(&self) -> BorrowedFd<'_> {
        let is_readable = self.with(|socket| {
            socket.doorbell.connect();
            let is_readable = socket.lane.is_readable();
            if is_readable {
                socket.doorbell.ring();
            }
            is_readable
        });
        if !is_readable.unwrap_or(true) {
            self.bell.hush();
        }
        self.bell.fd()
    }

    fn as_simulated(&self) -> Option<&SimSocket> {
        Some(self)
    }
}

impl Unbound for SimSocket {
    /// `xsk_bind`, `xp_assign_dev`: the refusals in the kernel's order.
    fn bind(&self, mode: BindMode, share: Option<&dyn Backend>) -> Result<(), Refusal> {
        let first = share.map(|first| self.sharer(first)).transpose()?;
        self.call(|state| {
            let now = state.clock.now();
            let first =
                first.map(|id| state.sockets.get(&id).ok_or(Refusal::Invalid)).transpose()?;
            let mode = match first {
                // How the first was bound holds; not bound, it is `EBADF`.
                Some(first) => first.bound.ok_or(Refusal::Invalid)?,
                None => mode,
            };
            let taken = first.map(|first| (first.nic, first.queue));
            let Some(socket) = state.sockets.get_mut(&self.id) else {
                return Err(Refusal::NoDevice);
            };
            if taken == Some((socket.nic, socket.queue)) {
                // On the same queue it would have to do without a fill and a completion ring of its own.
                return Err(Refusal::Invalid);
            }
            let nic = &mut state.nics[socket.nic];
            if nic.removed {
                return Err(Refusal::NoDevice);
            }
            let profile = nic.profile;
            let Some(queue) = nic.queues.get_mut(socket.queue as usize) else {
                return Err(Refusal::Invalid);
            };
            if queue.socket.is_some() || now < queue.busy_until {
                return Err(Refusal::Busy);
            }
            // No driver that is modelled takes packets of several segments without copies.
            if mode.zero_copy && (profile != Profile::ZeroCopy || mode.segments_max > 1) {
                return Err(Refusal::NotSupported);
            }
            queue.socket = Some(self.id);
            socket.bound = Some(mode);
            let (nic, queue) = (socket.nic, socket.queue);
            // A driver takes frames as soon as it has a socket.
            state.wake_if_zero_copy(nic, queue);
            Ok(())
        })?;
        self.lane.bound();
        Ok(())
    }

    fn pause(&self, time: Duration) {
        if self.shared.lock().clock.is_live() {
            thread::sleep(time);
        } else {
            self.shared.with(|state| {
                state.run_until(state.clock.after(time));
            });
        }
    }
}

impl Drop for SimSocket {
    /// The descriptor closes; the rings may live on (`xsk_release`).
    fn drop(&mut self) {
        self.shared.with(|state| {
            Arc::make_mut(&mut state.maps).remove_socket(self.id);
            if let Some(socket) = state.sockets.get_mut(&self.id) {
                socket.bound = None;
            }
        });
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        // Out of the lock it is dropped: with it goes the task that waits for it.
        let _closed = self.shared.with(|state| {
            let busy_until = state.clock.after(BUSY_AFTER_CLOSE);
            let closed = state.sockets.remove(&self.id)?;
            let queue = state.nics[closed.nic].queues.get_mut(closed.queue as usize);
            if let Some(queue) = queue.filter(|queue| queue.socket == Some(self.id)) {
                queue.socket = None;
                queue.busy_until = busy_until;
                queue.driver = Default::default();
            }
            Some(closed)
        });
    }
}

//! Two connected ports, for each kind of backend.

#[cfg(target_os = "linux")]
mod kernel;
#[cfg(target_os = "linux")]
mod nic;
mod simulator;
#[cfg(target_os = "linux")]
mod veth;

use std::fmt;
use std::time::Duration;

use fluxcapacitor::hook::Hook;
use fluxcapacitor::ring::RingSizes;
use fluxcapacitor::simulator::control::World;
use fluxcapacitor::umem::{FRAME_SIZE_MIN, FramePool, UmemRegion};
use fluxcapacitor::{FluxBuilder, FluxRaw, Granted};
use fluxcapacitor_core::backend::Backend as Socket;
#[cfg(doc)]
use fluxcapacitor_core::lane;
use fluxcapacitor_core::lane::OpenLane;
#[cfg(target_os = "linux")]
use fluxcapacitor_testbed::End;

use crate::backend::Backend;
use crate::run::Options;
use crate::verdict::Outcome;

/// One of the two ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first.
    A,
    /// The second.
    B,
}

impl Side {
    /// The one that it is connected to.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// What becomes of a packet that finds no frame to be received into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is dropped, and counted as that.
    Counted,
    /// It is dropped, and not in the counts that we look at.
    Lost,
    /// It waits before the port.
    Late,
}

/// Two ports and the link between them, made for one case.
pub trait Fixture: Sync {
    /// One of the ports.
    fn port(&self, side: Side) -> &dyn Port;

    /// The time that packets live in, since some moment.
    fn now(&self) -> Duration;

    /// Lets that time pass.
    fn settle(&self, time: Duration);

    /// The rx queue at which arrives what the other port sends on tx queue `queue`.
    fn arrives_at(&self, queue: u32) -> u32;

    /// Whether a port counts what it sends for a socket.
    fn counts_what_is_sent(&self) -> bool {
        true
    }

    /// What becomes of a packet that finds no frame.
    fn without_frame(&self) -> Fate {
        Fate::Counted
    }

    /// Takes a port off the machine, sockets or not. Its peer may go with it.
    ///
    /// # Errors
    /// [`Stop::Failed`](crate::verdict::Stop::Failed) if it has gone before.
    fn remove(&self, side: Side) -> Outcome;

    /// The world that it is in, if that is simulated: for what goes wrong there.
    fn world(&self) -> Option<&World> {
        None
    }
}

/// An interface.
pub trait Port: Sync {
    /// Its name, as a builder takes it.
    fn name(&self) -> &str;

    /// A builder for it, with what the backend stands for already asked for.
    fn builder(&self) -> FluxBuilder;

    /// Builds, where the interface is to be found.
    ///
    /// # Errors
    /// Those of [`FluxBuilder::build_raw`].
    fn build(&self, builder: FluxBuilder) -> fluxcapacitor::Result<FluxRaw>;

    /// Does something where the interface is to be found.
    ///
    /// # Errors
    /// [`Stop::Failed`](crate::verdict::Stop::Failed) if there is no way there.
    fn within(&self, work: &mut (dyn FnMut() + Send)) -> Outcome;

    /// Whether a socket was granted what the backend stands for; if not, what else.
    ///
    /// # Errors
    /// [`Stop::Failed`](crate::verdict::Stop::Failed), with what was granted instead.
    fn is_as_promised(&self, granted: &Granted) -> Outcome;

    /// How many bytes a frame must have to hold every packet of the port's.
    fn frame_size(&self) -> u32 {
        FRAME_SIZE_MIN
    }

    /// Its hardware address.
    fn mac(&self) -> [u8; 6];

    /// Packets up to now, by its own count.
    ///
    /// # Errors
    /// [`Stop::Failed`](crate::verdict::Stop::Failed) if it is gone.
    fn counts(&self) -> Outcome<Counts>;

    /// Whether an XDP program is on it.
    ///
    /// # Errors
    /// [`Stop::Failed`](crate::verdict::Stop::Failed) if it is gone.
    fn has_program(&self) -> Outcome<bool>;

    /// Sets the longest packet that it sends and receives, in bytes without the Ethernet header.
    ///
    /// # Errors
    /// [`Stop::NotRun`](crate::verdict::Stop::NotRun) where that is fixed.
    fn set_mtu(&self, bytes: u32) -> Outcome;

    /// Switches it off.
    ///
    /// # Errors
    /// [`Stop::Failed`](crate::verdict::Stop::Failed) if it is gone.
    fn set_down(&self) -> Outcome;

    /// Switches it on, and waits until packets flow.
    ///
    /// # Errors
    /// [`Stop::Failed`](crate::verdict::Stop::Failed) if it is gone.
    fn set_up(&self) -> Outcome;

    /// Waits until packets flow, after something was opened on it: some drivers take their link down for that.
    ///
    /// # Errors
    /// [`Stop::Failed`](crate::verdict::Stop::Failed) if they never do.
    fn settle(&self) -> Outcome {
        Ok(())
    }

    /// Has it receive a packet that no AF_XDP socket has sent.
    ///
    /// # Errors
    /// [`Stop::Failed`](crate::verdict::Stop::Failed) if it cannot receive now.
    fn inject(&self, packet: &[u8]) -> Outcome;

    /// The next packet that reached the host's stack, if one does within `timeout`.
    ///
    /// # Errors
    /// [`Stop::Failed`](crate::verdict::Stop::Failed) if it is gone.
    fn passed(&self, timeout: Duration) -> Outcome<Option<Vec<u8>>>;

    /// Opens a queue of it over memory of the caller's, without a program; sharing that memory with the
    /// socket of another lane, if there is one.
    ///
    /// # Errors
    /// Those of [`lane::open`].
    fn open_lane(
        &self,
        queue: u32,
        umem: &UmemRegion,
        pool: &mut FramePool,
        share: Option<&dyn Socket>,
    ) -> fluxcapacitor::Result<OpenLane>;

    /// Attaches the program that redirects to sockets, as the backend stands for.
    ///
    /// # Errors
    /// Those of [`Hook::open`].
    fn hook(&self) -> fluxcapacitor::Result<Hook>;

    /// The link that it is, if it is one: for what only a kernel has.
    #[cfg(target_os = "linux")]
    fn end(&self) -> Option<&End> {
        None
    }
}

/// The rings of lanes that are opened by themselves.
const SIZES: RingSizes = RingSizes { fill: 32, rx: 32, tx: 32, completion: 32 };

/// How many of their frames are not posted.
const RESERVE: u32 = 32;

/// Packets that a port has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Received, also those that were dropped later.
    pub rx_packets: u64,
    /// Dropped by the driver, for want of a frame among other things.
    pub rx_dropped: u64,
    /// Sent.
    pub tx_packets: u64,
}

/// What the two ports are like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// How many queues each has.
    pub queues: u32,
    /// Whether one process opens both at a time: they are to be found in the same place.
    pub together: bool,
}

/// Makes two connected ports.
///
/// # Errors
/// [`Stop::Failed`](crate::verdict::Stop::Failed) if the machine does not let us, or this build lacks the backend.
#[cfg_attr(not(target_os = "linux"), allow(unused_variables, reason = "of what only Linux has"))]
pub fn make(backend: Backend, shape: Shape, options: &Options) -> Outcome<Box<dyn Fixture>> {
    match backend {
        Backend::Simulator | Backend::SimulatorZeroCopy => {
            Ok(Box::new(simulator::Simulated::make(backend, shape.queues)?))
        }
        #[cfg(target_os = "linux")]
        Backend::VethNative | Backend::VethGeneric => {
            Ok(Box::new(veth::Veth::make(backend, shape)?))
        }
        #[cfg(target_os = "linux")]
        Backend::QemuVirtio | Backend::QemuIgb => {
            Ok(Box::new(nic::Nics::find(backend, shape, options)?))
        }
        #[cfg(not(target_os = "linux"))]
        backend => Err(crate::verdict::Stop::failed(format!("no {backend} on this system"))),
    }
}

impl fmt::Debug for dyn Fixture + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fixture")
    }
}

impl fmt::Debug for dyn Port + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Port")
    }
}

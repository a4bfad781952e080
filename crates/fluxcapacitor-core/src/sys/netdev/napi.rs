//! NAPI instances: how the kernel polls queues, one by one.
//!
//! Commands and attributes are those of `Documentation/netlink/specs/netdev.yaml`:
//! instances are listed since Linux 6.8, their settings since 6.13.

use std::io;

use super::super::netlink::{Message, NLM_F_ACK, NLM_F_DUMP, Socket};
use super::family::{Family, HEADER_LEN};

const NETDEV_CMD_QUEUE_GET: u8 = 10;
const NETDEV_CMD_NAPI_GET: u8 = 11;
const NETDEV_CMD_NAPI_SET: u8 = 14;
const NETDEV_A_QUEUE_ID: u16 = 1;
const NETDEV_A_QUEUE_IFINDEX: u16 = 2;
const NETDEV_A_QUEUE_TYPE: u16 = 3;
const NETDEV_A_QUEUE_NAPI_ID: u16 = 4;
const NETDEV_A_NAPI_IFINDEX: u16 = 1;
const NETDEV_A_NAPI_ID: u16 = 2;
const NETDEV_A_NAPI_DEFER_HARD_IRQS: u16 = 5;
const NETDEV_A_NAPI_GRO_FLUSH_TIMEOUT: u16 = 6;

/// `NETDEV_QUEUE_TYPE_RX`.
const RX: u32 = 0;

/// For how long a NAPI instance that has nothing to do stays off its IRQ.
///
/// The two go together: without either, IRQs are not deferred.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NapiSettings {
    /// How many polls in a row have to find nothing before the IRQ is let in.
    #[doc(alias = "napi_defer_hard_irqs")]
    pub hard_irqs: u32,
    /// How long the kernel waits for somebody to poll before it does by itself,
    /// in nanoseconds.
    #[doc(alias = "gro_flush_timeout")]
    pub timeout_ns: u64,
}

/// A NAPI instance, as it was when it was asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NapiInstance {
    /// Its id, as of `SO_INCOMING_NAPI_ID`. Some drivers' (veth) get another
    /// one whenever they are switched off and on.
    pub id: u32,
    /// Its settings; `None` before Linux 6.13.
    pub settings: Option<NapiSettings>,
}

/// The NAPI instances of an interface that is up, by its index.
///
/// # Errors
///
/// `ENODEV` if there is no such interface in the network namespace of the
/// calling thread, `Unsupported` before Linux 6.8.
pub fn napi_instances(index: u32) -> io::Result<Vec<NapiInstance>> {
    let mut socket = Socket::generic()?;
    let family = Family::find(&mut socket, "netdev")?.ok_or(io::ErrorKind::Unsupported)?;
    let mut request = family
        .request(NETDEV_CMD_NAPI_GET, NLM_F_DUMP)
        .attribute(NETDEV_A_NAPI_IFINDEX, &index.to_ne_bytes())?;
    let mut instances = Vec::new();
    socket.exchange(&mut request, |message| {
        let id = message.attributes(HEADER_LEN).find(|found| found.kind == NETDEV_A_NAPI_ID);
        if let Some(id) = id.and_then(|id| id.as_u32()) {
            instances.push(NapiInstance { id, settings: settings(message) });
        }
        Ok(())
    })?;
    Ok(instances)
}

/// The NAPI instance that receives for a queue.
#[derive(Debug)]
pub(super) struct QueueNapi {
    /// Of the network namespace in which it was found.
    socket: Socket,
    family: Family,
    index: u32,
    queue: u32,
    id: u32,
}

impl QueueNapi {
    /// Finds the instance, by its id where the driver does not say which one it is; `None` if the kernel does not
    /// have settings for each instance.
    pub(super) fn find(index: u32, queue: u32, id: u32) -> io::Result<Option<Self>> {
        let mut socket = Socket::generic()?;
        let Some(family) = Family::find(&mut socket, "netdev")? else { return Ok(None) };
        let mut found = Self { socket, family, index, queue, id };
        found.follow();
        match found.ask() {
            Ok(settings) => Ok(settings.map(|_| found)),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether both are the same instance, by the ids that they have now.
    pub(super) fn is(&mut self, other: &Self) -> bool {
        self.follow();
        (self.index, self.id) == (other.index, other.id)
    }

    pub(super) const fn id(&self) -> u32 {
        self.id
    }

    /// Its settings.
    pub(super) fn settings(&mut self) -> io::Result<NapiSettings> {
        self.follow();
        self.ask()?.ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    /// Sets both, or neither.
    pub(super) fn set(&mut self, settings: NapiSettings) -> io::Result<()> {
        let mut request = self
            .family
            .request(NETDEV_CMD_NAPI_SET, NLM_F_ACK)
            .attribute(NETDEV_A_NAPI_ID, &self.id.to_ne_bytes())?
            .attribute(NETDEV_A_NAPI_DEFER_HARD_IRQS, &settings.hard_irqs.to_ne_bytes())?
            .attribute(NETDEV_A_NAPI_GRO_FLUSH_TIMEOUT, &settings.timeout_ns.to_ne_bytes())?;
        self.socket.exchange(&mut request, |_| Ok(()))
    }

    fn ask(&mut self) -> io::Result<Option<NapiSettings>> {
        let mut request = self
            .family
            .request(NETDEV_CMD_NAPI_GET, 0)
            .attribute(NETDEV_A_NAPI_ID, &self.id.to_ne_bytes())?;
        let mut found = None;
        self.socket.exchange(&mut request, |message| {
            found = settings(message);
            Ok(())
        })?;
        Ok(found)
    }

    /// Takes the id that the instance has now, where the driver says which one serves the queue: it may have got a new
    /// one when the interface was down.
    fn follow(&mut self) {
        let mut id = None;
        let asked = self
            .family
            .request(NETDEV_CMD_QUEUE_GET, 0)
            .attribute(NETDEV_A_QUEUE_ID, &self.queue.to_ne_bytes())
            .and_then(|request| request.attribute(NETDEV_A_QUEUE_TYPE, &RX.to_ne_bytes()))
            .and_then(|request| {
                request.attribute(NETDEV_A_QUEUE_IFINDEX, &self.index.to_ne_bytes())
            })
            .and_then(|mut request| {
                self.socket.exchange(&mut request, |message| {
                    id = message
                        .attributes(HEADER_LEN)
                        .find(|found| found.kind == NETDEV_A_QUEUE_NAPI_ID)
                        .and_then(|found| found.as_u32());
                    Ok(())
                })
            });
        if let (Ok(()), Some(id)) = (asked, id) {
            self.id = id;
        }
    }
}

/// The settings that an answer holds.
fn settings(message: &Message<'_>) -> Option<NapiSettings> {
    let (mut hard_irqs, mut timeout_ns) = (None, None);
    for attribute in message.attributes(HEADER_LEN) {
        match attribute.kind {
            NETDEV_A_NAPI_DEFER_HARD_IRQS => hard_irqs = attribute.as_u32(),
            NETDEV_A_NAPI_GRO_FLUSH_TIMEOUT => timeout_ns = attribute.as_uint(),
            _ => {}
        }
    }
    Some(NapiSettings { hard_irqs: hard_irqs?, timeout_ns: timeout_ns? })
}

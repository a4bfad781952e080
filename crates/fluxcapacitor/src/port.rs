//! The interface to open: a real one, or a simulated one.

#[cfg(target_os = "linux")]
use std::io;

use fluxcapacitor_core::lane;
#[cfg(feature = "simulator")]
use fluxcapacitor_core::simulator::{Nic, Profile};
#[cfg(target_os = "linux")]
pub(crate) use fluxcapacitor_core::sys::netdev::Deferral;
#[cfg(target_os = "linux")]
use fluxcapacitor_core::sys::netdev::{DeferralScope, Interface, NapiSettings, XdpFeatures};
use fluxcapacitor_core::{Error, Result};

use crate::builder::NapiDeferral;
use crate::granted::NapiDeferralGrant;
use crate::hook::{Attach, Hook, XdpProgram};
use crate::proto::MacAddr;

/// There is none but Linux's.
#[cfg(not(target_os = "linux"))]
pub(crate) type Deferral = std::convert::Infallible;

/// What names of simulated interfaces begin with.
const SIMULATED: &str = "sim:";

/// An interface, and what is known of it.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) name: String,
    pub(crate) driver: String,
    /// Its hardware address.
    pub(crate) mac: Option<MacAddr>,
    /// Longest packet in bytes, without the Ethernet header.
    pub(crate) mtu: u32,
    pub(crate) queues: u32,
    pub(crate) is_up: bool,
    /// Whether the driver says that it cannot do without copies.
    pub(crate) refuses_zero_copy: bool,
    /// How many segments a packet may have without copies; 1 where the driver does not say.
    pub(crate) zero_copy_segments_max: u32,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    #[cfg(target_os = "linux")]
    Kernel(Interface),
    #[cfg(feature = "simulator")]
    Simulated(Nic),
}

impl Port {
    /// Looks an interface up: a simulated one if its name begins with `sim:`, else one of the network
    /// namespace of the calling thread.
    pub(crate) fn find(name: &str) -> Result<Self> {
        if name.starts_with(SIMULATED) { Self::simulated(name) } else { Self::kernel(name) }
    }

    #[cfg(target_os = "linux")]
    fn kernel(name: &str) -> Result<Self> {
        let found = Interface::by_name(name).map_err(|source| match source.kind() {
            io::ErrorKind::InvalidInput => {
                let why = "names have 1 to 15 bytes, and neither NUL nor slash";
                Error::invalid("interface", format!("{name:?}"), why)
            }
            _ if is_no_device(&source) => Error::UnknownInterface { interface: name.to_owned() },
            _ => Error::sys("netlink(RTM_GETLINK)", source),
        })?;
        Ok(Self {
            name: name.to_owned(),
            driver: crate::hook::driver(&found),
            mac: found.mac.map(MacAddr::new),
            mtu: found.mtu,
            queues: found.queue_count(),
            is_up: found.is_up,
            refuses_zero_copy: found.xdp_features.is_some_and(|offered| {
                offered.contains(XdpFeatures::BASIC) && !offered.contains(XdpFeatures::XSK_ZEROCOPY)
            }),
            zero_copy_segments_max: found.zc_max_segs.unwrap_or(1),
            kind: Kind::Kernel(found),
        })
    }

    #[cfg(not(target_os = "linux"))]
    fn kernel(name: &str) -> Result<Self> {
        Err(Error::NotOnThisSystem { interface: name.to_owned() })
    }

    #[cfg(feature = "simulator")]
    fn simulated(name: &str) -> Result<Self> {
        let found = Nic::find(name);
        let nic = found.ok_or_else(|| Error::UnknownSimulated { interface: name.to_owned() })?;
        let facts = nic.facts();
        Ok(Self {
            name: name.to_owned(),
            driver: "simulator".to_owned(),
            mac: Some(MacAddr::new(nic.mac())),
            mtu: facts.mtu,
            queues: facts.queues,
            is_up: facts.is_up,
            refuses_zero_copy: facts.profile != Profile::ZeroCopy,
            zero_copy_segments_max: 1,
            kind: Kind::Simulated(nic),
        })
    }

    #[cfg(not(feature = "simulator"))]
    fn simulated(name: &str) -> Result<Self> {
        let why =
            "names of simulated interfaces need the feature `simulator` of the crate fluxcapacitor";
        Err(Error::invalid("interface", name, why))
    }

    /// What sets the longest packet.
    pub(crate) fn set_mtu_by(&self, mtu: u32) -> String {
        match self.kind {
            #[cfg(target_os = "linux")]
            Kind::Kernel(_) => format!("`ip link set {} mtu {mtu}`", self.name),
            #[cfg(feature = "simulator")]
            Kind::Simulated(_) => format!("`Nic::set_mtu({mtu})`"),
        }
    }

    /// Attaches a program to it.
    pub(crate) fn attach(&self, attach: Attach, program: &XdpProgram) -> Result<Hook> {
        match self.kind {
            #[cfg(target_os = "linux")]
            Kind::Kernel(ref interface) => Hook::attach_program(interface, attach, program),
            #[cfg(feature = "simulator")]
            Kind::Simulated(ref nic) => Hook::attach_simulated(nic, attach, program),
        }
    }

    /// Keeps the hard IRQs of a queue off for as long as what it gives lives.
    #[cfg_attr(not(target_os = "linux"), allow(unused_variables, reason = "there are none"))]
    pub(crate) fn defer(
        &self,
        queue: u32,
        napi_id: u32,
        wanted: NapiDeferral,
    ) -> Result<(NapiDeferralGrant, Deferral)> {
        match self.kind {
            #[cfg(target_os = "linux")]
            Kind::Kernel(ref interface) => {
                let NapiDeferral { hard_irqs, timeout } = wanted;
                let settings = NapiSettings { hard_irqs, timeout_ns: timeout.as_nanos() as u64 };
                let deferral = Deferral::new(interface, queue, napi_id, settings)?;
                let grant = match deferral.scope() {
                    _ if deferral.was_found() => NapiDeferralGrant::Found,
                    DeferralScope::Napi { id } => NapiDeferralGrant::Napi { napi_id: id },
                    DeferralScope::Interface => NapiDeferralGrant::Interface,
                };
                Ok((grant, deferral))
            }
            #[cfg(feature = "simulator")]
            Kind::Simulated(_) => Err(Error::invalid(
                "IRQ deferral of",
                &self.name,
                "simulated interfaces have no IRQs",
            )),
        }
    }

    /// As a lane is opened on it.
    pub(crate) fn lane(&self) -> lane::Port {
        match self.kind {
            #[cfg(target_os = "linux")]
            Kind::Kernel(ref interface) => lane::Port::Kernel { ifindex: interface.index },
            #[cfg(feature = "simulator")]
            Kind::Simulated(ref nic) => lane::Port::Simulated(nic.clone()),
        }
    }
}

/// `ENODEV`: no interface of that name.
#[cfg(target_os = "linux")]
fn is_no_device(source: &io::Error) -> bool {
    source.kind() == io::ErrorKind::NotFound || source.raw_os_error() == Some(19)
}

//! Interfaces: what the kernel and the driver say about them.
//!
//! Every fact is asked of the network namespace of the *calling thread*, by
//! netlink and ethtool. `/sys/class/net` shows the namespace that mounted it,
//! which need not be that one: it is used where a kernel has nothing else, once
//! it is seen to show the interface that is meant.

mod deferral;
mod ethtool;
mod family;
mod features;
mod link;
mod napi;
mod sysfs;

use std::io;

use super::netlink;

pub use deferral::{Deferral, DeferralScope};
pub use ethtool::Channels;
pub use features::XdpFeatures;
pub use link::{AttachedMode, AttachedXdp, LinkCounters, RouteSocket};
pub use napi::{NapiInstance, NapiSettings, napi_instances};

/// Longest interface name in bytes: `IFNAMSIZ` less its NUL.
pub const NAME_LEN_MAX: usize = 15;

/// An interface as it was when it was asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its index, unique in its network namespace.
    #[doc(alias = "ifindex")]
    pub index: u32,
    /// Longest packet in bytes, without the Ethernet header.
    pub mtu: u32,
    /// Its link-layer address, if that is six bytes long.
    pub mac: Option<[u8; 6]>,
    /// Receive queues that the kernel allocated; fewer may be in use.
    #[doc(alias = "IFLA_NUM_RX_QUEUES")]
    pub rx_queues: u32,
    /// Transmit queues that the kernel allocated; fewer may be in use.
    #[doc(alias = "IFLA_NUM_TX_QUEUES")]
    pub tx_queues: u32,
    /// Whether it is switched on.
    #[doc(alias = "IFF_UP")]
    pub is_up: bool,
    /// Whether it is switched on and its link is there.
    #[doc(alias = "IFF_LOWER_UP")]
    pub has_carrier: bool,
    /// The XDP program that is attached to it.
    pub xdp: Option<AttachedXdp>,
    /// The driver's name; `lo`, for one, has none.
    #[doc(alias = "ETHTOOL_GDRVINFO")]
    pub driver: Option<String>,
    /// Queues in use and possible; `None` where the driver does not say.
    #[doc(alias = "ETHTOOL_GCHANNELS")]
    pub channels: Option<Channels>,
    /// What the driver can do with XDP; `None` before Linux 6.3.
    ///
    /// A driver may change it with its state: veth with the queues of its peer
    /// and with the program there.
    pub xdp_features: Option<XdpFeatures>,
    /// Most frames of one packet in zero-copy mode.
    ///
    /// `None` before Linux 6.6, and where there is no zero-copy.
    #[doc(alias = "NETDEV_A_DEV_XDP_ZC_MAX_SEGS")]
    pub zc_max_segs: Option<u32>,
}

impl Interface {
    /// Looks an interface up by its name.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if `name` is empty, longer than [`NAME_LEN_MAX`], or
    /// holds a NUL or a slash. `ENODEV` if there is no such interface in the
    /// network namespace of the calling thread.
    pub fn by_name(name: &str) -> io::Result<Self> {
        check_name(name)?;
        RouteSocket::open()?.link_by_name(name)?.complete()
    }

    /// Looks an interface up by its index.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if `index` is 0 or above `i32::MAX`, which no interface
    /// has. `ENODEV` if there is no such interface in the network namespace of
    /// the calling thread.
    pub fn by_index(index: u32) -> io::Result<Self> {
        RouteSocket::open()?.link_by_index(index)?.complete()
    }

    /// Every interface of the calling thread's network namespace.
    ///
    /// An interface that vanishes meanwhile is left out.
    ///
    /// # Errors
    ///
    /// `Interrupted` if interfaces keep coming and going: ask again.
    pub fn all() -> io::Result<Vec<Self>> {
        let mut interfaces = Vec::new();
        for link in RouteSocket::open()?.links()? {
            match link.complete() {
                Err(gone) if gone.raw_os_error() == Some(libc::ENODEV) => {}
                interface => interfaces.push(interface?),
            }
        }
        Ok(interfaces)
    }

    /// How many queues an AF_XDP socket can bind to: 0 up to this.
    ///
    /// The kernel takes a queue below the larger of the receive and transmit
    /// queues *in use*, of which there is always one (`net/xdp/xsk.c`,
    /// `xsk_reg_pool_at_qid`). The channels say how many those are. Without them it is
    /// the queues allocated, of which the upper ones may turn out not to be in
    /// use.
    #[must_use]
    pub fn queue_count(&self) -> u32 {
        let in_use = match self.channels {
            Some(channels) => channels.queue_count(),
            None => self.rx_queues.max(self.tx_queues),
        };
        // A tap that nobody has opened reports no channels, and has a queue.
        in_use.max(1)
    }

    /// Adds what ethtool and the netdev family know to what the link says.
    fn complete(mut self) -> io::Result<Self> {
        let mut socket = netlink::Socket::generic()?;
        self.driver = ethtool::driver(&socket, &self.name)?;
        self.channels = ethtool::channels(&socket, &self.name)?;
        if let Some(xdp) = features::of_device(&mut socket, self.index)? {
            self.xdp_features = xdp.features;
            self.zc_max_segs = xdp.zc_max_segs;
        }
        Ok(self)
    }
}

/// The counters of one interface; [`RouteSocket`] asks repeatedly for less.
///
/// # Errors
///
/// `InvalidInput` if `index` is 0. `ENODEV` if there is no such interface in
/// the network namespace of the calling thread.
pub fn link_counters(index: u32) -> io::Result<LinkCounters> {
    RouteSocket::open()?.link_counters(index)
}

/// Refuses names that no interface has, before the kernel truncates them.
fn check_name(name: &str) -> io::Result<()> {
    let reason = if name.is_empty() {
        "is empty"
    } else if name.len() > NAME_LEN_MAX {
        "is longer than 15 bytes"
    } else if name.contains(['\0', '/']) {
        "holds a NUL or a slash"
    } else {
        return Ok(());
    };
    let text = format!("interface name {name:?} {reason}");
    Err(io::Error::new(io::ErrorKind::InvalidInput, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lo_is_as_it_always_is() {
        let lo = Interface::by_name("lo").unwrap();
        assert_eq!((lo.name.as_str(), lo.mtu), ("lo", 65536));
        assert_eq!(lo.mac, Some([0; 6]));
        assert_eq!((lo.rx_queues, lo.tx_queues), (1, 1));
        assert_eq!((&lo.driver, lo.channels), (&None, None));
        assert_eq!(lo.queue_count(), 1);
        assert_eq!(lo.zc_max_segs, None);
        assert_eq!(Interface::by_index(lo.index).unwrap().name, "lo");
    }

    #[test]
    fn queues_in_use_count_and_not_those_allocated() {
        let mut nic = Interface::by_name("lo").unwrap();
        (nic.rx_queues, nic.tx_queues) = (256, 128);
        assert_eq!(nic.queue_count(), 256);
        nic.channels = Some(Channels { rx: 2, tx: 3, combined_max: 256, ..Channels::default() });
        assert_eq!(nic.queue_count(), 3);
        nic.channels = Some(Channels::default());
        assert_eq!(nic.queue_count(), 1);
    }

    #[test]
    fn all_lists_lo() {
        let all = Interface::all().unwrap();
        assert!(all.iter().any(|interface| interface.name == "lo"));
    }

    #[test]
    fn names_that_cannot_be_are_invalid_input() {
        for name in ["", "a/b", "a\0b", "sixteen-bytes-xx"] {
            let refused = Interface::by_name(name).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidInput, "{name:?}");
        }
    }

    #[test]
    fn interfaces_that_are_not_there_are_enodev() {
        let by_name = Interface::by_name("no-such-nic-xx1").unwrap_err();
        assert_eq!(by_name.raw_os_error(), Some(libc::ENODEV));
        let by_index = Interface::by_index(i32::MAX.unsigned_abs()).unwrap_err();
        assert_eq!(by_index.raw_os_error(), Some(libc::ENODEV));
        let counters = link_counters(i32::MAX.unsigned_abs()).unwrap_err();
        assert_eq!(counters.raw_os_error(), Some(libc::ENODEV));
    }

    #[test]
    fn an_index_that_cannot_be_is_invalid_input() {
        for index in [0, u32::MAX] {
            let refused = Interface::by_index(index).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidInput, "{index}");
            let refused = link_counters(index).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidInput, "{index}");
        }
    }
}

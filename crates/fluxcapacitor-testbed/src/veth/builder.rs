//! Settings of a new veth pair.

use std::{os::fd::AsFd, os::fd::AsRawFd, time::Duration};

use rtnetlink::{
    Handle, LinkMessageBuilder, LinkUnspec, LinkVeth,
    packet_route::link::{InfoData, InfoVeth, LinkAttribute},
};

use super::{
    End, VethPair,
    identity::{Identity, is_link_name},
};
use crate::{
    error::{Result, TestbedError},
    namespace::NetNs,
    netlink,
};

/// How long `build` waits for both ends to be up.
const UP_TIMEOUT: Duration = Duration::from_secs(30);

/// Settings of a new veth pair; ends in [`build`](Self::build).
#[derive(Clone, Debug)]
#[must_use = "nothing is made before `build`"]
pub struct VethBuilder {
    namespaces: [NetNs; 2],
    queues: u32,
    mtu: u32,
    names: Option<[String; 2]>,
    macs: Option<[[u8; 6]; 2]>,
    up: bool,
}

impl VethBuilder {
    pub(super) fn new(a: NetNs, b: NetNs) -> Self {
        Self { namespaces: [a, b], queues: 1, mtu: 1500, names: None, macs: None, up: true }
    }

    /// Rx queues, and as many tx queues, of each end: 1 to 4096. Default: 1.
    pub fn queues(mut self, count: u32) -> Self {
        self.queues = count;
        self
    }

    /// MTU of both ends in bytes, without the Ethernet header: 68 to 65535. Default: 1500.
    pub fn mtu(mut self, bytes: u32) -> Self {
        self.mtu = bytes;
        self
    }

    /// Names of the links, at most 15 bytes each. Default: unique ones, `flx<process>-<pair>a` and `…b`.
    pub fn names(mut self, a: impl Into<String>, b: impl Into<String>) -> Self {
        self.names = Some([a.into(), b.into()]);
        self
    }

    /// Hardware addresses. Default: unique in this process, `02:fc:<pair>:0a` and `…:0b`.
    pub fn macs(mut self, a: [u8; 6], b: [u8; 6]) -> Self {
        self.macs = Some([a, b]);
        self
    }

    /// Whether `build` sets both ends up and waits for that. Default: true.
    pub fn up(mut self, up: bool) -> Self {
        self.up = up;
        self
    }

    /// Makes the pair, and waits at most 30 seconds for both ends to be up.
    ///
    /// # Errors
    ///
    /// [`TestbedError::Invalid`] for a setting out of range, [`TestbedError::Exists`] for a name that is taken,
    /// [`TestbedError::NotPermitted`] without `CAP_SYS_ADMIN` and `CAP_NET_ADMIN`, [`TestbedError::NotUp`] when 5
    /// seconds were not enough, [`TestbedError::Sys`] otherwise (`EOPNOTSUPP`: the kernel has no veth).
    pub fn build(self) -> Result<VethPair> {
        self.validate()?;
        let unique = Identity::next();
        let names = self.names.clone().unwrap_or(unique.names);
        let macs = self.macs.unwrap_or(unique.macs);

        let index = self.make(&names, &macs)?;
        // From here on the guard deletes what an early return leaves; deleting `a` deletes `b`.
        let [namespace_a, namespace_b] = self.namespaces;
        let [name_a, name_b] = names;
        let [mac_a, mac_b] = macs;
        let mut pair = VethPair {
            a: End::new(namespace_a, name_a, index, mac_a),
            b: End::new(namespace_b, name_b, 0, mac_b),
            deleted: false,
        };
        pair.b.index = index_of(&pair.b)?;
        if self.up {
            pair.a.set_up()?;
            pair.b.set_up()?;
            pair.a.wait_up(UP_TIMEOUT)?;
            pair.b.wait_up(UP_TIMEOUT)?;
        }
        Ok(pair)
    }

    fn validate(&self) -> Result<()> {
        let invalid = |what, found, expected| Err(TestbedError::Invalid { what, found, expected });
        if !(1..=4096).contains(&self.queues) {
            return invalid("the number of queues", self.queues.to_string(), "1 to 4096");
        }
        if !(68..=65535).contains(&self.mtu) {
            return invalid("the MTU", self.mtu.to_string(), "68 to 65535 bytes");
        }
        for name in self.names.iter().flatten() {
            if !is_link_name(name) {
                return invalid(
                    "a link name",
                    format!("{name:?}"),
                    "1 to 15 bytes without slash, colon or white space",
                );
            }
        }
        for mac in self.macs.iter().flatten() {
            if mac[0] & 1 != 0 || *mac == [0; 6] {
                return invalid(
                    "a hardware address",
                    format!("{mac:02x?}"),
                    "unicast (the first byte even) and not zero",
                );
            }
        }
        Ok(())
    }

    /// Makes both links, each in its namespace, and returns the first one's index.
    fn make(&self, names: &[String; 2], macs: &[[u8; 6]; 2]) -> Result<u32> {
        let [namespace_a, namespace_b] = &self.namespaces;
        let [name_a, name_b] = names;
        let [mac_a, mac_b] = macs;

        let peer = LinkMessageBuilder::<LinkUnspec>::new()
            .name(name_b)
            .setns_by_fd(namespace_b.as_fd().as_raw_fd());
        let peer = self.common(peer, mac_b).build();
        let message = LinkMessageBuilder::<LinkVeth>::new(name_a, name_b)
            .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)));
        let message = self.common(message, mac_a).build();

        netlink::within(namespace_a, async |rtnl: Handle| {
            let request = rtnl.link().add(message).execute();
            request.await.map_err(|error| {
                netlink::refused("making a veth pair (RTM_NEWLINK)", name_a, error)
            })?;
            Ok(netlink::link_by_name(&rtnl, name_a).await?.header.index)
        })
    }

    /// What the message says of itself and, inside, of its peer: each end has queues of its own.
    fn common<T>(&self, message: LinkMessageBuilder<T>, mac: &[u8; 6]) -> LinkMessageBuilder<T> {
        message
            .address(mac.to_vec())
            .mtu(self.mtu)
            .append_extra_attribute(LinkAttribute::NumTxQueues(self.queues))
            .append_extra_attribute(LinkAttribute::NumRxQueues(self.queues))
    }
}

fn index_of(end: &End) -> Result<u32> {
    netlink::within(end.namespace(), async |rtnl: Handle| {
        Ok(netlink::link_by_name(&rtnl, end.name()).await?.header.index)
    })
}

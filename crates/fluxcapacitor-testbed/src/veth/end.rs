//! One end of a veth pair, or of another wire.

use std::{
    net::IpAddr,
    os::fd::{AsRawFd, BorrowedFd},
    time::{Duration, Instant},
};

use nix::errno::Errno;
use rtnetlink::{
    Handle, LinkMessageBuilder, LinkUnspec,
    packet_route::{
        address::{AddressAttribute, AddressFlags, AddressHeaderFlags},
        link::{LinkAttribute, LinkMessage, LinkXdp, State},
    },
};

use super::Counters;
use crate::{
    error::{Result, TestbedError, is},
    ethtool,
    namespace::NetNs,
    netlink,
};

/// Between two looks at a link that is to come up.
const UP_POLL: Duration = Duration::from_millis(1);

/// How many queues a link was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queues {
    /// Receive queues.
    pub rx: u32,
    /// Transmit queues.
    pub tx: u32,
}

/// One end of a [`VethPair`](super::VethPair), or any other link ([`End::find`]).
///
/// A clone refers to the same link and does not keep it: after the pair is deleted, methods answer
/// [`TestbedError::Gone`]. All methods that ask the kernel can also fail as [`NetNs::run`] does.
#[derive(Clone, Debug)]
pub struct End {
    pub(super) namespace: NetNs,
    pub(super) name: String,
    pub(super) index: u32,
    pub(super) mac: [u8; 6],
}

impl End {
    pub(super) fn new(namespace: NetNs, name: String, index: u32, mac: [u8; 6]) -> Self {
        Self { namespace, name, index, mac }
    }

    /// A link that is there already, of whatever kind.
    ///
    /// # Errors
    ///
    /// [`TestbedError::Gone`] when there is none of that name.
    pub fn find(namespace: &NetNs, name: &str) -> Result<Self> {
        let link = netlink::within(namespace, async |rtnl: Handle| {
            netlink::link_by_name(&rtnl, name).await
        })?;
        let mac = link.attributes.iter().find_map(|found| match found {
            LinkAttribute::Address(address) => address.as_slice().try_into().ok(),
            _ => None,
        });
        let mac = mac.unwrap_or_default();
        Ok(Self::new(namespace.clone(), name.to_owned(), link.header.index, mac))
    }

    /// The namespace that the link is in.
    #[must_use]
    pub fn namespace(&self) -> &NetNs {
        &self.namespace
    }

    /// The link's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The link's index, unique within its namespace only.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The hardware address that the link was made with.
    #[must_use]
    pub fn mac(&self) -> [u8; 6] {
        self.mac
    }

    /// Packets and bytes up to now.
    ///
    /// # Errors
    ///
    /// [`TestbedError::Gone`] after the pair was deleted.
    pub fn counters(&self) -> Result<Counters> {
        let counters = self.link()?.attributes.iter().find_map(|found| match found {
            LinkAttribute::Stats64(stats) => Some(Counters::from(stats)),
            _ => None,
        });
        Ok(counters.unwrap_or_default())
    }

    /// Rx and tx queues that the link was made with.
    ///
    /// # Errors
    ///
    /// [`TestbedError::Gone`] after the pair was deleted.
    #[doc(alias = "IFLA_NUM_RX_QUEUES")]
    pub fn queues(&self) -> Result<Queues> {
        let mut queues = Queues { rx: 0, tx: 0 };
        for attribute in self.link()?.attributes {
            match attribute {
                LinkAttribute::NumRxQueues(count) => queues.rx = count,
                LinkAttribute::NumTxQueues(count) => queues.tx = count,
                _ => {}
            }
        }
        Ok(queues)
    }

    /// Id of the XDP program that is attached, in whatever mode.
    ///
    /// # Errors
    ///
    /// [`TestbedError::Gone`] after the pair was deleted.
    #[doc(alias = "IFLA_XDP")]
    pub fn xdp_attached(&self) -> Result<Option<u32>> {
        let attributes = self.link()?.attributes;
        let xdp = attributes.iter().find_map(|found| match found {
            LinkAttribute::Xdp(xdp) => Some(xdp.as_slice()),
            _ => None,
        });
        Ok(xdp.unwrap_or_default().iter().find_map(|found| match found {
            // With programs in several modes there is no common id, only one for each mode.
            LinkXdp::ProgId(id) | LinkXdp::DrvProgId(id) | LinkXdp::SkbProgId(id) => Some(*id),
            _ => None,
        }))
    }

    /// Puts an XDP program on the link as `ip link set` does, or takes it off (`None`): in generic mode, or in the
    /// driver.
    ///
    /// No BPF link holds it, so it stays until it is taken off, or the veth pair is deleted.
    ///
    /// # Errors
    ///
    /// [`TestbedError::Gone`] after the pair was deleted; [`TestbedError::Sys`] when the kernel refuses, for example
    /// because a BPF link holds the program that is there.
    #[doc(alias = "IFLA_XDP_FD")]
    pub fn set_xdp(&self, program: Option<BorrowedFd<'_>>, generic: bool) -> Result<()> {
        // `XDP_FLAGS_SKB_MODE` or `XDP_FLAGS_DRV_MODE` of `include/uapi/linux/if_link.h`.
        let flags = if generic { 1 << 1 } else { 1 << 2 };
        let fd = program.map_or(-1, |program| program.as_raw_fd());
        let xdp = LinkAttribute::Xdp(vec![LinkXdp::Fd(fd), LinkXdp::Flags(flags)]);
        self.set(|link| link.append_extra_attribute(xdp))
    }

    /// Sets the link up, without waiting; see [`wait_up`](Self::wait_up).
    ///
    /// # Errors
    ///
    /// [`TestbedError::Gone`] after the pair was deleted.
    pub fn set_up(&self) -> Result<()> {
        self.set(LinkMessageBuilder::up)
    }

    /// Sets the link down; its peer loses the carrier.
    ///
    /// # Errors
    ///
    /// [`TestbedError::Gone`] after the pair was deleted.
    pub fn set_down(&self) -> Result<()> {
        self.set(LinkMessageBuilder::down)
    }

    /// Has the link receive packets whoever they are for, or not; veth does anyway.
    ///
    /// # Errors
    ///
    /// [`TestbedError::Gone`] after the pair was deleted.
    #[doc(alias = "IFF_PROMISC")]
    pub fn set_promiscuous(&self, on: bool) -> Result<()> {
        self.set(|link| link.promiscuous(on))
    }

    /// Sets the MTU of this end alone, in bytes.
    ///
    /// # Errors
    ///
    /// [`TestbedError::Gone`] after the pair was deleted; [`TestbedError::Sys`] when the kernel refuses the value,
    /// for example because an XDP program at the peer could not take packets as long as that.
    pub fn set_mtu(&self, bytes: u32) -> Result<()> {
        self.set(|link| link.mtu(bytes))
    }

    /// Waits until the link is operationally up: up itself, and with a carrier from its peer.
    ///
    /// # Errors
    ///
    /// [`TestbedError::NotUp`] after `timeout`, [`TestbedError::Gone`] after the pair was deleted.
    pub fn wait_up(&self, timeout: Duration) -> Result<()> {
        netlink::within(&self.namespace, async |rtnl: Handle| {
            let start = Instant::now();
            loop {
                let link = netlink::link(&rtnl, self.index, &self.name).await?;
                // The carrier alone is not enough: packets are dropped until the kernel has acted on it. Nor is the
                // state, which is that of a moment ago.
                let is = |attribute| link.attributes.contains(&attribute);
                if is(LinkAttribute::OperState(State::Up)) && is(LinkAttribute::Carrier(1)) {
                    return Ok(());
                }
                if start.elapsed() >= timeout {
                    return Err(TestbedError::NotUp { name: self.name.clone(), waited: timeout });
                }
                tokio::time::sleep(UP_POLL).await;
            }
        })
    }

    /// Adds an address, usable at once (IPv6: without duplicate address detection).
    ///
    /// # Errors
    ///
    /// [`TestbedError::Ipv6Disabled`] for an IPv6 address where IPv6 is off, [`TestbedError::Exists`] when the link
    /// has the address, [`TestbedError::Gone`] after the pair was deleted.
    pub fn add_address(&self, address: IpAddr, prefix_len: u8) -> Result<()> {
        netlink::within(&self.namespace, async |rtnl: Handle| {
            let mut request = rtnl.address().add(self.index, address, prefix_len);
            if address.is_ipv6() {
                let message = request.message_mut();
                message.header.flags |= AddressHeaderFlags::Nodad;
                let flags = AddressAttribute::Flags(AddressFlags::Nodad);
                message.attributes.push(flags);
            }
            request.execute().await.map_err(|error| {
                match netlink::refused("adding an address (RTM_NEWADDR)", &self.name, error) {
                    TestbedError::Sys { source, .. }
                        if address.is_ipv6() && is(&source, Errno::EACCES) =>
                    {
                        TestbedError::Ipv6Disabled { name: self.name.clone() }
                    }
                    other => other,
                }
            })
        })
    }

    /// Adds a permanent neighbour, so that nothing is asked on the wire; replaces an older one.
    ///
    /// # Errors
    ///
    /// [`TestbedError::Gone`] after the pair was deleted.
    pub fn add_neighbour(&self, address: IpAddr, mac: [u8; 6]) -> Result<()> {
        netlink::within(&self.namespace, async |rtnl: Handle| {
            rtnl.neighbours()
                .add(self.index, address)
                .link_layer_address(&mac)
                .replace()
                .execute()
                .await
                .map_err(|error| {
                    netlink::refused("adding a neighbour (RTM_NEWNEIGH)", &self.name, error)
                })
        })
    }

    /// Turns generic receive offload on or off.
    ///
    /// On a veth end that is up, "on" starts NAPI, which is what lets it receive frames redirected to it by XDP
    /// without an XDP program of its own. Set the end up first.
    ///
    /// # Errors
    ///
    /// As [`set_feature`](Self::set_feature).
    pub fn set_gro(&self, on: bool) -> Result<()> {
        self.set_feature("rx-gro", on)
    }

    /// Turns one offload on or off, by the kernel's name (`netdev_features_strings`).
    ///
    /// Of interest on veth: `rx-gro`, `tx-checksum-ip-generic`, `tx-generic-segmentation`, `tx-tcp-segmentation`.
    ///
    /// # Errors
    ///
    /// [`TestbedError::Feature`] when there is no such feature, it is fixed, or the kernel is older than 5.7;
    /// [`TestbedError::Gone`] after the pair was deleted.
    pub fn set_feature(&self, feature: &str, on: bool) -> Result<()> {
        let answer = self.namespace.run(|| ethtool::set_feature(self.index, feature, on))?;
        answer.map_err(|source| {
            if is(&source, Errno::ENODEV) {
                TestbedError::Gone { name: self.name.clone() }
            } else if is(&source, Errno::EPERM) {
                TestbedError::refused("ethtool features", "CAP_NET_ADMIN", source)
            } else {
                TestbedError::Feature {
                    name: self.name.clone(),
                    feature: feature.to_owned(),
                    source,
                }
            }
        })
    }

    fn link(&self) -> Result<LinkMessage> {
        netlink::within(&self.namespace, async |rtnl: Handle| {
            netlink::link(&rtnl, self.index, &self.name).await
        })
    }

    fn set(
        &self,
        change: impl FnOnce(LinkMessageBuilder<LinkUnspec>) -> LinkMessageBuilder<LinkUnspec> + Send,
    ) -> Result<()> {
        netlink::within(&self.namespace, async |rtnl: Handle| {
            let link = change(LinkUnspec::new_with_index(self.index));
            netlink::set_link(&rtnl, &self.name, link).await
        })
    }
}

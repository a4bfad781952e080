//! What a driver can do with XDP, from generic netlink's netdev family.
//!
use std::fmt;
use std::io;

use super::super::netlink::Socket;
use super::family::{Family, HEADER_LEN};

const NETDEV_CMD_DEV_GET: u8 = 1;
const NETDEV_A_DEV_IFINDEX: u16 = 1;
const NETDEV_A_DEV_XDP_FEATURES: u16 = 3;
const NETDEV_A_DEV_XDP_ZC_MAX_SEGS: u16 = 4;

/// A set of XDP features, in the kernel's bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
#[doc(alias = "netdev_xdp_act")]
pub struct XdpFeatures(u64);

impl XdpFeatures {
    /// Native programs that abort, drop, pass or send back.
    pub const BASIC: Self = Self(1 << 0);
    /// Native programs may redirect, as AF_XDP needs.
    pub const REDIRECT: Self = Self(1 << 1);
    /// Other interfaces may redirect to this one.
    pub const NDO_XMIT: Self = Self(1 << 2);
    /// AF_XDP in zero-copy mode.
    pub const XSK_ZEROCOPY: Self = Self(1 << 3);
    /// Programs run in the device.
    pub const HW_OFFLOAD: Self = Self(1 << 4);
    /// Native programs see packets of several buffers.
    pub const RX_SG: Self = Self(1 << 5);
    /// Other interfaces may redirect packets of several buffers to this one.
    pub const NDO_XMIT_SG: Self = Self(1 << 6);

    const NAMED: [(Self, &'static str); 7] = [
        (Self::BASIC, "basic"),
        (Self::REDIRECT, "redirect"),
        (Self::NDO_XMIT, "ndo-xmit"),
        (Self::XSK_ZEROCOPY, "xsk-zerocopy"),
        (Self::HW_OFFLOAD, "hw-offload"),
        (Self::RX_SG, "rx-sg"),
        (Self::NDO_XMIT_SG, "ndo-xmit-sg"),
    ];

    /// The set with these bits, known ones and others.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The kernel's bits, also those that have no name here.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether every feature of `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The kernel's names for the features in this set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let named = Self::NAMED.into_iter();
        named.filter_map(move |(feature, name)| self.contains(feature).then_some(name))
    }
}

impl fmt::Debug for XdpFeatures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "XdpFeatures({:#x}", self.0)?;
        for name in self.names() {
            write!(formatter, " {name}")?;
        }
        formatter.write_str(")")
    }
}

/// What the netdev family says about one interface.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct DeviceXdp {
    pub(super) features: Option<XdpFeatures>,
    pub(super) zc_max_segs: Option<u32>,
}

/// Asks about the interface of this index; `None` if the family is not there.
pub(super) fn of_device(socket: &mut Socket, index: u32) -> io::Result<Option<DeviceXdp>> {
    let Some(family) = Family::find(socket, "netdev")? else {
        return Ok(None);
    };
    let mut request = family
        .request(NETDEV_CMD_DEV_GET, 0)
        .attribute(NETDEV_A_DEV_IFINDEX, &index.to_ne_bytes())?;
    let mut found = DeviceXdp::default();
    socket.exchange(&mut request, |message| {
        for attribute in message.attributes(HEADER_LEN) {
            match attribute.kind {
                NETDEV_A_DEV_XDP_FEATURES => {
                    found.features = attribute.as_u64().map(XdpFeatures::from_bits);
                }
                NETDEV_A_DEV_XDP_ZC_MAX_SEGS => found.zc_max_segs = attribute.as_u32(),
                _ => {}
            }
        }
        Ok(())
    })?;
    Ok(Some(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_named_as_the_kernel_names_them() {
        let features = XdpFeatures::from_bits(0x80 | 0x20 | 0x1);
        assert!(features.contains(XdpFeatures::RX_SG));
        assert!(!features.contains(XdpFeatures::XSK_ZEROCOPY));
        let names: Vec<_> = features.names().collect();
        assert_eq!(names, ["basic", "rx-sg"]);
        assert_eq!(format!("{features:?}"), "XdpFeatures(0xa1 basic rx-sg)");
    }
}

//! What a driver can do with XDP, from generic netlink's netdev family.
//!
//! The family is described in `Documentation/netlink/specs/netdev.yaml` and
//! exists since Linux 6.3; families are found by name as `nlctrl.yaml` says.

use std::fmt;
use std::io;

use super::super::netlink::{Request, Socket};

/// Length of `struct genlmsghdr`: command, version, two bytes reserved.
const GENERIC_HEADER_LEN: usize = 4;

const GENL_ID_CTRL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
/// The version of the controller, and of the netdev family.
const VERSION: u8 = 1;

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
    let Some(family) = family_id(socket, "netdev")? else {
        return Ok(None);
    };
    let mut request = Request::new(family, 0, &[NETDEV_CMD_DEV_GET, VERSION, 0, 0])
        .attribute(NETDEV_A_DEV_IFINDEX, &index.to_ne_bytes())?;
    let mut found = DeviceXdp::default();
    socket.exchange(&mut request, |message| {
        for attribute in message.attributes(GENERIC_HEADER_LEN) {
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

/// The message type of a generic netlink family; `None` if there is none.
fn family_id(socket: &mut Socket, name: &str) -> io::Result<Option<u16>> {
    let name = [name.as_bytes(), b"\0"].concat();
    let mut request = Request::new(GENL_ID_CTRL, 0, &[CTRL_CMD_GETFAMILY, VERSION, 0, 0])
        .attribute(CTRL_ATTR_FAMILY_NAME, &name)?;
    let mut id = None;
    let found = socket.exchange(&mut request, |message| {
        let mut attributes = message.attributes(GENERIC_HEADER_LEN);
        id = attributes
            .find(|attribute| attribute.kind == CTRL_ATTR_FAMILY_ID)
            .and_then(|attribute| attribute.as_u16());
        Ok(())
    });
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(|()| id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_that_is_not_there_is_none() {
        let mut socket = Socket::generic().unwrap();
        assert_eq!(family_id(&mut socket, "no-such-family").unwrap(), None);
        let control = family_id(&mut socket, "nlctrl").unwrap();
        assert_eq!(control, Some(GENL_ID_CTRL));
    }

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

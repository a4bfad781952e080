//! What rtnetlink says about a link, and its counters.
//!
//! Requests and attributes are those of `include/uapi/linux/rtnetlink.h` and
//! `if_link.h`.

use std::io;

use super::super::netlink::{
    Attribute, Attributes, Message, NLM_F_DUMP, Request, Socket, u32_at, u64_at,
};
use super::Interface;

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_NEWSTATS: u16 = 92;
const RTM_GETSTATS: u16 = 94;

/// Length of `struct ifinfomsg`.
const LINK_HEADER_LEN: usize = 16;
/// Length of `struct if_stats_msg`.
const STATS_HEADER_LEN: usize = 12;

const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_EXT_MASK: u16 = 29;
const IFLA_NUM_TX_QUEUES: u16 = 31;
const IFLA_NUM_RX_QUEUES: u16 = 32;
const IFLA_XDP: u16 = 43;
const IFLA_XDP_ATTACHED: u16 = 2;
const IFLA_XDP_PROG_ID: u16 = 4;
const IFLA_XDP_DRV_PROG_ID: u16 = 5;
const IFLA_XDP_SKB_PROG_ID: u16 = 6;
const IFLA_XDP_HW_PROG_ID: u16 = 7;
const IFLA_STATS_LINK_64: u16 = 1;

/// `RTEXT_FILTER_SKIP_STATS`: the reply need not hold counters.
const RTEXT_FILTER_SKIP_STATS: u32 = 1 << 3;
/// `IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64)`.
const STATS_FILTER_LINK_64: u32 = 1 << 0;

const IFF_UP: u32 = 1 << 0;
const IFF_LOWER_UP: u32 = 1 << 16;

/// How often a list that changed while it was read is read again.
const DUMP_ATTEMPTS: u32 = 8;

/// Where in the path of a packet an XDP program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AttachedMode {
    /// In the driver.
    #[doc(alias = "XDP_ATTACHED_DRV")]
    Native,
    /// In the stack, on packets that are socket buffers already.
    #[doc(alias = "XDP_ATTACHED_SKB")]
    Generic,
    /// In the device.
    #[doc(alias = "XDP_ATTACHED_HW")]
    Offload,
}

/// The XDP program of an interface.
///
/// With one in the device and one on the host, it is the one on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AttachedXdp {
    /// Where it runs.
    pub mode: AttachedMode,
    /// Its id, for `bpf::Program::info_by_id`.
    pub program_id: u32,
}

/// What an interface counted since it exists, as `ip -s link` shows it.
///
/// AF_XDP packets appear in them as far as the driver counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[doc(alias = "rtnl_link_stats64")]
pub struct LinkCounters {
    /// Packets received.
    pub rx_packets: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets received damaged.
    pub rx_errors: u64,
    /// Packets that could not be sent.
    pub tx_errors: u64,
    /// Good packets received and not delivered.
    pub rx_dropped: u64,
    /// Packets dropped on their way out.
    pub tx_dropped: u64,
}

/// A socket for repeated questions about links.
///
/// It answers for the network namespace of the thread that opened it, at that
/// time, also when that thread moves on.
#[derive(Debug)]
pub struct RouteSocket {
    socket: Socket,
}

impl RouteSocket {
    /// Opens the socket.
    ///
    /// # Errors
    ///
    /// Whatever `socket` or `connect` answer.
    pub fn open() -> io::Result<Self> {
        let socket = Socket::route()?;
        Ok(Self { socket })
    }

    /// The counters of one interface, in one request of one attribute.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if `index` is 0 or above `i32::MAX`, `ENODEV` if there
    /// is no such interface in the namespace of the socket.
    pub fn link_counters(&mut self, index: u32) -> io::Result<LinkCounters> {
        check_index(index)?;
        // RTM_GETLINK would carry the same counters among everything else.
        let mut header = [0; STATS_HEADER_LEN];
        header[4..8].copy_from_slice(&index.to_ne_bytes());
        header[8..12].copy_from_slice(&STATS_FILTER_LINK_64.to_ne_bytes());
        let mut request = Request::new(RTM_GETSTATS, 0, &header);
        let mut counters = None;
        self.socket.exchange(&mut request, |message| {
            counters = parse_counters(message);
            Ok(())
        })?;
        counters.ok_or_else(|| incomplete("counters"))
    }

    /// The link called `name`, without what only ethtool and netdev know.
    pub(super) fn link_by_name(&mut self, name: &str) -> io::Result<Interface> {
        let name = [name.as_bytes(), b"\0"].concat();
        self.link(link_request(0, 0)?.attribute(IFLA_IFNAME, &name)?)
    }

    /// The link of this index, without what only ethtool and netdev know.
    pub(super) fn link_by_index(&mut self, index: u32) -> io::Result<Interface> {
        check_index(index)?;
        self.link(link_request(0, index)?)
    }

    fn link(&mut self, mut request: Request) -> io::Result<Interface> {
        let mut link = None;
        self.socket.exchange(&mut request, |message| {
            link = parse_link(message);
            Ok(())
        })?;
        link.ok_or_else(|| incomplete("link"))
    }

    /// Every link, without what only ethtool and netdev know.
    pub(super) fn links(&mut self) -> io::Result<Vec<Interface>> {
        let mut attempt = 1;
        loop {
            let mut links = Vec::new();
            let dumped = self.socket.exchange(&mut link_request(NLM_F_DUMP, 0)?, |message| {
                links.extend(parse_link(message));
                Ok(())
            });
            match dumped {
                Err(error)
                    if error.kind() == io::ErrorKind::Interrupted && attempt < DUMP_ATTEMPTS =>
                {
                    attempt += 1;
                }
                Err(error) => return Err(error),
                Ok(()) => return Ok(links),
            }
        }
    }
}

fn link_request(flags: u16, index: u32) -> io::Result<Request> {
    let mut header = [0; LINK_HEADER_LEN];
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    let request = Request::new(RTM_GETLINK, flags, &header);
    request.attribute(IFLA_EXT_MASK, &RTEXT_FILTER_SKIP_STATS.to_ne_bytes())
}

fn check_index(index: u32) -> io::Result<()> {
    if index == 0 || i32::try_from(index).is_err() {
        let text = format!("no interface has index {index}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    Ok(())
}

fn incomplete(what: &str) -> io::Error {
    let text = format!("the kernel's answer about a {what} lacks a part that it always has");
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// Reads an `RTM_NEWLINK`; `None` if it is another message or lacks a part.
fn parse_link(message: &Message<'_>) -> Option<Interface> {
    if message.kind != RTM_NEWLINK {
        return None;
    }
    let index = u32_at(message.payload, 4)?;
    let flags = u32_at(message.payload, 8)?;
    let mut link = Interface {
        name: String::new(),
        index,
        mtu: 0,
        mac: None,
        rx_queues: 1,
        tx_queues: 1,
        is_up: flags & IFF_UP != 0,
        has_carrier: flags & IFF_LOWER_UP != 0,
        xdp: None,
        driver: None,
        channels: None,
        xdp_features: None,
        zc_max_segs: None,
    };
    for attribute in message.attributes(LINK_HEADER_LEN) {
        match attribute.kind {
            IFLA_ADDRESS => link.mac = attribute.payload.try_into().ok(),
            IFLA_IFNAME => link.name = attribute.as_str()?.to_owned(),
            IFLA_MTU => link.mtu = attribute.as_u32()?,
            IFLA_NUM_TX_QUEUES => link.tx_queues = attribute.as_u32()?,
            IFLA_NUM_RX_QUEUES => link.rx_queues = attribute.as_u32()?,
            IFLA_XDP => link.xdp = parse_xdp(attribute.nested()),
            _ => {}
        }
    }
    (!link.name.is_empty()).then_some(link)
}

/// Reads the `IFLA_XDP_*` attributes; `None` if no program is attached.
fn parse_xdp(attributes: Attributes<'_>) -> Option<AttachedXdp> {
    let id_of = |kind| {
        let mut attributes = attributes.clone();
        let id = attributes.find(|attribute| attribute.kind == kind)?;
        id.as_u32().filter(|id| *id != 0)
    };
    // Kernels before 4.19 give one id and say whose it is.
    let single = || {
        let mut attributes = attributes.clone();
        let attached = attributes.find(|attribute| attribute.kind == IFLA_XDP_ATTACHED)?;
        let mode = match attached.as_u8()? {
            1 => AttachedMode::Native,
            2 => AttachedMode::Generic,
            3 => AttachedMode::Offload,
            _ => return None,
        };
        Some((mode, id_of(IFLA_XDP_PROG_ID)?))
    };
    let by_mode = |mode, kind| Some((mode, id_of(kind)?));
    let (mode, program_id) = by_mode(AttachedMode::Native, IFLA_XDP_DRV_PROG_ID)
        .or_else(|| by_mode(AttachedMode::Generic, IFLA_XDP_SKB_PROG_ID))
        .or_else(|| by_mode(AttachedMode::Offload, IFLA_XDP_HW_PROG_ID))
        .or_else(single)?;
    Some(AttachedXdp { mode, program_id })
}

/// Reads an `RTM_NEWSTATS`; `None` if it is another message or lacks a part.
fn parse_counters(message: &Message<'_>) -> Option<LinkCounters> {
    if message.kind != RTM_NEWSTATS {
        return None;
    }
    let is_link_64 = |attribute: &Attribute<'_>| attribute.kind == IFLA_STATS_LINK_64;
    let stats = message.attributes(STATS_HEADER_LEN).find(is_link_64)?;
    let counter = |position: usize| u64_at(stats.payload, position * size_of::<u64>());
    Some(LinkCounters {
        rx_packets: counter(0)?,
        tx_packets: counter(1)?,
        rx_bytes: counter(2)?,
        tx_bytes: counter(3)?,
        rx_errors: counter(4)?,
        tx_errors: counter(5)?,
        rx_dropped: counter(6)?,
        tx_dropped: counter(7)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of a nest that holds `attributes`, as a nest's payload is.
    fn nest(attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (kind, payload) in attributes {
            let length = u16::try_from(4 + payload.len()).unwrap();
            bytes.extend_from_slice(&length.to_ne_bytes());
            bytes.extend_from_slice(&kind.to_ne_bytes());
            bytes.extend_from_slice(payload);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    fn xdp(attributes: &[(u16, &[u8])]) -> Option<AttachedXdp> {
        let payload = nest(attributes);
        let (kind, payload) = (IFLA_XDP, payload.as_slice());
        parse_xdp(Attribute { kind, payload }.nested())
    }

    #[test]
    fn a_program_is_found_in_each_mode() {
        let id = 7_u32.to_ne_bytes();
        for (attached, kind, mode) in [
            (1, IFLA_XDP_DRV_PROG_ID, AttachedMode::Native),
            (2, IFLA_XDP_SKB_PROG_ID, AttachedMode::Generic),
            (3, IFLA_XDP_HW_PROG_ID, AttachedMode::Offload),
        ] {
            let expected = Some(AttachedXdp { mode, program_id: 7 });
            let attached = [attached];
            let old = [(IFLA_XDP_ATTACHED, &attached[..]), (IFLA_XDP_PROG_ID, &id[..])];
            let new = [old[0], old[1], (kind, &id[..])];
            assert_eq!(xdp(&old), expected);
            assert_eq!(xdp(&new), expected);
        }
    }

    #[test]
    fn no_program_is_none() {
        assert_eq!(xdp(&[]), None);
        assert_eq!(xdp(&[(IFLA_XDP_ATTACHED, &[0])]), None);
    }

    #[test]
    fn of_two_programs_the_one_on_the_host_is_told() {
        let found = xdp(&[
            (IFLA_XDP_ATTACHED, &[4]),
            (IFLA_XDP_HW_PROG_ID, &8_u32.to_ne_bytes()),
            (IFLA_XDP_DRV_PROG_ID, &9_u32.to_ne_bytes()),
        ]);
        let expected = AttachedXdp { mode: AttachedMode::Native, program_id: 9 };
        assert_eq!(found, Some(expected));
    }

    #[test]
    fn counters_of_lo_only_grow() {
        let mut socket = RouteSocket::open().unwrap();
        let lo = socket.link_by_name("lo").unwrap();
        let before = socket.link_counters(lo.index).unwrap();
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        if lo.is_up {
            sender.send_to(&[0; 100], sender.local_addr().unwrap()).unwrap();
            let after = socket.link_counters(lo.index).unwrap();
            assert!(after.tx_packets > before.tx_packets);
            assert!(after.rx_bytes >= before.rx_bytes + 100);
        }
    }
}

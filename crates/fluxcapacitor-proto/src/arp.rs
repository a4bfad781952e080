//! Address resolution between Ethernet and IPv4 (RFC 826).

use core::fmt;
use core::net::Ipv4Addr;

use zerocopy::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::bytes::Bytes;
use crate::error::{ParseError, Protocol, truncated};
use crate::ethernet::{EtherType, MacAddr};

/// What an ARP packet wants (RFC 826, "Packet format", `ar$op`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ArpOperation(
    /// The number.
    pub u16,
);

impl ArpOperation {
    /// Who has this address?
    pub const REQUEST: Self = Self(1);
    /// I have.
    pub const REPLY: Self = Self(2);
}

impl fmt::Display for ArpOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::REQUEST => f.pad("Request"),
            Self::REPLY => f.pad("Reply"),
            Self(number) => write!(f, "Operation {number}"),
        }
    }
}

/// An ARP packet for IPv4 over Ethernet as it is on the wire (RFC 826, "Packet format").
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct ArpHeader {
    hardware_type: U16,
    protocol_type: U16,
    hardware_len: u8,
    protocol_len: u8,
    operation: U16,
    sender_mac: MacAddr,
    sender_ip: [u8; 4],
    target_mac: MacAddr,
    target_ip: [u8; 4],
}

wire!(ArpHeader, 28, Arp);

impl ArpHeader {
    const ETHERNET: u16 = 1;

    /// Asks who has `target_ip`.
    pub const fn request(sender_mac: MacAddr, sender_ip: Ipv4Addr, target_ip: Ipv4Addr) -> Self {
        Self {
            hardware_type: U16::new(Self::ETHERNET),
            protocol_type: U16::new(EtherType::IPV4.0),
            hardware_len: 6,
            protocol_len: 4,
            operation: U16::new(ArpOperation::REQUEST.0),
            sender_mac,
            sender_ip: sender_ip.octets(),
            target_mac: MacAddr::UNSPECIFIED,
            target_ip: target_ip.octets(),
        }
    }

    /// The answer to this request from `mac`, which has the address asked for.
    pub const fn reply(&self, mac: MacAddr) -> Self {
        Self {
            operation: U16::new(ArpOperation::REPLY.0),
            sender_mac: mac,
            sender_ip: self.target_ip,
            target_mac: self.sender_mac,
            target_ip: self.sender_ip,
            ..*self
        }
    }

    /// Hardware type (RFC 826, "Packet format", `ar$hrd`): 1 for Ethernet.
    #[inline]
    pub const fn hardware_type(&self) -> u16 {
        self.hardware_type.get()
    }

    /// Protocol type (RFC 826, "Packet format", `ar$pro`): IPv4.
    #[inline]
    pub const fn protocol_type(&self) -> EtherType {
        EtherType(self.protocol_type.get())
    }

    /// Length of a hardware address in bytes (RFC 826, "Packet format", `ar$hln`): 6.
    #[inline]
    pub const fn hardware_len(&self) -> u8 {
        self.hardware_len
    }

    /// Length of a protocol address in bytes (RFC 826, "Packet format", `ar$pln`): 4.
    #[inline]
    pub const fn protocol_len(&self) -> u8 {
        self.protocol_len
    }

    /// What is wanted (RFC 826, "Packet format", `ar$op`).
    #[inline]
    pub const fn operation(&self) -> ArpOperation {
        ArpOperation(self.operation.get())
    }

    /// Hardware address of the sender (RFC 826, "Packet format", `ar$sha`).
    #[inline]
    pub const fn sender_mac(&self) -> MacAddr {
        self.sender_mac
    }

    /// Protocol address of the sender (RFC 826, "Packet format", `ar$spa`).
    #[inline]
    pub const fn sender_ip(&self) -> Ipv4Addr {
        let [a, b, c, d] = self.sender_ip;
        Ipv4Addr::new(a, b, c, d)
    }

    /// Hardware address of the target (RFC 826, "Packet format", `ar$tha`); unknown in a request.
    #[inline]
    pub const fn target_mac(&self) -> MacAddr {
        self.target_mac
    }

    /// Protocol address of the target (RFC 826, "Packet format", `ar$tpa`).
    #[inline]
    pub const fn target_ip(&self) -> Ipv4Addr {
        let [a, b, c, d] = self.target_ip;
        Ipv4Addr::new(a, b, c, d)
    }

    /// Sets what is wanted.
    #[inline]
    pub const fn set_operation(&mut self, operation: ArpOperation) {
        self.operation = U16::new(operation.0);
    }

    /// Sets the hardware address of the sender.
    #[inline]
    pub const fn set_sender_mac(&mut self, mac: MacAddr) {
        self.sender_mac = mac;
    }

    /// Sets the protocol address of the sender.
    #[inline]
    pub const fn set_sender_ip(&mut self, ip: Ipv4Addr) {
        self.sender_ip = ip.octets();
    }

    /// Sets the hardware address of the target.
    #[inline]
    pub const fn set_target_mac(&mut self, mac: MacAddr) {
        self.target_mac = mac;
    }

    /// Sets the protocol address of the target.
    #[inline]
    pub const fn set_target_ip(&mut self, ip: Ipv4Addr) {
        self.target_ip = ip.octets();
    }
}

/// An ARP packet for IPv4 over Ethernet; its payload is padding.
pub struct Arp<B: Bytes> {
    header: B::Of<ArpHeader>,
    payload: B,
}

view!(Arp, ArpHeader);

impl<B: Bytes> Arp<B> {
    /// Reads the packet.
    ///
    /// # Errors
    ///
    /// [`ParseError::Truncated`] if there are fewer than 28 bytes, [`ParseError::Unsupported`] if it is not about IPv4
    /// over Ethernet.
    #[inline]
    pub fn parse(bytes: B) -> Result<Self, ParseError> {
        let have = bytes.len();
        let (header, payload) = bytes
            .split_header::<ArpHeader>()
            .ok_or_else(|| truncated(Protocol::Arp, ArpHeader::LEN, have))?;
        let unsupported = |field, found: u16| {
            Err(ParseError::Unsupported { protocol: Protocol::Arp, field, found: found.into() })
        };
        if header.hardware_type() != ArpHeader::ETHERNET {
            return unsupported("hardware type", header.hardware_type());
        }
        if header.protocol_type() != EtherType::IPV4 {
            return unsupported("protocol type", header.protocol_type().0);
        }
        if header.hardware_len != 6 {
            return unsupported("hardware length", header.hardware_len.into());
        }
        if header.protocol_len != 4 {
            return unsupported("protocol length", header.protocol_len.into());
        }
        Ok(Self { header, payload })
    }
}

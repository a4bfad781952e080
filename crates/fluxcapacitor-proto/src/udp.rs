//! User Datagram Protocol (RFC 768).

use zerocopy::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::bytes::{Bytes, BytesMut};
use crate::checksum::{self, ChecksumStatus, Delta, PseudoHeader, Sum};
use crate::error::{ParseError, Protocol, truncated};
use crate::ip::IpProtocol;

/// The UDP header as it is on the wire (RFC 768, "Format").
///
/// Every setter keeps the checksum right if it was (RFC 1624), in constant time; an absent one stays absent.
/// A [partial](crate::checksum::ChecksumStatus::Partial) one does not cover this header yet, and must be completed before.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct UdpHeader {
    source_port: U16,
    destination_port: U16,
    len: U16,
    checksum: U16,
}

wire!(UdpHeader, 8, Udp);

impl UdpHeader {
    /// A header without checksum. `len` includes these 8 bytes.
    #[inline]
    pub const fn new(source_port: u16, destination_port: u16, len: u16) -> Self {
        Self {
            source_port: U16::new(source_port),
            destination_port: U16::new(destination_port),
            len: U16::new(len),
            checksum: U16::ZERO,
        }
    }

    /// Source port (RFC 768, "Fields").
    #[inline]
    pub const fn source_port(&self) -> u16 {
        self.source_port.get()
    }

    /// Destination port (RFC 768, "Fields").
    #[inline]
    pub const fn destination_port(&self) -> u16 {
        self.destination_port.get()
    }

    /// Length of header and payload, in bytes (RFC 768, "Fields", "Length").
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "a field, not a collection")]
    pub const fn len(&self) -> u16 {
        self.len.get()
    }

    /// The checksum (RFC 768, "Fields"); 0 means that there is none.
    #[inline]
    pub const fn checksum(&self) -> u16 {
        self.checksum.get()
    }

    /// Sets the source port.
    #[inline]
    pub const fn set_source_port(&mut self, port: u16) {
        self.change(Delta::NONE.u16(self.source_port.get(), port));
        self.source_port = U16::new(port);
    }

    /// Sets the destination port.
    #[inline]
    pub const fn set_destination_port(&mut self, port: u16) {
        self.change(Delta::NONE.u16(self.destination_port.get(), port));
        self.destination_port = U16::new(port);
    }

    /// Exchanges source and destination port; the checksum does not change.
    #[inline]
    pub const fn swap_ports(&mut self) {
        core::mem::swap(&mut self.source_port, &mut self.destination_port);
    }

    /// Sets the length of header and payload, counted twice in the checksum. The payload's bytes are the caller's.
    #[inline]
    pub const fn set_len(&mut self, len: u16) {
        let old = self.len.get();
        self.change(Delta::NONE.u16(old, len).u16(old, len));
        self.len = U16::new(len);
    }

    /// Sets the checksum field as it is.
    #[inline]
    pub const fn set_checksum(&mut self, checksum: u16) {
        self.checksum = U16::new(checksum);
    }

    #[inline]
    const fn change(&mut self, delta: Delta) {
        self.checksum = U16::new(delta.apply_udp(self.checksum.get()));
    }
}

/// A UDP datagram: its header, and as much payload as the header claims.
pub struct Udp<B: Bytes> {
    header: B::Of<UdpHeader>,
    payload: B,
}

view!(Udp, UdpHeader);

impl<B: Bytes> Udp<B> {
    /// Reads the header, and parts payload and padding. The checksum is not verified.
    ///
    /// # Errors
    ///
    /// [`ParseError::BadLength`] if the length is below the header's, [`ParseError::Truncated`] if there are fewer bytes
    /// than it claims, as in a fragment: see [`Udp::parse_truncated`].
    #[inline]
    pub fn parse(bytes: B) -> Result<Self, ParseError> {
        Self::split(bytes, false)
    }

    /// Reads a datagram that may have been cut short behind its header, as a first fragment or an ICMP quote is: the
    /// payload is what is there of it.
    ///
    /// # Errors
    ///
    /// As [`Udp::parse`]; truncated is only a header that is not whole.
    #[inline]
    pub fn parse_truncated(bytes: B) -> Result<Self, ParseError> {
        Self::split(bytes, true)
    }

    #[inline(always)]
    fn split(bytes: B, lax: bool) -> Result<Self, ParseError> {
        let have = bytes.len();
        let (header, rest) = bytes
            .split_header::<UdpHeader>()
            .ok_or_else(|| truncated(Protocol::Udp, UdpHeader::LEN, have))?;
        let len = usize::from(header.len());
        if lax && len < UdpHeader::LEN {
            return Err(refused(len, have));
        }
        // A length below the header's wraps, to more than there can be: one comparison refuses both.
        let payload_len = len.wrapping_sub(UdpHeader::LEN);
        let take = if lax { payload_len.min(rest.len()) } else { payload_len };
        let (payload, _padding) = rest.split_to(take).ok_or_else(|| refused(len, have))?;
        Ok(Self { header, payload })
    }

    /// What the checksum says of this datagram, in a packet with these addresses (RFC 768; RFC 8200, section 8.1).
    #[inline]
    pub fn checksum_status(&self, pseudo: PseudoHeader) -> ChecksumStatus {
        if self.header.checksum() == 0 {
            let absent = !pseudo.is_ipv6();
            return if absent { ChecksumStatus::Absent } else { ChecksumStatus::Invalid };
        }
        let pseudo = self.pseudo_sum(pseudo);
        checksum::status(self.header.checksum(), pseudo, self.whole_sum(pseudo))
    }

    #[inline]
    fn pseudo_sum(&self, pseudo: PseudoHeader) -> Sum {
        pseudo.sum(IpProtocol::UDP, UdpHeader::LEN + self.payload.len())
    }

    #[inline]
    fn whole_sum(&self, pseudo: Sum) -> Sum {
        pseudo.bytes(self.header.as_bytes()).bytes(&self.payload)
    }
}

impl<B: BytesMut> Udp<B> {
    /// Sums the datagram afresh. A sum of zero is written as its other form, all ones (RFC 768).
    #[inline]
    pub fn fill_checksum(&mut self, pseudo: PseudoHeader) {
        self.header_mut().set_checksum(0);
        let sum = self.whole_sum(self.pseudo_sum(pseudo));
        let checksum = sum.checksum();
        self.header_mut().set_checksum(if checksum == 0 { 0xffff } else { checksum });
    }

    /// Fills the checksum if only the pseudo-header is summed, and says whether that was so.
    #[inline]
    pub fn complete_checksum(&mut self, pseudo: PseudoHeader) -> bool {
        let partial = self.header.checksum() == self.pseudo_sum(pseudo).fold();
        if partial {
            self.fill_checksum(pseudo);
        }
        partial
    }
}

#[cold]
fn refused(len: usize, have: usize) -> ParseError {
    if len < UdpHeader::LEN {
        return ParseError::BadLength {
            protocol: Protocol::Udp,
            found: len,
            least: UdpHeader::LEN,
        };
    }
    truncated(Protocol::Udp, len, have)
}

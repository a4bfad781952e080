//! Internet Protocol, version 4 (RFC 791).

mod header;
mod option;

use core::net::Ipv4Addr;

use crate::bytes::{Bytes, BytesMut};
use crate::checksum::{Delta, PseudoHeader, Sum, transport};
use crate::error::{ParseError, Protocol, truncated};

pub use header::Ipv4Header;
pub(crate) use option::split_option;
pub use option::{Ipv4Option, Ipv4Options};

/// An IPv4 packet: its header, its options, and as much payload as the header claims.
///
/// ```
/// use fluxcapacitor_proto::Ipv4;
///
/// let mut bytes = [
///     0x45, 0, 0, 22, 0, 0, 0x40, 0, 64, 253, 0x25, 0xe9, 10, 0, 0, 1, 10, 0, 0, 2, 0xaa, 0xbb, 0, 0,
/// ];
/// let mut ip = Ipv4::parse(&mut bytes[..])?;
/// assert!(ip.checksum_is_valid());
/// assert_eq!(ip.payload(), [0xaa, 0xbb]); // two bytes of padding are not payload
/// ip.set_ttl(63);
/// ip.set_source("192.0.2.7".parse()?);
/// assert!(ip.checksum_is_valid());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A shared view cannot write:
///
/// ```compile_fail,E0596
/// # use fluxcapacitor_proto::Ipv4;
/// let bytes = [0u8; 20];
/// let mut ip = Ipv4::parse(&bytes[..]).unwrap();
/// ip.set_ttl(63);
/// ```
pub struct Ipv4<B: Bytes> {
    header: B::Of<Ipv4Header>,
    options: B,
    payload: B,
}

view!(Ipv4, Ipv4Header, options);

impl<B: Bytes> Ipv4<B> {
    /// Reads the header, and parts options, payload and padding. The checksum is not verified.
    ///
    /// # Errors
    ///
    /// [`ParseError::BadVersion`], [`ParseError::BadLength`] if a length contradicts the other or the fixed header,
    /// [`ParseError::Truncated`] if there are fewer bytes than the lengths claim.
    #[inline]
    pub fn parse(bytes: B) -> Result<Self, ParseError> {
        Self::split(bytes, false)
    }

    /// Reads a packet that may have been cut short behind its header, as ICMP quotes and captures do: the payload is
    /// what is there of it.
    ///
    /// # Errors
    ///
    /// As [`Ipv4::parse`]; truncated is only a header that is not whole.
    #[inline]
    pub fn parse_truncated(bytes: B) -> Result<Self, ParseError> {
        Self::split(bytes, true)
    }

    #[inline(always)]
    fn split(bytes: B, lax: bool) -> Result<Self, ParseError> {
        let have = bytes.len();
        let (header, rest) = bytes
            .split_header::<Ipv4Header>()
            .ok_or_else(|| truncated(Protocol::Ipv4, Ipv4Header::LEN, have))?;
        let total_len = usize::from(header.total_len());
        let header_len = header.header_len();
        // One comparison for the many packets without options.
        if header.version_ihl() != 0x45 {
            check_version(&header)?;
        }
        if lax && total_len < header_len {
            return Err(bad_length(total_len, header_len));
        }
        let (options, rest) = rest
            .split_to(header_len - Ipv4Header::LEN)
            .ok_or_else(|| truncated(Protocol::Ipv4, header_len, have))?;
        // A total below the header's length wraps, to more than there can be: one comparison refuses both.
        let payload_len = total_len.wrapping_sub(header_len);
        let take = if lax { payload_len.min(rest.len()) } else { payload_len };
        let (payload, _padding) =
            rest.split_to(take).ok_or_else(|| refused(total_len, header_len, have))?;
        Ok(Self { header, options, payload })
    }

    /// The options, one by one (RFC 791, section 3.1).
    pub fn options(&self) -> Ipv4Options<'_> {
        Ipv4Options::new(&self.options)
    }

    /// The bytes between the fixed header and the payload.
    #[inline]
    pub fn option_bytes(&self) -> &[u8] {
        &self.options
    }

    /// Whether the header checksum is right (RFC 791, section 3.1, "Header Checksum").
    #[inline]
    pub fn checksum_is_valid(&self) -> bool {
        self.header_sum().fold() == 0xffff
    }

    #[inline]
    fn header_sum(&self) -> Sum {
        Sum::ZERO.bytes(self.header.as_bytes()).bytes(&self.options)
    }

    /// What the transport's checksum covers of this header.
    #[inline]
    pub fn pseudo_header(&self) -> PseudoHeader {
        PseudoHeader::v4(self.header.source(), self.header.destination())
    }
}

impl<B: BytesMut> Ipv4<B> {
    /// Sums the header afresh; setters do not need it.
    #[inline]
    pub fn fill_checksum(&mut self) {
        self.header_mut().set_checksum(0);
        let checksum = self.header_sum().checksum();
        self.header_mut().set_checksum(checksum);
    }

    /// Sets the source address, and with it the checksums of the header and of a TCP or UDP behind it, in constant time.
    ///
    /// A [partial](crate::checksum::ChecksumStatus::Partial) checksum must be completed before.
    #[inline]
    pub fn set_source(&mut self, address: Ipv4Addr) {
        let old = self.header.source();
        self.header_mut().set_source(address);
        self.readdressed(old, address);
    }

    /// Sets the destination address, and with it the checksums of the header and of a TCP or UDP behind it, in constant
    /// time.
    ///
    /// A [partial](crate::checksum::ChecksumStatus::Partial) checksum must be completed before.
    #[inline]
    pub fn set_destination(&mut self, address: Ipv4Addr) {
        let old = self.header.destination();
        self.header_mut().set_destination(address);
        self.readdressed(old, address);
    }

    #[inline]
    fn readdressed(&mut self, old: Ipv4Addr, new: Ipv4Addr) {
        if self.header.has_transport() {
            let delta = Delta::NONE.bytes4(old.octets(), new.octets());
            let protocol = self.header.protocol();
            // In IPv4 no pseudo-header covers an ICMP of either kind.
            if protocol != crate::IpProtocol::ICMPV6 {
                transport::update(protocol, self.payload.bytes_mut(), delta);
            }
        }
    }
}

#[cold]
fn check_version(header: &Ipv4Header) -> Result<(), ParseError> {
    if header.version() != 4 {
        return Err(ParseError::BadVersion { protocol: Protocol::Ipv4, found: header.version() });
    }
    if header.header_len() < Ipv4Header::LEN {
        return Err(bad_length(header.header_len(), Ipv4Header::LEN));
    }
    Ok(())
}

#[cold]
fn refused(total_len: usize, header_len: usize, have: usize) -> ParseError {
    if total_len < header_len {
        return bad_length(total_len, header_len);
    }
    truncated(Protocol::Ipv4, total_len, have)
}

#[cold]
fn bad_length(found: usize, least: usize) -> ParseError {
    ParseError::BadLength { protocol: Protocol::Ipv4, found, least }
}

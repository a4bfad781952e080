//! Transmission Control Protocol (RFC 9293).

mod flags;
mod header;
mod option;

use crate::bytes::{Bytes, BytesMut};
use crate::checksum::{self, ChecksumStatus, PseudoHeader, Sum};
use crate::error::{ParseError, Protocol, truncated};
use crate::ip::IpProtocol;

pub use flags::TcpFlags;
pub use header::TcpHeader;
pub use option::{SackBlocks, TcpOption, TcpOptions};

/// A TCP segment: its header, its options, and all bytes behind them, for TCP has no length of its own.
///
/// ```
/// use fluxcapacitor_proto::{Tcp, TcpFlags, TcpOption};
///
/// let bytes = [
///     0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x60, 0x02, 0xfa, 0xf0, 0, 0, 0, 0, 2, 4, 0x05, 0xb4,
/// ];
/// let tcp = Tcp::parse(&bytes[..])?;
/// assert_eq!((tcp.source_port(), tcp.destination_port()), (40000, 80));
/// assert_eq!(tcp.flags(), TcpFlags::SYN);
/// assert_eq!(tcp.options().next(), Some(Ok(TcpOption::MaxSegmentSize(1460))));
/// # Ok::<(), fluxcapacitor_proto::ParseError>(())
/// ```
pub struct Tcp<B: Bytes> {
    header: B::Of<TcpHeader>,
    options: B,
    payload: B,
}

view!(Tcp, TcpHeader, options);

impl<B: Bytes> Tcp<B> {
    /// Reads the header, and parts options and payload. The checksum is not verified.
    ///
    /// # Errors
    ///
    /// [`ParseError::BadLength`] if the data offset is below the fixed header's length, [`ParseError::Truncated`] if there
    /// are fewer bytes than it claims.
    #[inline]
    pub fn parse(bytes: B) -> Result<Self, ParseError> {
        let have = bytes.len();
        let (header, rest) = bytes
            .split_header::<TcpHeader>()
            .ok_or_else(|| truncated(Protocol::Tcp, TcpHeader::LEN, have))?;
        let header_len = header.header_len();
        // A length below the fixed header's wraps, to more than there can be: one comparison refuses both.
        let options_len = header_len.wrapping_sub(TcpHeader::LEN);
        let (options, payload) =
            rest.split_to(options_len).ok_or_else(|| refused(header_len, have))?;
        Ok(Self { header, options, payload })
    }

    /// The options, one by one (RFC 9293, section 3.2).
    pub fn options(&self) -> TcpOptions<'_> {
        TcpOptions::new(&self.options)
    }

    /// The bytes between the fixed header and the payload.
    #[inline]
    pub fn option_bytes(&self) -> &[u8] {
        &self.options
    }

    /// How many sequence numbers it takes: its payload, one for SYN and one for FIN (RFC 9293, section 3.4).
    pub fn sequence_len(&self) -> u32 {
        let flags = self.header.flags();
        self.payload.len() as u32
            + u32::from(flags.contains(TcpFlags::SYN))
            + u32::from(flags.contains(TcpFlags::FIN))
    }

    /// What the checksum says of this segment, in a packet with these addresses (RFC 9293, section 3.1).
    #[inline]
    pub fn checksum_status(&self, pseudo: PseudoHeader) -> ChecksumStatus {
        let pseudo = self.pseudo_sum(pseudo);
        checksum::status(self.header.checksum(), pseudo, self.whole_sum(pseudo))
    }

    #[inline]
    fn pseudo_sum(&self, pseudo: PseudoHeader) -> Sum {
        pseudo.sum(IpProtocol::TCP, TcpHeader::LEN + self.options.len() + self.payload.len())
    }

    #[inline]
    fn whole_sum(&self, pseudo: Sum) -> Sum {
        pseudo.bytes(self.header.as_bytes()).bytes(&self.options).bytes(&self.payload)
    }
}

impl<B: BytesMut> Tcp<B> {
    /// Sums the segment afresh.
    #[inline]
    pub fn fill_checksum(&mut self, pseudo: PseudoHeader) {
        self.header_mut().set_checksum(0);
        let checksum = self.whole_sum(self.pseudo_sum(pseudo)).checksum();
        self.header_mut().set_checksum(checksum);
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
fn refused(header_len: usize, have: usize) -> ParseError {
    if header_len < TcpHeader::LEN {
        let (found, least) = (header_len, TcpHeader::LEN);
        return ParseError::BadLength { protocol: Protocol::Tcp, found, least };
    }
    truncated(Protocol::Tcp, header_len, have)
}

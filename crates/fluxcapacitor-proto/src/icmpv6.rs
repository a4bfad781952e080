//! Internet Control Message Protocol for IPv6 (RFC 4443), and neighbour and router discovery (RFC 4861).

mod header;
mod neighbor;
mod option;
mod redirect;
mod router;

use crate::bytes::{Bytes, BytesMut};
use crate::checksum::{self, ChecksumStatus, PseudoHeader, Sum};
use crate::error::{ParseError, Protocol, truncated};
use crate::icmp::without_extensions;
use crate::ip::IpProtocol;
use crate::ipv6::Ipv6;

pub use header::{Icmpv6Header, Icmpv6Type, Icmpv6UnreachableCode};
pub use neighbor::{Neighbor, NeighborHeader};
pub use option::{NdpOption, NdpOptions, PrefixInformation};
pub use redirect::{Redirect, RedirectHeader};
pub use router::{RouterAdvertisement, RouterAdvertisementHeader};

/// An ICMPv6 message: its first eight bytes, and all that is behind them.
pub struct Icmpv6<B: Bytes> {
    header: B::Of<Icmpv6Header>,
    payload: B,
}

view!(Icmpv6, Icmpv6Header);

impl<B: Bytes> Icmpv6<B> {
    /// Reads the header; all bytes behind it are payload. The checksum is not verified.
    ///
    /// # Errors
    ///
    /// [`ParseError::Truncated`] if there are fewer than 8 bytes.
    #[inline]
    pub fn parse(bytes: B) -> Result<Self, ParseError> {
        let have = bytes.len();
        let (header, payload) = bytes
            .split_header()
            .ok_or_else(|| truncated(Protocol::Icmpv6, Icmpv6Header::LEN, have))?;
        Ok(Self { header, payload })
    }

    /// The packet that an error message is about, cut short as it is (RFC 4443, section 2.4 (c)).
    ///
    /// `None` if it is no error message.
    ///
    /// # Errors
    ///
    /// As [`Ipv6::parse_truncated`].
    pub fn quoted(&self) -> Option<Result<Ipv6<&[u8]>, ParseError>> {
        self.quote().map(Ipv6::parse_truncated)
    }

    /// The bytes of the packet that an error message is about, without what may follow them: a length in the message
    /// says where extensions begin (RFC 4884, sections 3 and 4). `None` if it is no error message.
    pub fn quote(&self) -> Option<&[u8]> {
        if !self.header.kind().is_error() {
            return None;
        }
        let len = match self.header.kind() {
            Icmpv6Type::UNREACHABLE | Icmpv6Type::TIME_EXCEEDED => {
                usize::from(self.header.identifier() >> 8) * 8
            }
            _ => 0,
        };
        Some(without_extensions(&self.payload, len))
    }

    /// The options of a router solicitation, behind its eight bytes (RFC 4861, section 4.1).
    ///
    /// Those of the other messages of discovery are reached by [`Neighbor`], [`RouterAdvertisement`] and [`Redirect`].
    pub fn router_solicitation_options(&self) -> Option<NdpOptions<'_>> {
        (self.header.kind() == Icmpv6Type::ROUTER_SOLICITATION)
            .then(|| NdpOptions::new(&self.payload))
    }

    /// What the checksum says of this message, in a packet with these addresses (RFC 4443, section 2.3).
    #[inline]
    pub fn checksum_status(&self, pseudo: PseudoHeader) -> ChecksumStatus {
        let pseudo = self.pseudo_sum(pseudo);
        checksum::status(self.header.checksum(), pseudo, self.whole_sum(pseudo))
    }

    #[inline]
    fn pseudo_sum(&self, pseudo: PseudoHeader) -> Sum {
        pseudo.sum(IpProtocol::ICMPV6, Icmpv6Header::LEN + self.payload.len())
    }

    #[inline]
    fn whole_sum(&self, pseudo: Sum) -> Sum {
        pseudo.bytes(self.header.as_bytes()).bytes(&self.payload)
    }
}

impl<B: BytesMut> Icmpv6<B> {
    /// Sums the message afresh.
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

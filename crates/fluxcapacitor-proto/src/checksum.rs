//! Internet checksums: sum, verify, fill, update, and complete (RFC 1071, RFC 1624).
//!
//! The setters of the headers keep checksums right by themselves, in constant time; what is here serves those who
//! change payloads, make packets, or get packets whose checksum the sender left to the hardware.
//!
//! ```
//! use fluxcapacitor_proto::checksum;
//!
//! // RFC 1071, section 3: the sum is ddf2, and the checksum its complement.
//! let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
//! assert_eq!(checksum::sum(&bytes), 0xddf2);
//! assert_eq!(checksum::of(&bytes), !0xddf2);
//! ```

mod complete;
mod delta;
mod pseudo;
mod sum;
pub(crate) mod transport;

pub use complete::complete;
pub use delta::Delta;
pub use pseudo::PseudoHeader;
pub use sum::Sum;

/// The ones' complement sum of `bytes` as big-endian 16-bit words, an odd last byte padded with zero (RFC 1071, section 1).
#[inline]
pub fn sum(bytes: &[u8]) -> u16 {
    Sum::ZERO.bytes(bytes).fold()
}

/// The checksum of `bytes`: the complement of their [`sum`] (RFC 1071, section 1).
#[inline]
pub fn of(bytes: &[u8]) -> u16 {
    !sum(bytes)
}

/// What a checksum field says of its packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChecksumStatus {
    /// The sum is right.
    Valid,
    /// The field holds the sum of the pseudo-header alone: the sender left the rest to the hardware, as packets from a
    /// virtual interface come. Not an error of the packet; it must be completed before the packet leaves the host.
    Partial,
    /// There is none, which UDP over IPv4 may do (RFC 768).
    Absent,
    /// The sum is wrong.
    Invalid,
}

impl ChecksumStatus {
    /// Whether nothing speaks against the packet: all but [`ChecksumStatus::Invalid`].
    #[inline]
    pub const fn is_acceptable(self) -> bool {
        !matches!(self, Self::Invalid)
    }
}

/// Judges a field that covers a pseudo-header: `whole` is the sum of all, field included.
#[inline]
pub(crate) fn status(field: u16, pseudo: Sum, whole: Sum) -> ChecksumStatus {
    if whole.fold() == 0xffff {
        ChecksumStatus::Valid
    } else if field == pseudo.fold() {
        ChecksumStatus::Partial
    } else {
        ChecksumStatus::Invalid
    }
}

//! What a change does to a checksum (RFC 1624).

use super::Sum;

/// The difference that changed fields make to a checksum, in constant time (RFC 1624, section 3, equation 3).
///
/// ```
/// use fluxcapacitor_proto::checksum::Delta;
///
/// // RFC 1624, section 4.
/// assert_eq!(Delta::NONE.u16(0x5555, 0x3285).apply(0xdd2f), 0x0000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a difference does nothing until it is applied"]
pub struct Delta(Sum);

impl Delta {
    /// No change.
    pub const NONE: Self = Self(Sum::ZERO);

    /// A 16-bit word changed, at an even offset.
    #[inline]
    pub const fn u16(self, old: u16, new: u16) -> Self {
        Self(self.0.u16(!old).u16(new))
    }

    /// A 32-bit word changed, at an even offset.
    #[inline]
    pub const fn u32(self, old: u32, new: u32) -> Self {
        Self(self.0.u32(!old).u32(new))
    }

    /// Four bytes changed, at an even offset.
    #[inline]
    pub const fn bytes4(self, old: [u8; 4], new: [u8; 4]) -> Self {
        let (old, new) = (u32::from_ne_bytes(old), u32::from_ne_bytes(new));
        Self(self.0.word(!old as u64).word(new as u64))
    }

    /// Sixteen bytes changed, at an even offset.
    #[inline]
    pub const fn bytes16(self, old: [u8; 16], new: [u8; 16]) -> Self {
        let (old, new) = (u128::from_ne_bytes(old), u128::from_ne_bytes(new));
        let gone = self.0.word(!old as u64).word((!old >> 64) as u64);
        Self(gone.word(new as u64).word((new >> 64) as u64))
    }

    /// The checksum after the change.
    ///
    /// Where everything that it covers may be zero, which no IP header and no pseudo-header is, a result of zero must be
    /// written as `0xffff`: a sum of zero cannot be told from one of all ones here.
    #[inline]
    pub const fn apply(self, checksum: u16) -> u16 {
        self.0.u16(!checksum).checksum()
    }

    /// The UDP checksum after the change: an absent one stays absent, and no present one becomes absent (RFC 768).
    #[inline]
    pub const fn apply_udp(self, checksum: u16) -> u16 {
        match (checksum, self.apply(checksum)) {
            (0, _) => 0,
            (_, 0) => 0xffff,
            (_, changed) => changed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn udp_zero_rules() {
        assert_eq!(Delta::NONE.u16(1, 2).apply_udp(0), 0);
        assert_eq!(Delta::NONE.u16(0x5555, 0x3285).apply_udp(0xdd2f), 0xffff);
        assert_eq!(Delta::NONE.u16(7, 7).apply_udp(0xffff), 0xffff);
    }

    #[test]
    fn wide_changes_are_many_small_ones() {
        let (old, new) = ([1, 2, 3, 4], [250, 251, 252, 253]);
        let small = Delta::NONE.u16(0x0102, 0xfafb).u16(0x0304, 0xfcfd);
        assert_eq!(Delta::NONE.bytes4(old, new).apply(0x1111), small.apply(0x1111));
        assert_eq!(Delta::NONE.u32(0x0102_0304, 0xfafb_fcfd).apply(0x1111), small.apply(0x1111));
        let mut old16 = [0; 16];
        let mut new16 = [0; 16];
        old16[12..].copy_from_slice(&old);
        new16[12..].copy_from_slice(&new);
        assert_eq!(Delta::NONE.bytes16(old16, new16).apply(0x1111), small.apply(0x1111));
    }
}

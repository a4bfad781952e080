//! The ones' complement sum, at the speed of memory.

use core::fmt;

/// A ones' complement sum that is not yet folded to 16 bits (RFC 1071).
///
/// The words are added as they lie in memory, whatever the byte order of the machine: the sum comes out with its bytes
/// in the same order (RFC 1071, section 2 (B)), and only [`Sum::fold`] turns them.
///
/// Bytes are added piece by piece; each piece but the last must have an even length, because each starts a new word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sum(u64);

impl Sum {
    /// Nothing added yet.
    pub const ZERO: Self = Self(0);

    /// Adds `bytes` as 16-bit words; an odd last byte is padded with zero.
    #[inline]
    #[must_use = "the sum is returned"]
    pub fn bytes(self, bytes: &[u8]) -> Self {
        Self(add(self.0, raw(bytes)))
    }

    /// Adds one 16-bit word.
    #[inline]
    #[must_use = "the sum is returned"]
    pub const fn u16(self, word: u16) -> Self {
        Self(add(self.0, word.to_be() as u64))
    }

    /// Adds one 32-bit word.
    #[inline]
    #[must_use = "the sum is returned"]
    pub const fn u32(self, word: u32) -> Self {
        Self(add(self.0, word.to_be() as u64))
    }

    /// Adds another sum.
    #[inline]
    #[must_use = "the sum is returned"]
    pub const fn sum(self, other: Self) -> Self {
        Self(add(self.0, other.0))
    }

    /// Adds eight bytes as they lie in memory.
    #[inline]
    pub(crate) const fn word(self, word: u64) -> Self {
        Self(add(self.0, word))
    }

    /// The sum in 16 bits, as a native integer. Zero only if every byte added was zero.
    #[inline]
    pub const fn fold(self) -> u16 {
        u16::from_be(fold(self.0))
    }

    /// The folded sum of native integers, in their own byte order: for headers that are not in memory yet.
    #[inline]
    pub(crate) const fn fold_native(sum: u64) -> u16 {
        fold(sum)
    }

    /// The checksum: the complement of the folded sum.
    #[inline]
    pub const fn checksum(self) -> u16 {
        !self.fold()
    }
}

impl Default for Sum {
    fn default() -> Self {
        Self::ZERO
    }
}

impl fmt::Debug for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sum({:#06x})", self.fold())
    }
}

/// `a + b` with the carry added back, which never carries again.
#[inline]
const fn add(a: u64, b: u64) -> u64 {
    let (sum, carry) = a.overflowing_add(b);
    sum + carry as u64
}

/// Folds to 16 bits, in memory order: each half is added to the other, and the upper one has the carry.
#[inline]
const fn fold(sum: u64) -> u16 {
    let sum = (sum.wrapping_add(sum.rotate_left(32)) >> 32) as u32;
    (sum.wrapping_add(sum.rotate_left(16)) >> 16) as u16
}

/// From here on the wide loop pays for setting up its lanes.
const WIDE: usize = 512;
/// 32-bit lanes of the wide loop, which the compiler turns into vector registers.
const LANES: usize = 16;
/// Bytes of one turn of the wide loop: the lanes, and two words for the integer unit, which would be idle otherwise.
const BLOCK: usize = 4 * LANES + 16;
/// As many bytes as no lane can overflow in: each turn adds less than 2^16 to a lane's halves.
const WIDE_MAX: usize = BLOCK << 16;

/// The sum of all bytes, in memory order.
#[inline]
fn raw(bytes: &[u8]) -> u64 {
    if bytes.len() < WIDE {
        return narrow(bytes);
    }
    let mut rest = bytes;
    let mut sum = 0;
    while let Some((part, behind)) = rest.split_at_checked(WIDE_MAX) {
        sum = add(sum, wide(part));
        rest = behind;
    }
    add(sum, wide(rest))
}

/// 64 bytes at a time, then by halves.
#[inline]
fn narrow(bytes: &[u8]) -> u64 {
    let (blocks, mut rest) = bytes.as_chunks::<64>();
    let mut sum = 0;
    for block in blocks {
        sum = chain(sum, block);
    }
    if let Some((part, behind)) = rest.split_first_chunk::<32>() {
        sum = chain(sum, part);
        rest = behind;
    }
    if let Some((part, behind)) = rest.split_first_chunk::<16>() {
        sum = chain(sum, part);
        rest = behind;
    }
    if let Some((part, behind)) = rest.split_first_chunk::<8>() {
        sum = chain(sum, part);
        rest = behind;
    }
    add(sum, tail(bytes, rest))
}

/// Adds words of eight bytes, each with the carry of the one before.
#[inline(always)]
fn chain<const LEN: usize>(mut sum: u64, bytes: &[u8; LEN]) -> u64 {
    let (words, _) = bytes.as_chunks::<8>();
    let mut carry = false;
    for word in words {
        let (with_word, first) = sum.overflowing_add(u64::from_ne_bytes(*word));
        let (with_carry, second) = with_word.overflowing_add(carry as u64);
        sum = with_carry;
        carry = first | second;
    }
    add(sum, carry as u64)
}

/// The up to seven bytes of `rest`, the end of `bytes`, as if zeros followed.
#[inline(always)]
fn tail(bytes: &[u8], rest: &[u8]) -> u64 {
    if let Some(last) = bytes.last_chunk::<8>() {
        // Read the bytes before with it, and shift them out; in two steps, for it may be all eight.
        let word = u64::from_le_bytes(*last) >> 8;
        return (word >> (56 - 8 * (rest.len() & 7))).to_le();
    }
    rest.iter().rev().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte)).to_le()
}

/// Lanes for the vector unit, and words for the integer unit beside it; at most [`WIDE_MAX`] bytes.
///
/// Each lane keeps two sums: of its words, wrapping, and of the words' upper halves, which cannot overflow. The sum of
/// the lower halves, which cannot overflow either, follows from the two: three vector instructions a word, where to
/// part every word into halves would take four.
#[inline(never)]
fn wide(bytes: &[u8]) -> u64 {
    let mut total = [0u32; LANES];
    let mut upper = [0u32; LANES];
    let mut beside = 0u128;
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    for block in blocks {
        let (words, _) = block[4 * LANES..].as_chunks::<8>();
        for word in words {
            beside += u128::from(u64::from_ne_bytes(*word));
        }
        let (words, _) = block.as_chunks::<4>();
        for lane in 0..LANES {
            let word = u32::from_ne_bytes(words[lane]);
            total[lane] = total[lane].wrapping_add(word);
            upper[lane] = upper[lane].wrapping_add(word >> 16);
        }
    }
    let (words, last) = rest.as_chunks::<8>();
    for word in words {
        beside += u128::from(u64::from_ne_bytes(*word));
    }
    beside += u128::from(tail(bytes, last));
    let mut sum = 0;
    for lane in 0..LANES {
        let lower = total[lane].wrapping_sub(upper[lane] << 16);
        sum += u64::from(lower) + u64::from(upper[lane]);
    }
    add(sum, add(beside as u64, (beside >> 64) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// The definition, word by word.
    fn plain(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }

    #[test]
    fn every_length_agrees_with_the_definition() {
        let mut state = 1u32;
        let bytes: Vec<u8> = (0..9100)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        for len in (0..1200).chain(8990..9010) {
            for start in [0, 1, 3, 8] {
                let part = &bytes[start..start + len];
                assert_eq!(Sum::ZERO.bytes(part).fold(), plain(part), "{start} {len}");
            }
        }
    }

    #[test]
    fn extremes_carry() {
        for len in
            [1, 2, 7, 8, 20, 63, 64, 255, 511, 512, 513, 1500, 65535, WIDE_MAX + 3 * BLOCK + 5]
        {
            for byte in [0, 1, 0x80, 0xff] {
                let bytes = std::vec![byte; len];
                assert_eq!(Sum::ZERO.bytes(&bytes).fold(), plain(&bytes), "{byte} {len}");
            }
        }
        assert_eq!(Sum(u64::MAX).fold(), 0xffff);
        assert_eq!(Sum(u64::MAX).sum(Sum(u64::MAX)).fold(), 0xffff);
        assert_eq!(Sum::ZERO.fold(), 0);
    }

    #[test]
    fn pieces_add_up() {
        let bytes: Vec<u8> = (0..=255).collect();
        let pieces = Sum::ZERO.bytes(&bytes[..20]).bytes(&bytes[20..32]).bytes(&bytes[32..]);
        assert_eq!(pieces.fold(), plain(&bytes));
        assert_eq!(
            Sum::ZERO.u16(0x1234).u32(0x5678_9abc).fold(),
            plain(&[0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc])
        );
    }
}

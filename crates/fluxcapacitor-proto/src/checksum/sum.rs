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

/// From here on the four chains pay for setting them up.
const LONG: usize = 256;

/// The sum of all bytes, in memory order.
#[inline]
fn raw(bytes: &[u8]) -> u64 {
    if bytes.len() < LONG { short(bytes) } else { long(bytes) }
}

/// One chain: headers, and small packets.
#[inline]
fn short(bytes: &[u8]) -> u64 {
    if let Ok(header) = bytes.try_into() {
        return twenty(header);
    }
    let Some(last) = bytes.last_chunk::<8>() else { return tiny(bytes) };
    let (mut sum, mut carries, mut rest) = (tail(last, bytes.len()), 0, bytes);
    while let Some((part, behind)) = rest.split_first_chunk::<32>() {
        chain(&mut sum, &mut carries, part);
        rest = behind;
    }
    while let Some((word, behind)) = rest.split_first_chunk::<8>() {
        chain(&mut sum, &mut carries, word);
        rest = behind;
    }
    add(sum, carries)
}

/// An IPv4 header without options, which is summed most often: no loop, no tail.
#[inline(always)]
fn twenty(header: &[u8; 20]) -> u64 {
    let [words @ .., a, b, c, d] = header;
    let (mut sum, mut carries) = (u64::from(u32::from_ne_bytes([*a, *b, *c, *d])), 0);
    chain(&mut sum, &mut carries, words);
    add(sum, carries)
}

/// Four chains at once: each waits for its own carries only, so that together they add as fast as the cache delivers.
///
/// No wider vectors than those of the baseline may be counted on, and these would not do it sooner: they have no carry,
/// and so need four instructions for every sixteen bytes, where the chains need two and a quarter.
#[inline(never)]
fn long(bytes: &[u8]) -> u64 {
    let Some(last) = bytes.last_chunk::<8>() else { return tiny(bytes) };
    let (mut a, mut b, mut c, mut d, mut carries) = (0, 0, 0, 0, 0);
    let (blocks, mut rest) = bytes.as_chunks::<256>();
    for block in blocks {
        let (quarters, _) = block.as_chunks::<64>();
        chain(&mut a, &mut carries, &quarters[0]);
        chain(&mut b, &mut carries, &quarters[1]);
        chain(&mut c, &mut carries, &quarters[2]);
        chain(&mut d, &mut carries, &quarters[3]);
    }
    // By halves, each to the chain that has waited longest.
    if let Some((part, behind)) = rest.split_first_chunk::<128>() {
        let (halves, _) = part.as_chunks::<64>();
        chain(&mut a, &mut carries, &halves[0]);
        chain(&mut b, &mut carries, &halves[1]);
        rest = behind;
    }
    if let Some((part, behind)) = rest.split_first_chunk::<64>() {
        chain(&mut c, &mut carries, part);
        rest = behind;
    }
    if let Some((part, behind)) = rest.split_first_chunk::<32>() {
        chain(&mut d, &mut carries, part);
        rest = behind;
    }
    if let Some((part, behind)) = rest.split_first_chunk::<16>() {
        chain(&mut a, &mut carries, part);
        rest = behind;
    }
    if let Some((part, behind)) = rest.split_first_chunk::<8>() {
        chain(&mut b, &mut carries, part);
        rest = behind;
    }
    add(add(add(a, b), add(c, d)), add(carries, tail(last, rest.len())))
}

/// Adds words of eight bytes, each with the carry of the one before, and counts the last carry.
///
/// This is the form in which the compiler finds the machine's add with carry.
#[inline(always)]
fn chain<const LEN: usize>(sum: &mut u64, carries: &mut u64, bytes: &[u8; LEN]) {
    let (words, _) = bytes.as_chunks::<8>();
    let mut carry = false;
    for word in words {
        let (with_word, first) = sum.overflowing_add(u64::from_ne_bytes(*word));
        let (with_carry, second) = with_word.overflowing_add(carry.into());
        *sum = with_carry;
        carry = first | second;
    }
    *carries += u64::from(carry);
}

/// The up to seven bytes behind the last whole word of `len` bytes, as if zeros followed.
///
/// `last` are the last eight: those of the last whole word are shifted out, in two steps, for it may be all.
#[inline(always)]
fn tail(last: &[u8; 8], len: usize) -> u64 {
    let word = u64::from_le_bytes(*last) >> 8;
    (word >> (56 - 8 * (len & 7))).to_le()
}

/// Less than eight bytes.
#[inline]
fn tiny(bytes: &[u8]) -> u64 {
    let (mut sum, mut rest) = (0, bytes);
    if let Some((word, behind)) = rest.split_first_chunk::<4>() {
        sum += u64::from(u32::from_ne_bytes(*word));
        rest = behind;
    }
    if let Some((word, behind)) = rest.split_first_chunk::<2>() {
        sum += u64::from(u16::from_ne_bytes(*word));
        rest = behind;
    }
    if let Some(byte) = rest.first() {
        sum += u64::from(u16::from_ne_bytes([*byte, 0]));
    }
    sum
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
        for len in [1, 2, 7, 8, 15, 20, 63, 64, 255, 256, 511, 1500, 65535, 1 << 20] {
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

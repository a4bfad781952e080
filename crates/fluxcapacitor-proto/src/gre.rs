//! Generic Routing Encapsulation (RFC 2784), with key and sequence number (RFC 2890).

use zerocopy::network_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::bytes::{Bytes, BytesMut};
use crate::checksum::{Delta, Sum};
use crate::error::{ParseError, Protocol, truncated};
use crate::ethernet::EtherType;

const CHECKSUM: u16 = 0x8000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
/// Version, routing and what RFC 2784 wants to be zero (section 2.3); others than these may be ignored.
const UNSUPPORTED: u16 = 0x4c07;

/// The fixed part of the GRE header as it is on the wire (RFC 2784, section 2; RFC 2890, section 2).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct GreHeader {
    flags: U16,
    protocol_type: U16,
}

wire!(GreHeader, 4, Gre);

impl GreHeader {
    /// A header without any optional field.
    #[inline]
    pub const fn new(protocol_type: EtherType) -> Self {
        Self { flags: U16::ZERO, protocol_type: U16::new(protocol_type.0) }
    }

    /// The same header, with a key to follow it.
    #[inline]
    #[must_use = "the header is returned"]
    pub const fn with_key(self) -> Self {
        Self { flags: U16::new(self.flags.get() | KEY), ..self }
    }

    /// Whether a checksum follows (RFC 2784, section 2.2).
    #[inline]
    pub const fn has_checksum(&self) -> bool {
        self.flags.get() & CHECKSUM != 0
    }

    /// Whether a key follows (RFC 2890, section 2).
    #[inline]
    pub const fn has_key(&self) -> bool {
        self.flags.get() & KEY != 0
    }

    /// Whether a sequence number follows (RFC 2890, section 2).
    #[inline]
    pub const fn has_sequence(&self) -> bool {
        self.flags.get() & SEQUENCE != 0
    }

    /// The version (RFC 2784, section 2.3.1): 0; PPTP has 1.
    #[inline]
    pub const fn version(&self) -> u8 {
        (self.flags.get() & 7) as u8
    }

    /// What the payload is (RFC 2784, section 2.4).
    #[inline]
    pub const fn protocol_type(&self) -> EtherType {
        EtherType(self.protocol_type.get())
    }

    /// Sets what the payload is. A checksum is not touched: [`Gre::set_protocol_type`] knows where it is.
    #[inline]
    pub const fn set_protocol_type(&mut self, protocol_type: EtherType) {
        self.protocol_type = U16::new(protocol_type.0);
    }

    /// Length of the header with its optional fields, in bytes (RFC 2784, section 2.1; RFC 2890, section 2).
    #[inline]
    pub const fn header_len(&self) -> usize {
        let fields =
            self.has_checksum() as usize + self.has_key() as usize + self.has_sequence() as usize;
        Self::LEN + 4 * fields
    }
}

/// A GRE header, its optional fields, and the packet that it carries.
pub struct Gre<B: Bytes> {
    header: B::Of<GreHeader>,
    optional: B,
    payload: B,
}

view!(Gre, GreHeader, optional);

impl<B: Bytes> Gre<B> {
    /// Reads the header, and parts optional fields and payload.
    ///
    /// # Errors
    ///
    /// [`ParseError::Truncated`], or [`ParseError::Unsupported`] for another version, or flags to be refused (RFC 2784,
    /// section 2.3).
    #[inline]
    pub fn parse(bytes: B) -> Result<Self, ParseError> {
        let have = bytes.len();
        let (header, rest) = bytes
            .split_header::<GreHeader>()
            .ok_or_else(|| truncated(Protocol::Gre, GreHeader::LEN, have))?;
        let flags = header.flags.get();
        if flags & UNSUPPORTED != 0 {
            return Err(ParseError::Unsupported {
                protocol: Protocol::Gre,
                field: "flags and version",
                found: flags.into(),
            });
        }
        let header_len = header.header_len();
        let (optional, payload) = rest
            .split_to(header_len - GreHeader::LEN)
            .ok_or_else(|| truncated(Protocol::Gre, header_len, have))?;
        Ok(Self { header, optional, payload })
    }

    /// The checksum (RFC 2784, section 2.5).
    #[inline]
    pub fn checksum(&self) -> Option<u16> {
        self.header.has_checksum().then(|| (self.optional_word(0) >> 16) as u16)
    }

    /// What is reserved behind a checksum (RFC 2784, section 2.6).
    pub(crate) fn reserved(&self) -> u16 {
        if self.header.has_checksum() { self.optional_word(0) as u16 } else { 0 }
    }

    /// The key (RFC 2890, section 2.1).
    #[inline]
    pub fn key(&self) -> Option<u32> {
        let at = usize::from(self.header.has_checksum());
        self.header.has_key().then(|| self.optional_word(at))
    }

    /// The sequence number (RFC 2890, section 2.2).
    #[inline]
    pub fn sequence(&self) -> Option<u32> {
        let at = usize::from(self.header.has_checksum()) + usize::from(self.header.has_key());
        self.header.has_sequence().then(|| self.optional_word(at))
    }

    /// Whether the checksum is right or absent (RFC 2784, section 2.5).
    #[inline]
    pub fn checksum_is_valid(&self) -> bool {
        let sum = || Sum::ZERO.bytes(self.header.as_bytes()).bytes(&self.optional);
        !self.header.has_checksum() || sum().bytes(&self.payload).fold() == 0xffff
    }

    /// Optional words are as many as the flags claim: `parse` saw to it.
    #[inline]
    fn optional_word(&self, at: usize) -> u32 {
        let (words, _) = self.optional.as_chunks::<4>();
        words.get(at).map_or(0, |word| u32::from_be_bytes(*word))
    }
}

impl<B: BytesMut> Gre<B> {
    /// Sets what the payload is, and the checksum with it if there is one.
    #[inline]
    pub fn set_protocol_type(&mut self, protocol_type: EtherType) {
        let old = self.header.protocol_type();
        self.header_mut().set_protocol_type(protocol_type);
        self.changed(Delta::NONE.u16(old.0, protocol_type.0));
    }

    /// Sets the key if the header has one, and says whether it has. A checksum changes with it.
    pub fn set_key(&mut self, key: u32) -> bool {
        let at = usize::from(self.header.has_checksum());
        self.header.has_key() && self.set_optional_word(at, key)
    }

    /// Sets the sequence number if the header has one, and says whether it has. A checksum changes with it.
    pub fn set_sequence(&mut self, sequence: u32) -> bool {
        let at = usize::from(self.header.has_checksum()) + usize::from(self.header.has_key());
        self.header.has_sequence() && self.set_optional_word(at, sequence)
    }

    /// Sums header and payload afresh if the header has a checksum (RFC 2784, section 2.5), and says whether it has.
    pub fn fill_checksum(&mut self) -> bool {
        if !self.header.has_checksum() {
            return false;
        }
        self.set_checksum(0);
        let sum = Sum::ZERO.bytes(self.header.as_bytes()).bytes(&self.optional);
        self.set_checksum(sum.bytes(&self.payload).checksum());
        true
    }

    fn set_optional_word(&mut self, at: usize, new: u32) -> bool {
        let old = self.optional_word(at);
        let (words, _) = self.optional.bytes_mut().as_chunks_mut::<4>();
        let Some(word) = words.get_mut(at) else { return false };
        *word = new.to_be_bytes();
        self.changed(Delta::NONE.u32(old, new));
        true
    }

    /// Updates the checksum if there is one (RFC 1624).
    fn changed(&mut self, delta: Delta) {
        if let Some(checksum) = self.checksum() {
            self.set_checksum(delta.apply(checksum));
        }
    }

    fn set_checksum(&mut self, checksum: u16) {
        if let Some(field) = self.optional.bytes_mut().first_chunk_mut() {
            *field = checksum.to_be_bytes();
        }
    }
}

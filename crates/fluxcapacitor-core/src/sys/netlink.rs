//! Netlink messages: building a request, reading a reply.
//!
//! The layout is that of `include/uapi/linux/netlink.h`: a 16-byte header, a
//! header of the family, then attributes of 16-bit length and type, each
//! aligned to four bytes, all in the byte order of the host. What comes out of
//! a socket is input: every length is checked against the bytes that are
//! there, and no bytes make the readers panic or loop.

mod socket;

use std::io;

pub use socket::Socket;

/// Length of `struct nlmsghdr`.
pub const MESSAGE_HEADER_LEN: usize = 16;
/// Length of `struct nlattr`.
pub const ATTRIBUTE_HEADER_LEN: usize = 4;

/// `NLM_F_REQUEST`: the message asks the kernel for something.
pub const NLM_F_REQUEST: u16 = 0x1;
/// `NLM_F_MULTI`: more messages follow, up to [`NLMSG_DONE`].
pub const NLM_F_MULTI: u16 = 0x2;
/// `NLM_F_ACK`: an answer also if nothing is asked for and nothing went wrong.
pub const NLM_F_ACK: u16 = 0x4;
/// `NLM_F_DUMP_INTR`: the objects changed while they were listed.
pub const NLM_F_DUMP_INTR: u16 = 0x10;
/// `NLM_F_CAPPED`: an error repeats only the header of its request.
pub const NLM_F_CAPPED: u16 = 0x100;
/// `NLM_F_ACK_TLVS`: attributes follow an error (the extended ack).
pub const NLM_F_ACK_TLVS: u16 = 0x200;
/// `NLM_F_DUMP`: list every object instead of one.
pub const NLM_F_DUMP: u16 = 0x300;

/// `NLMSG_NOOP`: to be skipped.
pub const NLMSG_NOOP: u16 = 1;
/// `NLMSG_ERROR`: an errno, or the acknowledgement when it is 0.
pub const NLMSG_ERROR: u16 = 2;
/// `NLMSG_DONE`: the end of a dump.
pub const NLMSG_DONE: u16 = 3;

/// `NLMSGERR_ATTR_MSG`: what the kernel has to say about an error.
const NLMSGERR_ATTR_MSG: u16 = 1;
/// `NLA_TYPE_MASK`: a type without its nested and byte order flags.
const NLA_TYPE_MASK: u16 = 0x3fff;

/// A request under construction.
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until a socket exchanges it"]
pub struct Request {
    bytes: Vec<u8>,
}

impl Request {
    /// Starts a request with the header that its family puts first.
    ///
    /// `kind` is `nlmsg_type`. `NLM_F_REQUEST` is added to `flags`.
    pub fn new(kind: u16, flags: u16, family_header: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(&0_u32.to_ne_bytes());
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&(flags | NLM_F_REQUEST).to_ne_bytes());
        // Sequence number and port: the socket fills in the first, the kernel
        // knows the second.
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(family_header);
        bytes.resize(align(bytes.len()), 0);
        Self { bytes }
    }

    /// Appends one attribute.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if `payload` is longer than a 16-bit length can say.
    pub fn attribute(mut self, kind: u16, payload: &[u8]) -> io::Result<Self> {
        let length = u16::try_from(ATTRIBUTE_HEADER_LEN + payload.len()).map_err(|_| {
            let found = payload.len();
            let text = format!("netlink attribute of {found} bytes, at most 65531 fit");
            io::Error::new(io::ErrorKind::InvalidInput, text)
        })?;
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(payload);
        self.bytes.resize(align(self.bytes.len()), 0);
        Ok(self)
    }

    /// Whether it asks for a list.
    fn is_dump(&self) -> bool {
        u16_at(&self.bytes, 6).is_some_and(|flags| flags & NLM_F_DUMP == NLM_F_DUMP)
    }

    /// The bytes to send, with their length and `sequence` written in.
    fn finish(&mut self, sequence: u32) -> io::Result<&[u8]> {
        let length = u32::try_from(self.bytes.len()).map_err(io::Error::other)?;
        if let Some(field) = self.bytes.first_chunk_mut() {
            *field = length.to_ne_bytes();
        }
        if let Some(field) = self.bytes.get_mut(8..12) {
            field.copy_from_slice(&sequence.to_ne_bytes());
        }
        Ok(&self.bytes)
    }
}

/// One message of a reply.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// `nlmsg_type`.
    pub kind: u16,
    /// `nlmsg_flags`.
    pub flags: u16,
    /// `nlmsg_seq`: that of the request it answers.
    pub sequence: u32,
    /// What follows the header: the family's own header, then attributes.
    pub payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// Takes the first message off `bytes`, and gives what follows it.
    ///
    /// `None` if the header is cut, or its length is less than the header's or
    /// more than there is.
    #[must_use]
    pub fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let length = usize::try_from(u32_at(bytes, 0)?).ok()?;
        let payload = bytes.get(MESSAGE_HEADER_LEN..length)?;
        let message = Self {
            kind: u16_at(bytes, 4)?,
            flags: u16_at(bytes, 6)?,
            sequence: u32_at(bytes, 8)?,
            payload,
        };
        let rest = bytes.get(align(length)..).unwrap_or_default();
        Some((message, rest))
    }

    /// The attributes behind a family header of `family_header_len` bytes.
    #[must_use]
    pub fn attributes(&self, family_header_len: usize) -> Attributes<'a> {
        let rest = self.payload.get(align(family_header_len)..);
        Attributes { rest: rest.unwrap_or_default() }
    }

    /// The errno of an [`NLMSG_ERROR`] or [`NLMSG_DONE`] message; 0 is success.
    ///
    /// `None` if it is cut, or is no errno.
    fn errno(&self) -> Option<i32> {
        let status = u32_at(self.payload, 0)?.cast_signed();
        status.checked_neg().filter(|errno| *errno >= 0)
    }

    /// What the kernel says about an error, if it says anything.
    fn extended_ack(&self) -> Option<&'a str> {
        if self.flags & NLM_F_ACK_TLVS == 0 {
            return None;
        }
        // An error repeats the request: all of it, or its header when capped.
        let echoed_len = if self.kind == NLMSG_DONE {
            0
        } else if self.flags & NLM_F_CAPPED != 0 {
            MESSAGE_HEADER_LEN
        } else {
            usize::try_from(u32_at(self.payload, 4)?).ok()?
        };
        self.attributes(echoed_len.checked_add(4)?.checked_next_multiple_of(4)?)
            .find(|attribute| attribute.kind == NLMSGERR_ATTR_MSG)?
            .as_str()
    }
}

/// Iterator over attributes; ends at the first that is malformed.
#[derive(Debug, Clone)]
pub struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let length = usize::from(u16_at(self.rest, 0)?);
        let attribute = Attribute {
            kind: u16_at(self.rest, 2)? & NLA_TYPE_MASK,
            payload: self.rest.get(ATTRIBUTE_HEADER_LEN..length)?,
        };
        self.rest = self.rest.get(align(length)..).unwrap_or_default();
        Some(attribute)
    }
}

/// One attribute: a type and its bytes.
#[derive(Debug, Clone, Copy)]
pub struct Attribute<'a> {
    /// `nla_type`, without flags.
    pub kind: u16,
    /// The value.
    pub payload: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// The value as a `u8`.
    #[must_use]
    pub fn as_u8(&self) -> Option<u8> {
        self.payload.first().copied()
    }

    /// The value as a `u16` of the host's byte order.
    #[must_use]
    pub fn as_u16(&self) -> Option<u16> {
        u16_at(self.payload, 0)
    }

    /// The value as a `u32` of the host's byte order.
    #[must_use]
    pub fn as_u32(&self) -> Option<u32> {
        u32_at(self.payload, 0)
    }

    /// The value as a `u64` of the host's byte order.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        u64_at(self.payload, 0)
    }

    /// The value as an unsigned number that is as long as it has to be
    /// (`NLA_UINT`): four bytes or eight.
    #[must_use]
    pub fn as_uint(&self) -> Option<u64> {
        match self.payload.len() {
            4 => self.as_u32().map(u64::from),
            8 => self.as_u64(),
            _ => None,
        }
    }

    /// The value as text, up to its NUL.
    #[must_use]
    pub fn as_str(&self) -> Option<&'a str> {
        let text = self.payload.split(|byte| *byte == 0).next()?;
        std::str::from_utf8(text).ok()
    }

    /// The value as attributes.
    #[must_use]
    pub fn nested(&self) -> Attributes<'a> {
        Attributes { rest: self.payload }
    }
}

/// Rounds up to the four bytes that messages and attributes are aligned to.
fn align(length: usize) -> usize {
    length.saturating_add(3) & !3
}

/// The `u16` at `offset`, if `bytes` holds it.
pub(super) fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    let value = bytes.get(offset..)?.first_chunk()?;
    Some(u16::from_ne_bytes(*value))
}

/// The `u32` at `offset`, if `bytes` holds it.
pub(super) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    let value = bytes.get(offset..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*value))
}

/// The `u64` at `offset`, if `bytes` holds it.
pub(super) fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    let value = bytes.get(offset..)?.first_chunk()?;
    Some(u64::from_ne_bytes(*value))
}

#[cfg(test)]
mod tests;

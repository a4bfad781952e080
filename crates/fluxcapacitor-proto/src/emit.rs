//! Whole packets from a stack of headers, for generators and tests.
//!
//! Lengths, checksums, and what each header says of the next come out right by themselves; all else stays as given.
//!
//! ```
//! use fluxcapacitor_proto::emit::Stack;
//! use fluxcapacitor_proto::{EthHeader, EtherType, IpProtocol, Ipv4Header, MacAddr, UdpHeader};
//!
//! let mut frame = [0; 64];
//! let len = Stack::new()
//!     .with(EthHeader::new(MacAddr::BROADCAST, MacAddr::new([2, 0, 0, 0, 0, 1]), EtherType::IPV4))
//!     .with(Ipv4Header::new("10.0.0.1".parse()?, "10.0.0.2".parse()?, IpProtocol::UDP, 0))
//!     .with(UdpHeader::new(4000, 9, 0))
//!     .emit(b"hello", &mut frame)?;
//! assert_eq!(len, 47);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod header;
mod write;

use core::{error, fmt};

pub use header::Header;

/// As many headers as a stack holds.
const HEADERS_MAX: usize = 16;

/// Headers, outermost first, of a packet to be written.
#[derive(Debug, Clone, Copy)]
#[must_use = "a stack does nothing until it is emitted"]
pub struct Stack<'a> {
    headers: [Option<Header<'a>>; HEADERS_MAX],
    count: usize,
}

impl<'a> Stack<'a> {
    /// No headers yet.
    pub const fn new() -> Self {
        Self { headers: [None; HEADERS_MAX], count: 0 }
    }

    /// The same stack, and one header more inside it. More than 16 are an error when it is emitted.
    pub fn with(mut self, header: impl Into<Header<'a>>) -> Self {
        if let Some(slot) = self.headers.get_mut(self.count) {
            *slot = Some(header.into());
        }
        self.count += 1;
        self
    }

    /// Length of all headers, in bytes.
    pub fn len(&self) -> usize {
        self.headers().map(|header| header.len()).sum()
    }

    /// Whether there is no header yet.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Writes the headers and the payload to the start of `packet`, and says how many bytes that took.
    ///
    /// # Errors
    ///
    /// [`EmitError`], and `packet` is untouched.
    pub fn emit(&self, payload: &[u8], packet: &mut [u8]) -> Result<usize, EmitError> {
        if self.count > HEADERS_MAX {
            return Err(EmitError::TooDeep);
        }
        let (need, have) = (self.len() + payload.len(), packet.len());
        let Some(packet) = packet.get_mut(..need) else {
            return Err(EmitError::NoRoom { need, have });
        };
        self.check(need)?;
        if let Some(place) = packet.get_mut(self.len()..) {
            place.copy_from_slice(payload);
        }
        write::all(self, packet);
        Ok(need)
    }

    fn headers(&self) -> impl DoubleEndedIterator<Item = Header<'a>> + Clone {
        self.headers.iter().copied().flatten()
    }

    /// Whether lengths fit into the fields that say them.
    fn check(&self, need: usize) -> Result<(), EmitError> {
        let mut len = need;
        for header in self.headers() {
            let max = match header {
                Header::Ipv6(_) => usize::from(u16::MAX) + header.len(),
                Header::Ipv4(_) | Header::Udp(_) => usize::from(u16::MAX),
                _ => usize::MAX,
            };
            if len > max {
                return Err(EmitError::TooLong { len });
            }
            if let Header::Tcp(_, options) = header
                && (options.len() > 40 || options.len() % 4 != 0)
            {
                return Err(EmitError::BadOptions { len: options.len() });
            }
            len -= header.len();
        }
        Ok(())
    }
}

impl Default for Stack<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// Why a stack could not be written. Nothing was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmitError {
    /// The packet needs more bytes than there are.
    NoRoom {
        /// Bytes needed.
        need: usize,
        /// Bytes there.
        have: usize,
    },
    /// A header and what it encloses are longer than its length field can say.
    TooLong {
        /// How long, in bytes.
        len: usize,
    },
    /// TCP options are no multiple of four bytes, or more than 40.
    BadOptions {
        /// How long, in bytes.
        len: usize,
    },
    /// The stack has more than 16 headers.
    TooDeep,
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoom { need, have } => {
                write!(f, "the packet needs {need} bytes, there are {have}")
            }
            Self::TooLong { len } => write!(f, "{len} bytes are more than a length field can say"),
            Self::BadOptions { len } => {
                write!(f, "{len} bytes of TCP options: must be a multiple of 4, at most 40")
            }
            Self::TooDeep => write!(f, "more than {HEADERS_MAX} headers"),
        }
    }
}

impl error::Error for EmitError {}

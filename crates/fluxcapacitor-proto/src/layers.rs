//! Whole packets: which protocols, where each begins, and why the walk ended.

mod walk;

use crate::bytes::Bytes;
use crate::error::{ParseError, Protocol};
use crate::ethernet::EtherType;
use crate::ip::IpProtocol;

/// As many layers as are told apart.
const LAYERS_MAX: usize = 16;

/// One header of a packet, and what it encloses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    /// Whose header.
    pub protocol: Protocol,
    /// Where it begins, in bytes from the start of the packet.
    pub offset: usize,
    /// Where its payload begins.
    pub payload: usize,
    /// Where its payload ends, padding not counted.
    pub end: usize,
}

impl Layer {
    const EMPTY: Self = Self { protocol: Protocol::Ethernet, offset: 0, payload: 0, end: 0 };

    /// The layer in its packet: header and payload, ready to be parsed.
    ///
    /// `None` if `packet` is shorter than the packet that was walked.
    #[inline]
    pub fn slice<B: Bytes>(&self, packet: B) -> Option<B> {
        let (packet, _) = packet.split_to(self.end)?;
        let (_, layer) = packet.split_to(self.offset)?;
        Some(layer)
    }
}

/// Why the walk over a packet went no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// The last layer's payload is for an application, or empty.
    Payload,
    /// An Ethernet payload that this crate does not read.
    EtherType(EtherType),
    /// An IP payload that this crate does not read.
    IpProtocol(IpProtocol),
    /// What follows is the middle of a fragmented payload.
    Fragment,
    /// What follows is not what it was announced as.
    Malformed(ParseError),
    /// There are more layers than are told apart.
    TooDeep,
}

/// The layers of a packet, outermost first. It holds no bytes, and stays true until headers move.
///
/// ```
/// use fluxcapacitor_proto::layers::{End, Layers};
/// use fluxcapacitor_proto::{Protocol, Udp};
///
/// let frame = [
///     2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00, // Ethernet
///     0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, // IPv4
///     0, 7, 0, 9, 0, 9, 0, 0, 0xaa, 0, 0, // UDP, one byte of payload, and padding
/// ];
/// let layers = Layers::of(&frame);
/// assert_eq!(layers.end(), End::Payload);
/// let udp = layers.find(Protocol::Udp).unwrap();
/// assert_eq!((udp.offset, udp.payload, udp.end), (34, 42, 43));
/// assert_eq!(Udp::parse(udp.slice(&frame[..]).unwrap())?.destination_port(), 9);
/// # Ok::<(), fluxcapacitor_proto::ParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Layers {
    layers: [Layer; LAYERS_MAX],
    count: usize,
    end: End,
    truncated: Option<ParseError>,
}

impl Layers {
    /// Walks a packet that begins with an Ethernet header.
    pub fn of(frame: &[u8]) -> Self {
        walk::frame(frame)
    }

    /// Walks a packet that begins with an IP header of either version.
    pub fn of_ip(packet: &[u8]) -> Self {
        walk::ip(packet)
    }

    /// The layers, outermost first.
    #[inline]
    pub fn as_slice(&self) -> &[Layer] {
        self.layers.get(..self.count).unwrap_or_default()
    }

    /// The outermost layer of a protocol.
    pub fn find(&self, protocol: Protocol) -> Option<Layer> {
        self.as_slice().iter().copied().find(|layer| layer.protocol == protocol)
    }

    /// The innermost layer of a protocol: behind tunnels.
    pub fn find_inner(&self, protocol: Protocol) -> Option<Layer> {
        self.as_slice().iter().copied().rfind(|layer| layer.protocol == protocol)
    }

    /// The innermost layer of all, whose payload no layer stands for. `None` if not even the first could be read.
    pub fn last(&self) -> Option<Layer> {
        self.as_slice().last().copied()
    }

    /// Why the walk ended.
    #[inline]
    pub const fn end(&self) -> End {
        self.end
    }

    /// The first length field that claims more bytes than there are, as in a packet cut short by a capture.
    ///
    /// The walk went on with what is there. Behind the header of a fragment nothing counts: length fields there speak of
    /// the whole.
    #[inline]
    pub const fn truncated(&self) -> Option<ParseError> {
        self.truncated
    }
}

impl core::fmt::Debug for Layers {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Layers")
            .field("layers", &self.as_slice())
            .field("end", &self.end)
            .field("truncated", &self.truncated)
            .finish()
    }
}

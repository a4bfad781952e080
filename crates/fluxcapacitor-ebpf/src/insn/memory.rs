//! How much is loaded or stored, and what a wide constant means.

/// How much a load or store moves, with its code in the opcode. RFC 9669 section 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Size {
    /// Four bytes.
    #[doc(alias = "BPF_W")]
    Word = 0x00,
    /// Two bytes.
    #[doc(alias = "BPF_H")]
    Half = 0x08,
    /// One byte.
    #[doc(alias = "BPF_B")]
    Byte = 0x10,
    /// Eight bytes.
    #[doc(alias = "BPF_DW")]
    Double = 0x18,
}

impl Size {
    /// Every size, by rising code.
    pub const ALL: [Self; 4] = [Self::Word, Self::Half, Self::Byte, Self::Double];

    /// How many bytes are moved: 1, 2, 4 or 8.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Byte => 1,
            Self::Half => 2,
            Self::Word => 4,
            Self::Double => 8,
        }
    }

    pub(super) const fn code(self) -> u8 {
        self as u8
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|size| size.code() == code)
    }
}

/// What a 64-bit constant means. RFC 9669 section 5.4.
///
/// The instruction says it in the place of its source register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum WideKind {
    /// The number itself.
    Constant = 0,
    /// A map's file descriptor, which the kernel swaps for the map's address.
    #[doc(alias = "BPF_PSEUDO_MAP_FD")]
    MapFd = 1,
}

impl WideKind {
    pub(super) const fn code(self) -> u8 {
        self as u8
    }

    pub(super) const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Constant),
            1 => Some(Self::MapFd),
            _ => None,
        }
    }
}

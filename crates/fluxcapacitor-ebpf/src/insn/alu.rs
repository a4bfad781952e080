//! What arithmetic instructions compute.

/// How many bits of its registers an instruction uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Width {
    /// The low 32; a result clears the upper 32.
    #[doc(alias = "BPF_ALU")]
    #[doc(alias = "BPF_JMP32")]
    Bits32,
    /// All 64.
    #[doc(alias = "BPF_ALU64")]
    #[doc(alias = "BPF_JMP")]
    Bits64,
}

/// An arithmetic operation on two operands. RFC 9669 section 4.1.
///
/// Its number is its code in the upper half of the opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum AluOp {
    /// Sum, wrapping.
    #[doc(alias = "BPF_ADD")]
    Add = 0x00,
    /// Difference, wrapping.
    #[doc(alias = "BPF_SUB")]
    Sub = 0x10,
    /// Product, wrapping.
    #[doc(alias = "BPF_MUL")]
    Mul = 0x20,
    /// Quotient, unsigned; 0 when the divisor is 0.
    #[doc(alias = "BPF_DIV")]
    Div = 0x30,
    /// Bitwise or.
    #[doc(alias = "BPF_OR")]
    Or = 0x40,
    /// Bitwise and.
    #[doc(alias = "BPF_AND")]
    And = 0x50,
    /// Shift left; the shift is taken modulo the width.
    #[doc(alias = "BPF_LSH")]
    Lsh = 0x60,
    /// Shift right, filling with zeros; the shift is taken modulo the width.
    #[doc(alias = "BPF_RSH")]
    Rsh = 0x70,
    /// Remainder, unsigned; the left operand when the divisor is 0.
    #[doc(alias = "BPF_MOD")]
    Mod = 0x90,
    /// Bitwise exclusive or.
    #[doc(alias = "BPF_XOR")]
    Xor = 0xa0,
    /// The right operand.
    #[doc(alias = "BPF_MOV")]
    Mov = 0xb0,
    /// Shift right, filling with the sign; the shift is taken modulo the width.
    #[doc(alias = "BPF_ARSH")]
    Arsh = 0xc0,
}

impl AluOp {
    /// Every operation, by rising code.
    pub const ALL: [Self; 12] = [
        Self::Add,
        Self::Sub,
        Self::Mul,
        Self::Div,
        Self::Or,
        Self::And,
        Self::Lsh,
        Self::Rsh,
        Self::Mod,
        Self::Xor,
        Self::Mov,
        Self::Arsh,
    ];

    pub(super) const fn code(self) -> u8 {
        self as u8
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.code() == code)
    }
}

/// A change of byte order; the same one leads there and back. RFC 9669 section 4.2.
///
/// Those that name the host's own order only clear the bits above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Swap {
    /// 16 bits, host and little endian.
    #[doc(alias = "BPF_TO_LE")]
    Le16,
    /// 32 bits, host and little endian.
    Le32,
    /// 64 bits, host and little endian.
    Le64,
    /// 16 bits, host and big endian (network order).
    #[doc(alias = "BPF_TO_BE")]
    Be16,
    /// 32 bits, host and big endian (network order).
    Be32,
    /// 64 bits, host and big endian (network order).
    Be64,
}

impl Swap {
    /// Every change of byte order.
    pub const ALL: [Self; 6] =
        [Self::Le16, Self::Le32, Self::Le64, Self::Be16, Self::Be32, Self::Be64];

    /// How many bits are swapped: 16, 32 or 64.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::Le16 | Self::Be16 => 16,
            Self::Le32 | Self::Be32 => 32,
            Self::Le64 | Self::Be64 => 64,
        }
    }

    pub(super) const fn is_big_endian(self) -> bool {
        matches!(self, Self::Be16 | Self::Be32 | Self::Be64)
    }
}

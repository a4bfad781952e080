//! What conditional jumps compare.

/// When a conditional jump is taken. RFC 9669 section 4.3.
///
/// Its number is its code in the upper half of the opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Condition {
    /// Equal.
    #[doc(alias = "BPF_JEQ")]
    Eq = 0x10,
    /// Greater, unsigned.
    #[doc(alias = "BPF_JGT")]
    Gt = 0x20,
    /// Greater or equal, unsigned.
    #[doc(alias = "BPF_JGE")]
    Ge = 0x30,
    /// Some bit is set in both.
    #[doc(alias = "BPF_JSET")]
    Set = 0x40,
    /// Not equal.
    #[doc(alias = "BPF_JNE")]
    Ne = 0x50,
    /// Greater, signed.
    #[doc(alias = "BPF_JSGT")]
    SignedGt = 0x60,
    /// Greater or equal, signed.
    #[doc(alias = "BPF_JSGE")]
    SignedGe = 0x70,
    /// Less, unsigned.
    #[doc(alias = "BPF_JLT")]
    Lt = 0xa0,
    /// Less or equal, unsigned.
    #[doc(alias = "BPF_JLE")]
    Le = 0xb0,
    /// Less, signed.
    #[doc(alias = "BPF_JSLT")]
    SignedLt = 0xc0,
    /// Less or equal, signed.
    #[doc(alias = "BPF_JSLE")]
    SignedLe = 0xd0,
}

impl Condition {
    /// Every condition, by rising code.
    pub const ALL: [Self; 11] = [
        Self::Eq,
        Self::Gt,
        Self::Ge,
        Self::Set,
        Self::Ne,
        Self::SignedGt,
        Self::SignedGe,
        Self::Lt,
        Self::Le,
        Self::SignedLt,
        Self::SignedLe,
    ];

    pub(super) const fn code(self) -> u8 {
        self as u8
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|condition| condition.code() == code)
    }
}

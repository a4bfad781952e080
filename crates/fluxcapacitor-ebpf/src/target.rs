//! Where a program will run.

use crate::{ContextField, Insn, MapRef, Register, Size, WideKind};

/// Where a program will run.
///
/// It decides how the context is read and how a map is named; all else is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The Linux kernel: context fields of 32 bits, maps by file descriptor.
    Kernel,
    /// An interpreter in user space, such as the `rbpf` crate.
    ///
    /// Context fields of 64 bits, so that they hold its pointers, and maps as plain numbers that
    /// its helpers understand.
    Interpreter,
}

impl Target {
    /// Loads a field of the context at `context` into `dst`.
    pub(crate) fn load_context(
        self,
        dst: Register,
        context: Register,
        field: ContextField,
    ) -> Insn {
        let index = i16::from(field.index());
        let (size, offset) = match self {
            Self::Kernel => (Size::Word, index * 4),
            Self::Interpreter => (Size::Double, index * 8),
        };
        Insn::Load { size, dst, base: context, offset }
    }

    /// Loads what stands for `map` into `dst`.
    pub(crate) fn load_map(self, dst: Register, map: MapRef) -> [Insn; 2] {
        let kind = match self {
            Self::Kernel => WideKind::MapFd,
            Self::Interpreter => WideKind::Constant,
        };
        let low = map.fd().cast_unsigned();
        [Insn::Wide { dst, kind, low }, Insn::WideHigh { high: 0 }]
    }
}
